"""State for a replica that is further behind than the log reaches back.

The leader walks over a LevelDB snapshot and sends its b"S" keys in chunks, a few under way at a time, beside the
ordinary messages. The receiver keeps the chunks under b"I" until all are durable, and then replaces its state in
bounded batches; a marker in the store makes it go on with that after a crash, before anything else may look at it.
The log is then nothing but the place of the snapshot's last entry.
"""

import logging
from collections.abc import Callable, Iterator
from struct import Struct
from time import time_ns
from typing import Final

import msgpack

from quitanda_replica.raft.codec import MalformedMessage, Message, decode_pairs, encode_pairs
from quitanda_replica.raft.journal import APPLIED_KEY, LOG_PREFIX, NO_OP, log_key, read_applied, read_term
from quitanda_replica.store import Pair, Store, StoreFailed, StoreSnapshot

STATE_PREFIX: Final = b"S"
CHUNK_PREFIX: Final = b"I"
INSTALL_KEY: Final = b"Minstall"
"""[index, term, number of chunks] of a snapshot that has been received and not wholly installed yet."""
CHUNKS_UNDER_WAY: Final = 4
STALLED_SECONDS: Final = 5.0
DELETE_BATCH: Final = 10_000

_NUMBER = Struct(">Q")
_log = logging.getLogger(__name__)


class SnapshotTransfer:
    """One snapshot on its way to one peer."""

    def __init__(self, snapshot: StoreSnapshot, term: int, chunk_bytes: int) -> None:
        self.identity = time_ns()
        self.term = term
        self.index = read_applied(snapshot.get(APPLIED_KEY))
        self._index_term = read_term(snapshot.get(log_key(self.index)))
        self._snapshot = snapshot
        self._chunks = _chunks(snapshot, chunk_bytes)
        self._upcoming: list[Pair] | None = next(self._chunks, [])
        self._next_number = 0
        self._taken = 0
        self.heard_at = 0.0

    def next_messages(self) -> Iterator[Message]:
        """Yield the chunks that may leave now."""
        while self._upcoming is not None and self._next_number < self._taken + CHUNKS_UNDER_WAY:
            pairs, self._upcoming = self._upcoming, next(self._chunks, None)
            yield {
                "type": "snapshot_chunk",
                "term": self.term,
                "transfer": self.identity,
                "number": self._next_number,
                "last": self._upcoming is None,
                "index": self.index,
                "index_term": self._index_term,
                "pairs": encode_pairs(pairs),
            }
            self._next_number += 1

    def taken(self, number: int) -> bool:
        """Note that all chunks up to `number` are durable there; True where that was the last."""
        self._taken = max(self._taken, number + 1)
        return self._upcoming is None and self._taken == self._next_number

    def close(self) -> None:
        """Let go of the LevelDB snapshot."""
        self._snapshot.close()


class SnapshotSender:
    """The leader's transfers, at most one for each peer."""

    def __init__(self, store: Store, chunk_bytes: int, clock: Callable[[], float]) -> None:
        self._store = store
        self._chunk_bytes = chunk_bytes
        self._clock = clock
        self._transfers: dict[str, SnapshotTransfer] = {}

    def begin(self, peer: str, term: int) -> None:
        """Begin a transfer to `peer` unless one runs."""
        if peer not in self._transfers:
            transfer = SnapshotTransfer(self._store.snapshot(), term, self._chunk_bytes)
            transfer.heard_at = self._clock()
            self._transfers[peer] = transfer
            _log.info("%s is behind the log; it gets a snapshot of entry %d", peer, transfer.index)

    def taken(self, peer: str, message: Message) -> None:
        """Note a peer's `snapshot_taken`."""
        transfer = self._transfers.get(peer)
        if transfer is None or transfer.identity != message["transfer"]:
            return
        transfer.heard_at = self._clock()
        if transfer.taken(message["number"]):
            self.cancel(peer)

    def due(self, term: int) -> Iterator[tuple[str, Message]]:
        """Yield what may leave now, by peer; ends transfers of another term and those that stall."""
        now = self._clock()
        for peer, transfer in list(self._transfers.items()):
            if transfer.term != term or now - transfer.heard_at > STALLED_SECONDS:
                self.cancel(peer)
                continue
            for message in transfer.next_messages():
                yield peer, message

    def cancel(self, peer: str) -> None:
        """End the transfer to `peer`, if there is one."""
        if (transfer := self._transfers.pop(peer, None)) is not None:
            transfer.close()

    def close(self) -> None:
        """End every transfer."""
        for peer in list(self._transfers):
            self.cancel(peer)

    @property
    def floor(self) -> int | None:
        """Index of the oldest snapshot under way: the log behind it will be needed next. None without any."""
        return min((transfer.index for transfer in self._transfers.values()), default=None)


