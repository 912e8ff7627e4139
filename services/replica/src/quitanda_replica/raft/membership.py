"""How a replica joins its cluster: which peers it talks to, what it asks them, and when it becomes a voter.

`learner` and `cluster_identity` decide; this module carries it out in the loop's steps. A replica accepts nothing from
a peer of another cluster. A replica without a cluster's id accepts nothing from a peer with an id before it has adopted
that id. So no disk ever holds entries of two clusters.
"""

import logging
from collections.abc import Callable, Collection
from typing import Final

from quitanda_replica.raft import codec
from quitanda_replica.raft.cluster_identity import ClusterRecord, Greeting, compare_greetings
from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import LevelJournal
from quitanda_replica.raft.learner import LearnerGate
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.raft_core import RaftCore
from quitanda_replica.raft.transport import DurableTransport

REJECTED_SECONDS: Final = 10.0
"""A peer that has not tried to connect for so long is no longer shown as rejected."""
REPEAT_SECONDS: Final = 30.0
"""Between two log lines about the same reason for the same peer."""

_log = logging.getLogger(__name__)


class RejectedPeers:
    """The replicas that this one does not talk to, and why. The log repeats each reason as long as the peer tries."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._log_at: dict[str, float] = {}
        self._rejected: dict[str, tuple[str, float]] = {}
        """By the name of the peer: why, and when it last tried."""

    def add(self, peer: str, reason: str) -> None:
        """Note that `peer` is rejected, and maybe log it."""
        now = self._clock()
        known, _ = self._rejected.get(peer, ("", 0.0))
        self._rejected[peer] = reason, now
        if known != reason or now >= self._log_at.get(peer, 0.0):
            self._log_at[peer] = now + REPEAT_SECONDS
            _log.error("peer_rejected", extra={"peer": peer, "reason": reason})

    def remove(self, peer: str) -> None:
        """Note that `peer` is not rejected any more."""
        self._rejected.pop(peer, None)

    @property
    def reasons(self) -> dict[str, str]:
        """Why each rejected peer is rejected, by its name."""
        since = self._clock() - REJECTED_SECONDS
        return {peer: reason for peer, (reason, at) in self._rejected.items() if at >= since}


class Membership:
    """Sends and answers the queries of learners, and adopts records. The raft thread owns it."""

    def __init__(
        self,
        gate: LearnerGate,
        core: RaftCore,
        log: LevelJournal,
        network: Network,
        transport: DurableTransport,
        clock: Callable[[], float],
    ) -> None:
        self._gate = gate
        self._core = core
        self._log = log
        self._network = network
        self._transport = transport
        self._clock = clock
        self._clusters: dict[str, str] = {}
        """The cluster's id of each connected peer, or '' where it has told none."""
        self._greeted_clusters: dict[str, str] = {}
        """The same of peers whose greeting has come and whose connection is not established yet."""
        self._rejected = RejectedPeers(clock)
        self._logged_wait = ""
        self._agreed: tuple[int, int] = 0, 0
        """A term, and the index up to which the log is known to be equal to that of the term's leader."""

    @property
    def rejected(self) -> dict[str, str]:
        """The peers that this replica does not talk to, and why."""
        return self._rejected.reasons

    # --- connections

    def check_greeting(self, peer: str, theirs: Greeting) -> str:
        """Return why `peer` is rejected, which is also logged and kept, or ''."""
        own = self._gate.greeting_to(peer)
        if (mismatch := compare_greetings(own, theirs)) is not None:
            reason = mismatch.explain(own, theirs)
            self._rejected.add(peer, reason)
            return reason
        self._rejected.remove(peer)
        self._greeted_clusters[peer] = theirs.cluster
        return ""

    def connected(self, peer: str) -> None:
        """Note a new connection, and ask again at once."""
        self._clusters[peer] = self._greeted_clusters.pop(peer, "")
        self._gate.query_now()

    def disconnected(self, peer: str) -> None:
        """Forget what `peer` said."""
        self._clusters.pop(peer, None)
        self._gate.forget_peer(peer)

    def is_of_other_cluster(self, peer: str) -> bool:
        """Return whether `peer` is of another cluster than the one whose id this disk has adopted since."""
        return bool(self._gate.cluster) and self._clusters.get(peer, "") not in {"", self._gate.cluster}

    def may_accept_from(self, peer: str) -> bool:
        """Return whether entries and snapshots of `peer` may be accepted: its cluster's id, if it has one, is ours."""
        return self._clusters.get(peer, "") in {"", self._gate.cluster}

    # --- queries and replies

    def on_query(self, peer: str, query: Message) -> None:
        """Reply, and tell the cluster's record where this disk has it."""
        self._transport.send_after_commit(peer, self._gate.reply_to(query, self._core.term, self._log.last_index))
        if self._gate.record is not None:
            self._transport.send_after_commit(peer, _record_message(self._gate.record))

    def on_reply(self, peer: str, message: Message) -> None:
        """Note a reply."""
        self._clusters[peer] = message["cluster"]
        self._gate.on_reply(peer, message, self._core.term, self._core.leader)

    def on_record(self, peer: str, message: Message) -> None:
        """Note a cluster's record, and adopt it at once where it is this disk's own."""
        self._clusters[peer] = message["cluster"]
        record = ClusterRecord(message["cluster"], message["origin"], message["term"], message["disks"])
        self._gate.on_record(peer, record)
        self._adopt_offered_record()

    def note_agreement(self, term: int, index: int) -> None:
        """Note that up to `index` the log is equal to that of the leader of `term`, which only appends to its log."""
        self._agreed = max(self._agreed, (term, index))

    # --- a step

    def step(self, connected: Collection[str], durable: int) -> None:
        """Do what is due on a learner, or on a voter that has no cluster's id."""
        if self._gate.has_joined:
            return
        self._adopt_offered_record()
        waiting_for = self._gate.waiting_for(self._log.last_index)
        if (query := self._gate.next_query(self._clock())) is not None:
            for peer in connected:
                self._network.send(peer, query)
            if waiting_for != self._logged_wait:
                self._logged_wait = waiting_for
                _log.info("joining", extra={"voting": self._gate.voting, "waiting_for": waiting_for})
        caught_up = min(durable, self._agreed[1] if self._agreed[0] == self._core.term else 0)
        if not self._gate.voting and self._gate.has_caught_up(self._core.term, self._core.leader, caught_up):
            self._core.record_vote_for_leader()
            self._gate.become_voter()
            self._core.postpone_election(self._clock())
            _log.info("learner_became_voter", extra={"index": durable, "reason": "it has caught up with all others"})
        if (record := self._new_cluster_record()) is not None:
            self._adopt(record)
            for peer in connected:
                self._transport.send_after_commit(peer, _record_message(record))

    def _new_cluster_record(self) -> ClusterRecord | None:
        return self._gate.new_cluster_record(self._log.last_index, self._core.term, self._core.leader)

    def _adopt_offered_record(self) -> None:
        if (record := self._gate.record_to_adopt(self._core.leader)) is not None:
            self._adopt(record)

    def _adopt(self, record: ClusterRecord) -> None:
        _log.info("cluster_joined", extra={"cluster": record.cluster, "origin": record.origin})
        if self._gate.adopt(record):
            self._core.record_own_vote(max(record.term, self._core.term))
            # all replicas of a new cluster do this at the same time; their elections must not collide
            self._core.postpone_election(self._clock())
            _log.info("learner_became_voter", extra={"reason": "the cluster began with this disk"})


def _record_message(record: ClusterRecord) -> Message:
    fields = {"cluster": record.cluster, "origin": record.origin, "term": record.term, "disks": record.disks}
    return {"type": codec.CLUSTER_RECORD} | fields
