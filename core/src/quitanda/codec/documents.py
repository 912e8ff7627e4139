"""Documents as JSON: as they are stored and published, and as they are shown to people and programs.

The stored form is canonical: known fields in a fixed order, then the custom ones sorted by name, no spaces, UTF-8. It
is composed from texts, so equal documents have equal bytes on every replica. The shown form of an order adds totals;
no shown form has a field that is withheld. Both forms are read by the same functions, which are compiled at import from
the dataclasses' fields.

A field that came later than the first level of rules (`since`) is stored where a custom field of its name would stand,
and not at all while it has its default. So the bytes of documents that do not use it are the same as before, and
whether a replica knows the field or keeps it as a custom one, it writes the same bytes.

A field that the rules alone may set (`rules_only`) must not be mixed up with a custom field that somebody gave under
its name before there was the field. All such fields of a record that are not at their defaults are stored as one object
under the empty name, which no custom field can have. In the shown form they stand under their own names, and a custom
field of the same name is not shown.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, Final

import simplejson

from quitanda.codec.custom_fields import extra_from_values
from quitanda.codec.money import format_price
from quitanda.domain.compiled import compile_function
from quitanda.domain.field_types import FieldType, Form, Identifier, Price, TimestampMs, describe, since
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.domain.model import (
    ORDER_STATES_LEVEL,
    Credential,
    Customer,
    CustomFields,
    Document,
    Kind,
    Order,
    OrderState,
    OrderStateName,
    Product,
)

_DECIMALS: Final = 2
_DIGEST_BYTES: Final = 32
_DIGEST_PERSON: Final = b"quitanda.doc"
_VERSION: Final = "version"
_TOTAL: Final = "total"
_EXTRA: Final = "extra"
_RULES_ONLY: Final = ""
"""The name under which the fields stand that the rules alone may set."""

_parse_stored: Final[Callable[[str], Any]] = simplejson.JSONDecoder(parse_float=Decimal).decode
"""Parse stored JSON, its numbers exact. Kept: `simplejson.loads` would make a decoder for each document."""

_quote: Final[Callable[[str], str]] = encode_basestring
"""A text as a JSON string; non-ASCII characters stay themselves."""


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """One line of a list of orders; `total` is in minor units, state and times are as in `Order`."""

    order_id: Identifier
    created_at_ms: TimestampMs
    item_count: int
    total: Price
    version: int
    state: OrderStateName = field(default=OrderState.OPEN.value, metadata=since(ORDER_STATES_LEVEL))
    state_since_ms: TimestampMs = field(default=0, metadata=since(ORDER_STATES_LEVEL))
    placed_at_ms: TimestampMs = field(default=0, metadata=since(ORDER_STATES_LEVEL))
    expires_at_ms: TimestampMs = field(default=0, metadata=since(ORDER_STATES_LEVEL))


def summarize(order: Order) -> OrderSummary:
    """Make the line that a list shows of an order."""
    return OrderSummary(
        order.order_id,
        order.created_at_ms,
        order.item_count,
        order.total,
        order.version,
        order.state,
        order.state_since_ms,
        order.placed_at_ms,
        order.expires_at_ms,
    )


DOCUMENT_TYPES: Final[Mapping[Kind, type[Any]]] = {
    Kind.CUSTOMER: Customer,
    Kind.PRODUCT: Product,
    Kind.ORDER: Order,
    Kind.CREDENTIAL: Credential,
}
_KINDS: Final = {record: kind for kind, record in DOCUMENT_TYPES.items()}
_ID_FIELDS: Final = {record: describe(record)[0].name for record in _KINDS}


def kind_of(document: Document) -> Kind:
    """Tell what a document is."""
    return _KINDS[type(document)]


def id_of(document: Document) -> str:
    """Tell the document's own id."""
    return str(getattr(document, _ID_FIELDS[type(document)]))


def encode_document(document: Document) -> bytes:
    """Write the stored form."""
    return stored_text(document).encode()


def document_digest(stored: bytes) -> bytes:
    """Digest a document's stored form: 32 bytes that no other document has (BLAKE2b-256, RFC 7693)."""
    return hashlib.blake2b(stored, digest_size=_DIGEST_BYTES, person=_DIGEST_PERSON).digest()


def stored_text(document: Document) -> str:
    """Write the stored form as text, to be embedded in a larger JSON text."""
    return _STORED[type(document)](document)


def present_document(document: Document) -> str:
    """Write the shown form: prices as decimal numbers, orders with totals."""
    return _SHOWN[type(document)](document)


