"""The whole replicated state as a stream of parts, read from one linearizable snapshot."""

import threading
from collections.abc import Callable, Iterator
from typing import Final

from quitanda.backup import encode_pairs
from quitanda.errors import Overloaded
from quitanda.v1.admin_portal_pb2 import BackupChunk, BackupHeader, BackupPart, BackupTrailer
from quitanda_replica.raft.journal import log_key, read_term
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.reads.reads import Snapshots
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateReader
from quitanda_replica.state.digest import decode_digest, shown
from quitanda_replica.state.write_set import read_counters

BACKUPS_MAX: Final = 2
"""Streams at a time; each keeps a thread and a snapshot for as long as its reader takes."""
CHUNK_BYTES: Final = 256 * 1024
_SCAN_KEYS: Final = 500
_CHANGES_PER_RECORD: Final = 4
"""Of the history: two for each request that changes an order, and some requests in each entry."""
_KEYS_OF_STATE: Final = 2
"""Counters and digest."""


class BackupSource:
    """Answers `Replica.Backup`. Any thread may call it."""

    def __init__(
        self,
        name: str,
        snapshots: Snapshots,
        applied_index: Callable[[StateReader], int],
        raft: RaftNode,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._name = name
        self._snapshots = snapshots
        self._applied_index = applied_index
        self._raft = raft
        self._chunk_bytes = chunk_bytes
        self._free = threading.BoundedSemaphore(BACKUPS_MAX)

    def parts(self, timeout: float) -> Iterator[BackupPart]:
        """Yield header, chunks and trailer; nothing is held in memory but one chunk.

        The snapshot holds every write acknowledged before this call. Raises, at the first part, NotLeader,
        Unavailable (leadership not proven within `timeout` seconds) and Overloaded.
        """
        if not self._free.acquire(blocking=False):
            raise Overloaded(f"{BACKUPS_MAX} backups are being read already")
        try:
            self._raft.read_point(timeout)
            snapshot = self._snapshots.snapshot()
            try:
                yield from backup_parts(self._name, snapshot, self._applied_index(snapshot), self._chunk_bytes)
            finally:
                snapshot.close()
        finally:
            self._free.release()


def backup_parts(name: str, state: StateReader, revision: int, chunk_bytes: int = CHUNK_BYTES) -> Iterator[BackupPart]:
    """Yield header, chunks and trailer of the state at `revision`, read by the replica `name`. Raises StateCorrupt."""
    yield BackupPart(header=_header(name, state, revision))
    chunks = number = 0
    for pairs in _chunks(state, chunk_bytes):
        chunks += 1
        number += len(pairs)
        yield BackupPart(chunk=BackupChunk(pairs=encode_pairs(pairs)))
    yield BackupPart(trailer=BackupTrailer(chunks=chunks, keys=number))


def _header(name: str, state: StateReader, revision: int) -> BackupHeader:
    counters = read_counters(state)
    orders = counters.orders + counters.closed_orders
    documents = counters.customers + counters.products + orders + counters.credentials
    # the indexes by customer have a key for each order and each credential, the one by product at least about as many
    # as there are live orders
    indexes = counters.orders + orders + counters.credentials
    remembered = 2 * (counters.window_next - counters.window_first)
    recorded = counters.history_changes // _CHANGES_PER_RECORD
    return BackupHeader(
        revision=revision,
        term=read_term(state.get(log_key(revision))),
        state_digest=shown(decode_digest(state.get(keys.DIGEST))),
        customers=counters.customers,
        products=counters.products,
        orders=counters.orders,
        keys_expected=documents + indexes + remembered + recorded + _KEYS_OF_STATE,
        replica=name,
        level=counters.level,
    )


def _chunks(state: StateReader, chunk_bytes: int) -> Iterator[list[tuple[bytes, bytes]]]:
    pairs: list[tuple[bytes, bytes]] = []
    size = 0
    after: bytes | None = None
    while found := state.scan(keys.STATE, after, _SCAN_KEYS):
        after = found[-1][0]
        for pair in found:
            pairs.append(pair)
            size += len(pair[0]) + len(pair[1])
            if size >= chunk_bytes:
                yield pairs
                pairs, size = [], 0
    if pairs:
        yield pairs
