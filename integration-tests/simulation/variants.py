"""The project's Raft with single repairs left out, to show that each is needed and that the simulation would notice.

Each variant is a subclass of `RaftLoop`. It overrides one part of a step, or makes one of the loop's parts behave like
a subclass of that part: `with_parts` gives the part, once the loop has made it, another class. The product has no place
for that. Where something is left to PySyncObj, the message_filter module says what the library then does.
"""

from dataclasses import dataclass
from typing import Any

from pysyncobj import syncobj

from quitanda_replica.raft import message_filter
from quitanda_replica.raft.journal import LevelJournal
from quitanda_replica.raft.leadership import LeaderRole
from quitanda_replica.raft.learner import JOINED_KEY
from quitanda_replica.raft.message_filter import FilteredMessage
from quitanda_replica.raft.peer_messages import PeerMessages
from quitanda_replica.raft.prevote import PreVote
from quitanda_replica.raft.raft_core import RaftCore
from quitanda_replica.raft.raft_loop import RaftLoop
from quitanda_replica.raft.read_index import ReadIndex
from quitanda_replica.raft.snapshot_receiver import INSTALL_KEY, ChunkStaging, SnapshotInstallation, SnapshotReceiver
from simulation.host import SimulatedHost
from simulation.replica import SimulatedReplica
from simulation.vanilla_pysyncobj import VanillaReplica


@dataclass(frozen=True)
class Variant:
    """What runs in a simulation."""

    name: str
    what: str
    """What is left out."""
    consensus: type[RaftLoop] = RaftLoop
    replica: type[SimulatedHost] = SimulatedReplica
    synced: bool = True
    on_disks: bool = True
    """The checker finds the log on the disks."""
    reads: bool = True
    """Linearizable reads are offered."""
    whole_reads: bool = True
    """Readers look whether a snapshot is just being installed."""


# --- what comes in


def append_everything(_log, _term, _commit_index, message):
    """PySyncObj cuts its log behind the previous entry of every message, conflict or not."""
    return FilteredMessage(message)


def append_uncapped(log, term, commit_index, message):
    """Entries behind what the message has compared count as committed."""
    filtered = message_filter.filter_append(log, term, commit_index, message)
    if filtered.deliver is None:
        return filtered
    return FilteredMessage(filtered.deliver | {"commit_index": message["commit_index"]}, filtered.reply)


def append_with_slow_back_off(log, term, commit_index, message):
    """After a conflict one entry earlier is asked for, as PySyncObj does; messages behind the gap undo it."""
    filtered = message_filter.filter_append(log, term, commit_index, message)
    if filtered.reply is None or filtered.reply["success"]:
        return filtered
    known = log.first_index <= message["prevLogIdx"] <= log.last_index
    wanted = message["prevLogIdx"] if known else log.last_index + 1
    return FilteredMessage(filtered.deliver, filtered.reply | {"next_node_idx": wanted})


def reply_of_any_term(term, _last_index, message):
    """A reply counts in whatever term it arrives."""
    return message_filter.filter_reply(term, message["next_node_idx"], message | {"term": term})


def reply_of_learner(term, last_index, message):
    """What a learner acknowledges counts."""
    return message_filter.filter_reply(term, last_index, message | {"voting": True})


def reply_as_sign_of_life(term, last_index, message):
    """What a learner replies commits nothing, but keeps the leader in its role."""
    if message["voting"] or message["term"] != term:
        return message_filter.filter_reply(term, last_index, message)
    return FilteredMessage(message | {"success": False})


class LatePreVote(PreVote):
    """Pre-votes count whatever was heard since the request."""

    def on_leader_message(self, term):
        requested_in = self._round
        super().on_leader_message(term)
        self._round = requested_in


class CountsRepeatedVotes(RaftCore):
    """A vote that arrives twice counts twice."""

    def filter_vote(self, _peer, message):
        return FilteredMessage(message)


class CountsOlderTerms(RaftCore):
    """What a majority holds counts as committed, whatever term it is of."""

    def _SyncObj__getEntries(self, fromIDx, count=None, maxSizeBytes=None):  # noqa: N802, N803 - PySyncObj's names
        entries = super()._SyncObj__getEntries(fromIDx, count, maxSizeBytes)
        return [(command, index, self.term) for command, index, _ in entries] if count == 1 else entries


