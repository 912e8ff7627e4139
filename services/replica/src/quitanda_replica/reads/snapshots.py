"""The snapshots that reads use: always of a whole state, and open between the pages of a list, within bounds.

A reader that has proof of leadership can be slow to look. Meanwhile its replica may have lost the leadership, fallen
behind and begun to take over a newer state, in many steps. No snapshot shows such a state.
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from quitanda.errors import Unavailable
from quitanda_replica.raft.snapshot_receiver import INSTALL_KEY
from quitanda_replica.state.access import WalkableState
from quitanda_replica.state.key_cursor import KeyCursor
from quitanda_replica.state.store import Store


class StateSnapshot(WalkableState, Protocol):
    """Committed data at one moment; to be closed, as LevelDB keeps for it what was overwritten since."""

    def last_up_to(self, prefix: bytes, key: bytes) -> tuple[bytes, bytes] | None:
        """Give the last key with the prefix that is not behind `key`, and its value; None where there is none."""

    def cursor(self) -> KeyCursor:
        """Give what finds many keys one after another; for one thread, to be closed."""

    def close(self) -> None:
        """Give it up."""


class RefCountedSnapshot(AbstractContextManager["RefCountedSnapshot"]):
    """A snapshot with several users; the last one to release it closes it.

    `revision` is the log index of the state that it shows. Leaving the `with` block releases it.
    """

    def __init__(self, state: StateSnapshot, revision: int) -> None:
        self.state = state
        self.revision = revision
        self._users = 1
        self._lock = threading.Lock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def share(self) -> "RefCountedSnapshot":
        """One user more; to be called by one who uses it already."""
        with self._lock:
            self._users += 1
        return self

    def release(self) -> None:
        """One user less."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            self.state.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotBounds:
    """How many snapshots stay open, and for how long; times in seconds.

    `idle`: since the last page. `age`: since the list's beginning; ends a list that never ends, whose
    snapshot would keep ever more overwritten data on the disk. `shared_age`: a list that begins at the
    same revision uses the snapshot of an earlier one if that is not older.
    """

    number: int = 64
    idle: float = 60.0
    age: float = 600.0
    shared_age: float = 60.0


@dataclass(slots=True)
class _Kept:
    shared: RefCountedSnapshot
    opened: float
    used: float


class OpenSnapshots:
    """The snapshots kept for lists that have more pages, by id; the least recently used one goes first."""

    def __init__(self, bounds: SnapshotBounds | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds = bounds or SnapshotBounds()
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._by_revision: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, shared: RefCountedSnapshot) -> int:
        """Keep a snapshot (the caller still releases its own use) and give the id to borrow it by."""
        with self._lock:
            now = self._clock()
            known = self._by_revision.get(shared.revision)
            if known is not None and now - self._kept[known].opened <= self._bounds.shared_age:
                self._touch(known, now)
                return known
            snapshot_id = secrets.randbits(63)
            self._kept[snapshot_id] = _Kept(shared.share(), now, now)
            self._by_revision[shared.revision] = snapshot_id
            dropped = self._drop_expired(now)
        _release(dropped)
        return snapshot_id

    def borrow(self, snapshot_id: int) -> RefCountedSnapshot | None:
        """Give the snapshot, to be released by the caller; None where it is not kept any more."""
        with self._lock:
            now = self._clock()
            dropped = self._drop_expired(now)
            found = self._kept.get(snapshot_id)
            shared = None if found is None else found.shared.share()
            if shared is not None:
                self._touch(snapshot_id, now)
        _release(dropped)
        return shared

    def sweep(self) -> None:
        """Give up what is too old; called now and then, so that it happens without lists too."""
        with self._lock:
            dropped = self._drop_expired(self._clock())
        _release(dropped)

    def close(self) -> None:
        """Give up all."""
        with self._lock:
            dropped = [kept.shared for kept in self._kept.values()]
            self._kept.clear()
            self._by_revision.clear()
        _release(dropped)

    def _touch(self, snapshot_id: int, now: float) -> None:
        self._kept[snapshot_id].used = now
        self._kept.move_to_end(snapshot_id)

    def _drop_expired(self, now: float) -> list[RefCountedSnapshot]:
        bounds = self._bounds
        expired = [
            snapshot_id
            for snapshot_id, kept in self._kept.items()
            if now - kept.used > bounds.idle or now - kept.opened > bounds.age
        ]
        left = len(self._kept) - len(expired)
        fresh = (snapshot_id for snapshot_id in self._kept if snapshot_id not in expired)
        expired += [snapshot_id for snapshot_id, _ in zip(fresh, range(left - bounds.number), strict=False)]
        return [self._remove(snapshot_id) for snapshot_id in expired]

    def _remove(self, snapshot_id: int) -> RefCountedSnapshot:
        shared = self._kept.pop(snapshot_id).shared
        if self._by_revision.get(shared.revision) == snapshot_id:
            del self._by_revision[shared.revision]
        return shared


def _release(snapshots: list[RefCountedSnapshot]) -> None:
    """Outside the lock: closing a snapshot takes LevelDB's own."""
    for snapshot in snapshots:
        snapshot.release()


class ConsistentSnapshots:
    """The store's snapshots, where they show a whole state."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def snapshot(self) -> StateSnapshot:
        """Freeze the state of this moment. Raises Unavailable."""
        snapshot = self._store.snapshot()
        if snapshot.get(INSTALL_KEY) is None:
            return snapshot
        snapshot.close()
        raise Unavailable("this replica is taking over its state from another one")
