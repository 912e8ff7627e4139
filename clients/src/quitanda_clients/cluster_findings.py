"""What is to be said of a cluster, by what its replicas report; each face of the shop puts it into words. Pure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quitanda.v1.admin_portal_pb2 import ReplicaStatus

LAG_ENTRIES_MAX: Final = 1_000
"""A replica that is more entries behind the leader's commit index than this would need long to catch up.

A healthy replica is a few entries behind while there are writes: what the leader sends in one or two batches.
"""

FIRST_LEVEL: Final = 1
"""The level of a replica that says nothing of levels, as its version knows none."""


@dataclass(frozen=True, slots=True)
class ClusterFindings:
    """What was found; replicas are named. `behind` says of replicas that lag by how many entries.

    `agreed`: all that answer know the one leader. `differing` are revisions at which two states differ.
    `refusals` are pairs: the first one refuses to talk with the second one.
    """

    replicas: int
    missing: tuple[str, ...]
    leaders: tuple[str, ...]
    agreed: bool
    majority: bool
    catching_up: tuple[str, ...]
    behind: tuple[tuple[str, int], ...]
    refusals: tuple[tuple[str, str], ...]
    differing: tuple[int, ...]

    @property
    def answering(self) -> int:
        """How many replicas answer."""
        return self.replicas - len(self.missing)


def look_at(replicas: "Sequence[ReplicaStatus]") -> ClusterFindings:
    """Find who leads, whether a majority votes, who is missing or lags, and whether equal revisions have equal digests.

    A replica that catches up does not vote.
    """
    reachable = [replica for replica in replicas if replica.reachable]
    leaders = tuple(replica.name for replica in reachable if replica.leader == replica.name)
    voters = [replica for replica in reachable if not replica.catching_up]
    behind = {replica.name: entries_behind(replica, replicas) for replica in voters}
    return ClusterFindings(
        replicas=len(replicas),
        missing=tuple(replica.name for replica in replicas if not replica.reachable),
        leaders=leaders,
        agreed=len(leaders) == 1 and all(replica.leader in leaders for replica in reachable),
        majority=2 * len(voters) > len(replicas),
        catching_up=tuple(replica.name for replica in reachable if replica.catching_up),
        behind=tuple((name, entries) for name, entries in behind.items() if entries > LAG_ENTRIES_MAX),
        refusals=tuple((replica.name, peer.name) for replica in reachable for peer in replica.peers if peer.refused),
        differing=_differing(reachable),
    )


def committed(replicas: "Sequence[ReplicaStatus]") -> int:
    """Give the highest index that any replica that answers knows to be committed."""
    return max((replica.commit_index for replica in replicas if replica.reachable), default=0)


def entries_behind(replica: "ReplicaStatus", replicas: "Sequence[ReplicaStatus]") -> int:
    """Tell how many committed entries a replica has not applied yet."""
    return max(0, committed(replicas) - replica.revision)


def _differing(reachable: "Sequence[ReplicaStatus]") -> tuple[int, ...]:
    by_revision: dict[int, set[str]] = {}
    for replica in reachable:
        by_revision.setdefault(replica.revision, set()).add(replica.state_digest)
    return tuple(revision for revision, digests in by_revision.items() if len(digests) > 1)
