"""PySyncObj's Raft with our log, our transport and our state machine. Only this module uses its private names.

The library is pinned because we rely on private attributes; the version and the names are checked at the start. We use
its elections, votes, terms and commit rule, and its decisions about what to send to which peer and when. We do not use
its command queue and callbacks (they lose callers and report wrong outcomes), its dump files, nor its sockets.
"""

from collections.abc import Callable
from typing import Final

from pysyncobj import SyncObj, SyncObjConf, syncobj
from pysyncobj.node import Node
from pysyncobj.transport import Transport
from pysyncobj.version import VERSION

from quitanda_replica.distribution import Distribution
from quitanda_replica.raft import codec
from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import COMMAND, NO_OP, Entry, LevelJournal
from quitanda_replica.raft.message_filter import DROPPED, FilteredMessage
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.state_machine import Role
from quitanda_replica.raft.transport import SendWindow

SUPPORTED_VERSION: Final = "0.3.17"
REQUIRED_NAMES: Final = tuple(
    f"_SyncObj__{name}"
    for name in (
        "applyLogEntries",
        "connectedNodes",
        "connectedToAnyone",
        "doApplyCommand",
        "generateRaftTimeout",
        "getEntries",
        "needLoadDumpFile",
        "newAppendEntriesTime",
        "onBecomeLeader",
        "onMessageReceived",
        "raftCommitIndex",
        "raftCurrentTerm",
        "raftElectionDeadline",
        "raftLastApplied",
        "raftLeader",
        "raftLog",
        "raftMatchIndex",
        "raftNextIndex",
        "raftState",
        "sendAppendEntries",
        "setCurrentTerm",
        "votedForNodeId",
    )
)
APPLIED_PER_STEP: Final = 64
"""Entries, however small: on a busy machine one command takes a millisecond."""
NEVER_DUE: Final = 10**9
ALREADY_PASSED: Final = float("-inf")
"""A deadline that has passed, whatever the clock shows."""
_ROLES: Final = (Role.FOLLOWER, Role.CANDIDATE, Role.LEADER)
"""By PySyncObj's number of the state."""


class UnsupportedLibrary(Exception):
    """The installed PySyncObj is not the one whose inner workings this package knows."""


def check_library(version: str, core: object) -> None:
    """Raise UnsupportedLibrary unless `version` is the known one and `core` has every private name relied on."""
    if version != SUPPORTED_VERSION:
        raise UnsupportedLibrary(f"pysyncobj {version} is installed; this replica needs exactly {SUPPORTED_VERSION}")
    if missing := [name for name in REQUIRED_NAMES if not hasattr(core, name)]:
        raise UnsupportedLibrary(f"pysyncobj {version} lacks {', '.join(missing)}")


