"""Shapes and ranges of every field of every command, whatever Python value it holds.

What is refused here is refused for the command's own sake, never for the state's: portals ask early,
and the state machine, which has the last word, asks again. All checks are total: they take values of
any type and answer with a refusal or None, never with an exception.

Character classes are spelled out instead of asked of Python's Unicode database, which differs
between Python versions: replicas that run different ones must still agree.

Facts in the details, beside `problem`: `limit` (the highest value or length allowed), `length`
(characters, bytes or entries that there are), `value` (the number at fault), `position` (index of the
first character at fault), `expected` and `got` (types, by their names in JSON).
"""

import re
from collections.abc import Iterable
from typing import Final

from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    Command,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    RaiseLevel,
    Request,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.limits import (
    DESCRIPTION_LENGTH_MAX,
    EXTRA_BYTES_MAX,
    EXTRA_FIELDS_MAX,
    EXTRA_NAME_LENGTH_MAX,
    ID_LENGTH_MAX,
    ID_PATTERN,
    ITEM_QUANTITY_MAX,
    ITEMS_PER_ORDER_MAX,
    LEVEL_MAX,
    NAME_LENGTH_MAX,
    PRICE_MAX,
    QUANTITY_MAX,
    TIMESTAMP_MS_MAX,
    VERSION_MAX,
)
from quitanda.domain.model import KNOWN_FIELDS, KNOWN_ITEM_FIELDS, CustomFields, Kind
from quitanda.domain.outcomes import Problem, Refused, invalid

_ID: Final = re.compile(ID_PATTERN)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# Control characters of both blocks, and the two separators that end a line without being one of them.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # tabs and line ends may stand
_CONTROL_IN_JSON: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what no JSON text can contain
_BLANK: Final = re.compile("[ \\t\\r\\n\x0b\x0c\u00a0\u1680\u2000-\u200d\u202f\u205f\u2060\u3000\ufeff]*")

_TYPE_NAMES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    bytes: "bytes",
    list: "list",
    tuple: "list",
    dict: "object",
}
_SHOWN_BITS_MAX: Final = 64  # longer numbers are not repeated in an answer; Python even refuses to print some


def check_request(request: Request) -> Refused | None:
    """Say what is wrong with a request, its key included, or None."""
    if type(request) is not Request:
        return _wrong_type("request", request, "request")
    return _scope(request.scope) or check_id("request_id", request.request_id) or check(request.command)


def check(command: Command) -> Refused | None:  # noqa: C901, PLR0911 - one case for each command
    """Say what is wrong with a command, or None. The first field at fault, in declaration order, is named."""
    match command:
        case CreateCustomer():
            return (
                check_id("customer_id", command.customer_id)
                or _name("name", command.name)
                or _extra(KNOWN_FIELDS[Kind.CUSTOMER], command.extra)
            )
        case UpdateCustomer():
            return (
                check_id("customer_id", command.customer_id)
                or (None if command.name is None else _name("name", command.name))
                or _extra(KNOWN_FIELDS[Kind.CUSTOMER], command.extra)
                or _expected_version(command.expected_version)
                or _something(command.name, command.extra or None)
            )
        case CreateProduct():
            return (
                check_id("product_id", command.product_id)
                or _name("name", command.name)
                or _integer("price", command.price, PRICE_MAX)
                or _integer("quantity", command.quantity, QUANTITY_MAX)
                or _description(command.description)
                or _extra(KNOWN_FIELDS[Kind.PRODUCT], command.extra)
            )
        case UpdateProduct():
            return _update_product(command)
        case DeleteCustomer():
            return (
                check_id("customer_id", command.customer_id)
                or _flag("cascade", command.cascade)
                or _expected_version(command.expected_version)
            )
        case DeleteProduct():
            return (
                check_id("product_id", command.product_id)
                or _flag("cascade", command.cascade)
                or _expected_version(command.expected_version)
            )
        case AdjustStock():
            return (
                check_id("product_id", command.product_id)
                or _delta(command.delta)
                or _expected_version(command.expected_version)
            )
        case CreateOrder():
            return (
                check_id("customer_id", command.customer_id)
                or check_id("order_id", command.order_id)
                or _integer("created_at_ms", command.created_at_ms, TIMESTAMP_MS_MAX)
                or _items(command.items)
                or _order_extra(command.extra, command.items)
            )
        case SetOrderItems():
            return _set_order_items(command)
        case CancelOrder():
            return (
                check_id("customer_id", command.customer_id)
                or check_id("order_id", command.order_id)
                or _expected_version(command.expected_version)
            )
        case RaiseLevel():
            return _integer("level", command.level, LEVEL_MAX)
        case _:
            return _wrong_type("command", command, "command")


