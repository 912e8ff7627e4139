"""Judges whether a cluster is well, from what its replicas report."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quitanda_clients.cluster_findings import FIRST_LEVEL, ClusterFindings, look_at
from quitanda_clients.i18n.speech import say, say_minute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from quitanda.v1.admin_portal_pb2 import ReplicaStatus

CERTIFICATE_DAYS_MIN: Final = 21
"""A certificate that lives for less was not renewed: that is due when 30 days are left (`quitanda.identity`)."""

_DAY_MS: Final = 86_400_000


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
    found = look_at(replicas)
    count = say("{count} of {all} replicas answer", count=found.answering, all=found.replicas)
    to_do = _level(reachable) + _certificates(reachable, now_ms)
    if faults := list(_faults(found, count)):
        return ClusterHealth(well=False, summary=say("NOT WELL: {faults}.", faults="; ".join(faults)) + to_do)
    (leader,) = found.leaders
    well = say("All is well: {leader} leads, {count}, their states agree and none lags.", leader=leader, count=count)
    return ClusterHealth(well=True, summary=well + to_do)


def _faults(found: ClusterFindings, count: str) -> "Iterator[str]":
    if not found.majority:
        yield say("there is no majority, so nothing can be changed")
    if not found.leaders:
        yield say("no replica leads")
    elif not found.agreed:
        yield say("the replicas do not agree on who leads")
    for revision in found.differing:
        yield say("THE STATES DIFFER at revision {revision}", revision=revision)
    for replica, peer in found.refusals:
        yield say("{replica} refuses {peer}", replica=replica, peer=peer)
    for replica in found.catching_up:
        yield say("{replica} is still catching up", replica=replica)
    for replica, behind in found.behind:
        yield say("{replica} is {behind} entries behind", replica=replica, behind=behind)
    if found.missing:
        yield say("{count} (not {missing})", count=count, missing=", ".join(found.missing))


def _level(reachable: "Sequence[ReplicaStatus]") -> str:
    """Say in a sentence that the level can be raised, or which replica prevents it; '' where there is nothing to do."""
    supported = {replica.name: replica.supported_level or FIRST_LEVEL for replica in reachable}
    level = max((replica.cluster_level for replica in reachable), default=0) or FIRST_LEVEL
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
