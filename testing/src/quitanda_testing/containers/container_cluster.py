"""A cluster as containers of this machine's Docker, which are gone with this process, however it ends."""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self

from quitanda.identity.holders import HolderKind
from quitanda_local import ports
from quitanda_local.errors import NotRunning
from quitanda_local.identities import Identities
from quitanda_local.topology import PORTS_NEEDED, ServiceRole, Topology, on_ports
from quitanda_testing.cluster.cluster import Cluster, Fault, T
from quitanda_testing.containers import volume_contents as stored
from quitanda_testing.containers.container_process import ContainerProcess
from quitanda_testing.containers.container_specs import ContainerSpecs, deployment
from quitanda_testing.containers.docker_run import IMAGES, TOOLS, DockerRun
from quitanda_testing.containers.network_faults import NetworkFaults
from quitanda_testing.containers.subnet import Subnet
from quitanda_testing.containers.volumes import Volumes

SECRET_BYTES: Final = 32
START_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.5
"""How often at most the engine is asked whether a process that is waited for still runs."""


class ContainerCluster(Cluster):
    """Implements `quitanda_testing.cluster.cluster.Cluster` with containers.

    Each has its own address in a network of the run, and every port of it is also a port of this machine.
    `settings` are QUITANDA_* variables added to every process's own. `identities` is the folder of this machine where
    the identity folders are made, of which each process gets its own in a volume; None is the open mode. What is made
    before the first start exists until `close`, or until this process is gone.
    """

    def __init__(
        self,
        topology: Topology,
        settings: Mapping[str, str] | None = None,
        *,
        breakable_disks: bool = False,
        identities: Path | None = None,
    ) -> None:
        super().__init__(topology, Identities(identities.absolute()) if identities else None)
        self._run = DockerRun()
        subnet = Subnet(self._run.client, self._run.name("network"), self._run.labels)
        self._subnet = subnet
        self._volumes = Volumes(self._run, self.replicas, self.broker, breakable_disks=breakable_disks)
        self._identity_volumes = (
            stored.make_identity_volumes(self._run, (*self.everything, HolderKind.CLIENTS)) if identities else {}
        )
        secret, feed_key = (secrets.token_urlsafe(SECRET_BYTES) for _ in range(2))
        deployed = deployment(topology, secret, feed_key, identities=bool(identities))
        self._specs = ContainerSpecs(self._run, subnet, deployed, settings or {}, self._identity_volumes)
        self._containers = {
            name: ContainerProcess(name, self._specs.container(name, self._volumes.of(name)))
            for name in self.everything
        }
        self._network_faults = NetworkFaults(self._run.client, TOOLS, self._run.labels)
        self._one_at_a_time = threading.Lock()
        self._looked_at: dict[str, float] = {}

    @classmethod
    def on_free_ports(
        cls,
        settings: Mapping[str, str] | None = None,
        *,
        breakable_disks: bool = False,
        identities: Path | None = None,
    ) -> Self:
        """Lay out a cluster beside whatever else runs here."""
        topology = on_ports(ports.free_ports(PORTS_NEEDED))
        return cls(topology, settings, breakable_disks=breakable_disks, identities=identities)

    @property
    def run_id(self) -> str:
        """What everything of this cluster in Docker carries as its label `quitanda.run`."""
        return self._run.id

    @property
    def faults(self) -> frozenset[Fault]:
        """All but clocks that jump; bad disks where they were asked for and Docker could make them."""
        return frozenset(Fault) - {Fault.CLOCK_JUMP} - (frozenset() if self._volumes.breakable else {Fault.BAD_DISK})

    @property
    def shares_mqtt(self) -> bool:
        """Mosquitto does."""
        return True

    def instance_id(self, name: str) -> str:
        """Tell this life of the process from its others; NotRunning if it has none."""
        return self._container(name).instance_id

    def log(self, name: str) -> tuple[str, ...]:
        """Give every line that the process has logged."""
        return self._container(name).lines()

    async def restore(self, backup: Path) -> None:
        """Make every replica's data from a backup, before the first start; RestoreFailed if there is any already."""

        def restore(name: str) -> None:
            stored.restore(IMAGES[ServiceRole.REPLICA], self._run, self._volumes.named(name), name, backup)

        await self._each(restore, self.replicas)

    async def start(self) -> None:
        """Start everything; return when every process is ready. After a failure nothing runs."""
        try:
            await asyncio.to_thread(self._give_identities)
            await self._each(self._begin, self.everything)
            await self.wait_until_ready(*self.everything, timeout=START_SECONDS)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> tuple[str, ...]:
        """Stop portals, then replicas, then the broker; return the names of those that had to be killed."""
        killed: list[str] = []
        for group in (self.admin_portals + self.client_portals, self.replicas, (self.broker,)):
            stopped = await self._each(lambda name: self._container(name).stop(), group)
            killed += [name for name, by_itself in zip(group, stopped, strict=True) if not by_itself]
        return tuple(killed)

    def close(self) -> None:
        """Remove everything of the run."""
        try:
            with ThreadPoolExecutor() as threads:
                list(threads.map(ContainerProcess.remove, self._containers.values()))
        finally:
            self._run.close()

    def running(self, name: str) -> bool:
        """Say whether the process exists, paused or not."""
        return self._container(name).running

    def kill(self, name: str) -> None:
        """End the process at once (SIGKILL)."""
        self._container(name).kill()

    async def crash(self, *names: str) -> None:
        """End these processes together (SIGKILL)."""
        await self._each(self.kill, names)

    async def shut_down(self, name: str) -> bool:
        """Ask the process to stop (SIGTERM); false if it had to be killed."""
        return await asyncio.to_thread(self._container(name).stop)

    async def restart(self, name: str, *, wait: bool = True) -> None:
        """Start the process again, after shutting it down if it runs; return when it is ready, if `wait`."""
        await self.shut_down(name)
        await asyncio.to_thread(self._begin, name)
        if wait:
            await self.wait_until_ready(name)

    def pause(self, name: str) -> None:
        """Freeze the process."""
        self._container(name).pause()

    def resume(self, name: str) -> None:
        """Let a frozen process go on."""
        self._container(name).resume()

    async def partition(self, *names: str) -> None:
        """Cut these replicas off from the others."""
        self._check_replicas(*names)
        others = [self._run.name(name) for name in self.replicas if name not in names]
        for name in names:
            await self._break(self._network_faults.separate, name, *others)

    async def cut(self, replica: str, *speakers: str) -> None:
        """Let a replica hear nothing from these replicas any more."""
        self._check_replicas(replica, *speakers)
        await self._break(self._network_faults.deafen, replica, *map(self._run.name, speakers))

    async def heal(self) -> None:
        """Let all replicas hear each other again."""
        for name in self.replicas:
            await self._break(self._network_faults.reconcile, name)

    async def disconnect(self, name: str) -> None:
        """Take the process off the network."""
        await self._break(self._network_faults.isolate, name)

    async def reconnect(self, name: str) -> None:
        """Put the process back on the network, at the address that it had."""
        await self._break(self._network_faults.join, name)

    async def worsen_network(self, name: str, *, loss: float = 0.0, kilobits_per_second: int | None = None) -> None:
        """Lose this share of the packets that reach the process, and let it send no faster."""
        await self._break(self._network_faults.worsen, name, loss=loss, kilobits_per_second=kilobits_per_second)

    async def fill_disk(self, replica: str) -> None:
        """Leave no room on the disk of a replica."""
        await asyncio.to_thread(self._volumes.fill, replica)

    async def make_disk_read_only(self, replica: str) -> None:
        """Let every write to the disk of a replica fail."""
        await asyncio.to_thread(self._volumes.make_read_only, replica)

    async def repair_disk(self, replica: str) -> None:
        """Make the disk as it was; a process that uses one which became read-only is killed first."""
        if self._volumes.must_be_idle_for_repair(replica) and self.running(replica):
            await self.crash(replica)
        await asyncio.to_thread(self._volumes.repair, replica)

    async def move(self, name: str) -> None:
        """End the process at once and start it with another network address under the same name."""
        life = self._container(name)
        if life.running:
            await asyncio.to_thread(life.kill)
        await asyncio.to_thread(self._subnet.move, name, life.container)
        await asyncio.to_thread(self._begin, name)

    async def mend(self) -> None:
        """Undo every fault; return when everything is ready."""
        for name, life in self._containers.items():
            await self._break(self._network_faults.heal, name)
            if life.paused:
                self.resume(name)
        for name in self._volumes.broken:
            await self.repair_disk(name)
        ended = [name for name in self.everything if not self.running(name)]
        await self._each(self._begin, ended)
        await self.wait_until_ready(*self.everything)

    def erase(self, name: str) -> None:
        """Empty the disk of a replica or of the broker that does not run."""
        stored.erase(TOOLS, self._run, self._idle_volume(name))

    def with_disk(self, replica: str, work: Callable[[Path], T]) -> T:
        """Let somebody read and change a folder with all that a replica keeps which does not run."""
        return stored.with_copy(TOOLS, self._run, self._idle_volume(replica), work)

    async def _check_alive(self, name: str) -> None:
        if time.monotonic() - self._looked_at.get(name, 0.0) > LOOK_SECONDS:
            await asyncio.to_thread(self._container(name).check_alive)
            self._looked_at[name] = time.monotonic()

    def _last_words(self, name: str) -> str:
        return f"its log ends with:{self._container(name).tail()}"

    def _silent(self, name: str) -> bool:
        return self._container(name).paused

    def _container(self, name: str) -> ContainerProcess:
        self.topology.named(name)
        return self._containers[name]

    def _begin(self, name: str) -> None:
        """Start a process, in a network that is as bad as it was in its last life."""
        self._container(name).start()
        with self._one_at_a_time:
            self._network_faults.renew(self._run.name(name))

    def _give_identities(self) -> None:
        """Make what is missing, and bring every process's volume up to date."""
        if self.identities:
            self.identities.make(self.topology)
            stored.fill_identity_volumes(TOOLS, self._run, self._identity_volumes, self.identities.root, self.broker)

    async def _each(self, work: Callable[[str], T], names: tuple[str, ...] | list[str]) -> list[T]:
        return await asyncio.gather(*(asyncio.to_thread(work, name) for name in names))

    async def _break(self, how: Callable[..., None], name: str, *peers: str, **details: object) -> None:
        self.topology.named(name)

        def do() -> None:
            with self._one_at_a_time:
                how(self._run.name(name), *peers, **details)

        await asyncio.to_thread(do)

    def _check_replicas(self, *names: str) -> None:
        if strangers := set(names) - set(self.replicas):
            raise KeyError(f"not replicas: {', '.join(sorted(strangers))}")

    def _idle_volume(self, name: str) -> str:
        if self.running(name):
            raise NotRunning(f"{name} runs: kill it or shut it down before its disk is touched")
        return self._volumes.named(name)
