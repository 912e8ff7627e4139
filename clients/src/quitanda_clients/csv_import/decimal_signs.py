"""Reads numbers as spreadsheets of different countries write them: with a decimal point or a decimal comma.

A number such as `1.234` is a thousand and more in one country and little more than one in another. The other numbers of
the file decide; if they do not, the import refuses the number.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class DecimalSign(StrEnum):
    """The sign before the decimals; the values are those of --decimal."""

    POINT = "point"
    COMMA = "comma"


_GROUP_SPACES: Final = str.maketrans("", "", " \u00a0\u202f\u2009'\u2019")
"""Signs that only ever separate thousands."""

_SPACED: Final = re.compile(r"[+-]?[0-9]{1,3}(?:[ \u00a0\u202f\u2009'\u2019][0-9]{3})+(?:[.,][0-9]+)?", re.ASCII)
_AMBIGUOUS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}", re.ASCII)
_CURRENCY_BEFORE: Final = re.compile(r"(?:R\$|€|[A-Z]{3})[ \u00a0]?")
_CURRENCY_AFTER: Final = re.compile(r"[ \u00a0]?(?:R\$|€|[A-Z]{3})$")


def _form(group: str, decimal: str) -> re.Pattern[str]:
    return re.compile(rf"[+-]?(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+)(?:{decimal}[0-9]+)?", re.ASCII)


_FORMS: Final = {DecimalSign.POINT: _form(",", r"\."), DecimalSign.COMMA: _form(r"\.", ",")}


def without_currency(text: str) -> tuple[str, str]:
    """Split a price into its number and the currency before or after it (`R$`, `€`, or three letters)."""
    number = text.strip()
    if number[:1].isdigit() and number[-1:].isdigit():
        return number, ""
    for found in (_CURRENCY_BEFORE.match(number), _CURRENCY_AFTER.search(number)):
        rest = "" if found is None else (number[: found.start()] + number[found.end() :]).strip()
        if found is not None and rest[:1].isdigit():
            return rest, found.group().strip(" \u00a0")
    return number, ""


def shown_by(text: str) -> DecimalSign | None:
    """Tell which sign this number must have before its decimals; None if both are possible, or it is not a number."""
    number = _joined(text)
    if "." not in number and "," not in number:
        return None
    possible = [sign for sign, form in _FORMS.items() if form.fullmatch(number)]
    return possible[0] if len(possible) == 1 else None


def ambiguous(text: str) -> bool:
    """Tell whether a number means one thing with a decimal point and another one with a decimal comma."""
    return _AMBIGUOUS.fullmatch(_joined(text)) is not None


def shown_by_all(texts: Iterable[str]) -> set[DecimalSign]:
    """Collect what the numbers of a file show."""
    return {sign for text in texts if (sign := shown_by(text)) is not None}


def plain(text: str, sign: DecimalSign) -> str | None:
    """Write a number with digits and at most one point; None if it is not a number with this decimal sign."""
    number = _joined(text)
    if _FORMS[sign].fullmatch(number) is None:
        return None
    group, decimal = (",", ".") if sign is DecimalSign.POINT else (".", ",")
    return number.replace(group, "").replace(decimal, ".")


def _joined(text: str) -> str:
    """Remove signs that only ever separate thousands."""
    stripped = text.strip()
    if stripped.isdigit():
        return stripped
    return stripped.translate(_GROUP_SPACES) if _SPACED.fullmatch(stripped) else stripped