def check_id(field: str, value: object) -> Refused | None:
    """Say what is wrong with the id of a document or of a request, or None."""
    if type(value) is not str:
        return _wrong_type(field, value, "string")
    if not value:
        return invalid(field, Problem.MISSING)
    if len(value) > ID_LENGTH_MAX:
        return invalid(field, Problem.TOO_LONG, limit=ID_LENGTH_MAX, length=len(value))
    valid_part = _ID.match(value)
    position = valid_part.end() if valid_part else 0
    return None if position == len(value) else invalid(field, Problem.ALPHABET, position=position)


def check_extra_size(extra: CustomFields, field: str = "extra") -> Refused | None:
    """Say whether unknown fields are too many or too large for one document or item; their types are right."""
    if len(extra) > EXTRA_FIELDS_MAX:
        return invalid(field, Problem.TOO_MANY, limit=EXTRA_FIELDS_MAX, length=len(extra))
    return _check_extra_bytes(field, _extra_bytes(extra))


def check_order_extra_size(extra: CustomFields, item_extras: Iterable[CustomFields]) -> Refused | None:
    """Say whether an order's unknown fields are too many, or together with its items' too large."""
    if wrong := check_extra_size(extra):
        return wrong
    return _check_extra_bytes("extra", _extra_bytes(extra) + sum(map(_extra_bytes, item_extras)))


def _update_product(command: UpdateProduct) -> Refused | None:
    return (
        check_id("product_id", command.product_id)
        or (None if command.name is None else _name("name", command.name))
        or (None if command.description is None else _description(command.description))
        or (None if command.price is None else _integer("price", command.price, PRICE_MAX))
        or (None if command.quantity is None else _integer("quantity", command.quantity, QUANTITY_MAX))
        or _extra(KNOWN_FIELDS[Kind.PRODUCT], command.extra)
        or _expected_version(command.expected_version)
        or _something(command.name, command.description, command.price, command.quantity, command.extra or None)
    )


def _set_order_items(command: SetOrderItems) -> Refused | None:
    return (
        check_id("customer_id", command.customer_id)
        or check_id("order_id", command.order_id)
        or _items(command.items)
        or (None if command.items or command.extra else invalid("items", Problem.MISSING))
        or _expected_version(command.expected_version)
        or _order_extra(command.extra, command.items)
    )


def _scope(value: object) -> Refused | None:
    return None if type(value) is str and not value else check_id("scope", value)


def _something(*values: object) -> Refused | None:
    return invalid("", Problem.NOTHING_TO_CHANGE) if all(value is None for value in values) else None


def _name(field: str, value: object, limit: int = NAME_LENGTH_MAX) -> Refused | None:
    if type(value) is not str:
        return _wrong_type(field, value, "string")
    if len(value) > limit:
        return invalid(field, Problem.TOO_LONG, limit=limit, length=len(value))
    if _BLANK.fullmatch(value):
        return invalid(field, Problem.MISSING)
    return _characters(field, value, _CONTROL)


def _description(value: object) -> Refused | None:
    if type(value) is not str:
        return _wrong_type("description", value, "string")
    if len(value) > DESCRIPTION_LENGTH_MAX:
        return invalid("description", Problem.TOO_LONG, limit=DESCRIPTION_LENGTH_MAX, length=len(value))
    return _characters("description", value, _CONTROL_IN_TEXT)


def _characters(field: str, value: str, control: re.Pattern[str]) -> Refused | None:
    if surrogate := _SURROGATE.search(value):
        return invalid(field, Problem.NOT_UTF8, position=surrogate.start())
    if found := control.search(value):
        return invalid(field, Problem.CONTROL_CHARACTER, position=found.start())
    return None


def _integer(field: str, value: object, limit: int) -> Refused | None:
    if type(value) is not int:
        return _wrong_type(field, value, "integer")
    if value < 0:
        return _out_of_range(field, Problem.NEGATIVE, value, 0)
    return _out_of_range(field, Problem.TOO_LARGE, value, limit) if value > limit else None


