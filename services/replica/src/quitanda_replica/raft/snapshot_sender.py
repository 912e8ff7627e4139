"""State for a replica that is further behind than the log reaches back: the leader's side.

The leader walks over a LevelDB snapshot and sends its b"S" keys in chunks, a few under way at a time, beside the
ordinary messages. It never holds more than these few in memory. The other side is `installation`.
"""

import logging
import secrets
from collections.abc import Callable, Iterator
from typing import Final

from quitanda_replica.raft.codec import Message, encode_pairs
from quitanda_replica.raft.journal import APPLIED_KEY, log_key, read_applied, read_term
from quitanda_replica.state.store import Pair, Store, StoreSnapshot

STATE_PREFIX: Final = b"S"
CHUNKS_UNDER_WAY: Final = 4
IDENTITY_BITS: Final = 62
"""Of a transfer, by chance and not by the clock: chunks of two of them must never be taken for one."""
STALLED_SECONDS: Final = 5.0
"""A receiver that says nothing for so long takes no chunks, for example as it still installs another snapshot."""

_log = logging.getLogger(__name__)


class SnapshotTransfer:
    """One snapshot on its way to one peer."""

    def __init__(self, snapshot: StoreSnapshot, term: int, chunk_bytes: int, cluster: str) -> None:
        self.identity = secrets.randbits(IDENTITY_BITS)
        self.term = term
        self._cluster = cluster
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
                "cluster": self._cluster,
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

    def begin(self, peer: str, term: int, cluster: str) -> None:
        """Begin a transfer of the state of `cluster` to `peer` unless one runs."""
        if peer not in self._transfers:
            transfer = SnapshotTransfer(self._store.snapshot(), term, self._chunk_bytes, cluster)
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
