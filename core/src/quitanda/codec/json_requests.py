"""The client portal's operations as JSON objects (over MQTT): what is asked for, and the envelope around it.

A request is {"request_id", "reply_to", "correlation", ...fields}. Field names are those of the gRPC contract, except
that money is a decimal number. A field that the operation does not know is refused: it would otherwise
be a misspelt one that silently has no effect. The customer is named by the topic.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from quitanda.codec.json_fields import FieldReader
from quitanda.codec.queries import GetDocument, ListDocuments, page_size_or_refused
from quitanda.domain.commands import CancelOrder, CreateOrder, ItemQuantity, SetOrderItems
from quitanda.domain.limits import ITEM_QUANTITY_MAX, PAGE_SIZE_MAX
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Problem, Refused, invalid

_ENVELOPE: Final = frozenset({"request_id", "reply_to", "correlation"})
_CONSISTENCIES: Final[Mapping[str | None, bool]] = {None: False, "linearizable": False, "cached": True}


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where the answer goes (`reply_to`, a client session), and which request it answers.

    `request_id` is empty where the client gave none.
    """

    request_id: str
    reply_to: str


def read_envelope(fields: Mapping[str, Any]) -> Envelope | Refused:
    """Take the envelope of a request."""
    reader = FieldReader({name: value for name, value in fields.items() if name in _ENVELOPE})
    return reader.finish(Envelope(reader.optional_text("request_id") or "", reader.text("reply_to")))


def create_order(
    customer_id: str, fields: Mapping[str, Any], *, order_id: str, created_at_ms: int
) -> CreateOrder | Refused:
    """Read {"items"?, "extra"?}, with the id and the time that the portal minted."""
    reader = _reader(fields)
    return reader.finish(
        CreateOrder(customer_id, order_id, created_at_ms, reader.items("items"), reader.unknown_fields("extra"))
    )


def set_order_item(customer_id: str, fields: Mapping[str, Any]) -> SetOrderItems | Refused:
    """Read {"order_id", "product_id", "quantity", "extra"?, "expected_version"?}; `extra` is the item's."""
    reader = _reader(fields)
    order_id = reader.text("order_id")
    product_id, quantity = reader.text("product_id"), reader.integer("quantity", ITEM_QUANTITY_MAX)
    item = ItemQuantity(product_id, quantity, reader.unknown_fields("extra"))
    return reader.finish(SetOrderItems(customer_id, order_id, (item,), reader.optional_integer("expected_version")))


def set_order_items(customer_id: str, fields: Mapping[str, Any]) -> SetOrderItems | Refused:
    """Read {"order_id", "items"?, "extra"?, "expected_version"?}; `extra` is the order's."""
    reader = _reader(fields)
    order_id, items = reader.text("order_id"), reader.items("items")
    version, extra = reader.optional_integer("expected_version"), reader.unknown_fields("extra")
    return reader.finish(SetOrderItems(customer_id, order_id, items, version, extra))


def cancel_order(customer_id: str, fields: Mapping[str, Any]) -> CancelOrder | Refused:
    """Read {"order_id", "expected_version"?}."""
    reader = _reader(fields)
    return reader.finish(CancelOrder(customer_id, reader.text("order_id"), reader.optional_integer("expected_version")))


def get_order(customer_id: str, fields: Mapping[str, Any]) -> GetDocument | Refused:
    """Read {"order_id", "consistency"?, "min_revision"?}."""
    return _get(Kind.ORDER, "order_id", customer_id, fields)


def get_product(customer_id: str, fields: Mapping[str, Any]) -> GetDocument | Refused:
    """Read {"product_id", "consistency"?, "min_revision"?}."""
    return _get(Kind.PRODUCT, "product_id", customer_id, fields)


def list_orders(customer_id: str, fields: Mapping[str, Any]) -> ListDocuments | Refused:
    """Read {"page_size"?, "page_token"?}."""
    return _list(Kind.ORDER, customer_id, fields)


def list_products(customer_id: str, fields: Mapping[str, Any]) -> ListDocuments | Refused:
    """Read {"page_size"?, "page_token"?}."""
    return _list(Kind.PRODUCT, customer_id, fields)


_Operation: TypeAlias = Callable[
    [str, Mapping[str, Any]], SetOrderItems | CancelOrder | GetDocument | ListDocuments | Refused
]

OPERATIONS: Final[Mapping[str, _Operation]] = {
    "set_order_item": set_order_item,
    "set_order_items": set_order_items,
    "cancel_order": cancel_order,
    "get_order": get_order,
    "get_product": get_product,
    "list_orders": list_orders,
    "list_products": list_products,
}
"""Every operation except `create_order`, which also takes what the portal minted."""


def _reader(fields: Mapping[str, Any]) -> FieldReader:
    return FieldReader({name: value for name, value in fields.items() if name not in _ENVELOPE})


def _get(kind: Kind, id_field: str, customer_id: str, fields: Mapping[str, Any]) -> GetDocument | Refused:
    reader = _reader(fields)
    document_id = reader.text(id_field)
    consistency = reader.optional_text("consistency")
    min_revision = reader.optional_integer("min_revision") or 0
    if reader.refusal is None and consistency not in _CONSISTENCIES:
        return invalid("consistency", Problem.UNKNOWN_VALUE, value=str(consistency)[:40])
    if reader.refusal is None and min_revision < 0:
        return invalid("min_revision", Problem.NEGATIVE, value=min_revision)
    cached = _CONSISTENCIES.get(consistency, False)
    return reader.finish(GetDocument(kind, document_id, customer_id, cached=cached, min_revision=min_revision))


def _list(kind: Kind, customer_id: str, fields: Mapping[str, Any]) -> ListDocuments | Refused:
    reader = _reader(fields)
    page_size = page_size_or_refused(reader.optional_integer("page_size", PAGE_SIZE_MAX) or 0)
    page_token = reader.optional_text("page_token") or ""
    if reader.refusal is None and isinstance(page_size, Refused):
        return page_size
    return reader.finish(ListDocuments(kind, customer_id, page_size if isinstance(page_size, int) else 0, page_token))
