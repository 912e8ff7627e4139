"""PySyncObj's Raft with our log, our transport and our state machine: the only user of its private names.

The library is pinned, because the seams are private attributes; version and names are checked at start. What is taken
over from it: elections, votes, terms, the commit rule, what to send to whom and when. What is not: its command queue
and callbacks (they lose callers and report wrong outcomes), its dump files, its sockets.
"""

from collections.abc import Callable
from typing import Final

from pysyncobj import SyncObj, SyncObjConf, syncobj
from pysyncobj.node import Node
from pysyncobj.transport import Transport
from pysyncobj.version import VERSION

from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import COMMAND, NO_OP, Entry, LevelJournal
from quitanda_replica.raft.message_filter import DROPPED, FilteredMessage
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.send_window import SendWindow
from quitanda_replica.raft.state_machine import Role

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
APPLIED_PER_ROUND: Final = 64
"""Entries, however small: a command takes a millisecond where the machine is busy."""
NEVER_SECONDS: Final = 10**9
LONG_AGO: Final = float("-inf")
"""A deadline that has passed whatever the clock shows."""
_ROLES: Final = (Role.FOLLOWER, Role.CANDIDATE, Role.LEADER)
"""By PySyncObj's number of the state."""


class UnsupportedLibrary(Exception):
    """The installed PySyncObj is not the one whose inner workings this package knows."""


def check_library(version: str, engine: object) -> None:
    """Raise UnsupportedLibrary unless `version` is the known one and `engine` has every private name relied on."""
    if version != SUPPORTED_VERSION:
        raise UnsupportedLibrary(f"pysyncobj {version} is installed; this replica needs exactly {SUPPORTED_VERSION}")
    if missing := [name for name in REQUIRED_NAMES if not hasattr(engine, name)]:
        raise UnsupportedLibrary(f"pysyncobj {version} lacks {', '.join(missing)}")


