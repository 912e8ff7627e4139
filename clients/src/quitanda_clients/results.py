"""What clients answer with, and when: documents of the domain, and the revision of the data they come from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Generic, TypeVar

T = TypeVar("T")

TIMEOUT_DEFAULT: Final = 10.0
"""Seconds that a call may take in all, however often it is tried."""


Slow = Callable[[str], None]
"""Hears, once for each call without an answer after a second, why there is none so far; empty if not known."""


def unnoticed(_trouble: str) -> None:
    """Tell nobody."""


class Consistency(StrEnum):
    """How fresh the answer to a read must be."""

    LINEARIZABLE = "linearizable"
    """Contains every write that was acknowledged, through any portal, before the read began."""
    CACHED = "cached"
    """May be up to one second old, but never older than what the same client saw before."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A document as it is at `revision`; `request_id` is the one that a write had, also where the client chose it."""

    document: T
    revision: int
    request_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Deleted:
    """A customer or product is gone; `orders_affected` counts the orders that the cascade cancelled or changed."""

    revision: int
    orders_affected: int
    request_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `next_page_token` is empty on the last one."""

    documents: tuple[T, ...]
    next_page_token: str
    revision: int


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """All pages of a list, from one snapshot; `truncated` where there is more than was asked for."""

    documents: tuple[T, ...]
    revision: int
    truncated: bool
