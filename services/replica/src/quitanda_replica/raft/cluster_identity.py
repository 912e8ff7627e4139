"""Which cluster a disk belongs to, and whether two replicas belong to the same one.

A cluster gets a random id when it begins, also when it begins from a backup. A cluster from before there were ids gets
one when all of its replicas run a version that knows ids (`learner` says how they agree). Every disk of the cluster
keeps the record of that for ever: the id, and which disks were there. Names, addresses and the secret are the same
before and after a restore; the id is not.

On each connection both sides first send a greeting, encrypted with the cluster's key (`secure_channel`).
`compare_greetings` compares the two in the same way on both sides. A replica that does not match is rejected before it
can send anything else.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Final
from uuid import uuid4

import msgpack

from quitanda_replica.state.store import Store, StoreDamaged

CLUSTER_KEY: Final = b"Mcluster"
"""[id, origin, term, {name: disk}]; it never changes."""
DISK_KEY: Final = b"Mdisk"
"""This disk's random id; the first start from the disk draws it."""
NEW_CLUSTER: Final = "a new cluster"
"""The origin of a log that began empty."""
NO_CLUSTER: Final = ""


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """How a cluster got its id."""

    cluster: str
    """The id: 32 hexadecimal digits."""
    origin: str
    """What its log began with: a new cluster, or which backup; '' where no replica knew that any more."""
    term: int
    """The highest term of any replica at that time. A replica that becomes a voter by this record has voted in all
    terms up to this one."""
    disks: dict[str, str]
    """The disks that were there, by the replicas' names. What earlier disks promised no longer matters."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What each side of a connection says of itself; a text is empty where the side does not know it."""

    members: str
    """Digest of the names of all replicas."""
    cluster: str
    """The cluster's id, '' on a disk without one."""
    disk: str
    voting: bool
    """Whether this replica is a voter."""
    origin: str
    """What the cluster's log, or without a cluster this disk's log, began with."""
    bootstrap_disk: str
    """The disk that the receiver of this greeting had when the cluster got its id."""

    def as_list(self) -> list[str | bool]:
        """Return the fields in the order in which they are sent."""
        return list(astuple(self))


class GreetingMismatch(StrEnum):
    """Why two replicas are not of the same cluster. The value is the message for people, with what to do."""

    MEMBERS = (
        "its list of replicas is another one (digest {theirs.members}; here {own.members}). Give all replicas the same "
        "names in QUITANDA_REPLICAS and QUITANDA_RAFT_ADDRESSES"
    )
    CLUSTER = (
        "it belongs to another cluster: its id is {theirs.cluster}, the one here is {own.cluster}. Find out which of "
        "the two has a disk from before a restore, or from elsewhere; stop it, move its data folder away, and start it "
        "with an empty one"
    )
    DISK = (
        "one of the two disks holds data, but not of the other's cluster: its id is {theirs.cluster!r}, the one here "
        "{own.cluster!r}. If the cluster is being restored, restore the same backup on the replica with the id, too. "
        "Otherwise stop the one without an id, move its data folder away, and start it with an empty one"
    )

    def explain(self, own: Greeting, theirs: Greeting) -> str:
        """Return the message with the values of both sides."""
        return self.value.format(own=own, theirs=theirs)


def compare_greetings(own: Greeting, theirs: Greeting) -> GreetingMismatch | None:
    """Return why two replicas may not talk, or None. The answer is the same on both sides.

    Two disks without an id may talk: they are about to get one. A disk without an id belongs to the other's cluster if
    it is a learner that is empty or began with the same backup, or if it was there when that cluster got its id.
    """
    if own.members != theirs.members:
        return GreetingMismatch.MEMBERS
    if own.cluster and theirs.cluster:
        return None if own.cluster == theirs.cluster else GreetingMismatch.CLUSTER
    if not own.cluster and not theirs.cluster:
        return None
    member, other = (own, theirs) if own.cluster else (theirs, own)
    may_join = not other.voting and other.origin in {"", NEW_CLUSTER, member.origin}
    return None if may_join or member.bootstrap_disk == other.disk else GreetingMismatch.DISK


def read_greeting(fields: list[object]) -> Greeting | None:
    """Return the greeting that was sent as a list, or None where the list is none."""
    match fields:
        case [str(members), str(cluster), str(disk), bool(voting), str(origin), str(bootstrap_disk)]:
            return Greeting(members, cluster, disk, voting, origin, bootstrap_disk)
    return None


def digest_of_names(names: Iterable[str]) -> str:
    """Return a short digest of the replicas' names, whatever their order."""
    return hashlib.sha256(msgpack.packb(sorted(names))).hexdigest()[:16]


def new_record(origin: str, term: int, disks: dict[str, str]) -> ClusterRecord:
    """Return the record of a cluster that gets its id now."""
    return ClusterRecord(uuid4().hex, origin, term, disks)


def stage_record(store: Store, record: ClusterRecord) -> None:
    """Stage the record. The caller stages what belongs to it in the same batch."""
    store.put(CLUSTER_KEY, msgpack.packb([record.cluster, record.origin, record.term, record.disks]))


def load_record(store: Store) -> ClusterRecord | None:
    """Return the disk's record, or None. Raises StoreDamaged where it cannot be read."""
    value = store.get(CLUSTER_KEY)
    if value is None:
        return None
    match msgpack.unpackb(value):
        case [str(cluster), str(origin), int(term), dict(disks)] if cluster:
            return ClusterRecord(cluster, origin, term, disks)
    raise StoreDamaged("the data folder is damaged: the record of its cluster is not readable")


def load_or_draw_disk_id(store: Store) -> str:
    """Return the id of this disk; where it has none, draw and stage one."""
    if (value := store.get(DISK_KEY)) is None:
        value = uuid4().hex.encode()
        store.put(DISK_KEY, value)
    return value.decode()
