"""Numbers that a request over gRPC can carry: the others are refused before anything is sent, as a portal would."""

from typing import Final, TypeVar

from quitanda.codec.numbers import INT64_MAX
from quitanda.domain.limits import ITEM_QUANTITY_MAX, PAGE_SIZE_MAX, PRICE_MAX, QUANTITY_MAX, VERSION_MAX
from quitanda.domain.outcomes import Problem, invalid
from quitanda.errors import Rejected

_INT32_MAX: Final = 2**31 - 1
_UINT64_MAX: Final = 2**64 - 1

Number = TypeVar("Number", int, int | None)


def item_quantity(quantity: int, field: str = "quantity") -> int:
    """Let units of an order pass; raises Rejected, as all of these do, where no message can carry the number."""
    return _carried(field, quantity, ITEM_QUANTITY_MAX)


def product_quantity(quantity: Number) -> Number:
    """Let units on hand pass."""
    return _carried("quantity", quantity, QUANTITY_MAX)


def price(minor_units: Number) -> Number:
    """Let a price in minor units pass."""
    return _carried("price", minor_units, PRICE_MAX)


def delta(units: int) -> int:
    """Let units to add, or to take, pass."""
    if abs(units) > INT64_MAX:
        raise Rejected(invalid("delta", Problem.TOO_LARGE, limit=QUANTITY_MAX))
    return units


def version(expected_version: Number) -> Number:
    """Let a version that is expected pass."""
    return _carried("expected_version", expected_version, VERSION_MAX, lowest=0, largest=_UINT64_MAX)


def revision(min_revision: int) -> int:
    """Let the revision that a read must show pass."""
    return _carried("min_revision", min_revision, INT64_MAX, lowest=0, largest=_UINT64_MAX)


def page_size(size: int) -> int:
    """Let the size of a page pass."""
    return _carried("page_size", size, PAGE_SIZE_MAX, lowest=-_INT32_MAX, largest=_INT32_MAX)


def _carried(field: str, value: Number, limit: int, *, lowest: int = -INT64_MAX, largest: int = INT64_MAX) -> Number:
    """Let pass what the message can hold, `lowest` to `largest`; a refusal names the limit of the rules."""
    if value is None or lowest <= value <= largest:
        return value
    refusal = invalid(field, Problem.NEGATIVE, limit=0) if value < 0 else invalid(field, Problem.TOO_LARGE, limit=limit)
    raise Rejected(refusal)
