"""For whom identity folders are made, which files each kind gets, and the list of them all, which the authority keeps.

A holder is a process, or the clients, which share one folder. A holder's name is the name of its folder.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from quitanda.identity.certificates import COMMON_NAME_LENGTH_MAX, Subject, checked_host
from quitanda.identity.folder import IdentityFile

AUTHORITY: Final = "ca"
"""The name of the authority's own folder, so no holder's."""


class HolderKind(StrEnum):
    """What a holder is; decides which files its folder has."""

    REPLICA = "replica"
    ADMIN_PORTAL = "admin-portal"
    CLIENT_PORTAL = "client-portal"
    BROKER = "broker"
    METRICS = "metrics"
    WEB = "web"
    CLIENTS = "clients"


_OF_ALL: Final = frozenset({IdentityFile.CA})
_OF_PROCESSES: Final = _OF_ALL | {IdentityFile.PROCESS}

FILES: Final[Mapping[HolderKind, frozenset[IdentityFile]]] = {
    HolderKind.REPLICA: _OF_PROCESSES
    | {IdentityFile.CLUSTER_SECRET, IdentityFile.FEED_KEY, IdentityFile.FIRST_CREDENTIAL},
    HolderKind.ADMIN_PORTAL: _OF_PROCESSES | {IdentityFile.FEED_KEY, IdentityFile.CUSTOMER_SECRET_KEY},
    HolderKind.CLIENT_PORTAL: _OF_PROCESSES
    | {
        IdentityFile.FEED_KEY,
        IdentityFile.REQUEST_GROUP,
        IdentityFile.CUSTOMERS_CA,
        IdentityFile.CUSTOMERS_CA_KEY,
    },
    HolderKind.BROKER: _OF_PROCESSES | {IdentityFile.CUSTOMERS_CA, IdentityFile.CLIENTS_CA, IdentityFile.ACL},
    HolderKind.METRICS: _OF_PROCESSES,
    HolderKind.WEB: _OF_PROCESSES | {IdentityFile.WEB_SESSION_KEY},
    HolderKind.CLIENTS: _OF_ALL | {IdentityFile.CUSTOMERS_CA, IdentityFile.CREDENTIAL},
}

_COMMON_NAMES: Final[Mapping[HolderKind, str]] = {
    HolderKind.REPLICA: "replica/{}",
    HolderKind.ADMIN_PORTAL: "portal/{}",
    HolderKind.CLIENT_PORTAL: "portal/{}",
    HolderKind.BROKER: "{}",
    HolderKind.METRICS: "service/{}",
    HolderKind.WEB: "service/{}",
}
"""The slash keeps customers apart, whose ids have none: the broker takes a certificate's common name for its user, and
a customer's id is her user. The broker's own certificate is no client's."""

ALONE: Final = (HolderKind.BROKER, HolderKind.METRICS, HolderKind.WEB, HolderKind.CLIENTS)
"""Kinds with one holder, whose name is the kind's; all processes of the page share one folder."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Holder:
    """One holder, with the hosts by which others reach it besides its name and this machine. ValueError if wrong."""

    name: str
    kind: HolderKind
    hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse names that are no host, no folder or another kind's."""
        if self.name == AUTHORITY or (self.name in ALONE) != (self.kind in ALONE):
            raise ValueError(f"{self.name!r} cannot be the name of a {self.kind}: it has a meaning of its own")
        if self.kind in _COMMON_NAMES and len(self.subject.common_name) > COMMON_NAME_LENGTH_MAX:
            raise ValueError(f"the name {self.name!r} is too long for a certificate")

    @property
    def files(self) -> frozenset[IdentityFile]:
        """The names of all files of the holder's folder."""
        return FILES[self.kind]

    @property
    def subject(self) -> Subject:
        """What the holder's certificate says; only for holders with a certificate."""
        hosts = frozenset(checked_host(host) for host in (self.name, *self.hosts, *_LOOPBACK))
        return Subject(_COMMON_NAMES[self.kind].format(self.name), hosts, server_only=self.kind is HolderKind.BROKER)


DEFAULT: Final = (
    *(Holder(f"replica{n}", HolderKind.REPLICA) for n in (1, 2, 3)),
    *(Holder(f"admin-portal-{n}", HolderKind.ADMIN_PORTAL) for n in (1, 2)),
    *(Holder(f"client-portal-{n}", HolderKind.CLIENT_PORTAL) for n in (1, 2)),
)
"""The processes of docker-compose.yml and of `make run`; besides them those of ALONE are always there."""


def together(known: Iterable[Holder], given: Iterable[Holder]) -> tuple[Holder, ...]:
    """Add to the known holders those that were given, by name; hosts that are new are added, and none is removed.

    ValueError where a name stands for two kinds.
    """
    found = {holder.name: holder for holder in known}
    for holder in (*given, *(Holder(kind.value, kind) for kind in ALONE)):
        before = found.setdefault(holder.name, holder)
        if before.kind is not holder.kind:
            raise ValueError(f"{holder.name!r} is a {before.kind} already, so it cannot be a {holder.kind}")
        found[holder.name] = replace(before, hosts=before.hosts | holder.hosts)
    return tuple(found[name] for name in sorted(found))


def to_text(holders: Iterable[Holder]) -> str:
    """Write the list as JSON."""
    listed = {holder.name: {"kind": holder.kind.value, "hosts": sorted(holder.hosts)} for holder in holders}
    return json.dumps(listed, indent=2) + "\n"


def from_text(text: str) -> tuple[Holder, ...]:
    """Read the list from JSON; ValueError where it is none."""
    try:
        listed = json.loads(text)
        return tuple(
            Holder(name, HolderKind(facts["kind"]), frozenset(map(str, facts["hosts"])))
            for name, facts in listed.items()
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("it is not a list of names with kind and hosts") from error
