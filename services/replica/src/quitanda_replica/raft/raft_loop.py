"""One step of a replica's Raft, without a thread or a socket of its own: receive, tick, append, send, commit, reply.

The guarantees rest on the order within a step:

1. Receive. The replica reads its messages first. So a replica that was stopped for a while does not believe that a
   leader is dead whose heartbeats still wait in its sockets.
2. Tick. PySyncObj does what is due: elections, the commit index, applying committed entries. Their effects and the
   applied index are staged together.
3. Append and send. The leader appends the proposals to its log and sends one batch to each follower.
4. Commit. ONE synced batch makes the log, the term, the vote, the state and the applied index durable.
5. Reply. Only now votes and acknowledgements leave, callers get their answers, and the state machine is told. Last,
   the leader tells the followers what is committed, where the step had no entries to send it with.
"""

import logging
from collections.abc import Callable

from quitanda.errors import QuitandaError, Unavailable
from quitanda_replica.raft.cluster_identity import Greeting
from quitanda_replica.raft.codec import MalformedMessage, Message
from quitanda_replica.raft.journal import COMMAND, LevelJournal
from quitanda_replica.raft.leadership import LeaderRole
from quitanda_replica.raft.learner import LearnerGate
from quitanda_replica.raft.membership import Membership
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.peer_messages import PeerMessages
from quitanda_replica.raft.prevote import PreVote
from quitanda_replica.raft.proposals import PendingProposals, ProposalQueue
from quitanda_replica.raft.raft_core import RaftCore
from quitanda_replica.raft.raft_figures import RaftFigures
from quitanda_replica.raft.read_index import ReadIndex
from quitanda_replica.raft.snapshot_receiver import (
    SnapshotInstallation,
    SnapshotReceiver,
    finish_interrupted_installation,
)
from quitanda_replica.raft.snapshot_sender import SnapshotSender
from quitanda_replica.raft.state_machine import RaftStatus, Role, StateMachine
from quitanda_replica.raft.transport import DurableTransport
from quitanda_replica.state.store import Store

POLL_SECONDS_MAX = 0.05
"""The longest wait for messages, unless the time between two heartbeats is shorter. Elections and heartbeats are at
most this late."""

_log = logging.getLogger(__name__)


def always() -> bool:
    """Say that a state needs no verification: it was made in this process."""
    return True


