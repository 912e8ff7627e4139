"""Reads for a portal's callers, from memory where that is allowed and from the leader otherwise."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self, TypeAlias

from prometheus_client import CollectorRegistry

from quitanda.cluster_client.answers import ReadAnswer, ReadItem
from quitanda.domain.model import Document, Kind

Key: TypeAlias = tuple[Kind, str]
"""A document's kind and id."""


class Consistency(StrEnum):
    """How fresh the answer to a read must be."""

    LINEARIZABLE = "linearizable"
    CACHED = "cached"


@dataclass(frozen=True, slots=True)
class Answer:
    """The documents in the order of their keys (None: absent), all as they were at `revision`."""

    revision: int
    documents: tuple[Document | None, ...]


class Reads(Protocol):
    """What the reader needs of a `ClusterClient`."""

    async def read(self, reads: Sequence[ReadItem], timeout: float) -> ReadAnswer:
        """See `ClusterClient.read`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """`staleness` (seconds) bounds the age of CACHED answers; `mqtt` is (host, port), None: no feed."""

    max_entries: int = 10_000
    staleness: float = 1.0
    mqtt: tuple[str, int] | None = None
    name: str = "portal"


class CachedReader:
    """Answers `get` from memory or from the leader; use `open_reader` to have one with its feed."""

    async def get(self, keys: Sequence[Key], consistency: Consistency, min_revision: int, timeout: float) -> Answer:
        """Read documents, all at one snapshot.

        CACHED answers are at most the staleness bound old and never older than `min_revision`, the
        highest revision that the caller's session has seen (0: none).

        Raises Unavailable, Overloaded, and Rejected where a replica refuses a key.
        """
        raise NotImplementedError

    def learned(self, changed: Document | Key, revision: int) -> None:
        """Take over what a write through this portal told: the document as it left it, or the key it deleted."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(self, *exc_info: object) -> None:
        raise NotImplementedError


def open_reader(
    cluster: Reads, options: ReaderOptions, *, registry: CollectorRegistry | None = None
) -> AbstractAsyncContextManager[CachedReader]:
    """Give a reader with its cache, its feed subscriber and its probe running, and end them at the end.

    async with open_reader(cluster, ReaderOptions(mqtt=("127.0.0.1", 7883))) as reader: ...
    """
    raise NotImplementedError
