"""What a leader does in each step, what changes with the leadership, and its transfer to another replica."""

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from quitanda.errors import NotLeader, Overloaded, Unavailable
from quitanda_replica.raft.journal import COMMAND, LevelJournal
from quitanda_replica.raft.learner import LearnerGate
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.proposals import PendingProposals, ProposalQueue
from quitanda_replica.raft.raft_core import RaftCore
from quitanda_replica.raft.read_index import ReadIndex
from quitanda_replica.raft.snapshot_sender import SnapshotSender

_log = logging.getLogger(__name__)


class LeaderRole:
    """What only a leader does, and what changes when this replica begins or ceases to lead. The raft thread owns it."""

    def __init__(
        self,
        options: RaftOptions,
        core: RaftCore,
        journal: LevelJournal,
        gate: LearnerGate,
        network: Network,
        snapshot_sender: SnapshotSender,
        proposals: ProposalQueue,
        reads: ReadIndex,
        pending_proposals: PendingProposals,
        clock: Callable[[], float],
    ) -> None:
        self._name = options.name
        self._core = core
        self._journal = journal
        self._gate = gate
        self._network = network
        self._snapshot_sender = snapshot_sender
        self._proposals = proposals
        self._reads = reads
        self._pending_proposals = pending_proposals
        self._clock = clock
        self._leading_term: int | None = None
        self._leader = ""
        """The leader that callers were told of last."""
        self._followers: set[str] = set()
        """Peers that have answered `append_entries` on the present connection: they know that they follow this one."""
        self._sent_position: tuple[int, int] = (0, 0)
        """The last index and the commit index that were sent to everybody."""
        self._transfer_target: str | None = None
        """While it is not None, nothing is appended, so that another replica can get every entry."""

    def update(self) -> None:
        """Note who leads now: accept callers, or tell them the leader."""
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
            if self._transfer_target is None:
                self._proposals.accept()
        self._leader = self._core.leader
        if changed:
            self._followers.clear()
            if leading_term is None:
                self._snapshot_sender.close()

    def set_transfer_target(self, target: str | None) -> None:
        """Begin a transfer, change its target ('': any replica), or end it (None). A leader then accepts proposals."""
        self._transfer_target = target
        if target is not None and self._core.is_leader:
            self._proposals.reject(Unavailable("this replica hands its leadership over; the next leader comes at once"))
        elif self._core.is_leader:
            self._proposals.accept()

    def note_follower(self, peer: str) -> None:
        """Note that `peer` has answered `append_entries` of the current term."""
        self._followers.add(peer)

    def disconnected(self, peer: str) -> None:
        """Note that the connection with `peer` has ended."""
        self._followers.discard(peer)
        self._snapshot_sender.cancel(peer)

    # --- what only a leader calls

    def send_snapshots(self) -> None:
        """Send chunks to followers that need entries which the log no longer holds."""
        for peer in self._core.divert_peers_behind_log():
            if peer in self._followers:
                self._snapshot_sender.start(peer, self._core.term, self._gate.cluster)
        for peer, message in self._snapshot_sender.next_messages(self._core.term):
            self._network.send(peer, message)

    def step(self, connected: Collection[str]) -> None:
        """Append proposals, send read probes to the peers in `connected`, and send entries."""
        self._append_proposals()
        self._confirm_readers(connected)
        self._send_entries()

    def _append_proposals(self) -> None:
        while self._may_append() and (proposal := self._proposals.take()) is not None:
            index = self._journal.last_index + 1
            self._journal.add(COMMAND + proposal.payload, index, self._core.term)
            self._pending_proposals.appended(index, self._core.term, proposal)
        self._send_timeout_now()

    def _may_append(self) -> bool:
        return self._transfer_target is None and self._pending_proposals.has_room

    def _send_timeout_now(self) -> None:
        """Tell the target, or the replica with the most entries, to start an election, once no proposal is pending."""
        if self._transfer_target is not None and not self._pending_proposals.by_index:
            self._core.transferLeadership(self._core.node_of(self._transfer_target) if self._transfer_target else None)

    def _confirm_readers(self, connected: Collection[str]) -> None:
        commit_index = self._core.commit_index
        if self._journal.term_at(commit_index) != self._core.term:
            return  # the no-op of this term is not committed yet: readers wait for it
        if (probe := self._reads.next_probe(self._core.term, commit_index, self._clock())) is not None:
            for peer in connected:
                self._network.send(peer, probe)

    def announce_commit(self) -> None:
        """Tell the followers what is committed, unless they were told with the step's entries.

        The step calls this last. What the followers do then is nothing that a caller waits for, and where they share a
        machine with the leader, it would take the processor and the disk from the answer.
        """
        if self._core.is_leader:
            self._send_where_moved()

    def _send_entries(self) -> None:
        """Send new entries at once, with the commit index. PySyncObj sends the heartbeats by itself."""
        if self._journal.last_index != self._sent_position[0]:
            self._send_where_moved()
        self._core.fill_send_windows()

    def _send_where_moved(self) -> None:
        position = self._journal.last_index, self._core.commit_index
        if position != self._sent_position:
            self._sent_position = position
            self._core.send_append_entries()

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