def _delta(value: object) -> Refused | None:
    if type(value) is not int:
        return _wrong_type("delta", value, "integer")
    if value == 0:
        return invalid("delta", Problem.ZERO)
    return _out_of_range("delta", Problem.TOO_LARGE, value, QUANTITY_MAX) if abs(value) > QUANTITY_MAX else None


def _expected_version(value: object) -> Refused | None:
    if value is None:
        return None
    if type(value) is int and value == 0:
        return invalid("expected_version", Problem.ZERO)
    return _integer("expected_version", value, VERSION_MAX)


def _flag(field: str, value: object) -> Refused | None:
    return None if type(value) is bool else _wrong_type(field, value, "boolean")


def _items(items: object) -> Refused | None:
    if type(items) is not tuple:
        return _wrong_type("items", items, "list")
    if len(items) > ITEMS_PER_ORDER_MAX:
        return invalid("items", Problem.TOO_MANY, limit=ITEMS_PER_ORDER_MAX, length=len(items))
    sums: dict[str, int] = {}
    for index, item in enumerate(items):
        if wrong := _item(f"items[{index}]", item):
            return wrong
        total = sums[item.product_id] = sums.get(item.product_id, 0) + item.quantity
        if total > ITEM_QUANTITY_MAX:  # a product named twice counts with the sum
            return _out_of_range(f"items[{index}].quantity", Problem.TOO_LARGE, total, ITEM_QUANTITY_MAX)
    return None


def _item(field: str, item: object) -> Refused | None:
    if type(item) is not ItemQuantity:
        return _wrong_type(field, item, "item")
    return (
        check_id(f"{field}.product_id", item.product_id)
        or _integer(f"{field}.quantity", item.quantity, ITEM_QUANTITY_MAX)
        or _extra(KNOWN_ITEM_FIELDS, item.extra, f"{field}.extra")
    )


def _order_extra(extra: CustomFields, items: Iterable[ItemQuantity]) -> Refused | None:
    """Check what a command says of an order; its items have been found right."""
    return _extra(KNOWN_FIELDS[Kind.ORDER], extra) or check_order_extra_size(extra, (item.extra for item in items))


def _extra(known: tuple[str, ...], extra: object, field: str = "extra") -> Refused | None:
    if type(extra) is not tuple:
        return _wrong_type(field, extra, "list")
    if len(extra) > EXTRA_FIELDS_MAX:
        return invalid(field, Problem.TOO_MANY, limit=EXTRA_FIELDS_MAX, length=len(extra))
    previous = ""
    for entry in extra:
        if wrong := _extra_entry(known, entry, previous, field):
            return wrong
        previous = entry[0]
    return check_extra_size(extra, field)


def _extra_entry(known: tuple[str, ...], entry: object, previous: str, extra_field: str) -> Refused | None:
    if type(entry) is not tuple or len(entry) != 2:
        return _wrong_type(extra_field, entry, "name and JSON text")
    name, text = entry
    # Only a name known to be short and clean may stand in the name of a field.
    if wrong := _name(extra_field, name, EXTRA_NAME_LENGTH_MAX):
        return wrong
    field = f"{extra_field}.{name}"
    if name in known:
        return invalid(field, Problem.RESERVED)
    if name <= previous:
        return invalid(field, Problem.DUPLICATE if name == previous else Problem.MALFORMED)
    return _json_text(field, text)


def _json_text(field: str, text: object) -> Refused | None:
    if type(text) is not str:
        return _wrong_type(field, text, "string")
    if not text:
        return invalid(field, Problem.MISSING)
    if len(text) > EXTRA_BYTES_MAX:
        return invalid(field, Problem.TOO_LARGE, limit=EXTRA_BYTES_MAX, length=len(text))
    return _characters(field, text, _CONTROL_IN_JSON)


def _check_extra_bytes(field: str, size: int) -> Refused | None:
    return invalid(field, Problem.TOO_LARGE, limit=EXTRA_BYTES_MAX, length=size) if size > EXTRA_BYTES_MAX else None


def _extra_bytes(extra: CustomFields) -> int:
    return sum(len(name.encode()) + len(text.encode()) for name, text in extra)


def _wrong_type(field: str, value: object, expected: str) -> Refused:
    return invalid(field, Problem.WRONG_TYPE, expected=expected, got=_TYPE_NAMES.get(type(value), "other"))


def _out_of_range(field: str, problem: Problem, value: int, limit: int) -> Refused:
    if value.bit_length() > _SHOWN_BITS_MAX:
        return invalid(field, problem, limit=limit)
    return invalid(field, problem, limit=limit, value=value)
