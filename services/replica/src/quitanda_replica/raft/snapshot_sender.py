"""The leader's side of a snapshot: state for a replica that needs entries which the log no longer holds.

The leader walks over a LevelDB snapshot and sends its b"S" keys in chunks beside the ordinary messages. Only a few
chunks are in flight at a time, and it never holds more than these in memory. `snapshot_receiver` is the other side.
"""

import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from quitanda_replica.raft import codec
from quitanda_replica.raft.codec import Message, encode_pairs
from quitanda_replica.raft.journal import APPLIED_KEY, log_key, read_applied, read_term
from quitanda_replica.state.store import Pair, Store, StoreSnapshot

STATE_PREFIX: Final = b"S"
CHUNKS_IN_FLIGHT: Final = 4
TRANSFER_ID_BITS: Final = 62
"""A transfer's id is random and not from the clock: chunks of two transfers must never be mixed."""
STALLED_SECONDS: Final = 5.0
"""A receiver that is silent for so long accepts no chunks, for example because it still installs another snapshot."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class SnapshotTraffic:
    """What went over one side of the transfers since the start; one thread counts, any thread may read."""

    bytes: int = 0
    """Size of the chunks, begun transfers included."""
    snapshots: int = 0
    """How many were transferred as a whole."""
    seconds: float = 0.0
    """How long these took, from the first chunk until the snapshot was installed."""


class SnapshotTransfer:
    """One snapshot that is being sent to one peer."""

    def __init__(self, snapshot: StoreSnapshot, term: int, chunk_bytes: int, cluster: str, now: float) -> None:
        self.transfer_id = secrets.randbits(TRANSFER_ID_BITS)
        self.term = term
        self._cluster = cluster
        self.index = read_applied(snapshot.get(APPLIED_KEY))
        self._index_term = read_term(snapshot.get(log_key(self.index)))
        self._snapshot = snapshot
        self._chunks = _chunks(snapshot, chunk_bytes)
        self._upcoming: list[Pair] | None = next(self._chunks, [])
        self._next_number = 0
        self._acknowledged = 0
        self.started_at = self.acknowledged_at = now

    def next_messages(self) -> Iterator[Message]:
        """Yield the chunks that may leave now."""
        while self._upcoming is not None and self._next_number < self._acknowledged + CHUNKS_IN_FLIGHT:
            pairs, self._upcoming = self._upcoming, next(self._chunks, None)
            yield {
                "type": codec.SNAPSHOT_CHUNK,
                "term": self.term,
                "transfer": self.transfer_id,
                "number": self._next_number,
                "last": self._upcoming is None,
                "index": self.index,
                "index_term": self._index_term,
                "cluster": self._cluster,
                "pairs": encode_pairs(pairs),
            }
            self._next_number += 1

    def acknowledge(self, number: int) -> bool:
        """Note that all chunks up to `number` are durable there. Return whether that was the last one."""
        self._acknowledged = max(self._acknowledged, number + 1)
        return self._upcoming is None and self._acknowledged == self._next_number

    def close(self) -> None:
        """Close the LevelDB snapshot."""
        self._snapshot.close()


class SnapshotSender:
    """The leader's transfers, at most one to each peer."""

    def __init__(self, store: Store, chunk_bytes: int, clock: Callable[[], float]) -> None:
        self._store = store
        self._chunk_bytes = chunk_bytes
        self._clock = clock
        self._transfers: dict[str, SnapshotTransfer] = {}
        self.traffic = SnapshotTraffic()

    def start(self, peer: str, term: int, cluster: str) -> None:
        """Start to send the state of `cluster` to `peer` unless a transfer to it runs."""
        if peer not in self._transfers:
            now = self._clock()
            transfer = SnapshotTransfer(self._store.snapshot(), term, self._chunk_bytes, cluster, now)
            self._transfers[peer] = transfer
            _log.info("snapshot_started", extra={"peer": peer, "index": transfer.index})

    def on_acknowledgement(self, peer: str, message: Message) -> None:
        """Note a peer's acknowledgement of a chunk."""
        transfer = self._transfers.get(peer)
        if transfer is None or transfer.transfer_id != message["transfer"]:
            return
        transfer.acknowledged_at = self._clock()
        if transfer.acknowledge(message["number"]):
            self.traffic.snapshots += 1
            self.traffic.seconds += transfer.acknowledged_at - transfer.started_at
            self.cancel(peer)

    def next_messages(self, term: int) -> Iterator[tuple[str, Message]]:
        """Yield what may leave now, with the peer. Ends transfers of another term, and stalled ones."""
        now = self._clock()
        for peer, transfer in list(self._transfers.items()):
            if transfer.term != term or now - transfer.acknowledged_at > STALLED_SECONDS:
                self.cancel(peer)
                continue
            for message in transfer.next_messages():
                self.traffic.bytes += len(message["pairs"])
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
        """The index of the oldest snapshot that is being sent: its receiver needs the log behind it next."""
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
