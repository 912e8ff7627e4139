"""A replica with an empty disk is a learner: it does not vote until it is certain that it forgot nothing that matters.

An empty disk may replace one that was lost. Then its replica has acknowledged entries and given votes that it no longer
knows of, and to repeat either could lose an acknowledged write or make two leaders of one term. So a learner gives no
vote and starts no election, its acknowledgements commit no entry (`message_filter`), and it echoes no read probe. It
asks all others, again and again, and becomes a voter as soon as their replies show one of three things.

**The cluster goes on without it** (a replaced disk). Two conditions hold:

1. EVERY other replica has answered one query, after the learner started, that it is in the learner's term. All of them
   are of one cluster, and the voters among them are at least a majority of all replicas. Then no vote that the lost
   disk gave can still make a leader of a later term: every majority that could have followed one has a member that
   would know. (A member that is a learner itself may have forgotten, but can have become a leader only with such a
   majority.) A replica that runs with a disk of another cluster cannot answer for the disk that is meant.
2. Everything that was in the leader's log when it answered is applied and durable here. The entries must be the same,
   not only as many; the leader's own messages have shown so. They include every entry that was committed with an
   acknowledgement of the lost disk, because a leader's log holds whatever was committed in earlier terms.

The learner then counts as having voted in that term. Before it accepts any entry, it adopts the cluster's id from that
leader.

**The cluster begins** (a new one, or one restored from a backup). In the replies to one query every replica, including
the one that asks, has the same log origin and no entry beyond it, and none knows a cluster's id. Then nothing can have
been acknowledged. If a vote was given before, its candidate still knows the term; so each replica counts as having
voted in the highest term of the replies. Only the replica with the smallest name concludes this. It draws the cluster's
id, stores it with the ids of all disks that answered (`cluster_identity`), becomes a voter, and tells the others. The
flag `bootstrap` gives an empty disk the log origin "a new cluster", and does nothing else: where any other replica
holds entries it changes nothing, so it does no harm to leave it on. The price: the first leader of a new cluster needs
all replicas.

**The cluster began with this very disk.** The record of the cluster's beginning names this disk, and it is still a
learner. It has promised nothing since, because it was never a voter; and what an earlier disk of this replica promised
did not matter at that time. So it has forgotten nothing. It becomes a voter at once, whichever replica it has the
record from and however many others are silent, just as if it had heard of the beginning in time. Without this rule, a
disk that is lost while a cluster begins could leave two that hold everything, of which one could never vote.

There are never two ids in one cluster. The replica that draws an id always has the same name, and it draws one only
where all others have answered that they have none. A replica that is told an id adopts it at once, before it answers
anything else, and its replies leave only when the id is durable. A connection with an earlier disk of the drawing
replica has ended when one with its successor begins (`tcp`). So where the successor draws an id, no other disk has
heard of its predecessor's id, nor ever will.

**A cluster from before there were ids** gets one in the same way: all of its replicas answer one query that they are
voters, have no id, and follow one leader's term. Until then it goes on without an id.
"""

from collections.abc import Collection
from struct import Struct
from typing import Final

import msgpack

from quitanda_replica.raft import codec
from quitanda_replica.raft.cluster_identity import (
    NEW_CLUSTER,
    NO_CLUSTER,
    ClusterRecord,
    Greeting,
    digest_of_names,
    load_or_draw_disk_id,
    load_record,
    new_record,
    stage_record,
)
from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import APPLIED_KEY, FIRST_INDEX, NO_OP, RAFT_STATE_KEY, log_key
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.state.store import Store, StoreDamaged

JOINED_KEY: Final = b"Mjoined"
"""Present as soon as the replica is a voter."""
ORIGIN_KEY: Final = b"Morigin"
"""[index, name]: what the log began with, on a disk that began together with its cluster."""
QUERY_PERIOD_SECONDS: Final = 0.5
"""The time between two queries, or the shortest election timeout where that is longer. Only replies to the latest query
count, so they must have the time to arrive; on a slow network the timeouts are set longer."""

_NUMBER: Final = Struct(">Q")


