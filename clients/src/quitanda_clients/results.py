"""What the clients' methods return: documents of the domain, with the revision of the data that they come from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Generic, TypeVar

T = TypeVar("T")

TIMEOUT_DEFAULT: Final = 10.0
"""Seconds that a call may take, all attempts together."""

OnSlowCall = Callable[[str], None]
"""The client calls it once for each call without an answer after a second. The text says why there is none; it may be
empty."""


def ignore_slow_call(_reason: str) -> None:
    """Do nothing about a slow call."""


class Consistency(StrEnum):
    """How fresh the answer to a read must be."""

    LINEARIZABLE = "linearizable"
    """It contains every write that any portal acknowledged before the read began."""
    CACHED = "cached"
    """It may be up to one second old, but never older than what the same client saw before."""


@dataclass(frozen=True, slots=True)
class DocumentResult(Generic[T]):
    """A document as it is at `revision`; `request_id` is that of a write, whether the caller or the client chose it.

    `token` is what the holder of a new credential, or of one with a new secret, sends from now on; nobody can look it
    up later.
    """

    document: T
    revision: int
    request_id: str = field(default="", compare=False)
    token: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """A customer or product is deleted; the cascade cancelled or changed `orders_affected` orders."""

    revision: int
    orders_affected: int
    request_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """One page of a list; `next_page_token` is empty on the last page."""

    documents: tuple[T, ...]
    next_page_token: str
    revision: int


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A list from one snapshot, all pages together; `truncated` if the list is longer than the limit."""

    documents: tuple[T, ...]
    revision: int
    truncated: bool
