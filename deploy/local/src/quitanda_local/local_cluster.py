"""A cluster as processes of this machine, which end with this one, however it ends."""

import asyncio
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import grpc.aio

from quitanda.v1.admin_portal_pb2 import REPLICA_ROLE_LEADER, ReplicaStatus
from quitanda.v1.replica_pb2 import GetStatusRequest
from quitanda.v1.replica_pb2_grpc import ReplicaStub
from quitanda_local import broker, ports, readiness
from quitanda_local.cluster import AGREE_SECONDS, LEADER_SECONDS, READY_SECONDS, Digest
from quitanda_local.data_directory import DataDirectory
from quitanda_local.errors import NotRunning, ReplicasDiverged, RestoreFailed
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
from quitanda_local.waiting import wait_until

STATUS_SECONDS: Final = 1.0
COMMANDS: Final = {role: (sys.executable, "-m", module) for role, module in MODULES.items()}
"""What starts the process of each role but the broker's."""


class LocalCluster:
    """Implements `quitanda_local.cluster.Cluster` with processes; a context manager that starts and stops it.

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
        self.topology = topology
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
    def replicas(self) -> tuple[str, ...]:
        """Names of the replicas."""
        return self._names(Role.REPLICA)

    @property
    def admin_portals(self) -> tuple[str, ...]:
        """Names of the portals for administrators."""
        return self._names(Role.ADMIN_PORTAL)

    @property
    def client_portals(self) -> tuple[str, ...]:
        """Names of the portals for customers."""
        return self._names(Role.CLIENT_PORTAL)

    @property
    def broker(self) -> str:
        """Name of the MQTT broker."""
        return self.topology.broker.name

    def address(self, name: str) -> str:
        """Give `host:port` of the process."""
        return self.topology.named(name).address

    def process(self, name: str) -> Process:
        """Find the process of this name, for supervision; scenarios use the verbs."""
        self.topology.named(name)
        return self._processes[name]

    def data_folder(self, replica: str) -> Path:
        """Name the folder with everything that the replica keeps."""
        return self._data.folder(replica)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

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
        """Empty the disk of a replica that does not run."""
        if self.running(name):
            raise NotRunning(f"{name} runs: kill it or shut it down before its disk is erased")
        if name not in self.replicas:
            raise KeyError(f"{name} keeps nothing on disk")
        self._data.erase(name)

    async def wait_until_ready(self, *names: str, timeout: float = READY_SECONDS) -> None:
        """Wait until each process is ready; ProcessDied at once if one ends instead."""
        try:
            async with asyncio.TaskGroup() as group:
                for name in names:
                    group.create_task(self._wait_until_ready(name, timeout))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first says what is wrong; the other waits were cancelled

    async def status(self, replica: str) -> ReplicaStatus | None:
        """Ask the replica about itself; None if it does not answer."""
        if not self.running(replica) or self.process(replica).paused:
            return None
        async with readiness.connect(self.address(replica)) as channel:
            try:
                answer = await ReplicaStub(channel).GetStatus(GetStatusRequest(), timeout=STATUS_SECONDS)
            except grpc.aio.AioRpcError:
                return None
        return answer.status

    async def leader(self) -> str | None:
        """Name the replica that says that it leads, with the highest term; None if none does."""
        leading = [status for status in await self._statuses() if status.role == REPLICA_ROLE_LEADER]
        return max(leading, key=lambda status: status.term).name if leading else None

    async def wait_for_leader(self, excluding: Collection[str] = (), timeout: float = LEADER_SECONDS) -> str:
        """Wait until a replica that is not excluded leads, and return its name."""

        async def other_leader() -> str | None:
            leader = await self.leader()
            return leader if leader not in excluding else None

        other_than = f" other than {', '.join(excluding)}" if excluding else ""
        return await wait_until(other_leader, f"a leader{other_than}", timeout)

    async def wait_for_revision(
        self, revision: int, replicas: Collection[str] | None = None, timeout: float = AGREE_SECONDS
    ) -> None:
        """Wait until each of these replicas (all, if not given) stands at the revision or beyond."""
        wanted = set(self.replicas if replicas is None else replicas)
        seen: dict[str, int] = {}

        async def all_there() -> bool:
            seen.clear()
            seen.update({status.name: status.revision for status in await self._statuses()})
            return all(seen.get(name, -1) >= revision for name in wanted)

        await wait_until(all_there, f"revision {revision} on {', '.join(sorted(wanted))}", timeout, lambda: str(seen))

    async def digests(self) -> dict[str, Digest]:
        """Ask each replica for its digest; those that do not answer are left out."""
        return {status.name: Digest(status.revision, status.state_digest) for status in await self._statuses()}

    async def wait_until_replicas_agree(self, timeout: float = AGREE_SECONDS) -> Digest:
        """Wait until all replicas have the same digest at the same revision; ReplicasDiverged if they never can."""
        seen: dict[str, Digest] = {}

        async def agreed() -> Digest | None:
            seen.clear()
            seen.update(await self.digests())
            return agreement(seen, len(self.replicas))

        return await wait_until(agreed, "all replicas to agree", timeout, lambda: str(seen))

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

    def _names(self, role: Role) -> tuple[str, ...]:
        return tuple(service.name for service in self.topology.of(role))

    def _launch(self, service: Service) -> None:
        if self._deployment is None:
            raise NotRunning("the cluster was never started")
        if service.role is Role.BROKER:
            command: Sequence[str] = broker.prepare(self.broker_kind, service.port, self._data.path / "broker")
        else:
            command = self._commands[service.role]
        self._processes[service.name].start(command, environment(self._deployment, service.name) | self._settings)

    async def _wait_until_ready(self, name: str, timeout: float) -> None:
        process = self.process(name)
        probe = readiness.mqtt_ready if name == self.broker else readiness.grpc_ready
        seen = ""

        async def ready() -> bool:
            nonlocal seen
            process.check_alive()
            seen = await probe(self.address(name))
            return not seen

        def last_seen() -> str:
            tail = "".join(f"\n    {line}" for line in process.tail())
            return f"{seen}; its log {process.log} ends with:{tail}"

        await wait_until(ready, f"{name} at {self.address(name)} to be ready", timeout, last_seen)

    async def _statuses(self) -> list[ReplicaStatus]:
        answers = await asyncio.gather(*(self.status(name) for name in self.replicas))
        return [status for status in answers if status is not None]


def agreement(digests: Mapping[str, Digest], expected: int) -> Digest | None:
    """Return the digest that `expected` replicas share, or None if they do not stand at one revision yet.

    Raises ReplicasDiverged where two stand at one revision with different digests.
    """
    by_revision: dict[int, tuple[str, Digest]] = {}
    for name, digest in sorted(digests.items()):
        other, same = by_revision.setdefault(digest.revision, (name, digest))
        if same != digest:
            raise ReplicasDiverged(
                f"{other} and {name} differ at revision {digest.revision}: {same.value} and {digest.value}"
            )
    if len(digests) < expected or len(by_revision) != 1:
        return None
    (_, digest) = next(iter(by_revision.values()))
    return digest if digest.value else None
