"""A replica without a past does not count until it is certain that it has forgotten nothing that matters.

A blank disk may be one that was lost. Then its replica has acknowledged entries and given votes that it no longer
knows of, and repeating either could lose an acknowledged write or make two leaders of one term. So it neither votes nor
stands, its acknowledgements do not make entries committed (message_filter), and it echoes no read probes. It asks all
others, again and again, and counts from the moment when their answers show one of three things.

**The cluster goes on without it** (a replaced disk):

1. EVERY other replica has answered one question, after this one started, that it is in the same term as this one, all
   of them are of one cluster, and at least a majority of all are others that count: then no vote that was given before
   can still make a leader of a later term, for every majority that could have followed one has a member that would know
   (those that do not count themselves may have forgotten, but can have become a leader only with it). One that runs
   with a disk of another cluster cannot answer for the disk that is meant; and
2. everything that was in the leader's log when it answered is applied and durable here, which means the same entries
   and not only as many: the leader's own messages have shown so. Among it is every entry that became committed with an
   acknowledgement given before: a leader's log holds whatever was committed in earlier terms.

It then counts as having voted in that term. Before it takes anything, it learns the cluster's id from that leader.

**The cluster begins** (a new one, or one restored from a backup): in the answers to one question every replica, the
asking one included, has the same origin and no entry beyond it, and none knows of a cluster's id. Then there is nothing
that could have been acknowledged. A vote that was given before was asked for in a term that its candidate still knows,
so whoever counts from there has voted in the highest term answered. The replica with the smallest name is the only one
that concludes this. It draws the cluster's id and keeps it with the names of all disks that answered
(cluster_identity), counts, and tells the others. The flag `bootstrap` gives a blank disk the origin "a new cluster",
and nothing more: where any other replica has a past, it changes nothing, so it does no harm to leave it on. The price:
a new cluster's first leader needs all replicas.

**The cluster has begun with this very disk.** The record of a beginning names it, and it does not count yet. It
has promised nothing since, as it has never counted; and what a disk of this name promised before did not matter then.
So it has forgotten nothing: it counts at once, whoever it has the record from, and however many others are silent,
just as if it had heard of the beginning in time. Without this, one disk that is lost while a cluster begins could leave
two that hold everything and of which one never counts.

There are never two ids in one cluster. The one that draws is always of the same name, and draws only where all others
have answered that they have none. Whoever is told of an id takes it at once, before it answers anything else, and its
answers leave only when that is durable. A conversation with an earlier disk of that name has ended when one with
its successor begins (tcp). So where the successor draws, no other disk has heard of its predecessor's id, nor will.

**A cluster of before there were ids** gets one in the same way: all of its replicas answer one question that they
count, have no id, and follow one leader's term. Until then it goes on without one.
"""

from collections.abc import Collection
from typing import Final

import msgpack

from quitanda_replica.raft.cluster_identity import (
    NEW_CLUSTER,
    NO_CLUSTER,
    ClusterRecord,
    Greeting,
    digest_of_names,
    load_or_name_disk,
    load_record,
    new_record,
    stage_record,
)
from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import FIRST_INDEX
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.state.store import Store, StoreDamaged

JOINED_KEY: Final = b"Mjoined"
"""There from the moment on from which the replica counts."""
ORIGIN_KEY: Final = b"Morigin"
"""[index, name]: what the log began with, on a disk that began together with its cluster."""
QUESTION_PERIOD_SECONDS: Final = 0.5
"""At least, and the shortest election timeout where that is longer: only answers to the latest question count, so they
must have the time to come, on a slow network as much as the timeouts are set for it."""


