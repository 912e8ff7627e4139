"""One round of a replica's Raft, without a thread or a socket of its own: hear, tick, append, send, commit, answer.

The order within a round is what the guarantees rest on:

1. Messages are heard first, so a replica that was stopped for a while does not judge a leader dead whose heartbeats
   wait in its sockets.
2. PySyncObj ticks: elections, the commit index, applying committed entries (staged, with the applied index).
3. The leader appends what was submitted and sends one batch to each follower.
4. ONE synced commit makes log, term, vote, state and applied index durable.
5. Only then votes and acknowledgements leave, callers get their answers and the state machine is told.
"""

import logging
from collections.abc import Callable

from quitanda.errors import QuitandaError, Unavailable
from quitanda_replica.raft.cluster_identity import Greeting
from quitanda_replica.raft.codec import MalformedMessage, Message
from quitanda_replica.raft.journal import COMMAND, LevelJournal
from quitanda_replica.raft.leadership import Leadership
from quitanda_replica.raft.learner import LearnerGate
from quitanda_replica.raft.membership import Membership
from quitanda_replica.raft.message_filter import (
    FilteredMessage,
    contradicts,
    filter_append,
    filter_heartbeat,
    filter_reply,
)
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.pending_proposals import PendingProposals
from quitanda_replica.raft.prevote import PreVote
from quitanda_replica.raft.proposal import ProposalQueue
from quitanda_replica.raft.raft_core import RaftCore
from quitanda_replica.raft.read_index import ReadIndex
from quitanda_replica.raft.rejected_connection_log import RepeatedConflict
from quitanda_replica.raft.snapshot_receiver import Installation, SnapshotIntake, SnapshotReceiver, install
from quitanda_replica.raft.snapshot_sender import SnapshotSender
from quitanda_replica.raft.state_machine import RaftStatus, StateMachine
from quitanda_replica.raft.transport import DurableTransport
from quitanda_replica.state.store import Store

POLL_SECONDS_MAX = 0.05
"""Longest wait for messages, or the time between two heartbeats where that is shorter: elections and heartbeats are at
most this late."""

_log = logging.getLogger(__name__)


