"""What runs on one machine, under which name, on which port, with which settings. Pure: nothing is started here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from quitanda.identity.folder import IdentityFile
from quitanda.identity.holders import HolderKind
from quitanda.runtime.addresses import Address, format_named_addresses

HOST: Final = "127.0.0.1"
"""Everything listens here only: a local run is for whoever uses this machine, and its course ports ask for no token."""


class ServiceRole(StrEnum):
    """What a process is for."""

    BROKER = "broker"
    REPLICA = "replica"
    ADMIN_PORTAL = "admin-portal"
    CLIENT_PORTAL = "client-portal"
    WEB = "web"


MODULES: Final[Mapping[ServiceRole, str]] = {
    ServiceRole.REPLICA: "quitanda_replica",
    ServiceRole.ADMIN_PORTAL: "quitanda_admin_portal",
    ServiceRole.CLIENT_PORTAL: "quitanda_client_portal",
    ServiceRole.WEB: "quitanda_web",
}
"""The Python module that each role but the broker's is started from."""


_PROTOCOLS: Final = {ServiceRole.BROKER: "MQTT", ServiceRole.WEB: "HTTP"}


class BrokerKind(StrEnum):
    """Which MQTT broker carries the change feed and the customers' MQTT requests."""

    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


@dataclass(frozen=True, slots=True)
class Service:
    """One process: `port` is where it serves (gRPC, or MQTT for the broker); None where it has no such port.

    At `course_port` a portal serves the course's contract.
    """

    name: str
    role: ServiceRole
    port: int
    raft_port: int | None = None
    metrics_port: int | None = None
    course_port: int | None = None

    @property
    def address(self) -> str:
        """`host:port` where the process serves."""
        return f"{HOST}:{self.port}"

    def ports(self) -> Iterator[tuple[int, str]]:
        """Every port of the process, with what it is for."""
        yield self.port, _PROTOCOLS.get(self.role, "gRPC")
        if self.raft_port is not None:
            yield self.raft_port, "Raft"
        if self.metrics_port is not None:
            yield self.metrics_port, "metrics"
        if self.course_port is not None:
            yield self.course_port, "course"