class SnapshotReceiver:
    """The follower's side: keeps chunks until all are there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._transfer = 0
        self._expected = 0
        self.complete = False
        """All chunks are staged; after the commit, `install` may be called."""

    def receive(self, message: Message, applied_index: int) -> Message | None:
        """Take a `snapshot_chunk` of the current leader; return the reply that may leave when it is durable.

        Raises MalformedMessage.
        """
        if message["index"] <= applied_index or self.complete:
            return None
        if message["number"] == 0:
            _clear(self._store, CHUNK_PREFIX)
            self._transfer, self._expected = message["transfer"], 0
        if (message["transfer"], message["number"]) != (self._transfer, self._expected):
            return None
        if not all(key.startswith(STATE_PREFIX) for key, _ in decode_pairs(message["pairs"])):
            raise MalformedMessage("snapshot_chunk.pairs must hold replicated state alone")
        self._store.put(CHUNK_PREFIX + _NUMBER.pack(self._expected), message["pairs"])
        self._expected += 1
        if message["last"]:
            self._store.put(INSTALL_KEY, msgpack.packb([message["index"], message["index_term"], self._expected]))
            self.complete = True
        return {
            "type": "snapshot_taken",
            "term": message["term"],
            "transfer": message["transfer"],
            "number": message["number"],
        }

    def installed(self) -> None:
        """Be ready for another snapshot."""
        self.complete = False
        self._transfer = self._expected = 0


def install(store: Store) -> tuple[int, int] | None:
    """Replace state and log by the snapshot that was received; return its entry's index and term.

    None where there is none, or none that is newer than the state.

    Every step can be repeated: a crash in between is mended by calling it again at start. Raises StoreFailed.
    """
    marker = store.get(INSTALL_KEY)
    if marker is None:
        return None
    index, term, chunks = _read_marker(marker)
    if index <= read_applied(store.get(APPLIED_KEY)):
        store.delete(INSTALL_KEY)
        _clear(store, CHUNK_PREFIX)
        return None
    _clear(store, STATE_PREFIX)
    for number in range(chunks):
        for key, value in decode_pairs(store.get(CHUNK_PREFIX + _NUMBER.pack(number)) or b""):
            store.put(key, value)
        store.commit()
    for key, _ in store.scan(LOG_PREFIX):
        store.delete(key)
    store.put(log_key(index), _NUMBER.pack(term) + NO_OP)
    store.put(APPLIED_KEY, _NUMBER.pack(index))
    store.delete(INSTALL_KEY)
    store.commit()
    _clear(store, CHUNK_PREFIX)
    _log.info("installed a snapshot of entry %d in %d chunks", index, chunks)
    return index, term


def _read_marker(marker: bytes) -> tuple[int, int, int]:
    match msgpack.unpackb(marker):
        case [int(index), int(term), int(chunks)]:
            return index, term, chunks
    raise StoreFailed("the data folder is damaged: the marker of a snapshot is not readable")


def _clear(store: Store, prefix: bytes) -> None:
    while pairs := store.scan(prefix, limit=DELETE_BATCH):
        for key, _ in pairs:
            store.delete(key)
        store.commit()


def _chunks(snapshot: StoreSnapshot, chunk_bytes: int) -> Iterator[list[Pair]]:
    pairs: list[Pair] = []
    size = 0
    for key, value in snapshot.iterate(STATE_PREFIX):
        pairs.append((key, value))
        size += len(key) + len(value)
        if size >= chunk_bytes:
            yield pairs
            pairs, size = [], 0
    if pairs:
        yield pairs