class ElectionByTheClock(RaftCore):
    """Elections need no permission: PySyncObj starts one where its own look at the clock shows that it is due.

    The steps only move the deadline; that of a learner each time.
    """

    def tick(self, *, may_start_election):
        if not self._is_voter():
            self.postpone_election(syncobj.monotonicTime())
        super().tick(may_start_election=may_start_election)

    def _SyncObj__connectedToAnyone(self):  # noqa: N802 - the private method that is replaced
        return bool(self._SyncObj__connectedNodes)


class AnyCluster(RaftLoop):
    """Whoever has the secret is talked to, and what he sends is taken, whatever cluster his disk is of."""

    def check_greeting(self, _peer, _greeting):
        return ""

    def received(self, peer, message):
        if message["type"] == "snapshot_chunk":
            message |= {"cluster": self._gate.cluster}
        super().received(peer, message)


# --- what goes out


class SendsBeforeCommit(RaftLoop):
    """Votes and acknowledgements leave before they are durable."""

    def _commit(self):
        for peer, message in self._transport.take_after_commit():
            self._network.send(peer, message)
        super()._commit()


# --- the disk


class LateJournal(LevelJournal):
    """Keeps the applied index back until it is asked for."""

    _late_applied = None

    def set_applied(self, index):
        self._late_applied = index

    @property
    def applied_index(self):
        if self._late_applied is not None:
            return self._late_applied
        return super().applied_index

    def stage_applied(self):
        if self._late_applied is not None:
            super().set_applied(self._late_applied)
            self._late_applied = None