@dataclass(frozen=True, slots=True)
class Topology:
    """All processes, in the order in which they are started."""

    services: tuple[Service, ...]

    def named(self, name: str) -> Service:
        """Find the process of this name; KeyError names those that there are."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(f"no process is named {name!r}; there are {', '.join(s.name for s in self.services)}")

    def of(self, role: ServiceRole) -> tuple[Service, ...]:
        """All processes of one role."""
        return tuple(service for service in self.services if service.role is role)

    @property
    def broker(self) -> Service:
        """The MQTT broker."""
        return self.of(ServiceRole.BROKER)[0]


PORTS_NEEDED: Final = 1 + 3 * 3 + 4 * 3
"""How many ports `on_ports` takes."""


PORTS_FROM: Final = 7000
"""What the ports are counted from that documentation and other programs rely on."""
PORTS_FROM_MIN: Final = 1024
PORTS_FROM_MAX: Final = 65_535 - 883


def fixed(*, course: bool = False, web: bool = False, ports_from: int = PORTS_FROM) -> Topology:
    """Lay the processes on the ports that documentation and other programs rely on; with the course's, if asked for.

    `web` adds the page.
    `ports_from` (PORTS_FROM_MIN to PORTS_FROM_MAX) moves all of them, so that two can run side by side.
    """

    def portal(name: str, role: ServiceRole, port: int) -> Service:
        return Service(name, role, port, metrics_port=port + 200, course_port=port + 100 if course else None)

    return Topology(
        (
            Service("broker", ServiceRole.BROKER, ports_from + 883),
            *(
                Service(
                    f"replica{n}", ServiceRole.REPLICA, ports_from + 10 + n, ports_from + 20 + n, ports_from + 210 + n
                )
                for n in (1, 2, 3)
            ),
            *(portal(f"admin-portal-{n}", ServiceRole.ADMIN_PORTAL, ports_from + n) for n in (1, 2)),
            *(portal(f"client-portal-{n}", ServiceRole.CLIENT_PORTAL, ports_from + 2 + n) for n in (1, 2)),
            *((Service("web", ServiceRole.WEB, ports_from + 80, metrics_port=ports_from + 280),) if web else ()),
        )
    )


def on_ports(ports: Sequence[int]) -> Topology:
    """Lay the same processes, with the course's contract, on these ports, of which there must be PORTS_NEEDED."""
    if len(ports) != PORTS_NEEDED:
        raise ValueError(f"{PORTS_NEEDED} ports are needed, not {len(ports)}")
    left = iter(ports)

    def portal(name: str, role: ServiceRole) -> Service:
        return Service(name, role, next(left), metrics_port=next(left), course_port=next(left))

    return Topology(
        (
            Service("broker", ServiceRole.BROKER, next(left)),
            *(Service(f"replica{n}", ServiceRole.REPLICA, next(left), next(left), next(left)) for n in (1, 2, 3)),
            *(portal(f"admin-portal-{n}", ServiceRole.ADMIN_PORTAL) for n in (1, 2)),
            *(portal(f"client-portal-{n}", ServiceRole.CLIENT_PORTAL) for n in (1, 2)),
        )
    )


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the processes' settings depend on besides the topology.

    `bootstrap` is true at the first start of a new cluster only, when no replica has any data. `identities` has a
    folder for each process, which then holds the secrets, too; None is the open mode, which alone needs
    `secret` and `feed_key`.
    """

    topology: Topology
    broker: BrokerKind
    data_dir: Path
    secret: str
    feed_key: str
    bootstrap: bool
    identities: Path | None = None


def environment(deployment: Deployment, name: str) -> dict[str, str]:
    """Every QUITANDA_* variable of one process; empty for the broker, which has a configuration file."""
    service = deployment.topology.named(name)
    if service.role is ServiceRole.BROKER:
        return {}
    if service.role is ServiceRole.WEB:
        return _of_the_page(deployment, service)
    variables = {
        "QUITANDA_NAME": service.name,
        "QUITANDA_LISTEN": service.address,
        "QUITANDA_METRICS_LISTEN": f"{HOST}:{service.metrics_port}",
        "QUITANDA_REPLICAS": by_name(
            {replica.name: replica.port for replica in deployment.topology.of(ServiceRole.REPLICA)}
        ),
        "QUITANDA_MQTT": deployment.topology.broker.address,
        "QUITANDA_LOG_LEVEL": "info",
        "QUITANDA_LOG_FORMAT": "json",
    }
    if deployment.identities is None:
        variables["QUITANDA_FEED_KEY"] = deployment.feed_key
    else:
        variables["QUITANDA_IDENTITY"] = str(deployment.identities / service.name)
    if service.role is ServiceRole.REPLICA:
        variables |= {
            "QUITANDA_RAFT_ADDRESSES": by_name(
                {replica.name: replica.raft_port for replica in deployment.topology.of(ServiceRole.REPLICA)}
            ),
            "QUITANDA_DATA_DIR": str(deployment.data_dir / service.name),
            "QUITANDA_BOOTSTRAP": "true" if deployment.bootstrap else "false",
        }
        if deployment.identities is None:
            variables["QUITANDA_CLUSTER_SECRET"] = deployment.secret
    if service.course_port is not None:
        variables["QUITANDA_COURSE_LISTEN"] = f"{HOST}:{service.course_port}"
        if deployment.identities is not None:  # its contract has no place for tokens: its callers act by this one
            credential = deployment.identities / HolderKind.CLIENTS / IdentityFile.CREDENTIAL
            variables["QUITANDA_COURSE_CREDENTIAL"] = str(credential)
    if service.role is ServiceRole.CLIENT_PORTAL:
        variables["QUITANDA_MQTT_GATEWAY"] = mqtt_gateway(deployment, service)
    return variables


def _of_the_page(deployment: Deployment, service: Service) -> dict[str, str]:
    topology = deployment.topology
    folder = None if deployment.identities is None else deployment.identities / HolderKind.WEB  # of all its processes
    identity = {} if folder is None else {"QUITANDA_IDENTITY": str(folder)}
    return identity | {
        "QUITANDA_NAME": service.name,
        "QUITANDA_WEB_LISTEN": service.address,
        "QUITANDA_METRICS_LISTEN": f"{HOST}:{service.metrics_port}",
        "QUITANDA_ADMIN_PORTALS": ",".join(each.address for each in topology.of(ServiceRole.ADMIN_PORTAL)),
        "QUITANDA_CLIENT_PORTALS": ",".join(each.address for each in topology.of(ServiceRole.CLIENT_PORTAL)),
        "QUITANDA_LOG_LEVEL": "info",
        "QUITANDA_LOG_FORMAT": "json",
    }


def mqtt_gateway(deployment: Deployment, portal: Service) -> str:
    """Say how a client portal takes MQTT requests.

    Mosquitto shares a subscription among the portals. amqtt knows no shared subscriptions, so there the
    first portal takes every request and the others none.
    """
    if deployment.broker is BrokerKind.MOSQUITTO:
        return "shared"
    return "exclusive" if portal == deployment.topology.of(ServiceRole.CLIENT_PORTAL)[0] else "off"


def by_name(ports: Mapping[str, int | None]) -> str:
    """Write ports of this machine as settings take them: `name=host:port,…`."""
    return format_named_addresses({name: Address(HOST, port) for name, port in ports.items() if port is not None})
