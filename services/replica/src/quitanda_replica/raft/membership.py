"""A replica's way into its cluster: whom it talks to, until when it asks, and from when on it counts.

`rejoin` and `cluster_identity` decide; this carries it out in the rounds. Nothing is taken from a peer of another
cluster, nor, on a disk without an id, from one that has an id before that id is this disk's own: so no disk ever holds
entries of two clusters.
"""

import logging
from collections.abc import Callable, Collection

from quitanda_replica.raft.cluster_identity import ClusterRecord, Greeting, judge
from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import LogView
from quitanda_replica.raft.learner import LearnerGate
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.raft_core import RaftCore
from quitanda_replica.raft.rejected_connection_log import RefusedPeers
from quitanda_replica.raft.transport import DurableTransport

_log = logging.getLogger(__name__)


class Membership:
    """Both sides of the questions; the raft thread's alone."""

    def __init__(
        self,
        guard: LearnerGate,
        engine: RaftCore,
        log: LogView,
        network: Network,
        transport: DurableTransport,
        clock: Callable[[], float],
    ) -> None:
        self._guard = guard
        self._engine = engine
        self._log = log
        self._network = network
        self._transport = transport
        self._clock = clock
        self._clusters: dict[str, str] = {}
        """The id of the cluster of each peer that is connected, as far as it has told one."""
        self._greeted: dict[str, str] = {}
        """The same, of conversations that do not stand yet."""
        self._refused = RefusedPeers(clock)
        self._waits_for = ""
        self._agreed: tuple[int, int] = 0, 0
        """A term, and the index up to which the own log has turned out to be that of its leader."""

    @property
    def refused(self) -> dict[str, str]:
        """Peers that are not talked to, and why."""
        return self._refused.reasons

    # --- conversations

    def judge(self, peer: str, theirs: Greeting) -> str:
        """Decide on a greeting: '' where `peer` is welcome, or why it is refused, which is also told and kept."""
        own = self._guard.greeting_to(peer)
        if (stranger := judge(own, theirs)) is not None:
            reason = stranger.explain(own, theirs)
            self._refused.note(peer, reason)
            return reason
        self._refused.forget(peer)
        self._greeted[peer] = theirs.cluster
        return ""

    def connected(self, peer: str) -> None:
        """Ask again: there is somebody new to ask."""
        self._clusters[peer] = self._greeted.pop(peer, "")
        self._guard.ask_at_once()

    def disconnected(self, peer: str) -> None:
        """Forget what `peer` said."""
        self._clusters.pop(peer, None)
        self._guard.forget(peer)

    def is_foreign(self, peer: str) -> bool:
        """Return whether `peer` turned out to be of another cluster than the one whose id this disk has got since."""
        return bool(self._guard.cluster) and self._clusters.get(peer, "") not in {"", self._guard.cluster}

    def may_take_from(self, peer: str) -> bool:
        """Return whether entries and snapshots of `peer` may be taken: its cluster's id, if it has one, is ours."""
        return self._clusters.get(peer, "") in {"", self._guard.cluster}

    # --- questions and answers

    def asked(self, peer: str, question: Message) -> None:
        """Answer, and tell the cluster's record, where this disk has it."""
        self._transport.promise(peer, self._guard.answer(question, self._engine.term, self._log.last_index))
        if self._guard.record is not None:
            self._transport.promise(peer, _record_message(self._guard.record))

    def answered(self, peer: str, message: Message) -> None:
        """Note an answer."""
        self._clusters[peer] = message["cluster"]
        self._guard.answered(peer, message, self._engine.term, self._engine.leader)

    def told_record(self, peer: str, message: Message) -> None:
        """Note a cluster's record, and adopt it at once where it is this disk's own."""
        self._clusters[peer] = message["cluster"]
        record = ClusterRecord(message["cluster"], message["origin"], message["term"], message["disks"])
        self._guard.offered(peer, record)
        self._adopt_what_was_offered()

    def agrees(self, term: int, index: int) -> None:
        """Note that up to `index` the own log is that of the leader of `term`, which only appends to it."""
        self._agreed = max(self._agreed, (term, index))

    # --- a round

    def watch(self, connected: Collection[str], durable: int) -> None:
        """Do what is due on a replica that does not count, or has no cluster's id."""
        if self._guard.settled:
            return
        self._adopt_what_was_offered()
        waits_for = self._guard.waits_for(self._log.last_index)
        if (question := self._guard.question(self._clock())) is not None:
            for peer in connected:
                self._network.send(peer, question)
            if waits_for != self._waits_for:
                self._waits_for = waits_for
                lacking = "a cluster's id" if self._guard.voting else "a past"
                _log.info("without %s, this replica %s", lacking, waits_for)
        caught_up = min(durable, self._agreed[1] if self._agreed[0] == self._engine.term else 0)
        if not self._guard.voting and self._guard.reached(self._engine.term, self._engine.leader, caught_up):
            self._engine.vote_spent()
            self._guard.admit()
            self._engine.postpone_election(self._clock())
            _log.info("the blank disk has caught up at entry %d; this replica votes from now on", durable)
        if (record := self._drawn_record()) is not None:
            self._adopt(record)
            for peer in connected:
                self._transport.promise(peer, _record_message(record))

    def _drawn_record(self) -> ClusterRecord | None:
        return self._guard.drawn_record(self._log.last_index, self._engine.term, self._engine.leader)

    def _adopt_what_was_offered(self) -> None:
        if (record := self._guard.record_to_adopt(self._engine.leader)) is not None:
            self._adopt(record)

    def _adopt(self, record: ClusterRecord) -> None:
        _log.info(
            "this disk belongs to the cluster %s, which began with %s", record.cluster, record.origin or "another"
        )
        if self._guard.adopt(record):
            self._engine.votes_spent(max(record.term, self._engine.term))
            # the replicas of a new cluster come here together, and must not collide
            self._engine.postpone_election(self._clock())
            _log.info("the cluster has begun with this disk; this replica votes from now on")


def _record_message(record: ClusterRecord) -> Message:
    standing = {"cluster": record.cluster, "origin": record.origin, "term": record.term, "disks": record.disks}
    return {"type": "cluster_record"} | standing
