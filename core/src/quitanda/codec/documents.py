"""Documents as JSON: as they are stored and published, and as they are shown to people and programs.

The stored form is canonical: known fields in a fixed order, then the unknown ones sorted by name, no
spaces, UTF-8. It is composed from texts, so equal documents have equal bytes on every replica. The shown
form of an order adds totals; both forms are read by the same functions.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, assert_never

import simplejson

from quitanda.codec.custom_fields import extra_from_values
from quitanda.codec.money import format_price
from quitanda.domain.field_types import Identifier, Price, TimestampMs
from quitanda.domain.model import (
    KNOWN_FIELDS,
    KNOWN_ITEM_FIELDS,
    Customer,
    CustomFields,
    Document,
    Kind,
    Order,
    OrderItem,
    Product,
)

_KNOWN_FIELDS: Final = {kind: frozenset(names) for kind, names in KNOWN_FIELDS.items()}
_KNOWN_ITEM_FIELDS: Final = frozenset(KNOWN_ITEM_FIELDS)

_DECIMALS: Final = 2

_DIGEST_BYTES: Final = 32
_DIGEST_PERSON: Final = b"quitanda.doc"

_quote: Final[Callable[[str], str]] = json.JSONEncoder(ensure_ascii=False).encode
"""A text as a JSON string; non-ASCII characters stay themselves."""


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """One line of a customer's list of orders; `total` is in minor units."""

    order_id: Identifier
    created_at_ms: TimestampMs
    item_count: int
    total: Price
    version: int


def summarize(order: Order) -> OrderSummary:
    """Make the line that a list shows of an order."""
    return OrderSummary(order.order_id, order.created_at_ms, len(order.items), order.total, order.version)


def kind_of(document: Document) -> Kind:
    """Tell what a document is."""
    match document:
        case Customer():
            return Kind.CUSTOMER
        case Product():
            return Kind.PRODUCT
        case Order():
            return Kind.ORDER
        case _:
            assert_never(document)


def id_of(document: Document) -> str:
    """Tell the document's own id."""
    match document:
        case Customer():
            return document.customer_id
        case Product():
            return document.product_id
        case Order():
            return document.order_id
        case _:
            assert_never(document)


def encode_document(document: Document) -> bytes:
    """Write the stored form."""
    return stored_text(document).encode()


def document_digest(stored: bytes) -> bytes:
    """Digest a document's stored form: 32 bytes that no other document has (BLAKE2b-256, RFC 7693)."""
    return hashlib.blake2b(stored, digest_size=_DIGEST_BYTES, person=_DIGEST_PERSON).digest()


def stored_text(document: Document) -> str:
    """Write the stored form as text, to be embedded in a larger JSON text."""
    match document:
        case Customer():
            return _customer_text(document)
        case Product():
            return _product_text(document)
        case Order():
            return _order_text(document, ",".join(_item_text(item, "") for item in document.items), "")
        case _:
            assert_never(document)


def present_document(document: Document) -> str:
    """Write the shown form: prices as decimal numbers, orders with totals."""
    if isinstance(document, Order):
        items = ",".join(_item_text(item, _total_text(item.total)) for item in document.items)
        return _order_text(document, items, _total_text(document.total))
    return stored_text(document)


def present_summary(summary: OrderSummary) -> str:
    """Write one line of a list of orders."""
    return (
        f'{{"order_id":{_quote(summary.order_id)},"created_at_ms":{summary.created_at_ms},'
        f'"item_count":{summary.item_count},"total":{format_price(summary.total)},"version":{summary.version}}}'
    )


def decode_document(kind: Kind, data: bytes) -> Document:
    """Read the stored form; ValueError where the bytes are not such a document."""
    return read_document(kind, simplejson.loads(data.decode(), use_decimal=True))


