"""Checks of single values: whatever Python value a field holds, what is wrong with it, or None.

All checks are total: they take values of any type and answer with a refusal or None, never with an exception. Which
check a field gets follows from its type (`field_types`); `validation` applies them to whole commands.

Character classes are spelled out instead of asked of Python's Unicode database, which differs
between Python versions: replicas that run different ones must still agree.

Facts in the details, beside `problem`: `limit` (the highest value or length allowed), `length`
(characters, bytes or entries that there are), `value` (the number at fault), `position` (index of the
first character at fault), `expected` and `got` (types, by their names in JSON).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from quitanda.domain.field_types import ChangeRule, ChoiceRule, CodeRule, CustomFieldsRule, NumberRule, TextRule
from quitanda.domain.limits import (
    EXTRA_BYTES_MAX,
    EXTRA_FIELDS_MAX,
    EXTRA_NAME_LENGTH_MAX,
    ID_LENGTH_MAX,
    ID_PATTERN,
)
from quitanda.domain.model import CustomFields
from quitanda.domain.outcomes import Problem, Refused, invalid

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
_SHOWN_BITS_MAX: Final = 64  # longer numbers are not repeated in an answer; Python even refuses to print some


def check_id(field: str, value: object) -> Refused | None:
    """Say what is wrong with the id of a document or of a request, or None."""
    if type(value) is str and len(value) <= ID_LENGTH_MAX and _ID.fullmatch(value):
        return None  # first, as nearly every id is right
    if type(value) is not str:
        return wrong_type(field, value, "string")
    if not value:
        return invalid(field, Problem.MISSING)
    if len(value) > ID_LENGTH_MAX:
        return invalid(field, Problem.TOO_LONG, limit=ID_LENGTH_MAX, length=len(value))
    valid_part = _ID.match(value)
    return invalid(field, Problem.ALPHABET, position=valid_part.end() if valid_part else 0)


def _text(field: str, value: object, rule: TextRule) -> Refused | None:
    if type(value) is not str:
        return wrong_type(field, value, "string")
    if len(value) > rule.limit:
        return invalid(field, Problem.TOO_LONG, limit=rule.limit, length=len(value))
    if not rule.free and _BLANK.fullmatch(value):
        return invalid(field, Problem.MISSING)
    return _characters(field, value, _CONTROL_IN_TEXT if rule.free else _CONTROL)


def _code(field: str, value: object, rule: CodeRule) -> Refused | None:
    if type(value) is not str:
        return wrong_type(field, value, "string")
    if not value:
        return invalid(field, Problem.MISSING)
    well_formed = len(value) == rule.length and not value.strip(rule.alphabet)
    return None if well_formed else invalid(field, Problem.MALFORMED)


def _choice(field: str, value: object, rule: ChoiceRule) -> Refused | None:
    if type(value) is not str:
        return wrong_type(field, value, "string")
    if not value:
        return invalid(field, Problem.MISSING)
    return None if value in rule.choices else invalid(field, Problem.UNKNOWN_VALUE, choices=", ".join(rule.choices))


def check_number(field: str, value: object, rule: NumberRule) -> Refused | None:
    """Say what is wrong with a whole number that may not be negative, or None."""
    if type(value) is not int:
        return wrong_type(field, value, "integer")
    if rule.positive and value == 0:
        return invalid(field, Problem.ZERO)
    if value < 0:
        return out_of_range(field, Problem.NEGATIVE, value, 0)
    return out_of_range(field, Problem.TOO_LARGE, value, rule.limit) if value > rule.limit else None


def _change(field: str, value: object, rule: ChangeRule) -> Refused | None:
    if type(value) is not int:
        return wrong_type(field, value, "integer")
    if value == 0:
        return invalid(field, Problem.ZERO)
    return out_of_range(field, Problem.TOO_LARGE, value, rule.limit) if abs(value) > rule.limit else None


def check_flag(field: str, value: object) -> Refused | None:
    """Say what is wrong with a value that must be true or false, or None."""
    return None if type(value) is bool else wrong_type(field, value, "boolean")


def _extra(field: str, extra: object, rule: CustomFieldsRule) -> Refused | None:
    if type(extra) is not tuple:
        return wrong_type(field, extra, "list")
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
        return wrong_type(extra_field, entry, "name and JSON text")
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
        return wrong_type(field, text, "string")
    if not text:
        return invalid(field, Problem.MISSING)
    if len(text) > EXTRA_BYTES_MAX:
        return invalid(field, Problem.TOO_LARGE, limit=EXTRA_BYTES_MAX, length=len(text))
    return _characters(field, text, _CONTROL_IN_JSON)


def _characters(field: str, value: str, control: re.Pattern[str]) -> Refused | None:
    if value.isascii() and value.isprintable():  # of ASCII alone, which no version of Python sees differently
        return None
    if surrogate := _SURROGATE.search(value):
        return invalid(field, Problem.NOT_UTF8, position=surrogate.start())
    if found := control.search(value):
        return invalid(field, Problem.CONTROL_CHARACTER, position=found.start())
    return None


def check_extra_size(extra: CustomFields, field: str = "extra") -> Refused | None:
    """Say whether unknown fields are too many or too large for one document or item; their types are right."""
    if len(extra) > EXTRA_FIELDS_MAX:
        return invalid(field, Problem.TOO_MANY, limit=EXTRA_FIELDS_MAX, length=len(extra))
    return _check_extra_bytes(field, _extra_bytes(extra))


def check_order_extra_size(extra: CustomFields, item_extras: Iterable[CustomFields]) -> Refused | None:
    """Say whether an order's unknown fields are too many, or together with its items' too large."""
    if wrong := check_extra_size(extra):
        return wrong
    return check_order_extra_bytes(extra, item_extras)


def check_order_extra_bytes(extra: CustomFields, item_extras: Iterable[CustomFields]) -> Refused | None:
    """Say whether an order's unknown fields are too large together with its items', or None."""
    given = [each for each in (extra, *item_extras) if each]  # mostly none
    return _check_extra_bytes("extra", sum(map(_extra_bytes, given))) if given else None


def _check_extra_bytes(field: str, size: int) -> Refused | None:
    return invalid(field, Problem.TOO_LARGE, limit=EXTRA_BYTES_MAX, length=size) if size > EXTRA_BYTES_MAX else None


def _extra_bytes(extra: CustomFields) -> int:
    return sum([len(name.encode()) + len(text.encode()) for name, text in extra])


def wrong_type(field: str, value: object, expected: str) -> Refused:
    """Refuse a value that is of another type than `expected`, which is the type's name in JSON."""
    return invalid(field, Problem.WRONG_TYPE, expected=expected, got=_TYPE_NAMES.get(type(value), "other"))


def out_of_range(field: str, problem: Problem, value: int, limit: int) -> Refused:
    """Refuse a number for what `problem` says; the details name the limit, and the number where it is not huge."""
    if value.bit_length() > _SHOWN_BITS_MAX:
        return invalid(field, problem, limit=limit)
    return invalid(field, problem, limit=limit, value=value)


CHECKS_BY_RULE: Final[Mapping[type, Callable[[str, object, Any], Refused | None]]] = {
    TextRule: _text,
    CodeRule: _code,
    ChoiceRule: _choice,
    NumberRule: check_number,
    ChangeRule: _change,
    CustomFieldsRule: _extra,
}
"""The check of a value, by the type of the rule for its field."""
