"""Simulated disks: what is committed survives every crash, what is only staged survives none.

A disk may be damaged. Then LevelDB's checksums do not match: whoever reads the value that is damaged, or opens a
database whose last batch is there in part, is told so (`store.Store` opens it with paranoid checks).
"""

from collections import deque
from random import Random

from quitanda_replica.raft.learner import JOINED_KEY
from quitanda_replica.state.store import StoreFailed

UNSYNCED_BATCHES_MAX = 40


class Crash(BaseException):
    """The replica dies here and now. Not an Exception: nothing in the replica may survive it."""


class SimulatedDisk:
    """One replica's disk, as it is found after a crash."""

    def __init__(self, name: str, *, synced: bool = True):
        self.name = name
        self.content: dict[bytes, bytes] = {}
        self._synced = synced
        self._undo: deque[dict[bytes, bytes | None]] = deque(maxlen=UNSYNCED_BATCHES_MAX)
        """How to undo the batches that the disk has not been made to write yet, the oldest first."""
        self.damaged: set[bytes] = set()
        """Keys whose stored values do not match their checksums."""
        self.torn = False
        """The last batch is there in part."""
        self.altered = False
        """A value is another one, and no checksum says so."""

    def write(self, batch: dict[bytes, bytes | None]) -> None:
        """Take one batch, wholly."""
        if not self._synced:
            self._undo.append({key: self.content.get(key) for key in batch})
        self._apply(batch)

    def lose_power(self, chance: Random) -> None:
        """Forget what was not synced: some of the last batches, the newest of them first."""
        for _ in range(chance.randint(0, len(self._undo))):
            self._apply(self._undo.pop())
        self._undo.clear()

    def wipe(self) -> None:
        """Be replaced by a blank one."""
        self.replace_by({})

    def replace_by(self, content: dict[bytes, bytes]) -> None:
        """Be replaced by one with this content."""
        self.content = dict(content)
        self._undo.clear()
        self.damaged.clear()
        self.torn = self.altered = False

    @property
    def whole(self) -> bool:
        """False where a replica that uses this disk must stop."""
        return not self.damaged and not self.torn and not self.altered

    def alter(self, prefix: bytes) -> None:
        """Misspell what is stored under `prefix`, as if it had been written so."""
        self.altered = True
        for key, value in self.content.items():
            if key.startswith(prefix):
                self.content[key] = value.replace(b"product", b"produkt")

    def check(self, keys) -> None:
        """Compare what is read with its checksums. Raises StoreFailed."""
        if self.damaged and not self.damaged.isdisjoint(keys):
            raise StoreFailed("a checksum does not match")

    @property
    def counts(self) -> bool:
        """False while a replica that begins with this disk knows that it may have forgotten something."""
        return JOINED_KEY in self.content

    def _apply(self, batch: dict[bytes, bytes | None]) -> None:
        for key, value in batch.items():
            if value is None:
                self.content.pop(key, None)
            else:
                self.content[key] = value
        if self.damaged:
            self.damaged.difference_update(batch)


class SimulatedSnapshot:
    """`store.StoreSnapshot` over a disk."""

    def __init__(self, disk: SimulatedDisk):
        self._disk = disk
        self._content = dict(disk.content)

    def get(self, key):
        self._disk.check((key,))
        return self._content.get(key)

    def scan(self, prefix, after=None, limit=None):
        found = _under(self._content, prefix, after)[:limit]
        self._disk.check(key for key, _ in found)
        return found

    def iterate(self, prefix, after=None):
        return iter(self.scan(prefix, after))

    def close(self):
        self._content = {}


class SimulatedStore:
    """`store.Store` over a disk. Its commits and what happens around them are told to the host."""

    def __init__(self, disk: SimulatedDisk, host):
        """Open the database. Raises StoreFailed."""
        if disk.torn:
            raise StoreFailed("the write-ahead file ends in the middle of a record")
        self._disk = disk
        self._host = host
        self._staged: dict[bytes, bytes | None] = {}

    def get(self, key):
        if key in self._staged:
            return self._staged[key]
        self._disk.check((key,))
        return self._disk.content.get(key)

    def put(self, key, value):
        self._staged[key] = bytes(value)

    def delete(self, key):
        self._staged[key] = None

    def scan(self, prefix, after=None, limit=None):
        merged: dict[bytes, bytes | None] = {}
        merged |= {key: value for key, value in self._disk.content.items() if key.startswith(prefix)}
        merged |= {key: value for key, value in self._staged.items() if key.startswith(prefix)}
        found = _under({key: value for key, value in merged.items() if value is not None}, prefix, after)[:limit]
        self._disk.check(key for key, _ in found if key not in self._staged)
        return found

    @property
    def staged(self):
        return len(self._staged)

    @property
    def congested(self):
        return self._host.disk_lags()

    def commit(self):
        self._host.before_commit()
        if not self._staged:
            return
        batch, self._staged = self._staged, {}
        self._host.step("write")
        self._disk.write(batch)
        self._host.wrote(batch)
        self._host.step("written")

    def snapshot(self):
        return SimulatedSnapshot(self._disk)

    def close(self):
        self._staged = {}


def _under(content, prefix, after):
    keys = sorted(key for key in content if key.startswith(prefix) and (after is None or key > after))
    return [(key, content[key]) for key in keys]
