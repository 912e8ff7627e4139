"""What changes with the leadership: whether callers are accepted, and the transfer to another replica."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from quitanda.errors import NotLeader, Overloaded, Unavailable
from quitanda_replica.raft.proposals import PendingProposals, ProposalQueue
from quitanda_replica.raft.raft_core import RaftCore
from quitanda_replica.raft.read_index import ReadIndex

_log = logging.getLogger(__name__)


class LeadershipChanges:
    """Accepts or rejects proposals and readers as the leadership comes and goes. The raft thread owns it."""

    def __init__(
        self, name: str, core: RaftCore, proposals: ProposalQueue, reads: ReadIndex, pending_proposals: PendingProposals
    ) -> None:
        self._name = name
        self._core = core
        self._proposals = proposals
        self._reads = reads
        self._pending_proposals = pending_proposals
        self._leading_term: int | None = None
        self._leader = ""
        """The leader that callers were told of last."""
        self._transfer_target = ""
        self.transferring = False
        """While it is true, nothing is appended, so that another replica can get every entry."""

    def update(self) -> bool:
        """Note who leads now. Return whether this replica has begun or ceased to lead, or leads another term."""
        leading_term = self._core.term if self._core.is_leader else None
        changed = leading_term != self._leading_term
        if changed:
            self._leading_term = leading_term
            self._pending_proposals.lose_all()
        if changed or (leading_term is None and self._core.leader != self._leader):
            self._reject_callers()
        if changed and leading_term is not None:
            _log.info("leader_elected", extra={"leader": self._name, "term": leading_term})
            self._reads.accept()
            if not self.transferring:
                self._proposals.accept()
        self._leader = self._core.leader
        return changed

    def set_transfer_target(self, target: str | None) -> None:
        """Begin a transfer, change its target ('': any replica), or end it (None). A leader then accepts proposals."""
        self.transferring = target is not None
        self._transfer_target = target or ""
        if self.transferring and self._core.is_leader:
            self._proposals.reject(Unavailable("this replica hands its leadership over; the next leader comes at once"))
        elif self._core.is_leader:
            self._proposals.accept()

    def send_timeout_now(self) -> None:
        """Tell the target, or the replica with the most entries, to start an election, once no proposal is pending.

        Only the leader calls this.
        """
        if self.transferring and not self._pending_proposals.by_index:
            self._core.transferLeadership(self._core.node_of(self._transfer_target) if self._transfer_target else None)

    def _reject_callers(self) -> None:
        leader = self._core.leader
        rejection = NotLeader("" if leader == self._name else leader)
        self._proposals.reject(rejection)
        self._reads.reject(rejection)


@dataclass(frozen=True, eq=False)
class LeadershipTransfer:
    """One transfer that somebody asks for now.

    It is an object of its own: a transfer that ends takes back nothing but itself, and one that begins right after
    another is never taken for it.
    """

    to: str
    """The replica that is to lead; '' leaves the choice to Raft, which takes the one with the most entries."""


class LeadershipTransfers:
    """Lets any thread ask that another replica lead (Raft thesis, section 3.10): one transfer at a time.

    `run` is for any thread. `current` and `notify` are for the raft thread, which carries out the current transfer.
    """

    def __init__(self, has_moved: Callable[[], bool], wake: Callable[[], None], clock: Callable[[], float]) -> None:
        """`has_moved`: another replica is known to lead. `wake` ends the raft thread's wait for messages."""
        self._has_moved = has_moved
        self._wake = wake
        self._clock = clock
        self._changed = threading.Condition()
        self._current: LeadershipTransfer | None = None

    @property
    def current(self) -> LeadershipTransfer | None:
        """The transfer that is under way, or None."""
        return self._current

    def notify(self) -> None:
        """Let the waiting threads check again: the role or the leader has changed."""
        with self._changed:
            self._changed.notify_all()

    def run(self, to: str, timeout: float) -> bool:
        """Ask that `to` leads until another replica leads (return True) or `timeout` seconds have passed.

        While a transfer is under way, callers that ask for the same one wait for it, and so do callers to whom any
        replica is welcome. If it fails, the rest of their time is for a transfer of their own. Overloaded: one to
        another replica is under way, and is not disturbed.
        """
        deadline = self._clock() + timeout
        with self._changed:
            while (under_way := self._current) is not None:
                if to not in {"", under_way.to}:
                    raise Overloaded(f"the leadership is being handed over already, to {under_way.to or 'any replica'}")
                ended = self._wait(partial(self._has_ended, under_way), deadline)
                if self._has_moved() or not ended:
                    return self._has_moved()
            self._current = LeadershipTransfer(to)
            try:
                self._wake()
                self._wait(self._has_moved, deadline)
            finally:
                self._current = None
                self._changed.notify_all()
                self._wake()
            return self._has_moved()

    def _has_ended(self, transfer: LeadershipTransfer) -> bool:
        return self._current is not transfer

    def _wait(self, done: Callable[[], bool], deadline: float) -> bool:
        return self._changed.wait_for(done, max(0.0, deadline - self._clock()))
