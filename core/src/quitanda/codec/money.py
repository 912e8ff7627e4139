"""Prices: an exact integer number of minor units inside, a decimal number with two places outside."""

from decimal import Decimal
from functools import lru_cache
from typing import Final

from quitanda.codec.numbers import exact_number
from quitanda.domain.limits import MINOR_UNITS_PER_UNIT, PRICE_MAX
from quitanda.domain.outcomes import Problem, Refused, invalid

_DECIMALS: Final = 2
_INTEGER_DIGITS_MAX: Final = 15
"""Digits before the point beyond which a price is too large without computing it."""
_PRICES_KEPT: Final = 4096
"""Prices whose texts are kept: an order's items are written each time it changes, most with the prices they had."""


@lru_cache(maxsize=_PRICES_KEPT)
def format_price(minor: int) -> str:
    """Write minor units as a decimal number with two places: 1250 is "12.50"."""
    units, rest = divmod(abs(minor), MINOR_UNITS_PER_UNIT)
    return f"{'-' if minor < 0 else ''}{units}.{rest:02d}"


def parse_price(value: str | int | Decimal, field: str) -> int | Refused:
    """Read a decimal number (as a number or as its text) as minor units, exactly.

    More than two places are accepted only where they are zeros. Whether zero is a price is the rules' business.
    """
    number = exact_number(value)
    if number is None or not number.is_finite():
        return invalid(field, Problem.NOT_A_NUMBER)
    sign, digits, exponent = number.as_tuple()
    significant = "".join(map(str, digits)).strip("0")
    if not significant:
        return 0
    if sign:
        return invalid(field, Problem.NEGATIVE)
    if number.adjusted() >= _INTEGER_DIGITS_MAX:
        return _too_large(field)
    trailing_zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    places = -(int(exponent) + trailing_zeros)
    if places > _DECIMALS:
        return invalid(field, Problem.TOO_MANY_DECIMALS, limit=_DECIMALS)
    minor = int(significant) * 10 ** (_DECIMALS - places)
    return minor if minor <= PRICE_MAX else _too_large(field)


def _too_large(field: str) -> Refused:
    return invalid(field, Problem.TOO_LARGE, limit=format_price(PRICE_MAX))
