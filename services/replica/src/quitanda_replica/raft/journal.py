"""Raft's log, term and vote, in memory and in the store.

It replaces PySyncObj's file journal. Nothing here writes by itself: changes are staged, and become durable with the
step's commit, before any message that relies on them leaves.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final, overload

import msgpack
from pysyncobj.journal import Journal

from quitanda_replica.state.store import Store, StoreDamaged

LOG_PREFIX: Final = b"L"
RAFT_STATE_KEY: Final = b"Mraft"
"""[term, name voted for in it or nil, commit index]"""
APPLIED_KEY: Final = b"Mapplied"
"""The index of the last entry whose effects are in the state; big-endian, and in the same batch as the effects."""

NO_OP: Final = b"\x01"
"""PySyncObj's command type of an entry that only proves a new leader's term."""
COMMAND: Final = b"\x00"
"""PySyncObj's command type of an ordinary entry; the payload follows."""
FIRST_INDEX: Final = 1
"""Every replica starts with the same entry: a no-op of term 0 at this index."""

SNAPSHOT_ENTRIES_FACTOR: Final = 4
SNAPSHOT_BYTES_FACTOR: Final = 2
"""By these factors the log may exceed its bounds while a peer receives a snapshot."""

_INDEX = Struct(">Q")

Entry = tuple[bytes, int, int]
"""command, index, term"""