class RaftLoop:
    """Puts the parts of Raft together and drives them step by step; it is also the network's receiver.

    One thread owns it. Other threads may only use `proposals`, `reads`, `status` and `figures`.
    """

    def __init__(
        self,
        options: RaftOptions,
        store: Store,
        machine: StateMachine,
        network: Network,
        clock: Callable[[], float],
        state_is_verified: Callable[[], bool] = always,
    ) -> None:
        self._options = options
        self._state_is_verified = state_is_verified
        self._store = store
        self._machine = machine
        self._network = network
        self._clock = clock
        finish_interrupted_installation(store)
        self._journal = LevelJournal(store)
        self._gate = LearnerGate(store, options, last_index=self._journal.last_index)
        if not self._gate.voting:
            _log.warning("replica_is_learner")
        self._applied = self._durable = self._journal.applied_index
        self._transport = DurableTransport(lambda: (self._core.term, self._gate.voting))
        self._core = RaftCore(options, self._journal, self._transport, self._apply, lambda: self._gate.voting)
        self._prevote = PreVote(options, self._core, self._journal, self._gate, network, clock)
        self._membership = Membership(self._gate, self._core, self._journal, network, self._transport, clock)
        self._snapshot_sender = SnapshotSender(store, options.snapshot_chunk_bytes, clock)
        self._snapshot_receiver = SnapshotReceiver(store, self._transport.send_after_commit, machine.check_snapshot)
        self.proposals = ProposalQueue(options, network.wake)
        self.reads = ReadIndex(options, network.wake)
        self._pending_proposals = PendingProposals(self.proposals, options)
        self._leader_role = LeaderRole(
            options,
            self._core,
            self._journal,
            self._gate,
            network,
            self._snapshot_sender,
            self.proposals,
            self.reads,
            self._pending_proposals,
            clock,
        )
        self._polled_at = clock()
        self._has_polled = False
        self.longest_step_seconds = 0.0
        """The longest time between two polls since the start: meanwhile no heartbeat was received or sent."""
        self._connected: set[str] = set()
        self._messages = PeerMessages(
            self._core,
            self._journal,
            self._gate,
            self._membership,
            self._prevote,
            self._leader_role,
            self.reads,
            self._snapshot_sender,
            self._snapshot_receiver,
            self._transport,
            network,
            clock,
            lambda: self._applied,
        )
        store.commit()
        self._gate.committed()
        self.status = self._current_status()

    def open(self) -> None:
        """Begin to listen. Raises OSError."""
        self._network.open(self)

    def step(self) -> None:
        """Wait a moment for something to do, and do it. Any exception means that the replica must stop."""
        worked_seconds = self._clock() - self._polled_at
        self.longest_step_seconds = max(self.longest_step_seconds, worked_seconds if self._has_polled else 0.0)
        self._network.poll(0.0 if self._has_work() else min(POLL_SECONDS_MAX, self._options.heartbeat_seconds))
        self._has_polled = True
        self._polled_at = self._clock()
        if worked_seconds > self._options.election_timeout_min_seconds:
            # this replica was stalled: that may be why it received nothing, and why connections are gone
            self._core.postpone_overdue_election(self._polled_at)
        self._membership.step(self._connected, self._durable)
        if self._core.is_leader:
            self._leader_role.send_snapshots()
        state_is_whole = not self._snapshot_receiver.installing
        self._core.may_apply = state_is_whole
        may_start = self._prevote.may_start_election(
            self._connected, state_is_whole=state_is_whole and self._state_is_verified()
        )
        self._core.tick(may_start_election=may_start)
        self._leader_role.update()
        if self._core.is_leader:
            self._leader_role.step(self._connected)
        self._compact()
        installed = self._snapshot_receiver.step(self._clock())
        self._commit()
        if installed is not None:
            self._finish_installation(installed)
            self.status = self._current_status()

    def figures(self) -> RaftFigures:
        """Return what was counted since the start, and how far the peers are; for any thread."""
        last, leads = self._journal.last_index, self.status.role is Role.LEADER
        return RaftFigures(
            queued=self.proposals.queued,
            pending=self.proposals.pending,
            overloaded=self.proposals.overloaded,
            lags={peer: max(0, last - self._core.match_index(peer)) for peer in self._options.peers} if leads else {},
            round_trips=self._core.round_trips(),
            snapshots_sent=self._snapshot_sender.traffic,
            snapshots_received=self._snapshot_receiver.traffic,
        )

    def set_transfer_target(self, target: str | None) -> None:
        """Stop taking proposals and try to make another replica lead; None: stop trying, and take proposals again.

        `target` names the replica; '' leaves the choice to Raft, which takes the one that holds the most entries.
        """
        self._leader_role.set_transfer_target(target)

    def close(self) -> None:
        """Make durable what is staged, send what waits for that, answer all callers, release the sockets."""
        self._commit()
        self.reject_callers(Unavailable("the replica stops"))
        self._snapshot_sender.close()
        self._network.close()

    def reject_callers(self, rejection: QuitandaError) -> None:
        """End every wait: with `rejection` where nothing was appended, with OutcomeUnknown where something was."""
        self.proposals.reject(rejection)
        self.reads.reject(rejection)
        self._pending_proposals.lose_all()

    # --- the network's receiver

    def greeting_to(self, peer: str) -> Greeting:
        """Return what this replica says of itself and its cluster when it connects with `peer`."""
        return self._gate.greeting_to(peer)

    def check_greeting(self, peer: str, greeting: Greeting) -> str:
        """Return why `peer` is not of this cluster, or ''."""
        return self._membership.check_greeting(peer, greeting)

    def connected(self, peer: str) -> None:
        """Note a new connection. What the peer acknowledged on an earlier one no longer counts."""
        self._connected.add(peer)
        self._membership.connected(peer)
        if self._core.is_leader:
            self._core.reset_match_index(peer)
        else:
            self._core.postpone_overdue_election(self._clock())
        self._transport.connected(self._core.node_of(peer))

    def disconnected(self, peer: str) -> None:
        """Note that the connection has ended."""
        self._connected.discard(peer)
        self._membership.disconnected(peer)
        self._leader_role.disconnected(peer)
        self._transport.disconnected(self._core.node_of(peer))

    def received(self, peer: str, message: Message) -> None:
        """Handle one message that the codec has checked. Raises MalformedMessage."""
        if self._membership.is_of_other_cluster(peer):
            raise MalformedMessage("it belongs to another cluster")
        self._messages.handle(peer, message)

    # --- the parts of a step

    def _has_work(self) -> bool:
        """Return whether there is work that no message will announce. A single replica is its own majority."""
        is_alone = not self._options.peers and self._core.is_leader
        may_commit = is_alone and self._core.commit_index < self._journal.last_index
        return may_commit or self._core.commit_index > self._applied or self._snapshot_receiver.has_work

    def _compact(self) -> None:
        """Cut the log, but keep what is not applied and durable, and what a snapshot on its way will need next."""
        bounds = self._options.log_entries_max, self._options.log_bytes_max
        point = self._journal.safe_compaction_point(*bounds, self._durable, self._snapshot_sender.floor)
        if point > self._journal.first_index:
            self._journal.compact(point)

    def _commit(self) -> None:
        self._send_entries()
        self._journal.stage_raft_state()
        self._store.commit()
        self._gate.committed()
        applied_before, self._durable = self._durable, self._applied
        self.status = self._current_status()  # before the answers: who has one sees its entry in the status
        for peer, message in self._transport.take_after_commit():
            self._network.send(peer, message)
        self._pending_proposals.answer()
        if self._durable > applied_before:
            self._machine.committed(self._durable)
        self.reads.release(self._durable)
        self._leader_role.announce_commit()
        self._send_entries()

    def _send_entries(self) -> None:
        """Send what need not be durable here before it leaves."""
        for peer, message in self._transport.take_before_commit():
            self._network.send(peer, message)

    def _finish_installation(self, installation: SnapshotInstallation) -> None:
        """Go on from the installed state."""
        if not installation.obsolete:
            self._journal.restart_at(installation.index, installation.term)
            self._core.restart_at(installation.index)
            self._applied = self._durable = installation.index
            self._machine.installed(installation.index)
        self._snapshot_receiver.finish()

    def _apply(self, index: int, command: bytes) -> None:
        """Apply one committed entry. The core calls this inside its tick."""
        if index != self._applied + 1:
            raise AssertionError(f"entry {index} is to be applied after entry {self._applied}")
        term = self._journal.term_at(index)
        spans = self._pending_proposals.spans_of(index, term)
        if spans is not None:
            spans.apply_begins()
        answer = self._machine.apply(index, command[len(COMMAND) :]) if command[:1] == COMMAND else b""
        if spans is not None:
            spans.apply_ended(index)
        self._journal.set_applied(index)
        self._applied = index
        self._pending_proposals.applied(index, term, answer)

    def _current_status(self) -> RaftStatus:
        return RaftStatus(
            role=self._core.role,
            term=self._core.term,
            leader=self._core.leader,
            commit_index=self._core.commit_index,
            applied_index=self._durable,
            last_log_index=self._journal.last_index,
            first_log_index=self._journal.first_index,
            peers=tuple(sorted(self._connected)),
            voting=self._gate.voting,
            cluster=self._gate.cluster,
            refused=self._membership.rejected,
        )