class LearnerGate:
    """Knows whether this replica is a voter and to which cluster it belongs; a learner finds out both."""

    def __init__(self, store: Store, options: RaftOptions, *, last_index: int) -> None:
        """Continue from what `store` holds. Raises StoreFailed."""
        self._store = store
        self._name = options.name
        self._peers = frozenset(options.peers)
        self._majority = options.majority
        self._members = digest_of_names(options.addresses)
        self._id_issuer = min(options.addresses)
        """The only replica that draws a cluster's id."""
        self._round = 0
        self._query_period = max(QUERY_PERIOD_SECONDS, options.election_timeout_min_seconds)
        self._next_query_at = 0.0
        self._replies: dict[str, Message] = {}
        self._target: tuple[int, int, str] | None = None
        """The term, the index and the cluster's id that must be reached."""
        self._offered_records: dict[str, ClusterRecord] = {}
        """The records that connected peers have told."""
        self.disk = load_or_draw_disk_id(store)
        self.record = load_record(store)
        """How this disk's cluster got its id; None while it has none."""
        self.voting = store.get(JOINED_KEY) is not None
        self.voting_is_durable = False
        """Whether the replica would be a voter after a crash now: what leaves before the commit depends on it."""
        if not self.voting and options.bootstrap and last_index == FIRST_INDEX and store.get(ORIGIN_KEY) is None:
            store.put(ORIGIN_KEY, encode_log_origin(FIRST_INDEX, NEW_CLUSTER))
        self._origin = _read_origin(store.get(ORIGIN_KEY))
        if not self.voting and not self._peers:
            self.become_voter()

    @property
    def cluster(self) -> str:
        """The cluster's id, or '' where there is none yet."""
        return NO_CLUSTER if self.record is None else self.record.cluster

    @property
    def has_joined(self) -> bool:
        """True if this replica is a voter and knows its cluster's id: there is nothing left to ask."""
        return self.voting and self.record is not None

    def greeting_to(self, peer: str) -> Greeting:
        """Return what this replica says of itself at the beginning of a connection with `peer`."""
        record = self.record
        origin = self._origin[1] if record is None else record.origin
        bootstrap_disk = "" if record is None else record.disks.get(peer, "")
        return Greeting(self._members, self.cluster, self.disk, self.voting, origin, bootstrap_disk)

    def become_voter(self) -> None:
        """Be a voter from the next commit on, for ever."""
        self._store.put(JOINED_KEY, b"1")
        self.voting = True

    def committed(self) -> None:
        """Note that everything staged has become durable."""
        self.voting_is_durable = self.voting

    def log_origin(self, last_index: int) -> str:
        """Return the name of what the log began with, if it holds nothing else; otherwise ''."""
        index, name = self._origin
        return name if index == last_index else ""

    def query_now(self) -> None:
        """Ask again without waiting, because a peer has connected."""
        self._next_query_at = 0.0

    def next_query(self, now: float) -> Message | None:
        """Return the query to send to every other replica now, or None where none is due."""
        knows_enough = self._target is not None and self._target[2] == self.cluster
        if now < self._next_query_at or knows_enough or self.has_joined:
            return None
        self._next_query_at = now + self._query_period
        self._round += 1
        self._replies = {}
        return {"type": codec.LEARNER_QUERY, "round": self._round}

    def reply_to(self, query: Message, term: int, last_index: int) -> Message:
        """Return the reply of this replica, which is in `term`."""
        progress = {
            "term": term,
            "last_index": last_index,
            "voting": self.voting,
            "origin": self.log_origin(last_index),
        }
        identity = {"cluster": self.cluster, "disk": self.disk}
        return query | {"type": codec.LEARNER_REPLY} | progress | identity

    def on_reply(self, peer: str, message: Message, term: int, leader: str) -> None:
        """Note a reply. Once all are in `term`, this replica's own, it is known what must be reached."""
        if message["round"] != self._round:
            return
        self._replies[peer] = message
        if self._target is not None or not self._all_replied or self._voters_among_replies < self._majority:
            return
        if len({reply["cluster"] for reply in self._replies.values()}) > 1:
            return
        if {reply["term"] for reply in self._replies.values()} == {term} and leader in self._peers:
            self._target = term, self._replies[leader]["last_index"], self._replies[leader]["cluster"]

    def has_caught_up(self, term: int, leader: str, durable_index: int) -> bool:
        """Return whether both conditions of a replaced disk hold. A new term starts the queries again.

        Up to `durable_index` the log is equal to that of the `leader` of `term`, and applied and durable here.
        """
        if self._target is None:
            return False
        target_term, target_index, cluster = self._target
        if term != target_term:
            self._target = None
            return False
        return bool(leader) and durable_index >= target_index and cluster == self.cluster

    # --- the cluster's id

    def new_cluster_record(self, last_index: int, term: int, leader: str) -> ClusterRecord | None:
        """Return the record of a cluster that begins now, or gets its id now, if this replica may conclude so.

        `term` and `leader` are what this replica itself knows.
        """
        if self.record is not None or self._name != self._id_issuer or not self._all_replied:
            return None
        replies = self._replies.values()
        if any(reply["cluster"] for reply in replies):
            return None
        own = self.log_origin(last_index)
        begins = bool(own) and all(reply["origin"] == own for reply in replies)
        goes_on = self.voting and bool(leader) and all(reply["voting"] and reply["term"] == term for reply in replies)
        if not begins and not goes_on:
            return None
        disks = {peer: str(reply["disk"]) for peer, reply in self._replies.items()} | {self._name: self.disk}
        return new_record(self._origin[1], max([term, *(int(reply["term"]) for reply in replies)]), disks)

    def on_record(self, peer: str, record: ClusterRecord) -> None:
        """Note the record that `peer` has told."""
        self._offered_records[peer] = record

    def forget_peer(self, peer: str) -> None:
        """Forget what `peer` has told: the connection has ended."""
        self._offered_records.pop(peer, None)

    def record_to_adopt(self, leader: str) -> ClusterRecord | None:
        """Return the record, of those that peers have told, that this disk must keep from now on, or None.

        It is one that names this very disk, or, on a learner, that of the `leader` that it follows.
        """
        if self.record is not None:
            return None
        for offer in self._offered_records.values():
            if offer.disks.get(self._name) == self.disk:
                return offer
        return None if self.voting else self._offered_records.get(leader)

    def adopt(self, record: ClusterRecord) -> bool:
        """Stage the record. Return whether this replica becomes a voter, because the cluster began with this disk."""
        stage_record(self._store, record)
        self.record = record
        if self.voting or record.disks.get(self._name) != self.disk:
            return False
        self.become_voter()
        return True

    # --- what people are told

    def waiting_for(self, last_index: int) -> str:
        """Return, for people, what the latest query has shown to be missing."""
        if silent := self._unanswered:
            return f"waits until {', '.join(silent)} can be asked"
        if self.voting:
            return "waits until all replicas vote and follow one leader"
        is_restored = self.log_origin(last_index) not in {"", NEW_CLUSTER}
        if self._voters_among_replies >= (self._majority if is_restored else 1):
            return "catches up with the others"
        origins = {peer: reply["origin"] or _describe_log(reply) for peer, reply in self._replies.items()} | {
            "itself": self.log_origin(last_index)
        }
        if len({*origins.values()}) == 1 and origins["itself"]:
            return f"waits until {self._id_issuer} begins the cluster"
        told = ", ".join(f"{peer}: {origin or 'nothing'}" for peer, origin in sorted(origins.items()))
        return f"waits, because the replicas did not begin with the same log ({told})"

    @property
    def _unanswered(self) -> Collection[str]:
        return sorted(self._peers - self._replies.keys())

    @property
    def _voters_among_replies(self) -> int:
        return sum(reply["voting"] for reply in self._replies.values())

    @property
    def _all_replied(self) -> bool:
        return self._replies.keys() == self._peers