class LevelJournal(Journal):
    """The log. It always holds at least one entry, and the applied entry."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: list[Entry] = list(_load(store))
        self._bytes = sum(len(command) for command, _, _ in self._entries)
        self._term, self._voted_for, self._commit_index = _load_raft_state(store)
        self._state_changed = False
        self._commit_changed = False
        self.was_empty = not self._entries
        """True if the disk held no log when this replica started."""
        if self.was_empty:
            self.add(NO_OP, FIRST_INDEX, 0)
            self.set_applied(FIRST_INDEX)
        self._check_applied()

    # --- what PySyncObj calls

    def add(self, command: bytes, idx: int, term: int) -> None:
        """Append one entry behind the last."""
        if self._entries and self._entries[-1][1] + 1 != idx:
            raise AssertionError(f"entry {idx} does not follow on {self._entries[-1][1]}")
        command = bytes(command)
        self._entries.append((command, idx, term))
        self._bytes += len(command)
        self._store.put(log_key(idx), _INDEX.pack(term) + command)

    def clear(self) -> None:
        """Remove every entry; the caller adds at least one in the same step."""
        self.deleteEntriesFrom(0)

    def deleteEntriesFrom(self, entryFrom: int) -> None:  # noqa: N802, N803 - PySyncObj's names
        """Cut off the tail that begins at the position (not index) `entryFrom`."""
        self._drop(self._entries[entryFrom:])
        del self._entries[entryFrom:]

    def deleteEntriesTo(self, entryTo: int) -> None:  # noqa: N802, N803 - PySyncObj's names
        """Cut off the head up to the position (not index) `entryTo`. One entry always stays."""
        count = min(entryTo, len(self._entries) - 1)
        self._drop(self._entries[:count])
        del self._entries[:count]

    @overload
    def __getitem__(self, item: int) -> Entry: ...
    @overload
    def __getitem__(self, item: slice) -> list[Entry]: ...
    def __getitem__(self, item: int | slice) -> Entry | list[Entry]:
        return self._entries[item]

    def __len__(self) -> int:
        return len(self._entries)

    def setRaftCommitIndex(self, raftCommitIndex: int) -> None:  # noqa: N802, N803 - PySyncObj's names
        """Note the commit index. It is written with the next batch that has something else: Raft can do without it."""
        self._commit_changed = self._commit_changed or raftCommitIndex != self._commit_index
        self._commit_index = raftCommitIndex

    def getRaftCommitIndex(self) -> int:  # noqa: N802 - PySyncObj's name
        """Return the commit index as last noted, but never beyond the log nor below the applied index."""
        return max(min(self._commit_index, self.last_index), self.applied_index)

    def setCurrentTerm(self, term: int, votedForNodeId: str | None) -> None:  # noqa: N802, N803 - PySyncObj's names
        """Note the term and the vote in it; the next batch writes them."""
        self._term, self._voted_for, self._state_changed = term, votedForNodeId, True

    def getCurrentTerm(self) -> int:  # noqa: N802 - PySyncObj's name
        """Return the current term."""
        return max(self._term, self._entries[-1][2])

    def getVotedForNodeId(self) -> str | None:  # noqa: N802 - PySyncObj's name
        """Return the name that this replica voted for in the current term, or None."""
        return self._voted_for

    def _destroy(self) -> None:
        """Release nothing; the loop commits before it closes."""

    # --- what the other modules of this package use

    @property
    def first_index(self) -> int:
        """Index of the oldest entry that is kept."""
        return self._entries[0][1]

    @property
    def last_index(self) -> int:
        """Index of the newest entry."""
        return self._entries[-1][1]

    def term_at(self, index: int) -> int:
        """Term of the entry `index`, which must be in the log."""
        position = index - self.first_index
        if position < 0:
            raise IndexError(f"entry {index} is not in the log any more")
        return self._entries[position][2]

    def holds(self, index: int, term: int) -> bool:
        """Return whether the entry `index` of `term` is in the log; then everything before it is equal, too."""
        return self.first_index <= index <= self.last_index and self.term_at(index) == term

    @property
    def applied_index(self) -> int:
        """Index of the last applied entry, staged or durable."""
        return read_applied(self._store.get(APPLIED_KEY))

    def set_applied(self, index: int) -> None:
        """Stage that the effects of all entries up to `index` are in the state."""
        self._store.put(APPLIED_KEY, _INDEX.pack(index))

    def compact(self, upto: int) -> None:
        """Cut off the entries before the index `upto`."""
        self.deleteEntriesTo(max(0, upto - self.first_index))

    def restart_at(self, index: int, term: int) -> None:
        """Hold only the place of the entry `index`, as the store does since a snapshot was installed."""
        self._entries = [(NO_OP, index, term)]
        self._bytes = len(NO_OP)
        self.setRaftCommitIndex(index)

    def compaction_point(self, entries_max: int, bytes_max: int) -> int:
        """Return the index before which the log should be cut: its first one, or one that leaves half of a bound."""
        if len(self._entries) <= entries_max and self._bytes <= bytes_max:
            return self.first_index
        keep, size = 0, 0
        while keep < min(entries_max // 2, len(self._entries)) and size <= bytes_max // 2:
            keep += 1
            size += len(self._entries[-keep][0])
        return self.last_index - keep + 1

    def safe_compaction_point(self, entries_max: int, bytes_max: int, durable: int, floor: int | None) -> int:
        """Return the index before which the log may be cut. It is never above what is `durable` in the state.

        `floor`: a snapshot of this index is being sent. The log keeps what follows for its receiver until it exceeds
        its bounds several times.
        """
        point = min(self.compaction_point(entries_max, bytes_max), durable)
        waits = (
            len(self._entries) < SNAPSHOT_ENTRIES_FACTOR * entries_max
            and self._bytes < SNAPSHOT_BYTES_FACTOR * bytes_max
        )
        return min(point, floor) if floor is not None and waits else point

    def stage_raft_state(self) -> None:
        """Stage term, vote and commit index, if they must be written or other changes are written anyway."""
        if self._state_changed or (self._commit_changed and self._store.staged):
            self._store.put(RAFT_STATE_KEY, msgpack.packb([self._term, self._voted_for, self._commit_index]))
            self._state_changed = self._commit_changed = False

    def _drop(self, entries: list[Entry]) -> None:
        for command, index, _ in entries:
            self._bytes -= len(command)
            self._store.delete(log_key(index))

    def _check_applied(self) -> None:
        if not self.first_index <= self.applied_index <= self.last_index:
            raise StoreDamaged(
                f"the data folder is damaged: the state is at entry {self.applied_index}, "
                f"the log holds {self.first_index} to {self.last_index}"
            )


def log_key(index: int) -> bytes:
    """Return the store's key of the log entry `index`."""
    return LOG_PREFIX + _INDEX.pack(index)


def read_applied(value: bytes | None) -> int:
    """Return the index in the value of APPLIED_KEY; 0 where there is none."""
    return 0 if value is None else int(_INDEX.unpack(value)[0])


def read_term(value: bytes | None) -> int:
    """Return the term of a stored log entry. Raises StoreFailed where there is none."""
    if value is None:
        raise StoreDamaged("the data folder is damaged: the log has no entry for the applied index")
    return int(_INDEX.unpack_from(value)[0])


def _load(store: Store) -> Iterator[Entry]:
    expected = None
    for key, value in store.scan(LOG_PREFIX):
        index = int(_INDEX.unpack(key[1:])[0])
        if expected is not None and index != expected:
            raise StoreDamaged(f"the data folder is damaged: the log has a hole before entry {index}")
        expected = index + 1
        yield value[_INDEX.size :], index, read_term(value)


def _load_raft_state(store: Store) -> tuple[int, str | None, int]:
    value = store.get(RAFT_STATE_KEY)
    if value is None:
        return 0, None, FIRST_INDEX
    match msgpack.unpackb(value):
        case [int(term), str() | None as voted_for, int(commit_index)]:
            return term, voted_for, commit_index
    raise StoreDamaged("the data folder is damaged: Raft's term and vote are not readable")
