"""Raising the cluster's level of rules: if an administrator asks, or by the leader itself while the cluster is fresh.

What makes a raise safe is a permission that every replica gives at that moment, through the version that it runs: a
replica that decides by rules that it does not know would come to another state than the others. Nothing is taken from
an earlier answer, and silence is no permission.
"""

import time
from collections.abc import Callable
from typing import Final
from uuid import uuid4

import structlog

from quitanda.codec.protobuf import decode_outcome, encode_request
from quitanda.domain.commands import RaiseLevel, Request
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.outcomes import Reason, Refused, refused
from quitanda.errors import QuitandaError, Rejected
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.admin_portal_pb2 import ReplicaStatus
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.raft.state_machine import Role
from quitanda_replica.state.counters import Counters

ASK_SECONDS_MAX: Final = 2.0
"""The longest wait for what the other replicas support; one that is silent for so long has not permitted anything."""

FRESH_SECONDS: Final = 2.0
"""How long one attempt to raise a fresh cluster may take; there is another one soon."""

_log = structlog.get_logger(__name__)


class LevelRaiser:
    """Any thread may call it. `counters` reads those of the committed state."""

    def __init__(
        self,
        name: str,
        raft: RaftNode,
        counters: Callable[[], Counters],
        ask_peers: Callable[[float], dict[str, ReplicaStatus | str]],
    ) -> None:
        """`ask_peers` asks all other replicas now (`PeerStatuses.ask`)."""
        self._name = name
        self._raft = raft
        self._counters = counters
        self._ask_peers = ask_peers
        self._told: dict[str, str] = {}

    def run(self, wanted: int, timeout: float) -> int:
        """Raise the cluster to the level `wanted`, or with 0 to the highest that this version supports; return it.

        A level that the cluster has reached already changes nothing. Raises Rejected (LEVEL_NOT_SUPPORTED) where a
        replica does not support the level, or does not say so; NotLeader, Unavailable: nothing was raised;
        OutcomeUnknown: repeat it, which is harmless.
        """
        deadline = time.monotonic() + timeout
        self._raft.read_point(timeout)
        level = self._counters().level
        target = wanted or SUPPORTED_LEVEL
        if target > level:
            self._demand_support(target, min(ASK_SECONDS_MAX, (deadline - time.monotonic()) / 2))
        for following in range(level + 1, target + 1):
            self._propose(following, deadline - time.monotonic())
        return max(level, target)

    def raise_fresh(self) -> None:
        """Raise a cluster that has never held anything, if all replicas permit it; to be called now and then.

        It has nothing to take back to an earlier version. Where something is refused or fails, the level stays.
        """
        counters = self._counters()
        fresh = counters == Counters(level=counters.level)
        if not fresh or counters.level >= SUPPORTED_LEVEL or self._raft.status().role is not Role.LEADER:
            return
        try:
            self.run(0, FRESH_SECONDS)
        except QuitandaError as error:
            self._tell_once(error)

    def _demand_support(self, level: int, timeout: float) -> None:
        if level > SUPPORTED_LEVEL:
            raise Rejected(_not_supported(level, self._name, supported=SUPPORTED_LEVEL))
        cluster = self._raft.status().cluster
        for name, answer in sorted(self._ask_peers(max(0.0, timeout)).items()):
            if isinstance(answer, str):
                raise Rejected(_not_supported(level, name, error=answer))
            if answer.cluster not in {cluster, ""}:  # an empty disk has none yet
                raise Rejected(_not_supported(level, name, error="its disk belongs to another cluster"))
            if answer.supported_level < level:
                raise Rejected(_not_supported(level, name, supported=max(1, answer.supported_level)))

    def _propose(self, level: int, timeout: float) -> None:
        request = encode_request(Request("", uuid4().hex, RaiseLevel(level)))
        entry = pb.LogEntry(requests=[request]).SerializeToString()
        answer = pb.ExecuteResponse.FromString(self._raft.submit(entry).result(max(0.0, timeout)))
        outcome, revision = decode_outcome(answer.outcomes[0])
        if isinstance(outcome, Refused):
            raise Rejected(outcome, revision)
        _log.info("cluster_level_raised", level=level, revision=revision)

    def _tell_once(self, error: QuitandaError) -> None:
        """Tell why a fresh cluster stays at its level; once for each reason."""
        told = dict(error.details) if isinstance(error, Rejected) else {"error": str(error)}
        if told != self._told:
            self._told = told
            _log.info("fresh_cluster_not_raised", **told)


def _not_supported(level: int, replica: str, **facts: object) -> Refused:
    return refused(Reason.LEVEL_NOT_SUPPORTED, "", level=level, replica=replica, **facts)
