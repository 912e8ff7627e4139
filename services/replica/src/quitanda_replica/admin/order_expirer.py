"""Letting orders expire: by the leader, which brings the time into the log while an order is due.

The rules know no time but the state's own clock, which is what a leader told last. So all replicas let the same orders
expire at the same entry. While no order is due nothing is proposed, and the log does not grow.
"""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Final
from uuid import uuid4

import structlog

from quitanda.codec.protobuf import decode_outcome, encode_request
from quitanda.domain.commands import AdvanceClock, Request
from quitanda.domain.outcomes import Refused
from quitanda.errors import QuitandaError, Rejected
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.raft.state_machine import Role
from quitanda_replica.reads.snapshots import ConsistentSnapshots
from quitanda_replica.state.stored_documents import WorkingSet
from quitanda_replica.state.view import StoredState
from quitanda_replica.state.write_set import read_counters

EXPIRY_SECONDS: Final = 1.0
"""How often a leader looks whether an order is due."""

PROPOSAL_SECONDS: Final = 2.0
"""How long one proposal may take; there is another one soon."""

ROUNDS_MAX: Final = 10
"""Proposals at a time, each for as many orders as expire at once. The rest waits: others want to write, too."""

_log = structlog.get_logger(__name__)


def wall_clock_ms() -> int:
    """Return what this machine's clock shows, in milliseconds since 1970-01-01T00:00Z."""
    return time.time_ns() // 1_000_000


class OrderExpirer:
    """Proposes the time while this replica leads and an order is due. One thread calls it."""

    def __init__(
        self, raft: RaftNode, snapshots: ConsistentSnapshots, now_ms: Callable[[], int] = wall_clock_ms
    ) -> None:
        self._raft = raft
        self._snapshots = snapshots
        self._now_ms = now_ms
        self._told = ""
        self.expired = 0
        """Orders that expired by this replica's proposals."""

    def expire(self) -> None:
        """Let the orders expire that are due; to be called now and then. What is refused or fails is tried again."""
        try:
            for _ in range(ROUNDS_MAX):
                now_ms = self._now_ms()
                if self._raft.status().role is not Role.LEADER or not self._is_due(now_ms):
                    return
                self._propose(now_ms)
        except QuitandaError as error:
            self._tell_once(error)

    def _is_due(self, now_ms: int) -> bool:
        """Tell whether the committed state has an order whose deadline has passed."""
        with closing(self._snapshots.snapshot()) as state:
            return bool(StoredState(state, read_counters(state), WorkingSet()).due_orders(now_ms, 1))

    def _propose(self, now_ms: int) -> None:
        request = encode_request(Request("", uuid4().hex, AdvanceClock(now_ms)))
        entry = pb.LogEntry(requests=[request]).SerializeToString()
        answer = pb.ExecuteResponse.FromString(self._raft.submit(entry).result(PROPOSAL_SECONDS))
        outcome, revision = decode_outcome(answer.outcomes[0])
        if isinstance(outcome, Refused):
            raise Rejected(outcome, revision)
        self._told = ""
        self.expired += outcome.orders_affected
        _log.info("orders_expired", orders=outcome.orders_affected, revision=revision)

    def _tell_once(self, error: QuitandaError) -> None:
        if str(error) != self._told:
            self._told = str(error)
            _log.warning("orders_not_expired", error=str(error))