class LearnerGate:
    """Knows whether this replica counts and to which cluster it belongs, and finds out when it may, and to which."""

    def __init__(self, store: Store, options: RaftOptions, *, last_index: int) -> None:
        """Take up where `store` stopped. Raises StoreFailed."""
        self._store = store
        self._name = options.name
        self._peers = frozenset(options.peers)
        self._majority = options.majority
        self._members = digest_of_names(options.addresses)
        self._founder = min(options.addresses)
        """The only one that draws a cluster's id."""
        self._round = 0
        self._question_period = max(QUESTION_PERIOD_SECONDS, options.election_timeout_min_seconds)
        self._next_question = 0.0
        self._answers: dict[str, Message] = {}
        self._target: tuple[int, int, str] | None = None
        """Term, index and cluster's id that must be reached."""
        self._offers: dict[str, ClusterRecord] = {}
        """What the peers that are connected have told of their cluster."""
        self.disk = load_or_name_disk(store)
        self.record = load_record(store)
        """How this disk's cluster got its id; None as long as it has none."""
        self.voting = store.get(JOINED_KEY) is not None
        if not self.voting and options.bootstrap and last_index == FIRST_INDEX and store.get(ORIGIN_KEY) is None:
            store.put(ORIGIN_KEY, encode_origin(FIRST_INDEX, NEW_CLUSTER))
        self._origin = _read_origin(store.get(ORIGIN_KEY))
        if not self.voting and not self._peers:
            self.admit()

    @property
    def cluster(self) -> str:
        """The cluster's id, '' where there is none yet."""
        return NO_CLUSTER if self.record is None else self.record.cluster

    @property
    def settled(self) -> bool:
        """Whether this replica counts and knows its cluster's id: there is nothing left to ask."""
        return self.voting and self.record is not None

    def greeting_to(self, peer: str) -> Greeting:
        """Return what this replica says of itself at the beginning of a conversation with `peer`."""
        record = self.record
        origin = self._origin[1] if record is None else record.origin
        there = "" if record is None else record.disks.get(peer, "")
        return Greeting(self._members, self.cluster, self.disk, self.voting, origin, there)

    def admit(self) -> None:
        """Count from the next commit on, for ever."""
        self._store.put(JOINED_KEY, b"1")
        self.voting = True

    def origin(self, last_index: int) -> str:
        """Name what this replica's log began with, if it holds nothing else; otherwise ''."""
        index, name = self._origin
        return name if index == last_index else ""

    def ask_at_once(self) -> None:
        """Ask again without waiting: there is somebody new to ask."""
        self._next_question = 0.0

    def question(self, now: float) -> Message | None:
        """Return the question to send to every other replica now, or None where it is not time for one."""
        knows_enough = self._target is not None and self._target[2] == self.cluster
        if now < self._next_question or knows_enough or self.settled:
            return None
        self._next_question = now + self._question_period
        self._round += 1
        self._answers = {}
        return {"type": "rejoin_question", "round": self._round}

    def answer(self, question: Message, term: int, last_index: int) -> Message:
        """Say where this replica, in `term`, stands."""
        standing = {"term": term, "last_index": last_index, "voting": self.voting, "origin": self.origin(last_index)}
        identity = {"cluster": self.cluster, "disk": self.disk}
        return question | {"type": "rejoin_answer"} | standing | identity

    def answered(self, peer: str, message: Message, term: int, leader: str) -> None:
        """Note an answer; once all agree with the own `term`, what must be reached is known."""
        if message["round"] != self._round:
            return
        self._answers[peer] = message
        if self._target is not None or not self._all_answered or self._answers_that_count < self._majority:
            return
        if len({answer["cluster"] for answer in self._answers.values()}) > 1:
            return
        if {answer["term"] for answer in self._answers.values()} == {term} and leader in self._peers:
            self._target = term, self._answers[leader]["last_index"], self._answers[leader]["cluster"]

    def reached(self, term: int, leader: str, durable_index: int) -> bool:
        """Return whether both conditions of a replaced disk hold; a new term starts the questions again.

        Up to `durable_index` the own log is that of the `leader` of `term`, applied and durable.
        """
        if self._target is None:
            return False
        target_term, target_index, cluster = self._target
        if term != target_term:
            self._target = None
            return False
        return bool(leader) and durable_index >= target_index and cluster == self.cluster

    # --- the cluster's id

    def drawn_record(self, last_index: int, term: int, leader: str) -> ClusterRecord | None:
        """Return the record of a cluster that begins now, or gets its id now, if that is this replica's to conclude.

        `term` and `leader` are what this replica knows itself.
        """
        if self.record is not None or self._name != self._founder or not self._all_answered:
            return None
        answers = self._answers.values()
        if any(answer["cluster"] for answer in answers):
            return None
        own = self.origin(last_index)
        begins = bool(own) and all(answer["origin"] == own for answer in answers)
        goes_on = (
            self.voting and bool(leader) and all(answer["voting"] and answer["term"] == term for answer in answers)
        )
        if not begins and not goes_on:
            return None
        disks = {peer: str(answer["disk"]) for peer, answer in self._answers.items()} | {self._name: self.disk}
        return new_record(self._origin[1], max([term, *(int(answer["term"]) for answer in answers)]), disks)

    def offered(self, peer: str, record: ClusterRecord) -> None:
        """Note what `peer` has told of its cluster."""
        self._offers[peer] = record

    def forget(self, peer: str) -> None:
        """Forget what `peer` has told: the conversation is over."""
        self._offers.pop(peer, None)

    def record_to_adopt(self, leader: str) -> ClusterRecord | None:
        """Return the record that this disk is to keep from now on, out of those that were told; None without one.

        It is one that names this very disk, or, on a disk that does not count, that of the `leader` that it follows.
        """
        if self.record is not None:
            return None
        for offer in self._offers.values():
            if offer.disks.get(self._name) == self.disk:
                return offer
        return None if self.voting else self._offers.get(leader)

    def adopt(self, record: ClusterRecord) -> bool:
        """Stage the record; True where this disk counts from now on because the cluster has begun with it."""
        stage_record(self._store, record)
        self.record = record
        if self.voting or record.disks.get(self._name) != self.disk:
            return False
        self.admit()
        return True

    # --- what people are told

    def waits_for(self, last_index: int) -> str:
        """Say, for people, what the latest question has shown to be lacking."""
        silent = self._silent
        if silent:
            return f"waits until {', '.join(silent)} can be asked"
        if self.voting:
            return "waits until all replicas count and follow one leader"
        is_restored = self.origin(last_index) not in {"", NEW_CLUSTER}
        if self._answers_that_count >= (self._majority if is_restored else 1):
            return "catches up with the others"
        origins = {peer: answer["origin"] or _past_of(answer) for peer, answer in self._answers.items()} | {
            "itself": self.origin(last_index)
        }
        if len({*origins.values()}) == 1 and origins["itself"]:
            return f"waits until {self._founder} begins the cluster"
        told = ", ".join(f"{peer}: {origin or 'nothing'}" for peer, origin in sorted(origins.items()))
        return f"waits, as the replicas do not begin with the same ({told})"

    @property
    def _silent(self) -> Collection[str]:
        return sorted(self._peers - self._answers.keys())

    @property
    def _answers_that_count(self) -> int:
        return sum(answer["voting"] for answer in self._answers.values())

    @property
    def _all_answered(self) -> bool:
        return self._answers.keys() == self._peers


def _past_of(answer: Message) -> str:
    return "a past of its own" if answer["voting"] else ""


def encode_origin(index: int, name: str) -> bytes:
    """Return the value of ORIGIN_KEY."""
    return msgpack.packb([index, name])


def _read_origin(value: bytes | None) -> tuple[int, str]:
    if value is None:
        return 0, ""
    match msgpack.unpackb(value):
        case [int(index), str(name)]:
            return index, name
    raise StoreDamaged("the data folder is damaged: the origin of its log is not readable")
