"""Finding many keys of a snapshot, at places that the caller names: one search in LevelDB for each, and no value."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, TypeAlias

FoundKey: TypeAlias = bytes | None


class RawIterator(Protocol):
    """What plyvel and its fork call so; the only way to jump in a snapshot without a new iterator for each place."""

    def valid(self) -> bool:
        """Whether it is at a key."""

    def seek(self, target: bytes) -> None:
        """Go to the first key that is not before the target, or behind all keys."""

    def seek_to_last(self) -> None:
        """Go to the last key."""

    def prev(self) -> None:
        """Go to the key before, or before all keys."""

    def key(self) -> bytes:
        """Give the key."""

    def close(self) -> None:
        """Give it up."""


class KeyCursor(AbstractContextManager["KeyCursor"]):
    """For one thread, to be closed; `StoreSnapshot.cursor` makes it."""

    def __init__(self, walk: RawIterator, guarded: Callable[[Callable[[], FoundKey]], FoundKey]) -> None:
        """`guarded` runs what it is given, and turns failures of LevelDB into StoreFailed."""
        self._walk = walk
        self._guarded = guarded

    def first_from(self, prefix: bytes, key: bytes) -> FoundKey:
        """Return the first key under `prefix` that is not before `key`, or None. Raises StoreFailed."""
        return self._guarded(lambda: self._under(prefix, self._seek(key)))

    def last_up_to(self, prefix: bytes, key: bytes) -> FoundKey:
        """Return the last key under `prefix` that is not behind `key`, or None. Raises StoreFailed."""
        return self._guarded(lambda: self._under(prefix, self._seek_back(key)))

    def _seek(self, key: bytes) -> bool:
        self._walk.seek(key)
        return self._walk.valid()

    def _seek_back(self, key: bytes) -> bool:
        if not self._seek(key):
            self._walk.seek_to_last()
        elif self._walk.key() != key:
            self._walk.prev()
        return self._walk.valid()

    def _under(self, prefix: bytes, found: bool) -> FoundKey:
        if not found:
            return None
        key = self._walk.key()
        return key if key.startswith(prefix) else None

    def close(self) -> None:
        """Give it up; closing twice is allowed."""
        self._walk.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