class RaftLoop:
    """The composition that a round drives; also the network's receiver. One thread's alone, but for the two queues.

    The class attributes are its parts. A simulation puts others in their places, to show what each is needed for.
    """

    journal_type = LevelJournal
    engine_type = RaftCore
    canvass_type = PreVote
    receiver_type = SnapshotReceiver
    reads_type = ReadIndex
    filter_append = staticmethod(filter_append)
    filter_reply = staticmethod(filter_reply)
    installation_type = Installation

    def __init__(
        self,
        options: RaftOptions,
        store: Store,
        machine: StateMachine,
        network: Network,
        clock: Callable[[], float],
    ) -> None:
        self._options = options
        self._store = store
        self._machine = machine
        self._network = network
        self._clock = clock
        install(store, self.installation_type)
        self._journal = self.journal_type(store)
        self._guard = LearnerGate(store, options, last_index=self._journal.last_index)
        if not self._guard.voting:
            _log.warning(
                "the disk has no past: this replica votes when it has caught up with all others, "
                "or when all others are without a past like it"
            )
        self._applied = self._durable = self._journal.applied_index
        self._transport = DurableTransport(lambda: (self._engine.term, self._guard.voting))
        self._engine = self.engine_type(
            options, self._journal, self._transport, self._apply, lambda: self._guard.voting
        )
        self._canvass = self.canvass_type(options, self._engine, self._journal, self._guard, network, clock)
        self._joining = Membership(self._guard, self._engine, self._journal, network, self._transport, clock)
        self._conflict = RepeatedConflict(clock)
        self._sender = SnapshotSender(store, options.snapshot_chunk_bytes, clock)
        self._intake = SnapshotIntake(
            store, self._transport.promise, self.receiver_type, self.installation_type, machine.check_snapshot
        )
        self.submissions = ProposalQueue(options, network.wake)
        self.reads = self.reads_type(options, network.wake)
        self._in_flight = PendingProposals(self.submissions, options)
        self._leadership = Leadership(options.name, self._engine, self.submissions, self.reads, self._in_flight)
        self._heard_at = clock()
        self._replicated: tuple[int, int] = (0, 0)
        self._connected: set[str] = set()
        self._replied: set[str] = set()
        """Peers that have answered `append_entries` in this conversation, so know whom they follow."""
        self._handlers: dict[str, Callable[[str, Message], None]] = {
            "append_entries": self._on_append_entries,
            "next_node_idx": self._on_next_node_idx,
            "request_vote": self._on_request_vote,
            "timeout_now": self._on_timeout_now,
            "response_vote": lambda peer, message: self._admit(peer, self._engine.filter_vote(peer, message)),
            "canvass_question": self._canvass.asked,
            "canvass_answer": self._canvass.answered,
            "read_probe": self._on_read_probe,
            "read_echo": self._on_read_echo,
            "snapshot_chunk": self._on_snapshot_chunk,
            "snapshot_taken": self._on_snapshot_taken,
            "rejoin_question": self._joining.asked,
            "rejoin_answer": self._joining.answered,
            "cluster_record": self._joining.told_record,
        }
        store.commit()
        self._votes_durably = self._guard.voting
        """Whether a crash now would leave a replica that votes; what leaves before the commit goes by this."""
        self.status = self._current_status()

    def open(self) -> None:
        """Begin to listen. Raises OSError."""
        self._network.open(self)

    def round(self) -> None:
        """Wait a moment for something to do, and do it. Any exception means that the replica must stop."""
        stood_still = self._clock() - self._heard_at > self._options.election_timeout_min_seconds
        self._network.poll(0.0 if self._has_work() else min(POLL_SECONDS_MAX, self._options.heartbeat_seconds))
        self._heard_at = self._clock()
        if stood_still:  # it may be the own fault that nothing was heard, and that connections are gone
            self._engine.postpone_overdue_election(self._heard_at)
        self._joining.watch(self._connected, self._durable)
        if self._engine.leads:
            self._divert_to_snapshots()
        whole = not self._intake.installing
        self._engine.applies = whole
        self._engine.tick(may_stand=self._canvass.permits_standing(self._connected, state_is_whole=whole))
        self._follow_leadership()
        if self._engine.leads:
            self._append_submissions()
            self._probe_for_readers()
            self._replicate()
        self._compact()
        installed = self._intake.stage(self._clock())
        self._commit()
        if installed is not None:
            self._go_on_behind(installed)
        self.status = self._current_status()

    def hand_over(self, wanted: bool, to: str = "") -> None:
        """Stop (or, after a failed attempt, resume) taking submissions and try to make another replica lead.

        `to` names the one; '' leaves it to whichever is furthest.
        """
        self._leadership.hand_over(wanted, to)

    def close(self) -> None:
        """Make durable what is staged, send what was promised, settle everybody who waits, release the sockets."""
        self._commit()
        self.fail(Unavailable("the replica stops"))
        self._sender.close()
        self._network.close()

    def fail(self, refusal: QuitandaError) -> None:
        """Send everybody away: `refusal` for what was not begun, "unknown" for what was."""
        self.submissions.refuse(refusal)
        self.reads.refuse(refusal)
        self._in_flight.forget()

    # --- the network's receiver

    def greeting_to(self, peer: str) -> Greeting:
        """Say who this replica is, and of which cluster."""
        return self._guard.greeting_to(peer)

    def judge(self, peer: str, greeting: Greeting) -> str:
        """Say why `peer` is not of this cluster, or ''."""
        return self._joining.judge(peer, greeting)

    def connected(self, peer: str) -> None:
        """Reach a peer (again): what it acknowledged in another conversation is not counted any more."""
        self._connected.add(peer)
        self._joining.connected(peer)
        if self._engine.leads:
            self._engine.forget_match(peer)
        else:
            self._engine.postpone_overdue_election(self._clock())
        self._transport.connected(self._engine.node_of(peer))

    def disconnected(self, peer: str) -> None:
        """Lose a peer."""
        self._connected.discard(peer)
        self._replied.discard(peer)
        self._joining.disconnected(peer)
        self._sender.cancel(peer)
        self._transport.disconnected(self._engine.node_of(peer))

    def received(self, peer: str, message: Message) -> None:
        """Handle one message that the codec has checked. Raises MalformedMessage."""
        if self._joining.is_foreign(peer):
            raise MalformedMessage("it belongs to another cluster")
        self._handlers[message["type"]](peer, message)

    # --- messages

    def _on_append_entries(self, peer: str, message: Message) -> None:
        if message["term"] < self._engine.term and not self._guard.voting:
            self._tell_term(peer)
        self._canvass.heard_leader(message["term"])
        if self._intake.installing or not self._joining.may_take_from(peer):
            heard = filter_heartbeat(self._engine.term, self._engine.commit_index, message)
            # who must not take anything yet says nothing: any answer would bring it a snapshot
            self._admit(peer, heard if self._intake.installing else FilteredMessage(heard.deliver))
            return
        if message["term"] >= self._engine.term:
            self._conflict.heard(peer, message, contradicts=contradicts(self._journal, message))
        message_filter = self.filter_append(self._journal, self._engine.term, self._engine.commit_index, message)
        self._joining.agrees(message["term"], message_filter.agreed_upto)
        self._admit(peer, message_filter)

    def _on_next_node_idx(self, peer: str, message: Message) -> None:
        if message["term"] > self._engine.term:
            self._engine.follow_term(message["term"])
            return
        sent_upto = self._engine.next_index(peer)
        if self._leads_in(message):
            self._replied.add(peer)
            self._engine.arrived(peer, message["next_node_idx"], reset=message["reset"])
        self._admit(peer, self.filter_reply(self._engine.term, self._journal.last_index, message))
        if not message["reset"]:
            self._engine.resume_at(peer, sent_upto)

    def _on_request_vote(self, peer: str, message: Message) -> None:
        if self._guard.voting:
            self._admit(peer, FilteredMessage(message))

    def _on_timeout_now(self, peer: str, message: Message) -> None:
        if self._follows(peer, message):
            self._canvass.told_to_stand()

    def _on_read_probe(self, peer: str, message: Message) -> None:
        if self._votes_durably and self._follows(peer, message):
            self._network.send(peer, message | {"type": "read_echo"})

    def _on_read_echo(self, peer: str, message: Message) -> None:
        if self._leads_in(message):
            self.reads.echoed(peer, message["round"])

    def _on_snapshot_chunk(self, peer: str, message: Message) -> None:
        if not self._follows(peer, message) or not self._joining.may_take_from(peer):
            return
        if message["cluster"] != self._guard.cluster:
            raise MalformedMessage("its snapshot is of another cluster")
        if self._journal.holds(message["index"], message["index_term"]):
            # the log stays (Raft, figure 13, rule 6), as what is behind may be acknowledged; it leads to the same state
            self._engine.commit_upto(message["index"])
        else:
            self._intake.take(peer, message, self._applied)

    def _on_snapshot_taken(self, peer: str, message: Message) -> None:
        if self._leads_in(message):
            self._sender.taken(peer, message)

    def _tell_term(self, peer: str) -> None:
        """Answer a leader of an earlier term with the own term.

        Who votes says nothing, and stands again where it is left alone. A replica that may not vote could never do
        that: in a later term than everybody else's it would stay shut out.
        """
        standing = {"next_node_idx": self._engine.commit_index + 1, "reset": False, "success": False}
        self._transport.send(self._engine.node_of(peer), {"type": "next_node_idx"} | standing)

    def _admit(self, peer: str, message_filter: FilteredMessage) -> None:
        node = self._engine.node_of(peer)
        if message_filter.deliver is not None:
            self._transport.deliver(node, message_filter.deliver)
        if message_filter.reply is not None:
            self._transport.send(node, message_filter.reply)

    def _follows(self, peer: str, message: Message) -> bool:
        return bool(message["term"] == self._engine.term and self._engine.leader == peer)

    def _leads_in(self, message: Message) -> bool:
        return bool(self._engine.leads and message["term"] == self._engine.term)

    # --- the parts of a round

    def _has_work(self) -> bool:
        """Is there something that no message will announce? A single replica is its own majority."""
        commits = (
            not self._options.peers and self._engine.leads and self._engine.commit_index < self._journal.last_index
        )
        return commits or self._engine.commit_index > self._applied or self._intake.has_work

    def _divert_to_snapshots(self) -> None:
        for peer in self._engine.divert_behind_log():
            if peer in self._replied:
                self._sender.begin(peer, self._engine.term, self._guard.cluster)
        for peer, message in self._sender.due(self._engine.term):
            self._network.send(peer, message)

    def _follow_leadership(self) -> None:
        if not self._leadership.look():
            return
        self._replied.clear()
        if not self._engine.leads:
            self._sender.close()

    def _append_submissions(self) -> None:
        while self._may_append() and (submission := self.submissions.take()) is not None:
            index = self._journal.last_index + 1
            self._journal.add(COMMAND + submission.payload, index, self._engine.term)
            self._in_flight.appended(index, self._engine.term, submission)
        self._leadership.tell_to_stand()

    def _may_append(self) -> bool:
        return not self._leadership.handing_over and self._in_flight.has_room

    def _probe_for_readers(self) -> None:
        commit_index = self._engine.commit_index
        if self._journal.term_at(commit_index) != self._engine.term:
            return  # the own no-op is not committed yet: readers wait for it
        probe = self.reads.probe(self._engine.term, commit_index, self._clock())
        if probe is not None:
            for peer in self._connected:
                self._network.send(peer, probe)

    def _replicate(self) -> None:
        """Send at once when the log or the commit index has moved; heartbeats are PySyncObj's own."""
        position = self._journal.last_index, self._engine.commit_index
        if position != self._replicated:
            self._replicated = position
            self._engine.replicate()
        self._engine.catch_up()

    def _compact(self) -> None:
        """Cut the log, but never what is not applied and durable, nor what follows on a snapshot under way."""
        bounds = self._options.log_entries_max, self._options.log_bytes_max
        point = self._journal.safe_compaction_point(*bounds, self._durable, self._sender.floor)
        if point > self._journal.first_index:
            self._journal.compact(point)

    def _commit(self) -> None:
        for peer, message in self._transport.take_early():
            self._network.send(peer, message)
        self._journal.stage_raft_state()
        self._store.commit()
        self._votes_durably = self._guard.voting
        applied_before, self._durable = self._durable, self._applied
        for peer, message in self._transport.take_late():
            self._network.send(peer, message)
        self._in_flight.answer()
        if self._durable > applied_before:
            self._machine.committed(self._durable)
        self.reads.settle(self._durable)

    def _go_on_behind(self, installation: Installation) -> None:
        """Take the installed state for one's own."""
        if not installation.obsolete:
            self._journal.restart_at(installation.index, installation.term)
            self._engine.restart_at(installation.index)
            self._applied = self._durable = installation.index
            self._machine.installed(installation.index)
        self._intake.finished()

    # --- applying

    def _apply(self, index: int, command: bytes) -> None:
        """Apply one committed entry; the engine calls this inside its tick."""
        if index != self._applied + 1:
            raise AssertionError(f"entry {index} is to be applied behind entry {self._applied}")
        answer = self._machine.apply(index, command[len(COMMAND) :]) if command[:1] == COMMAND else b""
        self._journal.set_applied(index)
        self._applied = index
        self._in_flight.applied(index, self._journal.term_at(index), answer)

    def _current_status(self) -> RaftStatus:
        return RaftStatus(
            role=self._engine.role,
            term=self._engine.term,
            leader=self._engine.leader,
            commit_index=self._engine.commit_index,
            applied_index=self._durable,
            last_log_index=self._journal.last_index,
            first_log_index=self._journal.first_index,
            peers=tuple(sorted(self._connected)),
            voting=self._guard.voting,
            cluster=self._guard.cluster,
            refused=self._joining.refused,
        )
