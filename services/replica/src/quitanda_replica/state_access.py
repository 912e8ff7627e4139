"""How the replicated state is reached, and what is raised where it cannot be."""

from typing import Protocol


class StateCorrupt(Exception):  # noqa: N818 - a fact, like the other names of what can go wrong
    """The stored state cannot be read, or contradicts itself. The replica must stop: going on would diverge."""


class StateReader(Protocol):
    """Reading keys and values: the store (which sees staged changes) or a snapshot (committed ones only)."""

    def get(self, key: bytes) -> bytes | None:
        """Give the key's value, or None."""

    def scan(self, prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` keys with the prefix and their values, ascending, those greater than `after` only."""


class StateStore(StateReader, Protocol):
    """Reading, and staging changes that the Raft thread makes durable later."""

    def put(self, key: bytes, value: bytes) -> None:
        """Stage a value."""

    def delete(self, key: bytes) -> None:
        """Stage the removal of a key; no error where there is none."""


class GuardedStore:
    """A store whose every failure is a StateCorrupt.

    Rules that fail are an outcome, alike on every replica; a disk that fails is this replica's own and must
    stop it. Both pass through the same code, so failures of the store are marked where they arise.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store

    def get(self, key: bytes) -> bytes | None:
        """Give the key's value, or None."""
        try:
            return self._store.get(key)
        except Exception as error:
            raise _marked(key) from error

    def scan(self, prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
        """Keys and values, as StateReader."""
        try:
            return self._store.scan(prefix, after, limit)
        except Exception as error:
            raise _marked(prefix) from error

    def put(self, key: bytes, value: bytes) -> None:
        """Stage a value."""
        try:
            self._store.put(key, value)
        except Exception as error:
            raise _marked(key) from error

    def delete(self, key: bytes) -> None:
        """Stage the removal of a key."""
        try:
            self._store.delete(key)
        except Exception as error:
            raise _marked(key) from error


def _marked(key: bytes) -> StateCorrupt:
    return StateCorrupt(f"the store failed at key {key!r}")
