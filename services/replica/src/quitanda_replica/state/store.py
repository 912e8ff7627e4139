"""The replica's disk: one LevelDB with the log, Raft's own state and the replicated state.

Every change is staged in memory and becomes durable in `commit`, as ONE synced WriteBatch. One database
and one kind of write, because LevelDB closes a full write-ahead file without syncing it (`MakeRoomForWrite`
in its `db_impl.cc`): an older unsynced batch could be lost while a newer synced one survives. And because
truncating the log, cutting it, or applying an entry together with its index are then atomic for free.

Key prefixes: b"L" log entries, b"M" Raft's own state and the applied index, b"S" replicated state,
b"I" chunks of a snapshot that is being received.

The raft thread owns the store: `get`, `scan`, `put`, `delete` and `commit` see and change what is staged.
Other threads read only through `snapshot`, which shows committed data alone.

LevelDB is reached through plyvel where it is published for this Python and machine, and through plyvel-next, the fork
that is kept up and has the same interface, everywhere else (pyproject.toml). Their files are the same.
"""

import errno
import os
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from quitanda_replica.distribution import SECONDS, Distribution
from quitanda_replica.state.data_folder import DataFolder, DirectorySync, FolderLost
from quitanda_replica.state.key_cursor import KeyCursor
from quitanda_replica.state.recent_values import RecentValues

if TYPE_CHECKING:
    import plyvel as leveldb
    from plyvel._plyvel import Snapshot
else:
    try:
        import plyvel as leveldb
    except ModuleNotFoundError:
        import plyvel_next as leveldb

MIB: Final = 1024 * 1024
WRITE_BUFFER_BYTES: Final = 16 * MIB
"""In memory twice, while one is written to a table; young tables have this size.

Each young table is merged with nearly all of the next level, since changes are spread over all keys: so the merging of
a large state costs less where young tables are larger and fewer (docs/PERFORMANCE.md, Growth).
"""
BLOCK_CACHE_BYTES: Final = 32 * MIB
TABLE_BYTES: Final = 8 * MIB
COMPRESSION: Final = None
"""With Snappy, merging a large state would cost a third more; without it, the disk holds three times as much."""
OPEN_FILES_MAX: Final = 1_000
"""LevelDB keeps ten tables fewer than this open: 7.7 GiB with TABLE_BYTES each, the state of some five million orders.

It maps them into memory, which the kernel takes back when it needs it, and closes their files. What a replica itself
holds of an open table, index and filter, is some 120 KiB. A lookup in a table that is not open costs ten times as much:
the table is opened, mapped, its index and its filter are read and checked. LevelDB maps a thousand tables at most; of
more it would keep the files open.
"""
YOUNG_TABLES_MAX: Final = 6
"""LevelDB slows writers down at 8 tables of level 0, and stops them at 12."""
_YOUNG_TABLES: Final = b"leveldb.num-files-at-level0"
BLOOM_FILTER_BITS: Final = 10
"""Per key; most reads of absent documents then touch no disk block (1 % false positives)."""

_FAILURES: Final = (leveldb.Error, OSError, RuntimeError)
"""What LevelDB, the disk, and a database that is closed already raise."""

TOO_MANY_FILES: Final = (errno.EMFILE, errno.ENFILE)

_T = TypeVar("_T")
Pair = tuple[bytes, bytes]


class StoreFailed(Exception):
    """The disk or the database failed; what is durable is no longer known, so the replica must stop."""


class DataFolderLost(StoreFailed):
    """The data folder was removed or replaced under the running process; the text says what was found."""


class StoreDamaged(StoreFailed):
    """What is on the disk is not what was written."""


class StoreInUse(StoreFailed):
    """Another process has the data folder."""


class TooManyFiles(StoreFailed):
    """The process, or the machine, may open no more files; nothing is wrong with the disk."""