class RaftCore(SyncObj):
    """One replica's Raft. The raft thread owns it."""

    def __init__(
        self,
        options: RaftOptions,
        journal: LevelJournal,
        transport: Transport,
        apply: Callable[[int, bytes], None],
        is_voter: Callable[[], bool],
    ) -> None:
        """Continue from what `journal` holds. `is_voter` says whether this replica is a voter (`learner`)."""
        self._apply_committed = apply
        self._is_voter = is_voter
        self._may_start_election = False
        self.may_apply = True
        """False while a snapshot replaces the state; then nothing is applied."""
        self._apply_bytes_max = options.pipeline_bytes_max
        self._name = options.name
        self._peer_nodes = {name: Node(name) for name in options.peers}
        self._votes_received: tuple[int, set[str]] = 0, set()
        """The last term in which a peer voted for this replica, and the peers that did."""
        self._send_windows = {name: SendWindow() for name in options.peers}
        self._message_bytes = options.message_bytes
        self._outbox = transport
        self._heartbeat_seconds = options.heartbeat_seconds
        super().__init__(Node(options.name), self._peer_nodes.values(), _configuration(options), transport=transport)
        check_library(VERSION, self)
        self._adopt(journal)

    # --- what Raft knows

    @property
    def role(self) -> Role:
        """Follower, candidate or leader."""
        return _ROLES[self._SyncObj__raftState]

    @property
    def is_leader(self) -> bool:
        """True while this replica believes that it leads; others may know of a later leader."""
        return self.role is Role.LEADER

    @property
    def term(self) -> int:
        """The current term."""
        return self._SyncObj__raftCurrentTerm

    @property
    def leader(self) -> str:
        """Name of the current term's leader, or ''."""
        leader = self._SyncObj__raftLeader
        return "" if leader is None else str(leader.id)

    @property
    def commit_index(self) -> int:
        """Index up to which this replica knows the log to be committed."""
        return self._SyncObj__raftCommitIndex

    def round_trips(self) -> dict[str, Distribution]:
        """Return, by peer, the seconds from sending entries until they were durable there; for any thread."""
        return {peer: window.round_trip_seconds for peer, window in self._send_windows.items()}

    def match_index(self, peer: str) -> int:
        """Return up to which entry a leader knows the log of `peer` to be durable and its own; for any thread."""
        return int(self._SyncObj__raftMatchIndex.get(self._peer_nodes[peer], 0))

    def node_of(self, peer: str) -> Node:
        """Return PySyncObj's object for the replica `peer`."""
        return self._peer_nodes[peer]

    # --- what the loop calls

    def tick(self, *, may_start_election: bool) -> None:
        """Do what is due: commit, apply, send heartbeats, and start an election where that is permitted.

        `may_start_election` is a permission for this tick only. With it, a replica that does not lead starts an
        election at once. Without it, PySyncObj starts none, whatever the clock shows (`_SyncObj__connectedToAnyone`).
        """
        self._may_start_election = may_start_election
        if may_start_election:
            self._SyncObj__raftElectionDeadline = ALREADY_PASSED
        try:
            self.doTick(0.0)
        finally:
            self._may_start_election = False

    def send_append_entries(self) -> None:
        """Send new entries and the commit index to all peers now. Only a leader calls this."""
        self._SyncObj__sendAppendEntries()

    def fill_send_windows(self) -> None:
        """Send more to peers that lack entries, as far as their windows allow. Only a leader calls this."""
        for peer, node in self._peer_nodes.items():
            while self._may_send(peer) and node in self._SyncObj__connectedNodes:
                self._send_entries(peer)

    def next_index(self, peer: str) -> int:
        """Return the index of the entry to send to `peer` next; 0 where this replica has never led."""
        return int(self._SyncObj__raftNextIndex.get(self._peer_nodes[peer], 0))

    def keep_next_index(self, peer: str, next_index: int) -> None:
        """Continue behind what is in flight; PySyncObj would send that again with every acknowledgement."""
        node = self._peer_nodes[peer]
        if self.is_leader and node in self._SyncObj__raftNextIndex:
            self._SyncObj__raftNextIndex[node] = max(next_index, self._SyncObj__raftNextIndex[node])

    def note_append_reply(self, peer: str, next_index: int, *, reset: bool) -> None:
        """Note which entry `peer` needs next, in the current term; `reset`: it needs everything from there on again."""
        if reset:
            self._send_windows[peer].reset()
            self._SyncObj__raftNextIndex[self._peer_nodes[peer]] = min(
                next_index, self._SyncObj__raftLog.last_index + 1
            )
        else:
            self._send_windows[peer].acknowledge(next_index - 1, syncobj.monotonicTime())

    def filter_vote(self, peer: str, message: Message) -> FilteredMessage:
        """Decide on a `response_vote`: each voter has one vote in a term. PySyncObj counts votes, not voters."""
        if not message["voting"] or not self._is_voter():
            return DROPPED
        term, voters = self._votes_received
        if term != message["term"]:
            term, voters = self._votes_received = message["term"], set()
        if peer in voters:
            return DROPPED
        voters.add(peer)
        return FilteredMessage(message)

    def reset_match_index(self, peer: str) -> None:
        """Discard what `peer` acknowledged on earlier connections, because it may have lost its disk since.

        Only a leader calls this.
        """
        self._SyncObj__raftMatchIndex[self._peer_nodes[peer]] = 0
        self._send_windows[peer].reset()

    def divert_peers_behind_log(self) -> list[str]:
        """Return the peers that need entries which the log no longer holds, and keep PySyncObj from serving them.

        PySyncObj would send its own kind of snapshot. Ours is sent beside the log, and until it is installed the peer
        gets heartbeats. Only a leader calls this.
        """
        journal = self._SyncObj__raftLog
        behind = []
        for name, node in self._peer_nodes.items():
            if self._SyncObj__raftNextIndex.get(node, journal.last_index + 1) <= journal.first_index:
                self._SyncObj__raftNextIndex[node] = journal.last_index + 1
                behind.append(name)
        return behind

    def postpone_election(self, now: float) -> None:
        """Wait at least one more election timeout before an election is due."""
        self._SyncObj__raftElectionDeadline = now + self._SyncObj__generateRaftTimeout()

    def postpone_overdue_election(self, now: float) -> None:
        """Give a leader to which a connection exists again the time for a heartbeat before an election is due."""
        if self._SyncObj__raftElectionDeadline < now:
            self.postpone_election(now)

    def election_is_due(self, now: float) -> bool:
        """Return whether a follower or candidate has heard no leader for so long that it should ask for pre-votes."""
        return bool(self._SyncObj__raftElectionDeadline <= now)

    def set_election_deadline(self, until: float) -> None:
        """Let no election be due before that time, nor then if a leader is heard meanwhile."""
        self._SyncObj__raftElectionDeadline = until

    def forget_leader(self) -> None:
        """Follow no leader until one is heard again."""
        self._SyncObj__raftLeader = None

    def record_vote_for_leader(self) -> None:
        """Record a vote for the current leader in the current term."""
        self._SyncObj__setCurrentTerm(self.term, self.leader)

    def record_own_vote(self, term: int) -> None:
        """Enter `term`, which is not below the current one, with a vote for this replica itself.

        So it has no vote left in any term up to `term`.
        """
        self._SyncObj__setCurrentTerm(term, self._name)

    def adopt_later_term(self, term: int) -> None:
        """Follow no leader in a later term that a message has told (Raft, figure 2, rules for all servers)."""
        self._SyncObj__setCurrentTerm(term, None)
        self._SyncObj__raftState = _ROLES.index(Role.FOLLOWER)
        self._SyncObj__raftLeader = None

    def raise_commit_index(self, index: int) -> None:
        """Count the entries up to `index`, which the log holds, as committed: the leader has applied them."""
        self._SyncObj__raftCommitIndex = max(index, self._SyncObj__raftCommitIndex)

    def restart_at(self, index: int) -> None:
        """Continue behind the entry `index`: a snapshot has replaced the log and the state up to there."""
        self._SyncObj__raftLastApplied = index
        self._SyncObj__raftCommitIndex = index

    def _adopt(self, journal: LevelJournal) -> None:
        """Replace the memory journal that PySyncObj has begun with, and continue from what `journal` holds."""
        self._SyncObj__raftLog = journal
        self._SyncObj__raftCurrentTerm = journal.getCurrentTerm()
        self._SyncObj__votedForNodeId = journal.getVotedForNodeId()
        self._SyncObj__raftCommitIndex = journal.getRaftCommitIndex()
        self._SyncObj__raftLastApplied = journal.applied_index
        self._SyncObj__needLoadDumpFile = False

    def _SyncObj__connectedToAnyone(self) -> bool:  # noqa: N802 - the private method that is replaced
        """Let PySyncObj start one election where that is permitted.

        PySyncObj calls this at the one place where it decides to start an election, after its own look at the clock. So
        no clock, and no pause between two looks at it, can start an election that is not permitted.
        """
        permitted, self._may_start_election = self._may_start_election, False
        return permitted

    def _SyncObj__onBecomeLeader(self) -> None:  # noqa: N802 - the private method that is replaced
        """Lead. A learner must never be elected; where it is, the replica stops."""
        if not self._is_voter():
            raise AssertionError(f"a replica that may not vote has been elected in term {self.term}")
        super()._SyncObj__onBecomeLeader()

    def _SyncObj__sendAppendEntries(self) -> None:  # noqa: N802 - the private method that is replaced
        """Send each connected peer a heartbeat, with entries where it lacks some and its window has room."""
        self._SyncObj__newAppendEntriesTime = syncobj.monotonicTime() + self._heartbeat_seconds
        for peer, node in self._peer_nodes.items():
            if node in self._SyncObj__connectedNodes:
                self._send_entries(peer)

    def _may_send(self, peer: str) -> bool:
        journal = self._SyncObj__raftLog
        lacks = journal.first_index < self._SyncObj__raftNextIndex[self._peer_nodes[peer]] <= journal.last_index
        return lacks and self._send_windows[peer].has_room(self.term)

    def _send_entries(self, peer: str) -> None:
        node, journal = self._peer_nodes[peer], self._SyncObj__raftLog
        following = self._SyncObj__raftNextIndex[node]
        entries = []
        if self._may_send(peer):
            entries = self._SyncObj__getEntries(following, None, self._message_bytes)
            self._SyncObj__raftNextIndex[node] = entries[-1][1] + 1
            self._send_windows[peer].note_sent(entries[-1][1], syncobj.monotonicTime())
        # a peer that needs entries from before the log gets a snapshot; until then it is told where the log ends
        previous = following - 1 if following > journal.first_index else journal.last_index
        message = {
            "type": codec.APPEND_ENTRIES,
            "term": self.term,
            "commit_index": self.commit_index,
            "prevLogIdx": previous,
            "prevLogTerm": journal.term_at(previous),
            "entries": entries,
        }
        self._outbox.send(node, message)

    def _SyncObj__getEntries(  # noqa: N802 - the private method that is replaced
        self,
        fromIDx: int,  # noqa: N803 - PySyncObj's name
        count: int | None = None,
        maxSizeBytes: int | None = None,  # noqa: N803 - PySyncObj's name
    ) -> list[Entry]:
        """Return entries to send, or entries to apply: of these no more than one step should take.

        PySyncObj would apply everything that is committed in one tick. On a replica that catches up that can be the
        whole log, and meanwhile the replica would receive nothing. The following steps apply the rest.
        """
        entries: list[Entry] = super()._SyncObj__getEntries(fromIDx, count, maxSizeBytes)
        return entries if count is None else _head(entries[:APPLIED_PER_STEP], self._apply_bytes_max)

    def _SyncObj__applyLogEntries(self) -> bool:  # noqa: N802 - the private method that is replaced
        """Apply what is committed, but nothing while a snapshot replaces the state."""
        return bool(self.may_apply and super()._SyncObj__applyLogEntries())

    def _SyncObj__doApplyCommand(self, command: bytes) -> None:  # noqa: N802 - the private method that is replaced
        """Apply the entry behind the last applied one. An exception ends the raft thread (`node`)."""
        index = self._SyncObj__raftLastApplied + 1
        if command[:1] not in {COMMAND, NO_OP}:
            raise AssertionError(f"entry {index} is of the unknown kind {command[:1]!r}")
        self._apply_committed(index, command)


def _head(entries: list[Entry], bytes_max: int) -> list[Entry]:
    """Return the first entries up to the one with which they reach `bytes_max`."""
    size = 0
    for count, (command, _, _) in enumerate(entries, start=1):
        size += len(command)
        if size >= bytes_max:
            return entries[:count]
    return entries


def _configuration(options: RaftOptions) -> SyncObjConf:
    return SyncObjConf(
        autoTick=False,
        raftMinTimeout=options.election_timeout_min_seconds,
        raftMaxTimeout=options.election_timeout_max_seconds,
        appendEntriesPeriod=options.heartbeat_seconds,
        leaderFallbackTimeout=options.leader_fallback_seconds,
        connectionTimeout=options.connection_timeout_seconds,
        # The loop sends by itself; without batching PySyncObj would send one message for each entry.
        appendEntriesUseBatch=True,
        commandsWaitLeader=False,
        dynamicMembershipChange=False,
        # The loop compacts the log; for PySyncObj that must never be due.
        logCompactionMinEntries=NEVER_DUE,
        logCompactionMinTime=NEVER_DUE,
        useFork=False,
    )
