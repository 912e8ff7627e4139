"""Which cluster a disk belongs to, and whether two replicas belong to the same one.

A cluster gets a random id when it begins, also when it begins from a backup, and a cluster of before there were ids
gets one when all of its replicas run a version that knows them (rejoin says how they agree). The record of that is kept
on every disk of the cluster, for ever: the id, and which disks were there. Names, addresses and the secret are the same
before and after a restore; the id is not.

Each conversation begins with a greeting from either side, under the cluster's key (channel). `judge` compares the two,
alike on both sides; who differs is refused before anything else is said.
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
"""[id, origin, term, {name: disk}]; never changed once it is there."""
DISK_KEY: Final = b"Mdisk"
"""A random name of this disk, drawn when a replica first starts from it."""
NEW_CLUSTER: Final = "a new cluster"
"""The origin of a log that began with nothing."""
NO_CLUSTER: Final = ""


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """How a cluster got its id."""

    cluster: str
    """The id: 32 hexadecimal digits."""
    origin: str
    """What its log began with: a new cluster, or which backup; '' where nobody knew that any more."""
    term: int
    """The highest term that any replica was in then: whoever counts from there has voted in all terms up to it."""
    disks: dict[str, str]
    """The disks that were there, by the replicas' names; nothing that an earlier disk promised mattered any more."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What each side of a conversation says of itself; an empty text where it knows nothing."""

    members: str
    """Digest of the names of all replicas."""
    cluster: str
    """The cluster's id, '' on a disk without one."""
    disk: str
    counts: bool
    """Whether this replica votes."""
    origin: str
    """What this disk's log, or the cluster's, began with."""
    founding_disk: str
    """The disk of the one that is greeted which was there when the cluster got its id."""

    def as_list(self) -> list[str | bool]:
        """Return it as it is sent."""
        return list(astuple(self))


class Stranger(StrEnum):
    """Why a replica is not one of the same cluster; the value is what the log says, with what to do."""

    MEMBERS = (
        "its list of replicas is another one (digest {theirs.members}; here {own.members}). Give all replicas the same "
        "names in QUITANDA_REPLICAS and QUITANDA_RAFT_ADDRESSES"
    )
    CLUSTER = (
        "it belongs to another cluster: its id is {theirs.cluster}, the one here is {own.cluster}. Find out which of "
        "the two has a disk from before a restore, or from elsewhere; stop it, move its data folder away, and start it "
        "with an empty one"
    )
    PAST = (
        "one of the two disks holds data, but not of the other's cluster: its id is {theirs.cluster!r}, the one here "
        "{own.cluster!r}. If the cluster is being restored, restore the same backup on the replica with the id, too. "
        "Otherwise stop the one without an id, move its data folder away, and start it with an empty one"
    )

    def explain(self, own: Greeting, theirs: Greeting) -> str:
        """Say it with both values."""
        return self.value.format(own=own, theirs=theirs)


def judge(own: Greeting, theirs: Greeting) -> Stranger | None:
    """Decide whether two replicas may talk: None, or why not. The same whichever of them asks.

    Two disks without an id may: they are about to get one. A disk without one that has a past belongs to the cluster
    whose id the other has only if it was there when that was given, or comes from the same backup and does not count.
    """
    if own.members != theirs.members:
        return Stranger.MEMBERS
    if own.cluster and theirs.cluster:
        return None if own.cluster == theirs.cluster else Stranger.CLUSTER
    if not own.cluster and not theirs.cluster:
        return None
    member, other = (own, theirs) if own.cluster else (theirs, own)
    is_blank = not other.counts and other.origin in {"", NEW_CLUSTER, member.origin}
    return None if is_blank or member.founding_disk == other.disk else Stranger.PAST


def read_greeting(fields: list[object]) -> Greeting | None:
    """Return the greeting that was sent as a list; None where it is none."""
    match fields:
        case [str(members), str(cluster), str(disk), bool(counts), str(origin), str(founding_disk)]:
            return Greeting(members, cluster, disk, counts, origin, founding_disk)
    return None


def digest_of_names(names: Iterable[str]) -> str:
    """Return a short digest of the replicas' names, whatever their order."""
    return hashlib.sha256(msgpack.packb(sorted(names))).hexdigest()[:16]


def new_record(origin: str, term: int, disks: dict[str, str]) -> ClusterRecord:
    """Return the record of a cluster that gets its id now."""
    return ClusterRecord(uuid4().hex, origin, term, disks)


def stage_record(store: Store, record: ClusterRecord) -> None:
    """Stage the record; the caller stages in the same round what belongs to it."""
    store.put(CLUSTER_KEY, msgpack.packb([record.cluster, record.origin, record.term, record.disks]))


def load_record(store: Store) -> ClusterRecord | None:
    """Return the disk's record, None where it has none yet. Raises StoreDamaged where it cannot be read."""
    value = store.get(CLUSTER_KEY)
    if value is None:
        return None
    match msgpack.unpackb(value):
        case [str(cluster), str(origin), int(term), dict(disks)] if cluster:
            return ClusterRecord(cluster, origin, term, disks)
    raise StoreDamaged("the data folder is damaged: the record of its cluster is not readable")


def load_or_name_disk(store: Store) -> str:
    """Return the name of this disk; where it has none, stage one."""
    if (value := store.get(DISK_KEY)) is None:
        value = uuid4().hex.encode()
        store.put(DISK_KEY, value)
    return value.decode()