class StoreSnapshot:
    """Committed data as it was at one moment; usable from any thread, one thread at a time. Close it."""

    def __init__(self, snapshot: "Snapshot") -> None:
        self._snapshot = snapshot

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, or None. Raises StoreFailed."""
        return _guarded(lambda: self._snapshot.get(key, verify_checksums=True))

    def scan(self, prefix: bytes, after: bytes | None = None, limit: int | None = None) -> list[Pair]:
        """Return up to `limit` pairs under `prefix`, by key, behind the key `after`. Raises StoreFailed."""
        return _take(self.iterate(prefix, after), limit)

    def iterate(self, prefix: bytes, after: bytes | None = None) -> Iterator[Pair]:
        """Yield the pairs under `prefix` by key, without filling the block cache: for walks over everything.

        Raises StoreFailed.
        """
        start = prefix if after is None else max(after, prefix)
        try:
            walk = self._snapshot.iterator(
                start=start, include_start=after is None or after < prefix, verify_checksums=True, fill_cache=False
            )
            for key, value in walk:
                if not key.startswith(prefix):
                    return
                yield key, value
        except _FAILURES as error:
            raise _failed(error) from error

    def last_up_to(self, prefix: bytes, key: bytes) -> Pair | None:
        """Return the last pair under `prefix` whose key is not behind `key`, or None. Raises StoreFailed."""
        walk = _guarded(
            lambda: next(
                self._snapshot.iterator(
                    start=prefix, stop=key, include_stop=True, reverse=True, verify_checksums=True, fill_cache=False
                ),
                None,
            )
        )
        return walk if walk is not None and walk[0].startswith(prefix) else None

    def cursor(self) -> KeyCursor:
        """Return what finds many keys one after another; for one thread, to be closed. Raises StoreFailed."""
        return KeyCursor(_guarded(lambda: self._snapshot.raw_iterator(verify_checksums=True)), _guarded)

    def close(self) -> None:
        """Let LevelDB drop the versions that only this snapshot needs; closing twice is allowed."""
        self._snapshot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Store:
    """Staged changes over LevelDB; see the module's text for who may call what."""

    def __init__(self, database: leveldb.DB, folder: DataFolder, names: DirectorySync) -> None:
        self._database = database
        self._folder = folder
        self._directory_sync = names
        self._recent = RecentValues()
        self._staged: dict[bytes, bytes | None] = {}
        self._staged_keys: list[bytes] = []
        self._new_keys: list[bytes] = []
        """Staged keys that are not in order among the others yet: only a scan needs that."""
        self.commit_seconds = Distribution(SECONDS)
        """How long each batch took to be put together, written and synced."""
        self.sync_seconds = Distribution(SECONDS)
        """The part of it in which LevelDB wrote the batch and the disk synced it."""

    @classmethod
    def open(cls, path: Path | str, *, write_buffer_bytes: int = WRITE_BUFFER_BYTES) -> Self:
        """Open the database in the folder `path`, made if missing. Raises StoreFailed.

        `write_buffer_bytes`: so much is kept in memory and in one write-ahead file before a table is written.

        Paranoid checks are on: without them LevelDB drops a damaged record of its write-ahead file and goes
        on with the next one, which would be an acknowledged write lost in silence. With them such a
        file is refused; the replica is then replaced like one that lost its disk (docs/OPERATIONS.md).
        """
        try:
            Path(path).mkdir(parents=True, exist_ok=True)
            database = leveldb.DB(
                str(path),
                create_if_missing=True,
                paranoid_checks=True,
                write_buffer_size=write_buffer_bytes,
                lru_cache_size=BLOCK_CACHE_BYTES,
                max_open_files=OPEN_FILES_MAX,
                max_file_size=TABLE_BYTES,
                compression=COMPRESSION,
                bloom_filter_bits=BLOOM_FILTER_BITS,
            )
            folder = DataFolder(Path(path))
            return cls(database, folder, DirectorySync.of(folder, Path(path)))
        except (leveldb.Error, OSError) as error:
            raise _not_opened(path, error) from error

    def get(self, key: bytes) -> bytes | None:
        """Return the staged or stored value of `key`, or None. Raises StoreFailed."""
        if key in self._staged:
            return self._staged[key]
        if (value := self._recent.get(key)) is not None:
            return value
        try:
            value = self._database.get(key, verify_checksums=True)
        except _FAILURES as error:
            raise _failed(error) from error
        if value is not None:
            self._recent.keep(key, value)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Stage `key` = `value`."""
        self._stage(key, bytes(value))

    def delete(self, key: bytes) -> None:
        """Stage the removal of `key`, present or not."""
        self._stage(key, None)

    def scan(self, prefix: bytes, after: bytes | None = None, limit: int | None = None) -> list[Pair]:
        """Return up to `limit` pairs under `prefix`, by key, behind the key `after`, staged ones included.

        Raises StoreFailed.
        """
        return _guarded(lambda: _take(self._merged(prefix, after), limit))

    @property
    def staged(self) -> int:
        """How many keys wait for the next commit."""
        return len(self._staged)

    @property
    def congested(self) -> bool:
        """LevelDB does not keep up with sorting what was written; much more, and it would make writers wait."""
        return int(self._database.get_property(_YOUNG_TABLES) or 0) >= YOUNG_TABLES_MAX

    def commit(self) -> None:
        """Make everything staged durable, all or nothing, in one synced batch.

        Raises StoreFailed; DataFolderLost where that was written to a folder which nobody would find again.
        """
        if not self._staged:
            return
        _guarded(self._write)
        self._recent.changed(self._staged)
        self._staged.clear()
        self._staged_keys.clear()
        self._new_keys.clear()

    def snapshot(self) -> StoreSnapshot:
        """Return committed data as of now; any thread. Raises StoreFailed."""
        return StoreSnapshot(_guarded(self._database.snapshot))

    def check_folder(self) -> None:
        """Look whether the folder is there as it was, and can be written to; any thread. Raises StoreFailed."""
        _guarded(self._folder.check)

    def close(self) -> None:
        """Close the database; what is staged and not committed is forgotten."""
        self._recent = RecentValues()
        with suppress(leveldb.Error):
            self._database.close()
        self._folder.close()

    def _stage(self, key: bytes, value: bytes | None) -> None:
        if key not in self._staged:
            self._new_keys.append(key)
        self._staged[key] = value

    def _write(self) -> None:
        begun = time.perf_counter()
        batch = self._database.write_batch(sync=True)
        for key, value in self._staged.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        built = time.perf_counter()
        batch.write()
        self._directory_sync.sync()
        ended = time.perf_counter()
        self.sync_seconds.observe(ended - built)
        self.commit_seconds.observe(ended - begun)

    def _merged(self, prefix: bytes, after: bytes | None) -> Iterator[Pair]:
        """Yield staged and stored pairs in key order; a staged value hides the stored one."""
        staged = self._staged_under(prefix, after)
        upcoming = next(staged, None)
        for key, value in self._stored_under(prefix, after):
            while upcoming is not None and upcoming < key:
                yield from self._staged_pair(upcoming)
                upcoming = next(staged, None)
            if upcoming == key:
                continue
            yield key, value
        while upcoming is not None:
            yield from self._staged_pair(upcoming)
            upcoming = next(staged, None)

    def _staged_pair(self, key: bytes) -> Iterable[Pair]:
        value = self._staged[key]
        return () if value is None else ((key, value),)

    def _staged_under(self, prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        keys = self._sorted_keys()
        position = bisect_right(keys, after) if after is not None and after >= prefix else _first_at(keys, prefix)
        while position < len(keys) and keys[position].startswith(prefix):
            yield keys[position]
            position += 1

    def _sorted_keys(self) -> list[bytes]:
        if self._new_keys:
            # A list of its own, as a scan may still go through the one before.
            self._staged_keys = sorted(self._staged_keys + self._new_keys)
            self._new_keys.clear()
        return self._staged_keys

    def _stored_under(self, prefix: bytes, after: bytes | None) -> Iterator[Pair]:
        behind = after is not None and after >= prefix
        start = after if behind else prefix
        for key, value in self._database.iterator(start=start, include_start=not behind, verify_checksums=True):
            if not key.startswith(prefix):
                return
            yield key, value


def _take(pairs: Iterator[Pair], limit: int | None) -> list[Pair]:
    if limit is None:
        return list(pairs)
    return [pair for pair, _ in zip(pairs, range(limit), strict=False)]


def _first_at(keys: list[bytes], start: bytes) -> int:
    position = bisect_right(keys, start)
    return position - 1 if position and keys[position - 1] == start else position


def _guarded(action: Callable[[], _T]) -> _T:
    """Run `action`; a failure of LevelDB, of the disk, or of a closed database becomes StoreFailed."""
    try:
        return action()
    except FolderLost as error:
        raise DataFolderLost(str(error)) from error
    except _FAILURES as error:
        raise _failed(error) from error


def _failed(error: Exception) -> StoreFailed:
    text = _text(error)
    if _is_damage(error):
        return StoreDamaged(f"the data folder is damaged: {text}")
    if _is_too_many_files(error):
        return TooManyFiles(f"the database failed: {text}")
    return StoreFailed(f"the database failed: {text}")


def _not_opened(path: Path | str, error: Exception) -> StoreFailed:
    text = _text(error)
    if _is_too_many_files(error):
        return TooManyFiles(f"cannot open the data folder {path}: {text}")
    if "lock" in text.lower():
        return StoreInUse(f"the data folder {path} is in use by another process ({text})")
    if _is_damage(error):
        return StoreDamaged(f"the data in {path} is damaged: {text}")
    return StoreFailed(f"cannot open the data folder {path}: {text}")


def _is_damage(error: Exception) -> bool:
    return isinstance(error, leveldb.CorruptionError) or "corrupt" in _text(error).lower()


def _is_too_many_files(error: Exception) -> bool:
    """Say so of an error of the system, and of LevelDB, which passes on the system's words."""
    return getattr(error, "errno", None) in TOO_MANY_FILES or any(
        os.strerror(number) in _text(error) for number in TOO_MANY_FILES
    )


def _text(error: Exception) -> str:
    """Give LevelDB's words, which come as bytes, as text."""
    said = error.args[0] if len(error.args) == 1 else None
    return said.decode(errors="replace") if isinstance(said, bytes) else str(error)
