"""Shapes and ranges of every field of every command, whatever Python value it holds.

The type of a field (`field_types`) says what it may hold; what is asked of a command as a whole stands below.
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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, get_args

from quitanda.domain.commands import (
    Command,
    CreateCredential,
    CreateCustomer,
    CreateOrder,
    ItemQuantity,
    Principal,
    Request,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.field_types import (
    ChangeRule,
    ChoiceRule,
    CodeRule,
    CustomFieldsRule,
    FieldType,
    IdRule,
    NumberRule,
    Rule,
    TextRule,
    describe,
)
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.domain.limits import (
    EXTRA_BYTES_MAX,
    EXTRA_FIELDS_MAX,
    EXTRA_NAME_LENGTH_MAX,
    ID_LENGTH_MAX,
    ID_PATTERN,
    ITEM_QUANTITY_MAX,
    ITEMS_PER_ORDER_MAX,
    TIMESTAMP_MS_MAX,
)
from quitanda.domain.model import CallerRole, CustomFields
from quitanda.domain.outcomes import Problem, Refused, invalid


class _Check(NamedTuple):
    """What is asked of a field: `check` of its name, its value and its rule; then `beside` of the whole command.

    The rule is None where `check` needs none; that of a list is what is asked of its entries.
    """

    name: str
    optional: bool
    check: Callable[..., Refused | None]
    rule: "Rule | Sequence[_Check] | None"
    beside: Callable[[Any], Refused | None] | None


_CUSTOM_NAME: Final = TextRule(EXTRA_NAME_LENGTH_MAX)
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
_RECEIVED_AT: Final = NumberRule(TIMESTAMP_MS_MAX)
_SHOWN_BITS_MAX: Final = 64  # longer numbers are not repeated in an answer; Python even refuses to print some


def check_request(request: Request, level: int = SUPPORTED_LEVEL) -> Refused | None:
    """Say what is wrong with a request, its key included, by the rules of a level; or None."""
    if type(request) is not Request:
        return _wrong_type("request", request, "request")
    return (
        _scope(request.scope)
        or check_id("request_id", request.request_id)
        or (request.principal is not None and _principal(request.principal))
        or _number("received_at_ms", request.received_at_ms, _RECEIVED_AT)
        or check(request.command, level)
    )


def check_for_any_level(request: Request) -> Refused | None:
    """Say what is wrong with a request at whatever level the cluster may be; None where some level accepts it.

    For those who do not know the level: a name that a later level takes for a field is free for custom fields below it.
    """
    wrong = check_request(request)
    if wrong and all(check_request(request, level) for level in range(FIRST_LEVEL, SUPPORTED_LEVEL)):
        return wrong
    return None


def check(command: Command, level: int = SUPPORTED_LEVEL) -> Refused | None:
    """Say what is wrong with a command, or None. The first field at fault, in declaration order, is named."""
    checks = _CHECKS[min(level, SUPPORTED_LEVEL)].get(type(command))
    return _wrong_type("command", command, "command") if checks is None else _first_wrong(checks, command)


def _first_wrong(checks: Sequence[_Check], record: object) -> Refused | None:
    for name, optional, check_value, rule, beside in checks:
        value = getattr(record, name)
        if value is not None or not optional:
            wrong = check_value(name, value) if rule is None else check_value(name, value, rule)
            if wrong:
                return wrong
        if beside is not None and (wrong := beside(record)):
            return wrong
    return None


def check_id(field: str, value: object) -> Refused | None:
    """Say what is wrong with the id of a document or of a request, or None."""
    if type(value) is str and len(value) <= ID_LENGTH_MAX and _ID.fullmatch(value):
        return None  # first, as nearly every id is right
    if type(value) is not str:
        return _wrong_type(field, value, "string")
    if not value:
        return invalid(field, Problem.MISSING)
    if len(value) > ID_LENGTH_MAX:
        return invalid(field, Problem.TOO_LONG, limit=ID_LENGTH_MAX, length=len(value))
    valid_part = _ID.match(value)
    return invalid(field, Problem.ALPHABET, position=valid_part.end() if valid_part else 0)


def check_extra_size(extra: CustomFields, field: str = "extra") -> Refused | None:
    """Say whether unknown fields are too many or too large for one document or item; their types are right."""
    if len(extra) > EXTRA_FIELDS_MAX:
        return invalid(field, Problem.TOO_MANY, limit=EXTRA_FIELDS_MAX, length=len(extra))
    return _check_extra_bytes(field, _extra_bytes(extra))


def check_order_extra_size(extra: CustomFields, item_extras: Iterable[CustomFields]) -> Refused | None:
    """Say whether an order's unknown fields are too many, or together with its items' too large."""
    if wrong := check_extra_size(extra):
        return wrong
    return _check_order_extra_bytes(extra, item_extras)


def _scope(value: object) -> Refused | None:
    return None if type(value) is str and not value else check_id("scope", value)


def _principal(principal: object) -> Refused | None:
    if type(principal) is not Principal:
        return _wrong_type("principal", principal, "principal")
    wrong = _first_wrong(_PRINCIPAL_CHECKS, principal)
    return replace(wrong, field=f"principal.{wrong.field}") if wrong else None


def _text(field: str, value: object, rule: TextRule) -> Refused | None:
    if type(value) is not str:
        return _wrong_type(field, value, "string")
    if len(value) > rule.limit:
        return invalid(field, Problem.TOO_LONG, limit=rule.limit, length=len(value))
    if not rule.free and _BLANK.fullmatch(value):
        return invalid(field, Problem.MISSING)
    return _characters(field, value, _CONTROL_IN_TEXT if rule.free else _CONTROL)


def _characters(field: str, value: str, control: re.Pattern[str]) -> Refused | None:
    if value.isascii() and value.isprintable():  # of ASCII alone, which no version of Python sees differently
        return None
    if surrogate := _SURROGATE.search(value):
        return invalid(field, Problem.NOT_UTF8, position=surrogate.start())
    if found := control.search(value):
        return invalid(field, Problem.CONTROL_CHARACTER, position=found.start())
    return None


def _code(field: str, value: object, rule: CodeRule) -> Refused | None:
    if type(value) is not str:
        return _wrong_type(field, value, "string")
    if not value:
        return invalid(field, Problem.MISSING)
    well_formed = len(value) == rule.length and not value.strip(rule.alphabet)
    return None if well_formed else invalid(field, Problem.MALFORMED)


def _choice(field: str, value: object, rule: ChoiceRule) -> Refused | None:
    if type(value) is not str:
        return _wrong_type(field, value, "string")
    if not value:
        return invalid(field, Problem.MISSING)
    return None if value in rule.choices else invalid(field, Problem.UNKNOWN_VALUE, choices=", ".join(rule.choices))


def _number(field: str, value: object, rule: NumberRule) -> Refused | None:
    if type(value) is not int:
        return _wrong_type(field, value, "integer")
    if rule.positive and value == 0:
        return invalid(field, Problem.ZERO)
    if value < 0:
        return _out_of_range(field, Problem.NEGATIVE, value, 0)
    return _out_of_range(field, Problem.TOO_LARGE, value, rule.limit) if value > rule.limit else None


def _change(field: str, value: object, rule: ChangeRule) -> Refused | None:
    if type(value) is not int:
        return _wrong_type(field, value, "integer")
    if value == 0:
        return invalid(field, Problem.ZERO)
    return _out_of_range(field, Problem.TOO_LARGE, value, rule.limit) if abs(value) > rule.limit else None


def _flag(field: str, value: object) -> Refused | None:
    return None if type(value) is bool else _wrong_type(field, value, "boolean")


def _items(field: str, items: object, checks: Sequence[_Check]) -> Refused | None:
    if type(items) is not tuple:
        return _wrong_type(field, items, "list")
    if len(items) > ITEMS_PER_ORDER_MAX:
        return invalid(field, Problem.TOO_MANY, limit=ITEMS_PER_ORDER_MAX, length=len(items))
    sums: dict[str, int] = {}
    for index, item in enumerate(items):
        if type(item) is not ItemQuantity:
            return _wrong_type(f"{field}[{index}]", item, "item")
        if wrong := _first_wrong(checks, item):
            return replace(wrong, field=f"{field}[{index}].{wrong.field}")
        total = sums[item.product_id] = sums.get(item.product_id, 0) + item.quantity
        if total > ITEM_QUANTITY_MAX:  # a product named twice counts with the sum
            return _out_of_range(f"{field}[{index}].quantity", Problem.TOO_LARGE, total, ITEM_QUANTITY_MAX)
    return None


def _extra(field: str, extra: object, rule: CustomFieldsRule) -> Refused | None:
    if type(extra) is not tuple:
        return _wrong_type(field, extra, "list")
    if len(extra) > EXTRA_FIELDS_MAX:
        return invalid(field, Problem.TOO_MANY, limit=EXTRA_FIELDS_MAX, length=len(extra))
    if not extra:
        return None
    previous = ""
    for entry in extra:
        if wrong := _extra_entry(rule.reserved, entry, previous, field):
            return wrong
        previous = entry[0]
    return check_extra_size(extra, field)


def _extra_entry(known: tuple[str, ...], entry: object, previous: str, extra_field: str) -> Refused | None:
    if type(entry) is not tuple or len(entry) != 2:
        return _wrong_type(extra_field, entry, "name and JSON text")
    name, text = entry
    # Only a name known to be short and clean may stand in the name of a field.
    if wrong := _text(extra_field, name, _CUSTOM_NAME):
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


def _check_order_extra_bytes(extra: CustomFields, item_extras: Iterable[CustomFields]) -> Refused | None:
    given = [each for each in (extra, *item_extras) if each]  # mostly none
    return _check_extra_bytes("extra", sum(map(_extra_bytes, given))) if given else None


def _extra_bytes(extra: CustomFields) -> int:
    return sum([len(name.encode()) + len(text.encode()) for name, text in extra])


def _wrong_type(field: str, value: object, expected: str) -> Refused:
    return invalid(field, Problem.WRONG_TYPE, expected=expected, got=_TYPE_NAMES.get(type(value), "other"))


def _out_of_range(field: str, problem: Problem, value: int, limit: int) -> Refused:
    if value.bit_length() > _SHOWN_BITS_MAX:
        return invalid(field, problem, limit=limit)
    return invalid(field, problem, limit=limit, value=value)


def _names_something(command: SetOrderItems) -> Refused | None:
    return None if command.items or command.extra else invalid("items", Problem.MISSING)


def _changes_something(command: UpdateCustomer | UpdateProduct) -> Refused | None:
    unchanged = [getattr(command, name) == default for name, default in _CHANGES[type(command)]]
    return invalid("", Problem.NOTHING_TO_CHANGE) if all(unchanged) else None


def _brings_whole_credential(command: CreateCustomer) -> Refused | None:
    if (command.credential_id is None) == (command.secret_hash is None):
        return None
    return invalid("credential_id" if command.credential_id is None else "secret_hash", Problem.MISSING)


def _owner_of_credential(command: CreateCredential) -> Refused | None:
    if command.role == CallerRole.CUSTOMER:
        return invalid("customer_id", Problem.MISSING) if command.customer_id is None else None
    return None if command.customer_id is None else invalid("customer_id", Problem.UNKNOWN_FIELD)


def _order_size(command: CreateOrder | SetOrderItems) -> Refused | None:
    return _check_order_extra_bytes(command.extra, [item.extra for item in command.items])


_CHECKS_BY_RULE: Final[Mapping[type, Callable[[str, object, Any], Refused | None]]] = {
    TextRule: _text,
    CodeRule: _code,
    ChoiceRule: _choice,
    NumberRule: _number,
    ChangeRule: _change,
}

_BESIDE_FIELDS: Final[Mapping[tuple[type, str], Callable[[Any], Refused | None]]] = {
    (CreateCustomer, "secret_hash"): _brings_whole_credential,
    (CreateCredential, "customer_id"): _owner_of_credential,
    (UpdateCustomer, "expected_version"): _changes_something,
    (UpdateProduct, "expected_version"): _changes_something,
    (CreateOrder, "extra"): _order_size,
    (SetOrderItems, "items"): _names_something,
    (SetOrderItems, "extra"): _order_size,
}
"""What is asked of a command as a whole, once the field named and those before it are right."""


_CHANGES: Final[Mapping[type, tuple[tuple[str, Any], ...]]] = {
    command: tuple(
        (each.name, each.default) for each in describe(command) if not each.required and each.name != "expected_version"
    )
    for command in (UpdateCustomer, UpdateProduct)
}
"""The fields that such a command may change, with what they are where nothing is given."""


def _checks(record: type, level: int) -> tuple[_Check, ...]:
    """List what is asked of a command or an item by the rules of a level."""
    return tuple(
        _Check(each.name, each.optional, *_check_of(each, level), _BESIDE_FIELDS.get((record, each.name)))
        for each in describe(record)
    )


def _check_of(field: FieldType, level: int) -> tuple[Callable[..., Refused | None], Rule | Sequence[_Check] | None]:
    """Give the function that checks a field's value, and the rule that it checks by; None where it needs none."""
    match field.rule:
        case None if field.item is not None:
            return _items, _checks(field.item, level)
        case None:
            return _flag, None
        case IdRule():
            return check_id, None
        case CustomFieldsRule():
            return _extra, field.rule.at(level)
        case _:
            return _CHECKS_BY_RULE[type(field.rule)], field.rule


_CHECKS: Final[Mapping[int, Mapping[type, tuple[_Check, ...]]]] = {
    level: {command: _checks(command, level) for command in get_args(Command)}
    for level in range(FIRST_LEVEL, SUPPORTED_LEVEL + 1)
}

_PRINCIPAL_CHECKS: Final = _checks(Principal, SUPPORTED_LEVEL)