def present_summary(summary: OrderSummary) -> str:
    """Write one line of a list of orders."""
    return _SHOWN[OrderSummary](summary)


def decode_document(kind: Kind, data: bytes, level: int = SUPPORTED_LEVEL) -> Document:
    """Read the stored form as the rules of `level` see it; ValueError where the bytes are not such a document."""
    return read_document(kind, _parse_stored(data.decode()), level)


def read_document(kind: Kind, fields: Any, level: int = SUPPORTED_LEVEL) -> Document:
    """Make a document of parsed stored JSON (numbers exact); ValueError where it is none."""
    return _read(_READERS[kind, level], kind, fields)


def read_shown_document(kind: Kind, fields: Any) -> Document:
    """Make a document of parsed JSON in the shown form (numbers exact); ValueError where it is none."""
    return _read(_SHOWN_READERS[kind], kind, fields)


def _read(read: Callable[[Any], Any], kind: Kind, fields: Any) -> Document:
    try:
        document: Document = read(fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a {kind}: {error!r}") from error
    return document


def read_summary(fields: Any) -> OrderSummary:
    """Make a summary of parsed JSON; ValueError where it is none."""
    try:
        return _read_summary(fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a summary of an order: {error!r}") from error


def compile_writer(record: type, *, shown: bool = False) -> Callable[[Any], str]:
    """Make the function that writes a dataclass as JSON; the shown form with the property `total`, if there is one.

    The total stands before the version, if there is one, else behind the known fields. Withheld fields are not shown.
    """
    fields = [
        each for each in describe(record) if each.form is not Form.CUSTOM_FIELDS and not (shown and each.withheld)
    ]
    first = [each for each in fields if each.since == FIRST_LEVEL]
    later = [each for each in fields if each.since > FIRST_LEVEL]
    names: dict[str, Any] = {"quote": _quote, "price": format_price, "extra_text": _extra_text, "join": ",".join}
    names |= {f"write_{each.name}": compile_writer(each.item, shown=shown) for each in fields if each.item}
    members = {each.name: _written(each) for each in first}
    if shown and _has_total(record):
        version = {_VERSION: members.pop(_VERSION)} if _VERSION in members else {}
        members |= {_TOTAL: f"{{price(record.{_TOTAL})}}"} | version
    text = ",".join(f'"{name}":{value}' for name, value in members.items())
    extra = "record.extra" if hasattr(record, _EXTRA) else "()"
    if later:
        names["with_later"] = _compile_with_later(later, shown=shown)
        extra = f"with_later(record, {extra})"
    line = f"return f'{{{{{text}{{extra_text(extra) if (extra := {extra}) else \"\"}}}}}}'"
    return compile_function("write(record)", [line], names)


def compile_reader(record: type, level: int = SUPPORTED_LEVEL, *, shown: bool = False) -> Callable[[Any], Any]:
    """Make the function that makes a dataclass of a parsed JSON object. It raises KeyError and TypeError.

    A field that came with a higher level than `level` is a custom field. So is one that came later than the first
    level and has a value of another type: as a custom field it was allowed to.
    """
    fields = [each for each in describe(record) if each.since <= level]
    apart = [each for each in fields if each.rules_only and not shown]
    later = [each for each in fields if each.since > FIRST_LEVEL and each not in apart]
    names: dict[str, Any] = {
        "record": record,
        "extra": _extra,
        "text": _text,
        "integer": _integer,
        "money": _money,
        "flag": _flag,
    }
    names |= {f"read_{each.name}": compile_reader(each.item, level, shown=shown) for each in fields if each.item}
    first = [each for each in fields if each.since == FIRST_LEVEL]
    own = [each.name for each in first if each.form is not Form.CUSTOM_FIELDS]
    names["known"] = frozenset([*own, *([_TOTAL] if _has_total(record) else []), *([_RULES_ONLY] if apart else [])])
    known, lines, taken = "known", [], ""
    if later:
        names["take_later"] = _later_taker(later)
        lines, known, taken = ["later = take_later(fields)"], "known | later.keys()", ", **later"
    if apart:
        names["take_apart"] = _apart_taker(apart)
        taken += f", **(take_apart(fields[{_RULES_ONLY!r}]) if {_RULES_ONLY!r} in fields else {{}})"
    arguments = [f"{each.name}={_read_expression(each, known)}" for each in first]
    lines.append(f"return record({', '.join(arguments)}{taken})")
    return compile_function("read(fields)", lines, names)


def _has_total(record: type) -> bool:
    return isinstance(getattr(record, _TOTAL, None), property)


def _written(field: FieldType, record: str = "record") -> str:
    """Give the part of the text, as in an f-string, that a field becomes."""
    value = f"{record}.{field.name}"
    match field.form:
        case Form.TEXT:
            return f"{{quote({value})}}"
        case Form.MONEY:
            return f"{{price({value})}}"
        case Form.LIST:
            return f"[{{join([write_{field.name}(entry) for entry in {value}])}}]"
        case Form.FLAG:
            return f"{{str({value}).lower()}}"
        case _:
            return f"{{{value}}}"


def _read_expression(field: FieldType, known: str) -> str:
    value = f"fields.get({field.name!r}, {field.default!r})" if field.withheld else f"fields[{field.name!r}]"
    match field.form:
        case Form.CUSTOM_FIELDS:
            return f"extra(fields, {known})"
        case Form.LIST:
            return f"tuple([read_{field.name}(entry) for entry in {value}])"
        case form:
            return f"{_READ_FUNCTIONS[form].__name__.removeprefix('_')}({value})"


def _compile_with_later(
    fields: Sequence[FieldType], *, shown: bool = False
) -> Callable[[Any, CustomFields], CustomFields]:
    """Make the function that puts fields that came later among the custom ones, but for those at their default."""
    names: dict[str, Any] = {"quote": _quote, "price": format_price}
    writers = [(each, compile_function("write(record)", [f"return f'{_written(each)}'"], names)) for each in fields]
    defaults = {f"default_{each.name}": each.default for each in fields}
    unused = " and ".join(f"record.{each.name} == default_{each.name}" for each in fields)
    has_none = compile_function("has_none(record)", [f"return {unused}"], defaults)

    def with_later(record: Any, extra: CustomFields) -> CustomFields:
        if has_none(record):
            return extra
        used = [(each, write(record)) for each, write in writers if getattr(record, each.name) != each.default]
        apart = {each.name: text for each, text in used if each.rules_only}
        later = [(each.name, text) for each, text in used if not each.rules_only]
        if shown:
            given = [each for each in extra if each[0] not in apart]
            return tuple(sorted((*given, *later, *apart.items())))
        members = ",".join(f'"{name}":{text}' for name, text in apart.items())
        return tuple(sorted((*extra, *later, *([(_RULES_ONLY, f"{{{members}}}")] if apart else []))))

    return with_later


def _apart_taker(fields: Iterable[FieldType]) -> Callable[[Any], dict[str, Any]]:
    """Make the function that reads the object with the fields that the rules alone set. It raises TypeError."""
    forms = {each.name: each.form for each in fields}

    def take_apart(values: Any) -> dict[str, Any]:
        if not isinstance(values, dict) or not values.keys() <= forms.keys():
            raise TypeError("not the fields that the rules set")
        return {name: _READ_FUNCTIONS[forms[name]](value) for name, value in values.items()}

    return take_apart


def _later_taker(fields: Iterable[FieldType]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def take_later(values: Mapping[str, Any]) -> dict[str, Any]:
        taken = {}
        for each in fields:
            with suppress(KeyError, TypeError):
                taken[each.name] = _READ_FUNCTIONS[each.form](values[each.name])
        return taken

    return take_later


def _extra_text(extra: CustomFields) -> str:
    return "".join(f",{_quote(name)}:{value}" for name, value in extra)


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


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError(f"true or false expected, not {type(value).__name__}")
    return value


def _money(value: Any) -> int:
    """Read a price or a total; unlike a price that comes from outside, a total has no upper bound."""
    if type(value) is Decimal:
        units, point, places = str(value).partition(".")
        if point and len(places) == _DECIMALS:
            return int(units + places)
    raise TypeError("a decimal number with two places expected")


_READ_FUNCTIONS: Final[Mapping[Form, Callable[[Any], Any]]] = {
    Form.TEXT: _text,
    Form.NUMBER: _integer,
    Form.MONEY: _money,
    Form.FLAG: _flag,
}
_STORED: Final = {record: compile_writer(record) for record in _KINDS}
_SHOWN: Final = {record: compile_writer(record, shown=True) for record in (*_KINDS, OrderSummary)}
_READERS: Final = {
    (kind, level): compile_reader(record, level)
    for kind, record in DOCUMENT_TYPES.items()
    for level in range(FIRST_LEVEL, SUPPORTED_LEVEL + 1)
}
_SHOWN_READERS: Final = {kind: compile_reader(record, shown=True) for kind, record in DOCUMENT_TYPES.items()}
_read_summary: Final[Callable[[Any], OrderSummary]] = compile_reader(OrderSummary, shown=True)
