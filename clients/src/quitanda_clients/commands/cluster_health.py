"""Judges whether a cluster is well, from what its replicas report."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quitanda_clients.i18n.speech import say, say_minute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quitanda.v1.admin_portal_pb2 import ReplicaStatus

LAG_ENTRIES_MAX: Final = 1_000
"""A replica that is more entries behind the leader's commit index than this would need long to catch up.

A healthy replica is a few entries behind while there are writes: what the leader sends in one or two batches.
"""

CERTIFICATE_DAYS_MIN: Final = 21
"""A certificate that lives for less was not renewed: that is due when 30 days are left (`quitanda.identity`)."""

_DAY_MS: Final = 86_400_000

_FIRST_LEVEL: Final = 1
"""The level of a replica that says nothing of levels, as its version knows none."""


@dataclass(frozen=True, slots=True)
class ClusterHealth:
    """Whether all is well, and one line about it."""

    well: bool
    summary: str


def judge(replicas: "Sequence[ReplicaStatus]", now_ms: int | None = None) -> ClusterHealth:
    """Say whether all replicas know one leader, all vote, none lags, and equal revisions have equal digests.

    `now_ms` are milliseconds since 1970-01-01T00:00Z, by which certificates end; by this machine's clock if not given.
    """
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    reachable = [replica for replica in replicas if replica.reachable]
    leaders = {replica.name for replica in reachable if replica.leader == replica.name}
    count = say("{count} of {all} replicas answer", count=len(reachable), all=len(replicas))
    faults = [
        *_leadership(reachable, leaders, len(replicas)),
        *_digests(reachable),
        *_refusals(reachable),
        *_lag(reachable),
    ]
    if len(reachable) < len(replicas):
        missing = ", ".join(replica.name for replica in replicas if not replica.reachable)
        faults.append(say("{count} (not {missing})", count=count, missing=missing))
    to_do = _level(reachable) + _certificates(reachable, now_ms)
    if faults:
        return ClusterHealth(well=False, summary=say("NOT WELL: {faults}.", faults="; ".join(faults)) + to_do)
    (leader,) = leaders
    well = say("All is well: {leader} leads, {count}, their states agree and none lags.", leader=leader, count=count)
    return ClusterHealth(well=True, summary=well + to_do)


def _level(reachable: "Sequence[ReplicaStatus]") -> str:
    """Say in a sentence that the level can be raised, or which replica prevents it; '' where there is nothing to do."""
    supported = {replica.name: replica.supported_level or _FIRST_LEVEL for replica in reachable}
    level = max((replica.cluster_level for replica in reachable), default=0) or _FIRST_LEVEL
    highest, lowest = max(supported.values(), default=level), min(supported.values(), default=level)
    if lowest > level:
        return say(
            " The replicas support level {lowest}; the cluster is at level {level}: raise it with "
            "'quitanda-admin cluster raise-level' once you will not go back to the older version.",
            lowest=lowest,
            level=level,
        )
    if highest > level:
        older = ", ".join(name for name, each in supported.items() if each == lowest)
        return say(
            " The cluster is at level {level}, and {older} supports no higher one: upgrade every replica.",
            level=level,
            older=older,
        )
    return ""


def _certificates(reachable: "Sequence[ReplicaStatus]", now_ms: int) -> str:
    """Say in a sentence which certificate ends first, where one was not renewed in time; '' where each was."""
    ends = {one.name: one.certificate_expires_at_ms for one in reachable if one.certificate_expires_at_ms}
    first = min(ends, key=ends.__getitem__, default="")
    if not first or ends[first] - now_ms >= CERTIFICATE_DAYS_MIN * _DAY_MS:
        return ""
    return say(
        " The certificate of {process} ends at {end}: renew those of all processes with "
        "'python -m quitanda.identity renew'.",
        process=first,
        end=say_minute(ends[first]),
    )


def _leadership(reachable: "Sequence[ReplicaStatus]", leaders: set[str], replicas: int) -> list[str]:
    voters = [replica for replica in reachable if not replica.catching_up]
    faults = []
    if 2 * len(voters) <= replicas:
        faults.append(say("there is no majority, so nothing can be changed"))
    if not leaders:
        faults.append(say("no replica leads"))
    elif len(leaders) > 1 or any(replica.leader not in leaders for replica in reachable):
        faults.append(say("the replicas do not agree on who leads"))
    return faults


def _digests(reachable: "Sequence[ReplicaStatus]") -> list[str]:
    by_revision: dict[int, set[str]] = {}
    for replica in reachable:
        by_revision.setdefault(replica.revision, set()).add(replica.state_digest)
    differing = [revision for revision, digests in by_revision.items() if len(digests) > 1]
    return [say("THE STATES DIFFER at revision {revision}", revision=revision) for revision in differing]


def _refusals(reachable: "Sequence[ReplicaStatus]") -> list[str]:
    return [
        say("{replica} refuses {peer}", replica=replica.name, peer=peer.name)
        for replica in reachable
        for peer in replica.peers
        if peer.refused
    ]


def _lag(reachable: "Sequence[ReplicaStatus]") -> list[str]:
    committed = max((replica.commit_index for replica in reachable), default=0)
    faults = [
        say("{replica} is still catching up", replica=replica.name) for replica in reachable if replica.catching_up
    ]
    for replica in reachable:
        behind = committed - replica.revision
        if behind > LAG_ENTRIES_MAX and not replica.catching_up:
            faults.append(say("{replica} is {behind} entries behind", replica=replica.name, behind=behind))
    return faults
