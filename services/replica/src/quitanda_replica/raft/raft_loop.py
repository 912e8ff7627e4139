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
from quitanda_replica.raft import codec
from quitanda_replica.raft.cluster_identity import Greeting
from quitanda_replica.raft.codec import MalformedMessage, Message
from quitanda_replica.raft.journal import COMMAND, LevelJournal
from quitanda_replica.raft.leadership import LeaderRole
from quitanda_replica.raft.learner import LearnerGate
from quitanda_replica.raft.membership import Membership
from quitanda_replica.raft.message_filter import (
    ConflictLog,
    FilteredMessage,
    contradicts,
    filter_append,
    filter_heartbeat,
    filter_reply,
)
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.options import RaftOptions
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
        self._conflict_log = ConflictLog(clock)
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
        self._handlers: dict[str, Callable[[str, Message], None]] = {
            codec.APPEND_ENTRIES: self._on_append_entries,
            codec.APPEND_REPLY: self._on_append_reply,
            codec.VOTE_REQUEST: self._on_vote_request,
            codec.VOTE: lambda peer, message: self._deliver(peer, self._core.filter_vote(peer, message)),
            codec.TIMEOUT_NOW: self._on_timeout_now,
            codec.PREVOTE_REQUEST: self._prevote.on_request,
            codec.PREVOTE_RESPONSE: self._prevote.on_response,
            codec.READ_PROBE: self._on_read_probe,
            codec.READ_ECHO: self._on_read_echo,
            codec.SNAPSHOT_CHUNK: self._on_snapshot_chunk,
            codec.SNAPSHOT_ACKNOWLEDGEMENT: self._on_snapshot_acknowledgement,
            codec.LEARNER_QUERY: self._membership.on_query,
            codec.LEARNER_REPLY: self._membership.on_reply,
            codec.CLUSTER_RECORD: self._membership.on_record,
        }
        store.commit()
        self._voting_is_durable = self._gate.voting
        """Whether the replica would be a voter after a crash now: what leaves before the commit depends on it."""
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
        self._handlers[message["type"]](peer, message)

    # --- messages

    def _on_append_entries(self, peer: str, message: Message) -> None:
        if message["term"] < self._core.term and not self._gate.voting:
            self._send_own_term(peer)
        self._prevote.on_leader_message(message["term"])
        if self._snapshot_receiver.installing or not self._membership.may_accept_from(peer):
            heartbeat = filter_heartbeat(self._core.term, self._core.commit_index, message)
            # a replica that must not accept anything yet does not reply: a reply would make the leader send a snapshot
            self._deliver(peer, heartbeat if self._snapshot_receiver.installing else FilteredMessage(heartbeat.deliver))
            return
        if message["term"] >= self._core.term:
            self._conflict_log.note(peer, message, contradicts=contradicts(self._journal, message))
        filtered = self._filter_append(message)
        self._membership.note_agreement(message["term"], filtered.agreed_upto)
        self._deliver(peer, filtered)

    def _on_append_reply(self, peer: str, message: Message) -> None:
        if message["term"] > self._core.term:
            self._core.adopt_later_term(message["term"])
            return
        sent_upto = self._core.next_index(peer)
        if self._leads_term_of(message):
            self._leader_role.note_follower(peer)
            self._core.note_append_reply(peer, message["next_node_idx"], reset=message["reset"])
        self._deliver(peer, self._filter_reply(message))
        if not message["reset"]:
            self._core.keep_next_index(peer, sent_upto)

    def _on_vote_request(self, peer: str, message: Message) -> None:
        if self._gate.voting:
            self._deliver(peer, FilteredMessage(message))

    def _on_timeout_now(self, peer: str, message: Message) -> None:
        if self._is_from_leader(peer, message):
            self._prevote.on_timeout_now()

    def _on_read_probe(self, peer: str, message: Message) -> None:
        if self._voting_is_durable and self._is_from_leader(peer, message):
            self._network.send(peer, message | {"type": codec.READ_ECHO})

    def _on_read_echo(self, peer: str, message: Message) -> None:
        if self._leads_term_of(message):
            self.reads.on_echo(peer, message["round"])

    def _on_snapshot_chunk(self, peer: str, message: Message) -> None:
        if not self._is_from_leader(peer, message) or not self._membership.may_accept_from(peer):
            return
        if message["cluster"] != self._gate.cluster:
            raise MalformedMessage("its snapshot is of another cluster")
        if self._journal.holds(message["index"], message["index_term"]):
            # keep the log (Raft, figure 13, rule 6): entries behind this one may be acknowledged, and the log leads to
            # the same state
            self._core.raise_commit_index(message["index"])
        else:
            self._snapshot_receiver.on_chunk(peer, message, self._applied)

    def _on_snapshot_acknowledgement(self, peer: str, message: Message) -> None:
        if self._leads_term_of(message):
            self._snapshot_sender.on_acknowledgement(peer, message)

    def _send_own_term(self, peer: str) -> None:
        """Tell a leader of an earlier term which term this replica is in.

        Only a learner does so. A voter in a later term becomes a candidate by itself. A learner never can; without this
        message it would never follow a leader again.
        """
        progress = {"next_node_idx": self._core.commit_index + 1, "reset": False, "success": False}
        self._transport.send(self._core.node_of(peer), {"type": codec.APPEND_REPLY} | progress)

    def _filter_append(self, message: Message) -> FilteredMessage:
        return filter_append(self._journal, self._core.term, self._core.commit_index, message)

    def _filter_reply(self, message: Message) -> FilteredMessage:
        return filter_reply(self._core.term, self._journal.last_index, message)

    def _deliver(self, peer: str, filtered: FilteredMessage) -> None:
        node = self._core.node_of(peer)
        if filtered.deliver is not None:
            self._transport.deliver(node, filtered.deliver)
        if filtered.reply is not None:
            self._transport.send(node, filtered.reply)

    def _is_from_leader(self, peer: str, message: Message) -> bool:
        return bool(message["term"] == self._core.term and self._core.leader == peer)

    def _leads_term_of(self, message: Message) -> bool:
        return bool(self._core.is_leader and message["term"] == self._core.term)

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
        self._voting_is_durable = self._gate.voting
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
