"""What each message of another replica does to this one.

What comes in is checked twice before it reaches PySyncObj: the codec has checked its form, and here `message_filter`
decides what of it may pass. The handlers change only what the next commit makes durable; what must wait for that commit
is given to the transport.
"""

from collections.abc import Callable

from quitanda_replica.raft import codec
from quitanda_replica.raft.codec import MalformedMessage, Message
from quitanda_replica.raft.journal import LevelJournal
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
from quitanda_replica.raft.prevote import PreVote
from quitanda_replica.raft.raft_core import RaftCore
from quitanda_replica.raft.read_index import ReadIndex
from quitanda_replica.raft.snapshot_receiver import SnapshotReceiver
from quitanda_replica.raft.snapshot_sender import SnapshotSender
from quitanda_replica.raft.transport import DurableTransport


class PeerMessages:
    """Handles the messages of the other replicas; the raft thread owns it. `applied` tells the applied index."""

    def __init__(
        self,
        core: RaftCore,
        journal: LevelJournal,
        gate: LearnerGate,
        membership: Membership,
        prevote: PreVote,
        leader_role: LeaderRole,
        reads: ReadIndex,
        snapshot_sender: SnapshotSender,
        snapshot_receiver: SnapshotReceiver,
        transport: DurableTransport,
        network: Network,
        clock: Callable[[], float],
        applied: Callable[[], int],
    ) -> None:
        self._core = core
        self._journal = journal
        self._gate = gate
        self._membership = membership
        self._prevote = prevote
        self._leader_role = leader_role
        self._reads = reads
        self._snapshot_sender = snapshot_sender
        self._snapshot_receiver = snapshot_receiver
        self._transport = transport
        self._network = network
        self._applied = applied
        self._conflict_log = ConflictLog(clock)
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

    def handle(self, peer: str, message: Message) -> None:
        """Handle one message that the codec has checked. Raises MalformedMessage."""
        self._handlers[message["type"]](peer, message)

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
        if self._gate.voting_is_durable and self._is_from_leader(peer, message):
            self._network.send(peer, message | {"type": codec.READ_ECHO})

    def _on_read_echo(self, peer: str, message: Message) -> None:
        if self._leads_term_of(message):
            self._reads.on_echo(peer, message["round"])

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
            self._snapshot_receiver.on_chunk(peer, message, self._applied())

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
