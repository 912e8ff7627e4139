"""How the container of each process is made: the same as in the compose file, but on free ports and for one run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from testcontainers.core.container import DockerContainer

from quitanda.identity.holders import HolderKind
from quitanda_local.topology import HOST, BrokerKind, Deployment, Service, ServiceRole, Topology, environment
from quitanda_testing.cluster.cluster import PortKind, ports_of
from quitanda_testing.containers.docker_run import ROOT, TAG, DockerRun, image
from quitanda_testing.containers.subnet import Subnet

BROKER_IMAGE: Final = "eclipse-mosquitto:2"
BROKER_PORT: Final = 1883
SECURE_BROKER_PORT: Final = 8883
BROKER_USER: Final = "1883:1883"
BROKER_CONFIGURATIONS: Final = ROOT / "deploy" / "mosquitto"
VOLUME: Final = "/data"
DATA: Final = f"{VOLUME}/replica"
"""A folder in the volume: one that is restored gets its name when it is whole, which a volume itself cannot."""

IDENTITIES: Final = "/identities"
"""Where a process finds its identity folder, by its name; one that serves the course's contract the clients', too."""

BROKER_IDENTITY: Final = "/identity"
BROKER_DATA: Final = "/mosquitto/data"
EVERYWHERE: Final = "0.0.0.0"
"""Where a process in a container listens; what is published of that is on the loopback of this machine."""

HARDENED: Final[Mapping[str, Any]] = {
    "init": True,
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "dns_opt": ["timeout:1", "attempts:1"],
    "healthcheck": {"test": ["NONE"]},  # scenarios ask by themselves, and oftener
}


@dataclass(frozen=True, slots=True)
class ContainerSpecs:
    """What the containers of a run have in common.

    `settings` are QUITANDA_* variables for all of them. `identities` names the volume of each identity folder, by the
    folder's name; it is empty in the open mode.
    """

    run: DockerRun
    subnet: Subnet
    deployment: Deployment
    settings: Mapping[str, str]
    identities: Mapping[str, str]

    @property
    def broker_port(self) -> int:
        """Where the broker listens in its container."""
        return SECURE_BROKER_PORT if self.identities else BROKER_PORT

    def container(self, name: str, volume: str | None, tag: str = TAG) -> DockerContainer:
        """Describe the container of this name; what it keeps goes to the volume. `tag`: which version's image it is."""
        service = self.deployment.topology.named(name)
        if service.role is ServiceRole.BROKER:
            container = self._broker()
        else:
            container = DockerContainer(image(service.role, tag)).with_envs(**self._environment(service))
            container.with_tmpfs_mount("/tmp", "size=16m")
        if volume is not None:
            container.with_volume_mapping(volume, BROKER_DATA if service.role is ServiceRole.BROKER else VOLUME, "rw")
        for folder, place in self._identity_folders(service).items():
            container.with_volume_mapping(self.identities[folder], place, "ro")
        container.with_name(self.run.name(name))
        published: dict[str, Any] = {f"{inside}/tcp": (HOST, outside) for inside, outside in self._published(service)}
        container.ports = published
        return container.with_kwargs(
            **HARDENED,
            **({"user": BROKER_USER} if service.role is ServiceRole.BROKER else {}),
            hostname=name,
            labels=self.run.labels,
            network=self.subnet.name,
            networking_config={self.subnet.name: self.subnet.endpoint(name)},
        )

    def _identity_folders(self, service: Service) -> dict[str, str]:
        """Say where the process has which identity folders; nowhere in the open mode."""
        if not self.identities:
            return {}
        if service.role is ServiceRole.BROKER:
            return {service.name: BROKER_IDENTITY}
        own = (service.name,) if service.course_port is None else (service.name, HolderKind.CLIENTS.value)
        return {folder: f"{IDENTITIES}/{folder}" for folder in own}

    def _broker(self) -> DockerContainer:
        container = DockerContainer(BROKER_IMAGE)
        configuration = BROKER_CONFIGURATIONS / ("mosquitto-secure.conf" if self.identities else "mosquitto.conf")
        container.with_volume_mapping(configuration, "/mosquitto/config/mosquitto.conf", "ro")
        return container.with_tmpfs_mount("/tmp").with_tmpfs_mount("/mosquitto/log")

    def _environment(self, service: Service) -> dict[str, str]:
        """Give the settings of a process of this machine, with addresses as they are between containers."""
        topology = self.deployment.topology
        variables = environment(self.deployment, service.name)
        replicas = {replica.name: ports_of(replica) for replica in topology.of(ServiceRole.REPLICA)}
        variables["QUITANDA_LOG_LEVEL"] = os.environ.get("QUITANDA_TEST_LOG_LEVEL", variables["QUITANDA_LOG_LEVEL"])
        variables["QUITANDA_MQTT"] = f"{topology.broker.name}:{self.broker_port}"
        variables["QUITANDA_REPLICAS"] = _by_name({name: ports[PortKind.SERVICE] for name, ports in replicas.items()})
        if service.role is ServiceRole.REPLICA:
            variables["QUITANDA_DATA_DIR"] = DATA
            variables["QUITANDA_RAFT_ADDRESSES"] = _by_name(
                {name: ports[PortKind.RAFT] for name, ports in replicas.items()}
            )
        for variable in ("QUITANDA_LISTEN", "QUITANDA_METRICS_LISTEN", "QUITANDA_COURSE_LISTEN"):
            if variable in variables:
                variables[variable] = variables[variable].replace(HOST, EVERYWHERE)
        return variables | dict(self.settings)

    def _published(self, service: Service) -> list[tuple[int, int]]:
        """Give each port as (in the container, on this machine)."""
        if service.role is ServiceRole.BROKER:
            return [(self.broker_port, service.port)]
        return [(port, port) for port in ports_of(service).values()]


def deployment(topology: Topology, secret: str, feed_key: str, *, identities: bool) -> Deployment:
    """Say what containers' settings depend on; with identities the secrets are in their folders."""
    folders = Path(IDENTITIES) if identities else None
    return Deployment(topology, BrokerKind.MOSQUITTO, Path("/"), secret, feed_key, bootstrap=True, identities=folders)


def _by_name(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}={name}:{port}" for name, port in ports.items())
