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

    def iterate(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys with the prefix and their values, ascending."""


class StateStore(StateReader, Protocol):
    """Reading, and staging changes that the Raft thread makes durable later."""

    def put(self, key: bytes, value: bytes) -> None:
        """Stage a value."""

    def delete(self, key: bytes) -> None:
        """Stage the removal of a key; no error where there is none."""


class EntryStore:
    """The store while one log entry is applied: reads each key once, and turns every failure into StateCorrupt.

    Rules that fail are an outcome, alike on every replica; a disk that fails is this replica's own and must
    stop it. Both pass through the same code, so failures of the store are marked where they arise. Reading
    once matters because LevelDB lets other threads run meanwhile, and getting the interpreter back takes time.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._known: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """Give the key's value, or None."""
        if key in self._known:
            return self._known[key]
        try:
            value = self._known[key] = self._store.get(key)
        except Exception as error:
            raise _marked(key, error) from error
        return value

    def scan(self, prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
        """Keys and values, as StateReader."""
        try:
            return self._store.scan(prefix, after, limit)
        except Exception as error:
            raise _marked(prefix, error) from error

    def put(self, key: bytes, value: bytes) -> None:
        """Stage a value."""
        try:
            self._store.put(key, value)
        except Exception as error:
            raise _marked(key, error) from error
        self._known[key] = value

    def delete(self, key: bytes) -> None:
        """Stage the removal of a key."""
        try:
            self._store.delete(key)
        except Exception as error:
            raise _marked(key, error) from error
        self._known[key] = None


def _marked(key: bytes, error: Exception) -> StateCorrupt:
    return StateCorrupt(f"the store failed at key {key!r}: {error}")