def _describe_log(reply: Message) -> str:
    return "a log of its own" if reply["voting"] else ""


def stage_restored_log(store: Store, index: int, term: int, name: str) -> None:
    """Stage the log of a replica that begins together with its cluster, at a state that came from elsewhere.

    The log holds only the place of the entry `index` of `term`, which is applied. The replicas become voters from there
    once all of them have the same log origin (`LearnerGate`): the same `name`, and the same entry of the same term.
    Equal states alone do not make equal logs, because an entry of a new leader changes no state. The terms of the new
    cluster begin above those of the old one.
    """
    store.put(log_key(index), _NUMBER.pack(term) + NO_OP)
    store.put(APPLIED_KEY, _NUMBER.pack(index))
    store.put(RAFT_STATE_KEY, msgpack.packb([term + 1, None, index]))
    store.put(ORIGIN_KEY, encode_log_origin(index, f"{name} at entry {index} of term {term}"))


def encode_log_origin(index: int, name: str) -> bytes:
    """Return the value of ORIGIN_KEY."""
    return msgpack.packb([index, name])


def _read_origin(value: bytes | None) -> tuple[int, str]:
    if value is None:
        return 0, ""
    match msgpack.unpackb(value):
        case [int(index), str(name)]:
            return index, name
    raise StoreDamaged("the data folder is damaged: the origin of its log is not readable")