class CommitsTwice(RaftLoop):
    """The applied index becomes durable one batch later than the effects."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._journal.__class__ = LateJournal

    def _commit(self):
        super()._commit()
        journal: Any = self._journal
        journal.stage_applied()
        self._store.commit()


class CutsTooMuch(RaftLoop):
    """The log is cut whether or not what is cut off is applied."""

    def _compact(self):
        options, journal = self._options, self._journal
        point = journal.compaction_point(options.log_entries_max, options.log_bytes_max)
        if point > journal.first_index:
            journal.compact(point)


class LearnerVotes(RaftLoop):
    """A learner votes at once."""

    def __init__(self, options, store, machine, network, clock):
        store.put(JOINED_KEY, b"1")
        super().__init__(options, store, machine, network, clock)


# --- snapshots


class AnyChunkStaging(ChunkStaging):
    """A snapshot is taken even where the own state is newer."""

    def stage_chunk(self, message, _applied_index):
        return super().stage_chunk(message, 0)


class UnreachingJournal(LevelJournal):
    """A snapshot replaces the log also where that reaches its entry."""

    def holds(self, _index, _term):
        return False


class AnyInstallation(SnapshotInstallation):
    """What was received is installed even where the own state is newer."""

    def _is_ahead(self):
        return True


class InstallsAnySnapshot(SnapshotReceiver):
    """Every installation is an `AnyInstallation`."""

    def _begin(self):
        return AnyInstallation(self._store, self._store.get(INSTALL_KEY))


class AnySnapshot(RaftLoop):
    """A snapshot is taken and installed whatever the own state and log are, also at the start after a crash."""

    def __init__(self, options, store, machine, network, clock):
        if (marker := store.get(INSTALL_KEY)) is not None:
            installation = AnyInstallation(store, marker)
            while installation.stage_step():
                store.commit()
            store.commit()
        super().__init__(options, store, machine, network, clock)
        self._journal.__class__ = UnreachingJournal
        self._snapshot_receiver.__class__ = InstallsAnySnapshot
        self._snapshot_receiver._staging.__class__ = AnyChunkStaging  # noqa: SLF001 - as in `with_parts`


class ForgetsInstallation(RaftLoop):
    """An installation that a crash has interrupted is not taken up again."""

    def __init__(self, options, store, machine, network, clock):
        store.delete(INSTALL_KEY)
        super().__init__(options, store, machine, network, clock)


# --- clients


class AnswersByIndex(RaftLoop):
    """Whatever is committed at its index answers a proposal."""

    def _apply(self, index, command):
        pending = self._pending_proposals.by_index
        if index in pending:
            pending[index] = self._journal.term_at(index), pending[index][1]
        super()._apply(index, command)


class UnconfirmedReads(ReadIndex):
    """The leader answers readers without asking whether it still leads."""

    def _check_majority(self):
        self._applying.append((self._round_index, self._confirming))
        self._confirming = []


class HastyLeader(LeaderRole):
    """A new leader answers readers before it has committed an entry of its own term."""

    def _confirm_readers(self, connected):
        probe = self._reads.next_probe(self._core.term, self._core.commit_index, self._clock())
        if probe is not None:
            for peer in connected:
                self._network.send(peer, probe)


def with_parts(**classes):
    """Return a RaftLoop whose parts, by the names of its attributes, have these classes."""

    class WithParts(RaftLoop):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            for name, part_class in classes.items():
                getattr(self, name).__class__ = part_class

    return WithParts


def with_filters(append=message_filter.filter_append, reply=message_filter.filter_reply):
    """Return a RaftLoop that decides on `append_entries` and on the replies to them with these functions."""

    class WithFilters(PeerMessages):
        def _filter_append(self, message):
            return append(self._journal, self._core.term, self._core.commit_index, message)

        def _filter_reply(self, message):
            return reply(self._core.term, self._journal.last_index, message)

    return with_parts(_messages=WithFilters)


HARDENED = Variant("", "nothing")
STOCK = Variant("everything", "the published library alone", replica=VanillaReplica, on_disks=False, reads=False)
BY_NAME = {
    variant.name: variant
    for variant in (
        STOCK,
        Variant(
            "append_filter",
            "entries that are there already stay, and only a conflict cuts the log",
            with_filters(append=append_everything),
        ),
        Variant(
            "commit_cap",
            "nothing counts as committed that was not compared with the leader's log",
            with_filters(append=append_uncapped),
        ),
        Variant(
            "back_off",
            "after a conflict everything behind the commit index is asked for",
            with_filters(append=append_with_slow_back_off),
        ),
        Variant(
            "term_in_replies",
            "a reply counts only in the term that it belongs to",
            with_filters(reply=reply_of_any_term),
        ),
        Variant(
            "learner_replies",
            "what a learner acknowledges does not count",
            with_filters(reply=reply_of_learner),
        ),
        Variant(
            "election_permission",
            "a replica starts an election in the step that permits it, and the clock permits nothing",
            with_parts(_core=ElectionByTheClock),
        ),
        Variant(
            "voters_keep_the_leader",
            "only voters keep a leader in its role",
            with_filters(reply=reply_as_sign_of_life),
        ),
        Variant(
            "pre_votes_in_time",
            "a pre-vote counts until a leader is heard",
            with_parts(_prevote=LatePreVote),
        ),
        Variant(
            "own_term_commits",
            "only an entry of the leader's own term commits what is before it",
            with_parts(_core=CountsOlderTerms),
        ),
        Variant("cluster_id", "replicas of another cluster are not talked to", AnyCluster),
        Variant("single_votes", "each peer's vote counts once in a term", with_parts(_core=CountsRepeatedVotes)),
        Variant("durable_first", "votes and acknowledgements leave when they are durable", SendsBeforeCommit),
        Variant("synced_writes", "each batch is on the disk before the next step", synced=False),
        Variant(
            "applied_with_effects",
            "the applied index is in the same batch as the effects",
            CommitsTwice,
        ),
        Variant("careful_compaction", "only what is applied and durable is cut off the log", CutsTooMuch),
        Variant("learner_gate", "a learner does not vote", LearnerVotes),
        Variant(
            "newer_snapshots_only",
            "a snapshot that is not ahead of the own state is ignored",
            AnySnapshot,
        ),
        Variant("resumed_installation", "an interrupted installation is taken up again", ForgetsInstallation),
        Variant("own_entry_answers", "a proposal is answered by its own entry alone", AnswersByIndex),
        Variant(
            "confirmed_reads",
            "a majority confirms the leader before it answers readers",
            with_parts(reads=UnconfirmedReads),
        ),
        Variant("whole_reads", "a state that is just being replaced is not read", whole_reads=False),
        Variant(
            "own_term_reads",
            "a new leader commits an entry of its own before it answers readers",
            with_parts(_leader_role=HastyLeader),
        ),
    )
}
