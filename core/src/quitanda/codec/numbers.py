"""Which numbers are whole, and how large they may be: one rule, whoever wrote them.

A number counts by its value, not by how it is written. A JSON number may have any notation of JSON: `2`, `2.0` and
`2e0` are the same. A text (a CSV cell, an argument of a command, a text in the course's data) has digits, perhaps
a sign before them, and perhaps a point and decimals behind them: `5`, `+5` and `5.0` are the same; `5e0`, ` 5` and
`5,0` are no numbers. Pure.
"""

import re
from decimal import Decimal
from typing import Final

from quitanda.domain.outcomes import Problem, Refused, invalid

INT64_MAX: Final = 2**63 - 1
"""What a whole number in a request can be at most; the rules' own bounds are tighter."""

_TEXT: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_LENGTH_SHOWN: Final = 64


def exact_number(value: str | int | Decimal) -> Decimal | None:
    """Read a number, or its text of digits with a sign or a point, as an exact decimal; None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return Decimal(value) if _TEXT.fullmatch(value) else None
    return Decimal(value)


def whole_number(value: str | int | Decimal, field: str, limit: int = INT64_MAX) -> int | Refused:
    """Read a number, or its text, that must be whole, as an integer of 64 bits.

    A number that does not even fit there is refused with the field's own `limit`, or as negative; one that fits is
    for the rules to judge.
    """
    number = exact_number(value)
    if number is None or not number.is_finite():
        return invalid(field, Problem.NOT_A_NUMBER)
    if number > INT64_MAX:
        return invalid(field, Problem.TOO_LARGE, limit=limit)
    if number < -INT64_MAX:
        return invalid(field, Problem.NEGATIVE, limit=0)
    if number != int(number):
        return invalid(field, Problem.NOT_AN_INTEGER, value=str(value)[:_LENGTH_SHOWN])
    return int(number)