class RaftCore(SyncObj):
    """One replica's Raft. The raft thread's alone."""

    def __init__(
        self,
        options: RaftOptions,
        journal: LevelJournal,
        transport: Transport,
        apply: Callable[[int, bytes], None],
        votes: Callable[[], bool],
    ) -> None:
        """Take up where `journal` stopped. `votes` says whether this replica counts (rejoin)."""
        self._apply_committed = apply
        self._votes = votes
        self._may_stand = False
        self.applies = True
        """False while a snapshot replaces the state: then nothing is applied."""
        self._apply_bytes_max = options.pipeline_bytes_max
        self._name = options.name
        self._peer_nodes = {name: Node(name) for name in options.peers}
        self._voters: tuple[int, set[str]] = 0, set()
        """The last term that somebody voted in for this replica, and who has."""
        self._windows = {name: SendWindow() for name in options.peers}
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
    def leads(self) -> bool:
        """True while this replica believes that it leads; others may know better."""
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

    def node_of(self, peer: str) -> Node:
        """Return PySyncObj's object for the replica `peer`."""
        return self._peer_nodes[peer]

    # --- what the rounds do

    def tick(self, *, may_stand: bool) -> None:
        """Do what time and messages have made due: commits, applying, heartbeats; and stand where that is permitted.

        `may_stand` is a permission for this tick and for no other. With it a replica that does not lead stands at
        once; without it PySyncObj stands at no reading of the clock (`_SyncObj__connectedToAnyone`).
        """
        self._may_stand = may_stand
        if may_stand:
            self._SyncObj__raftElectionDeadline = LONG_AGO
        try:
            self.doTick(0.0)
        finally:
            self._may_stand = False

    def replicate(self) -> None:
        """Send new entries and the commit index to everybody now; the leader's."""
        self._SyncObj__sendAppendEntries()

    def catch_up(self) -> None:
        """Send more to whoever lacks entries, as far as their windows allow; the leader's."""
        for peer, node in self._peer_nodes.items():
            while self._may_send(peer) and node in self._SyncObj__connectedNodes:
                self._send_entries(peer)

    def next_index(self, peer: str) -> int:
        """Index of the entry that is to be sent to `peer` next; 0 where this replica has never led."""
        return int(self._SyncObj__raftNextIndex.get(self._peer_nodes[peer], 0))

    def resume_at(self, peer: str, next_index: int) -> None:
        """Go on sending behind what is under way; PySyncObj would send it again with every acknowledgement."""
        node = self._peer_nodes[peer]
        if self.leads and node in self._SyncObj__raftNextIndex:
            self._SyncObj__raftNextIndex[node] = max(next_index, self._SyncObj__raftNextIndex[node])

    def arrived(self, peer: str, next_index: int, *, reset: bool) -> None:
        """Note how far `peer` says it is, in the current term; `reset`: it wants everything from there on again."""
        if reset:
            self._windows[peer].reset()
            self._SyncObj__raftNextIndex[self._peer_nodes[peer]] = min(
                next_index, self._SyncObj__raftLog.last_index + 1
            )
        else:
            self._windows[peer].acknowledged(next_index - 1)

    def filter_vote(self, peer: str, message: Message) -> FilteredMessage:
        """Decide on a `response_vote`: a peer that counts has one in each term. PySyncObj counts votes, not voters."""
        if not message["voting"] or not self._votes():
            return DROPPED
        term, voters = self._voters
        if term != message["term"]:
            term, voters = self._voters = message["term"], set()
        if peer in voters:
            return DROPPED
        voters.add(peer)
        return FilteredMessage(message)

    def forget_match(self, peer: str) -> None:
        """Count nothing that `peer` acknowledged before it connected; it may have lost its disk since. The leader's."""
        self._SyncObj__raftMatchIndex[self._peer_nodes[peer]] = 0
        self._windows[peer].reset()

    def divert_behind_log(self) -> list[str]:
        """Return the peers that need entries which the log no longer holds, and keep PySyncObj from serving them.

        It would send its own kind of snapshot; ours comes beside the log, and until it is there the peer gets
        heartbeats. The leader's.
        """
        journal = self._SyncObj__raftLog
        behind = []
        for name, node in self._peer_nodes.items():
            if self._SyncObj__raftNextIndex.get(node, journal.last_index + 1) <= journal.first_index:
                self._SyncObj__raftNextIndex[node] = journal.last_index + 1
                behind.append(name)
        return behind

    def postpone_election(self, now: float) -> None:
        """Wait at least one more election timeout before standing."""
        self._SyncObj__raftElectionDeadline = now + self._SyncObj__generateRaftTimeout()

    def postpone_overdue_election(self, now: float) -> None:
        """Give a leader that has just been reached (again) the time for a heartbeat before standing against it."""
        if self._SyncObj__raftElectionDeadline < now:
            self.postpone_election(now)

    def standing_is_due(self, now: float) -> bool:
        """Nothing was heard for so long that a follower or candidate should ask whether it may stand."""
        return bool(self._SyncObj__raftElectionDeadline <= now)

    def hold_election(self, until: float) -> None:
        """Let nothing be due before that time, nor then if a leader is heard meanwhile."""
        self._SyncObj__raftElectionDeadline = until

    def forget_leader(self) -> None:
        """Follow nobody until a leader is heard again."""
        self._SyncObj__raftLeader = None

    def vote_spent(self) -> None:
        """Count as having voted for the current leader in the current term."""
        self._SyncObj__setCurrentTerm(self.term, self.leader)

    def votes_spent(self, term: int) -> None:
        """Count as having voted in every term up to `term`, which is not below the current one."""
        self._SyncObj__setCurrentTerm(term, self._name)

    def follow_term(self, term: int) -> None:
        """Go on without a leader in a later term that was told of (Raft, figure 2, rules for all servers)."""
        self._SyncObj__setCurrentTerm(term, None)
        self._SyncObj__raftState = _ROLES.index(Role.FOLLOWER)
        self._SyncObj__raftLeader = None

    def commit_upto(self, index: int) -> None:
        """Count the entries up to `index`, which the log holds, as committed: the leader has applied them."""
        self._SyncObj__raftCommitIndex = max(index, self._SyncObj__raftCommitIndex)

    def restart_at(self, index: int) -> None:
        """Go on behind the entry `index`: a snapshot has replaced log and state up to there."""
        self._SyncObj__raftLastApplied = index
        self._SyncObj__raftCommitIndex = index

    def _adopt(self, journal: LevelJournal) -> None:
        """Replace the memory journal that PySyncObj has begun with, and take up where `journal` stopped."""
        self._SyncObj__raftLog = journal
        self._SyncObj__raftCurrentTerm = journal.getCurrentTerm()
        self._SyncObj__votedForNodeId = journal.getVotedForNodeId()
        self._SyncObj__raftCommitIndex = journal.getRaftCommitIndex()
        self._SyncObj__raftLastApplied = journal.applied_index
        self._SyncObj__needLoadDumpFile = False

    def _SyncObj__connectedToAnyone(self) -> bool:  # noqa: N802 - the private method that is replaced
        """Let PySyncObj stand once where that is permitted.

        It asks this at the one place where it decides to stand, behind its own look at the clock. So no clock, and no
        pause between two looks at it, can make a replica stand that may not.
        """
        permitted, self._may_stand = self._may_stand, False
        return permitted

    def _SyncObj__onBecomeLeader(self) -> None:  # noqa: N802 - the private method that is replaced
        """Lead, unless this replica does not count: that must never happen, and is not survived where it does."""
        if not self._votes():
            raise AssertionError(f"a replica that may not vote has been elected in term {self.term}")
        super()._SyncObj__onBecomeLeader()

    def _SyncObj__sendAppendEntries(self) -> None:  # noqa: N802 - the private method that is replaced
        """Send everybody a heartbeat, with entries where they lack some and their window has room."""
        self._SyncObj__newAppendEntriesTime = syncobj.monotonicTime() + self._heartbeat_seconds
        for peer, node in self._peer_nodes.items():
            if node in self._SyncObj__connectedNodes:
                self._send_entries(peer)

    def _may_send(self, peer: str) -> bool:
        journal = self._SyncObj__raftLog
        lacks = journal.first_index < self._SyncObj__raftNextIndex[self._peer_nodes[peer]] <= journal.last_index
        return lacks and self._windows[peer].has_room(self.term)

    def _send_entries(self, peer: str) -> None:
        node, journal = self._peer_nodes[peer], self._SyncObj__raftLog
        following = self._SyncObj__raftNextIndex[node]
        entries = []
        if self._may_send(peer):
            entries = self._SyncObj__getEntries(following, None, self._message_bytes)
            self._SyncObj__raftNextIndex[node] = entries[-1][1] + 1
            self._windows[peer].sent(entries[-1][1])
        # a peer that lacks what is cut off is about to get a snapshot; until then it hears where the log ends
        previous = following - 1 if following > journal.first_index else journal.last_index
        message = {
            "type": "append_entries",
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
        """Return entries to send, or to apply; of the latter no more than one round should take.

        PySyncObj applies whatever is committed in one tick. For a replica that catches up that can be the whole log,
        and while it is at it, it hears nobody. The following rounds apply the rest.
        """
        entries: list[Entry] = super()._SyncObj__getEntries(fromIDx, count, maxSizeBytes)
        return entries if count is None else _head(entries[:APPLIED_PER_ROUND], self._apply_bytes_max)

    def _SyncObj__applyLogEntries(self) -> bool:  # noqa: N802 - the private method that is replaced
        """Apply what is committed, but nothing while a snapshot replaces the state that it would change."""
        return bool(self.applies and super()._SyncObj__applyLogEntries())

    def _SyncObj__doApplyCommand(self, command: bytes) -> None:  # noqa: N802 - the private method that is replaced
        """Apply the entry behind the last applied one; an exception ends the raft thread, see node."""
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
        # The rounds send by themselves; without batching PySyncObj would send one message for each entry.
        appendEntriesUseBatch=True,
        commandsWaitLeader=False,
        dynamicMembershipChange=False,
        # The rounds cut the log; PySyncObj must never find that it is due.
        logCompactionMinEntries=NEVER_SECONDS,
        logCompactionMinTime=NEVER_SECONDS,
        useFork=False,
    )
