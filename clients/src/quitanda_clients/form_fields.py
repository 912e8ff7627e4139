"""The fields of a form, derived from the command that it sends: how each is shown, written and read."""

from typing import Any, Final

from quitanda.codec.money import parse_price
from quitanda.domain.field_types import ChangeRule, FieldType, Form, IdRule, NumberRule, TextRule
from quitanda.domain.limits import ID_LENGTH_MAX
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.errors import Rejected
from quitanda_clients.i18n.formats import Formats

_DIGITS_MAX: Final = 20


def is_free_text(field: FieldType) -> bool:
    """Whether the text may have any length and line breaks."""
    return isinstance(field.rule, TextRule) and field.rule.free


def must_be_typed(field: FieldType) -> bool:
    """Whether a form cannot be sent without the field; a flag is always given, as what it is."""
    return field.required and field.form is not Form.FLAG


def length_max(field: FieldType) -> int | None:
    """Give the number of characters that a field has at most; None where it has no limit of its own."""
    match field.rule:
        case TextRule(limit=limit):
            return limit
        case IdRule():
            return ID_LENGTH_MAX
        case NumberRule(limit=limit) | ChangeRule(limit=limit):
            return len(str(limit)) + 4  # a sign before it, a decimal sign, and signs between thousands
        case _:
            return None


def written_value(field: FieldType, value: Any, formats: Formats) -> str:
    """Write a value as people type it."""
    if value is None or value is False:
        return ""
    return formats.amount(value) if field.form is Form.MONEY else str(value)


def read_value(field: FieldType, text: str, formats: Formats) -> Any:
    """Read what was typed into a field; None where it may be left out and is. Rejected names the field."""
    if field.form is Form.FLAG:
        return bool(text)
    if field.form is Form.TEXT:
        text = text.replace("\r\n", "\n")
        return text if is_free_text(field) else text.strip()
    plain = formats.plain_amount(text)
    if not plain:
        if field.required:
            raise Rejected(invalid(field.name, Problem.MISSING))
        return None if field.optional else field.default
    if field.form is Form.MONEY:
        price = parse_price(plain, field.name)
        if isinstance(price, Refused):
            raise Rejected(price)
        return price
    return read_number(plain, field.name)


def read_number(text: str, name: str) -> int:
    """Read a whole number; Rejected where it is none."""
    digits = text.strip().lstrip("+-")
    if not (digits.isascii() and digits.isdigit()) or len(text.strip()) - len(digits) > 1:
        is_decimal = digits.replace(".", "", 1).isdigit()
        raise Rejected(invalid(name, Problem.NOT_AN_INTEGER if is_decimal else Problem.NOT_A_NUMBER))
    if len(digits) > _DIGITS_MAX:
        raise Rejected(invalid(name, Problem.TOO_LARGE))
    return int(text)
