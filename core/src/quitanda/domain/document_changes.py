"""What the rules of all documents have in common: documents made and changed by commands, versions, units that return.

A field of a command that has the name of a field of the document sets that field, so a new field needs no rule of its
own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar, get_args

from quitanda.domain import refusals
from quitanda.domain.commands import Command
from quitanda.domain.compiled import changer
from quitanda.domain.field_types import Form, describe
from quitanda.domain.model import Credential, Customer, CustomFields, Document, Order, OrderState, Product
from quitanda.domain.outcomes import Done, Refused
from quitanda.domain.state import Decision, Put, StateView

AnyDocument = TypeVar("AnyDocument", Customer, Product)

_JSON_BLANKS: Final = " \t\n\r"
_EXTRA: Final = "extra"
_FIELDS: Final[Mapping[type, tuple[str, ...]]] = {
    command: tuple(each.name for each in describe(command) if each.form is not Form.CUSTOM_FIELDS)
    for command in get_args(Command)
}
_SHARED: Final[Mapping[tuple[type, type], tuple[str, ...]]] = {
    (command, document): tuple(each.name for each in describe(document) if each.name in names)
    for command, names in _FIELDS.items()
    for document in (Customer, Product)
}
"""For a command and a document the fields that both have, the custom ones apart."""


with_quantity: Final = changer(Product, "quantity")
_WITH_VERSION: Final[Mapping[type, Callable[..., Any]]] = {
    record: changer(record, "version") for record in (Customer, Product, Order, Credential)
}


class BrokenInvariantError(AssertionError):
    """The state contradicts itself, which no command can bring about; nothing can be decided on it."""


def created(kind: type[AnyDocument], command: Any) -> AnyDocument:
    """Make the document that a command describes; its version is given later."""
    return kind(**_given(command, kind), extra=command.extra, version=0)


def updated(document: AnyDocument, command: Any) -> AnyDocument:
    """Change the fields that a command gives, and the custom ones that it names."""
    given = _given(command, type(document))
    return replace(document, **given, extra=merged(document.extra, command.extra))


def _given(command: Any, kind: type[AnyDocument]) -> dict[str, Any]:
    """Give the fields of the document that the command gives; None stands for "not given"."""
    return {name: value for name in _SHARED[type(command), kind] if (value := getattr(command, name)) is not None}


def merged(extra: CustomFields, changes: CustomFields) -> CustomFields:
    """Set the custom fields in `changes`; JSON `null` removes a field; those that are not named stay."""
    if not changes:
        return extra
    fields = dict(extra)
    for name, text in changes:
        if text.strip(_JSON_BLANKS) == "null":
            fields.pop(name, None)
        else:
            fields[name] = text
    return tuple(sorted(fields.items()))


def overlaid(extra: CustomFields, later: CustomFields) -> CustomFields:
    """Take the custom fields of both; where both name one, the later value counts, JSON `null` like any other."""
    return tuple(sorted({**dict(extra), **dict(later)}.items())) if later else extra


def check_expected(document: Document, expected: int | None) -> Refused | None:
    """Refuse where the caller expects another version than the document has; None expects nothing."""
    if expected is None or expected == document.version:
        return None
    return refusals.version_mismatch(expected, document.version)


def puts(view: StateView, documents: Iterable[Document]) -> tuple[Put, ...]:
    """Put the documents with the next versions, one after the other: each is given once, and never again."""
    versions = enumerate(documents, view.last_version + 1)
    return tuple([Put(_WITH_VERSION[type(document)](document, version)) for version, document in versions])


def put(view: StateView, *documents: Document) -> Decision:
    """Decide that the documents change, of which the first is the command's own."""
    changes = puts(view, documents)
    return Decision(Done(changes[0].document), changes)


def indexed_order(view: StateView, order_id: str) -> Order:
    """Return an order that an index names. Raises BrokenInvariantError where there is none."""
    order = view.order(order_id)
    if order is None:
        message = f"an index names order {order_id}, which does not exist"
        raise BrokenInvariantError(message)
    return order


def closed_order(view: StateView, order_id: str) -> Order:
    """Return a closed order that an index names. Raises BrokenInvariantError where there is none."""
    order = view.closed_order(order_id)
    if order is None:
        message = f"an index names closed order {order_id}, which does not exist"
        raise BrokenInvariantError(message)
    return order


def placed_orders(orders: Iterable[Order]) -> int:
    """Count the orders to which their customers have committed themselves; no cascade takes those away."""
    return sum(1 for order in orders if order.state == OrderState.PLACED)


def returned_units(view: StateView, orders: Iterable[Order]) -> tuple[Product, ...]:
    """Return the products of the orders' items with all the items' units back on hand, each product once.

    Never refused: what an order held had been on hand before, so units may come back beyond the bound
    that administrators have. Raises BrokenInvariantError where a product does not exist.
    """
    units: dict[str, int] = {}
    for order in orders:
        for item in order.items:
            units[item.product_id] = units.get(item.product_id, 0) + item.quantity
    return tuple(with_more(view, product_id, count) for product_id, count in units.items())


def with_more(view: StateView, product_id: str, units: int) -> Product:
    """Return a product of a live order, or one that exists, with so many more units on hand."""
    product = view.product(product_id)
    if product is None:
        message = f"an order holds product {product_id}, which does not exist"
        raise BrokenInvariantError(message)
    return with_quantity(product, product.quantity + units)
