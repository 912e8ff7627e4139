"""A cluster as processes of this machine, which end with this one, however it ends."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from quitanda_local import broker, ports
from quitanda_local.cluster import Fault, T
from quitanda_local.data_directory import DataDirectory
from quitanda_local.errors import NotRunning, RestoreFailed
from quitanda_local.observed_cluster import ObservedCluster
from quitanda_local.partitions import Partitions
from quitanda_local.process import Process, Spawner
from quitanda_local.topology import (
    MODULES,
    PORTS_NEEDED,
    BrokerKind,
    Deployment,
    Role,
    Service,
    Topology,
    environment,
    on_ports,
)

COMMANDS: Final = {role: (sys.executable, "-m", module) for role, module in MODULES.items()}
"""What starts the process of each role but the broker's."""


class LocalCluster(ObservedCluster):
    """Implements `quitanda_local.cluster.Cluster` with processes.

    `settings` are QUITANDA_* variables added to every process's own; `commands` start the roles' processes;
    `partitions` puts a relay between the replicas, so that they can be cut off from each other.
    The methods may be called from any event loop, one after the other: nothing is kept that belongs to a loop.
    """

    def __init__(
        self,
        data_dir: Path,
        topology: Topology,
        wanted_broker: BrokerKind | None = None,
        settings: Mapping[str, str] | None = None,
        log_level: str = "info",
        commands: Mapping[Role, Sequence[str]] = COMMANDS,
        *,
        partitions: bool = False,
    ) -> None:
        super().__init__(topology)
        self.broker_kind = broker.choose(wanted_broker)
        self._data = DataDirectory(data_dir.absolute(), self.replicas)
        self._settings = dict(settings or {})
        self._log_level = log_level
        self._commands = commands
        self._spawner = Spawner()
        self._deployment: Deployment | None = None
        self._processes = {
            service.name: Process(service.name, self._data.log(service.name), self._spawner)
            for service in topology.services
        }
        self._partitions: Partitions | None = None
        if partitions:
            relay = Process("relay", self._data.log("relay"), self._spawner)
            self._partitions = Partitions(topology.of(Role.REPLICA), relay, self._data.path / "relay.json")

    @classmethod
    def on_free_ports(
        cls,
        data_dir: Path,
        wanted_broker: BrokerKind | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        partitions: bool = False,
    ) -> Self:
        """Lay out a cluster beside whatever else runs here."""
        topology = on_ports(ports.free_ports(PORTS_NEEDED))
        return cls(data_dir, topology, wanted_broker, settings, partitions=partitions)

    @property
    def faults(self) -> frozenset[Fault]:
        """One-way cuts, where there is a relay; a network and disks of their own processes do not have."""
        return frozenset({Fault.ONE_WAY_CUT} if self._partitions else ())

    @property
    def shares_mqtt(self) -> bool:
        """Say whether the broker shares the customers' MQTT requests among the portals."""
        return self.broker_kind is BrokerKind.MOSQUITTO

    def incarnation(self, name: str) -> str:
        """Tell this life of the process from its others; NotRunning if it has none."""
        return self.process(name).incarnation

    def log(self, name: str) -> tuple[str, ...]:
        """Give every line that the process has logged, less what was put aside long ago."""
        return self.process(name).lines()

    def process(self, name: str) -> Process:
        """Find the process of this name, for supervision; scenarios use the verbs."""
        self.topology.named(name)
        return self._processes[name]

    async def restore(self, backup: Path) -> None:
        """Make every replica's data from a backup, before the first start; RestoreFailed if there is any already."""
        self._data.open()
        try:
            for name in self.replicas:
                await self._restore(name, backup)
        finally:
            self._data.close()

    async def start(self) -> None:
        """Start everything; return when every process is ready. After a failure nothing runs."""
        self._data.open()
        try:
            ports.check_free(self.topology)
            self._deployment = Deployment(
                self.topology,
                self.broker_kind,
                self._data.path,
                self._data.secret(),
                self._data.feed_key(),
                bootstrap=self._data.begin(),
                log_level=self._log_level,
                ways=self._partitions.ways if self._partitions else {},
            )
            if self._partitions:
                await self._partitions.start()
            for service in self.topology.services:
                self._launch(service)
            await self.wait_until_ready(*self._processes)
            self._data.founded()
            self._deployment = replace(self._deployment, bootstrap=False)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> tuple[str, ...]:
        """Stop portals, then replicas, then the broker; return the names of those that had to be killed."""
        killed: list[str] = []
        for group in (self.admin_portals + self.client_portals, self.replicas, (self.broker,)):
            stopped = await asyncio.gather(*(self._processes[name].stop() for name in group))
            killed += [name for name, by_itself in zip(group, stopped, strict=True) if not by_itself]
        if self._partitions and not await self._partitions.stop():
            killed.append("relay")
        self._data.close()
        return tuple(killed)

    def close(self) -> None:
        """End the thread that started the processes; any that still runs is killed. For use after `stop`."""
        self._spawner.close()

    def running(self, name: str) -> bool:
        """Say whether the process exists, paused or not."""
        return self.process(name).running

    def kill(self, name: str) -> None:
        """End the process at once (SIGKILL)."""
        self.process(name).kill()

    async def crash(self, *names: str) -> None:
        """End these processes together (SIGKILL)."""
        for name in names:
            self.kill(name)

    async def shut_down(self, name: str) -> bool:
        """Ask the process to stop (SIGTERM); false if it had to be killed."""
        return await self.process(name).stop()

    async def restart(self, name: str, *, wait: bool = True) -> None:
        """Start the process again, after shutting it down if it runs; return when it is ready, if `wait`."""
        await self.process(name).stop()
        self._launch(self.topology.named(name))
        if wait:
            await self.wait_until_ready(name)

    def pause(self, name: str) -> None:
        """Freeze the process (SIGSTOP)."""
        self.process(name).pause()

    def resume(self, name: str) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self.process(name).resume()

    async def partition(self, *names: str) -> None:
        """Cut these replicas off from the others; for a cluster that was made with `partitions`."""
        await self._require_partitions().separate(names)

    async def cut(self, replica: str, *speakers: str) -> None:
        """Let a replica hear nothing from these replicas any more; for a cluster that was made with `partitions`."""
        await self._require_partitions().silence(speakers, replica)

    async def heal(self) -> None:
        """Let all replicas hear each other again."""
        await self._require_partitions().heal()

    async def mend(self) -> None:
        """Undo every fault; return when everything is ready."""
        if self._partitions:
            await self._partitions.heal()
        for name, process in self._processes.items():
            if process.paused:
                process.resume()
            if not process.running:
                await self.restart(name, wait=False)
        await self.wait_until_ready(*self._processes)

    def erase(self, name: str) -> None:
        """Empty the disk of a replica or of the broker that does not run."""
        self._check_disk_is_idle(name)
        self._data.erase(name)

    def with_disk(self, replica: str, work: Callable[[Path], T]) -> T:
        """Let somebody read and change the folder with all that a replica keeps which does not run."""
        self._check_disk_is_idle(replica)
        return work(self._data.folder(replica))

    def _check_disk_is_idle(self, name: str) -> None:
        if self.running(name):
            raise NotRunning(f"{name} runs: kill it or shut it down before its disk is touched")
        if name not in {*self.replicas, self.broker}:
            raise KeyError(f"{name} keeps nothing on disk")

    async def _restore(self, name: str, backup: Path) -> None:
        command = (*COMMANDS[Role.REPLICA], "restore", "--from", str(backup), "--into", str(self._data.folder(name)))
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise RestoreFailed(f"{name}: {output.decode(errors='replace').strip()}")

    def _require_partitions(self) -> Partitions:
        if self._partitions is None:
            raise NotRunning("this cluster has no relay between its replicas: make it with partitions=True")
        return self._partitions

    def _launch(self, service: Service) -> None:
        if self._deployment is None:
            raise NotRunning("the cluster was never started")
        if service.role is Role.BROKER:
            command: Sequence[str] = broker.prepare(self.broker_kind, service.port, self._data.folder(service.name))
        else:
            command = self._commands[service.role]
        self._processes[service.name].start(command, environment(self._deployment, service.name) | self._settings)

    async def _check_alive(self, name: str) -> None:
        self.process(name).check_alive()

    def _last_words(self, name: str) -> str:
        process = self.process(name)
        return f"its log {process.log} ends with:" + "".join(f"\n    {line}" for line in process.tail())

    def _silent(self, name: str) -> bool:
        return not self.running(name) or self.process(name).paused