def read_document(kind: Kind, fields: Any) -> Document:
    """Make a document of parsed JSON (numbers exact), stored or shown; ValueError where it is none."""
    try:
        match kind:
            case Kind.CUSTOMER:
                return _read_customer(fields)
            case Kind.PRODUCT:
                return _read_product(fields)
            case Kind.ORDER:
                return _read_order(fields)
            case _:
                assert_never(kind)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a {kind}: {error!r}") from error


def read_summary(fields: Any) -> OrderSummary:
    """Make a summary of parsed JSON; ValueError where it is none."""
    try:
        return OrderSummary(
            _text(fields["order_id"]),
            _integer(fields["created_at_ms"]),
            _integer(fields["item_count"]),
            _money(fields["total"]),
            _integer(fields["version"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a summary of an order: {error!r}") from error


def _customer_text(customer: Customer) -> str:
    return (
        f'{{"customer_id":{_quote(customer.customer_id)},"name":{_quote(customer.name)},'
        f'"version":{customer.version}{_extra_text(customer.extra)}}}'
    )


def _product_text(product: Product) -> str:
    return (
        f'{{"product_id":{_quote(product.product_id)},"name":{_quote(product.name)},'
        f'"description":{_quote(product.description)},"price":{format_price(product.price)},'
        f'"quantity":{product.quantity},"version":{product.version}{_extra_text(product.extra)}}}'
    )


def _order_text(order: Order, items: str, total: str) -> str:
    return (
        f'{{"order_id":{_quote(order.order_id)},"customer_id":{_quote(order.customer_id)},'
        f'"created_at_ms":{order.created_at_ms},"items":[{items}]{total},"version":{order.version}{_extra_text(order.extra)}}}'
    )


def _item_text(item: OrderItem, total: str) -> str:
    return (
        f'{{"product_id":{_quote(item.product_id)},"name":{_quote(item.name)},'
        f'"unit_price":{format_price(item.unit_price)},"quantity":{item.quantity}{total}{_extra_text(item.extra)}}}'
    )


def _total_text(total: int) -> str:
    return f',"total":{format_price(total)}'


def _extra_text(extra: CustomFields) -> str:
    return "".join(f",{_quote(name)}:{value}" for name, value in extra)


def _read_customer(fields: Mapping[str, Any]) -> Customer:
    return Customer(
        _text(fields["customer_id"]),
        _text(fields["name"]),
        _extra(fields, _KNOWN_FIELDS[Kind.CUSTOMER]),
        _integer(fields["version"]),
    )


def _read_product(fields: Mapping[str, Any]) -> Product:
    return Product(
        _text(fields["product_id"]),
        _text(fields["name"]),
        _text(fields["description"]),
        _money(fields["price"]),
        _integer(fields["quantity"]),
        _extra(fields, _KNOWN_FIELDS[Kind.PRODUCT]),
        _integer(fields["version"]),
    )


def _read_order(fields: Mapping[str, Any]) -> Order:
    return Order(
        _text(fields["order_id"]),
        _text(fields["customer_id"]),
        _integer(fields["created_at_ms"]),
        tuple(_read_items(fields["items"])),
        _integer(fields["version"]),
        _extra(fields, _KNOWN_FIELDS[Kind.ORDER]),
    )


def _read_items(items: list[Any]) -> Iterator[OrderItem]:
    for item in items:
        yield OrderItem(
            _text(item["product_id"]),
            _text(item["name"]),
            _money(item["unit_price"]),
            _integer(item["quantity"]),
            _extra(item, _KNOWN_ITEM_FIELDS),
        )


def _extra(fields: Mapping[str, Any], known: frozenset[str]) -> CustomFields:
    if fields.keys() <= known:
        return ()
    return extra_from_values({name: value for name, value in fields.items() if name not in known})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {type(value).__name__}")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"integer expected, not {type(value).__name__}")
    return value


def _money(value: Any) -> int:
    """Read a price or a total; unlike a price that comes from outside, a total has no upper bound."""
    if type(value) is Decimal:
        units, point, places = str(value).partition(".")
        if point and len(places) == _DECIMALS:
            return int(units + places)
    raise TypeError("a decimal number with two places expected")
