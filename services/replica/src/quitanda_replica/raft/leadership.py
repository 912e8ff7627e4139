"""What begins and ends with a replica's leadership: whom callers are sent to, and handing over to another replica."""

import logging

from quitanda.errors import NotLeader, Unavailable
from quitanda_replica.raft.pending_proposals import PendingProposals
from quitanda_replica.raft.proposal import ProposalQueue
from quitanda_replica.raft.raft_core import RaftCore
from quitanda_replica.raft.read_index import ReadIndex

_log = logging.getLogger(__name__)


class Leadership:
    """Opens and closes this replica to those who submit and read; the raft thread's alone."""

    def __init__(
        self, name: str, engine: RaftCore, submissions: ProposalQueue, reads: ReadIndex, in_flight: PendingProposals
    ) -> None:
        self._name = name
        self._engine = engine
        self._submissions = submissions
        self._reads = reads
        self._in_flight = in_flight
        self._leading_term: int | None = None
        self._leader = ""
        """Whom callers were told of last."""
        self._hand_over_to = ""
        self.handing_over = False
        """Nothing is appended, so that another replica can have everything."""

    def look(self) -> bool:
        """Take note of who leads now; True where this replica has begun or ceased to lead, or leads another term."""
        leading_term = self._engine.term if self._engine.leads else None
        changed = leading_term != self._leading_term
        if changed:
            self._leading_term = leading_term
            self._in_flight.forget()
        if changed or (leading_term is None and self._engine.leader != self._leader):
            self._refuse()
        if changed and leading_term is not None:
            _log.info("%s leads term %d", self._name, leading_term)
            self._reads.open()
            if not self.handing_over:
                self._submissions.open()
        self._leader = self._engine.leader
        return changed

    def hand_over(self, wanted: bool, to: str) -> None:
        """Begin, with another target, or cease to hand over; a leader that ceases takes submissions again."""
        self.handing_over = wanted
        self._hand_over_to = to
        if wanted and self._engine.leads:
            self._submissions.refuse(
                Unavailable("this replica hands its leadership over; the next leader comes at once")
            )
        elif self._engine.leads:
            self._submissions.open()

    def tell_to_stand(self) -> None:
        """Tell the wanted replica, or the one that is furthest, to stand, once nothing is under way; the leader's."""
        if self.handing_over and not self._in_flight.pending:
            self._engine.transferLeadership(self._engine.node_of(self._hand_over_to) if self._hand_over_to else None)

    def _refuse(self) -> None:
        leader = self._engine.leader
        refusal = NotLeader("" if leader == self._name else leader)
        self._submissions.refuse(refusal)
        self._reads.refuse(refusal)
