"""How the replicated state is reached, and what is raised where it cannot be."""

from collections.abc import Iterator
from typing import Protocol


class StateCorrupt(Exception):
    """The stored state cannot be read, or contradicts itself. The replica must stop: going on would diverge."""


class StateReader(Protocol):
    """Reading keys and values: the store (which sees staged changes) or a snapshot (committed ones only)."""

    def get(self, key: bytes) -> bytes | None:
        """Give the key's value, or None."""

    def scan(self, prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` keys with the prefix and their values, ascending, those greater than `after` only."""


class WalkableState(StateReader, Protocol):
    """Reading a state that does not change meanwhile: a snapshot."""

    def iterate(self, prefix: bytes, after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys with the prefix and their values, ascending, those greater than `after` only."""


class StateStore(StateReader, Protocol):
    """Reading, and staging changes that the Raft thread makes durable later."""

    def put(self, key: bytes, value: bytes) -> None:
        """Stage a value."""

    def delete(self, key: bytes) -> None:
        """Stage the removal of a key; no error where there is none."""
