"""The fields of a form, derived from the command that it sends: how each is shown, written and read."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from quitanda.codec.money import parse_price
from quitanda.domain.field_types import ChangeRule, FieldType, Form, IdRule, NumberRule, TextRule
from quitanda.domain.limits import ID_LENGTH_MAX, TIMESTAMP_MS_MAX
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.errors import Rejected
from quitanda_clients.i18n import labels
from quitanda_clients.i18n.formats import Formats

TYPED_MOMENT: Final = "%Y-%m-%dT%H:%M"
"""A local time as browsers send it; people may type a blank for the T."""

_DIGITS_MAX: Final = 20
_SECONDS: Final = re.compile(r"(?<=T\d\d:\d\d):\d\d(\.\d{1,3})?$", re.ASCII)
"""What some browsers add to a local time."""
_MOMENT: Final = NumberRule(TIMESTAMP_MS_MAX)


def is_free_text(field: FieldType) -> bool:
    """Whether the text may have any length and line breaks."""
    return isinstance(field.rule, TextRule) and field.rule.free


def is_moment(field: FieldType) -> bool:
    """Whether it holds a time, which people type as `TYPED_MOMENT`, in the shop's zone."""
    return field.rule == _MOMENT


def field_hint(field: FieldType, translate: Callable[[str], str], formats: Formats) -> str:
    """Say what people should know before they type, such as the zone of a time; often nothing."""
    hint = translate(labels.HINTS[field.name]) if field.name in labels.HINTS else ""
    return f"{hint} ({formats.zone_name})" if hint and is_moment(field) else hint


def must_be_typed(field: FieldType) -> bool:
    """Whether a form cannot be sent without the field; a flag is always given, as what it is."""
    return field.required and field.form is not Form.FLAG


def length_max(field: FieldType) -> int | None:
    """Give the number of characters that a field has at most; None where it has no limit of its own."""
    match field.rule:
        case _ if is_moment(field):
            return len("2026-01-01T00:00")
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
    if is_moment(field):
        return formats.local(value).strftime(TYPED_MOMENT) if value else ""
    return formats.amount(value) if field.form is Form.MONEY else str(value)


def read_value(field: FieldType, text: str, formats: Formats) -> Any:
    """Read what was typed into a field; None where it may be left out and is. Rejected names the field."""
    if field.form is Form.FLAG:
        return bool(text)
    if field.form is Form.TEXT:
        text = text.replace("\r\n", "\n")
        return text if is_free_text(field) else text.strip()
    if is_moment(field):
        return read_moment(text.strip(), field.name, formats)
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


def read_moment(text: str, name: str, formats: Formats) -> int:
    """Read a local time of the shop, to the minute; 0 for an empty text. Milliseconds since 1970-01-01T00:00Z.

    Of a time that a change of the clocks brings twice the first one counts. Rejected where it is none.
    """
    if not text:
        return 0
    try:
        typed = _SECONDS.sub("", text.replace(" ", "T", 1))
        local = datetime.strptime(typed, TYPED_MOMENT)  # noqa: DTZ007 - the zone comes next
        seconds = int(local.replace(tzinfo=formats.zone).timestamp())
    except (ValueError, OverflowError):
        raise Rejected(invalid(name, Problem.MALFORMED)) from None
    if seconds < 0:
        raise Rejected(invalid(name, Problem.MALFORMED))
    return seconds * 1_000


def read_number(text: str, name: str) -> int:
    """Read a whole number; Rejected where it is none."""
    digits = text.strip().lstrip("+-")
    if not (digits.isascii() and digits.isdigit()) or len(text.strip()) - len(digits) > 1:
        is_decimal = digits.replace(".", "", 1).isdigit()
        raise Rejected(invalid(name, Problem.NOT_AN_INTEGER if is_decimal else Problem.NOT_A_NUMBER))
    if len(digits) > _DIGITS_MAX:
        raise Rejected(invalid(name, Problem.TOO_LARGE))
    return int(text)
