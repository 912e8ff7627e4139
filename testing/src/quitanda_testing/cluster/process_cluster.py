"""A cluster as processes of this machine, with the faults that processes can have."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from quitanda_local import ports
from quitanda_local.errors import NotRunning
from quitanda_local.local_cluster import COMMANDS, LocalCluster
from quitanda_local.process import Process
from quitanda_local.topology import PORTS_NEEDED, BrokerKind, Deployment, Service, ServiceRole, Topology, on_ports
from quitanda_testing.cluster.cluster import Cluster, Fault, T
from quitanda_testing.cluster.freezable_process import FreezableProcess
from quitanda_testing.cluster.partitions import Partitions
from quitanda_testing.cluster.wall_clocks import WallClocks

RELAY: Final = "relay"
CLOCKS: Final = "clocks"


class ProcessCluster(LocalCluster, Cluster):
    """Implements the verbs with processes, which end with this one, however it ends.

    `settings` are QUITANDA_* variables added to every process's own; `commands` start the roles' processes;
    `partitions` puts a relay between the replicas, so that they can be cut off from each other; `clocks` lets the
    replicas' wall clocks be set, for which the machine needs a C compiler. What both keep is beside the data directory.
    """

    def __init__(
        self,
        data_dir: Path,
        topology: Topology,
        wanted_broker: BrokerKind | None = None,
        settings: Mapping[str, str] | None = None,
        commands: Mapping[ServiceRole, Sequence[str]] = COMMANDS,
        *,
        partitions: bool = False,
        identities: bool = False,
        clocks: bool = False,
    ) -> None:
        super().__init__(data_dir, topology, wanted_broker, settings, identities=identities)
        self._commands = commands
        self._partitions: Partitions | None = None
        if partitions:
            folder = data_dir.absolute().with_name(f"{data_dir.name}-{RELAY}")
            relay = Process(RELAY, folder / f"{RELAY}.log", self._spawner)
            self._partitions = Partitions(topology.of(ServiceRole.REPLICA), relay, folder / f"{RELAY}.json")
        self._clocks: WallClocks | None = None
        if clocks:
            folder = data_dir.absolute().with_name(f"{data_dir.name}-{CLOCKS}")
            folder.mkdir(parents=True, exist_ok=True)
            self._clocks = WallClocks(folder, self.replicas)

    @classmethod
    def on_free_ports(
        cls,
        data_dir: Path,
        wanted_broker: BrokerKind | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        partitions: bool = False,
        identities: bool = False,
        clocks: bool = False,
    ) -> Self:
        """Lay out a cluster beside whatever else runs here."""
        topology = on_ports(ports.free_ports(PORTS_NEEDED))
        return cls(
            data_dir, topology, wanted_broker, settings, partitions=partitions, identities=identities, clocks=clocks
        )

    @property
    def faults(self) -> frozenset[Fault]:
        """One-way cuts and wrong clocks, where it was made for them; processes have no network and disk."""
        possible = {Fault.ONE_WAY_CUT: self._partitions, Fault.CLOCK_JUMP: self._clocks}
        return frozenset(fault for fault, means in possible.items() if means is not None)

    @property
    def shares_mqtt(self) -> bool:
        """Say whether the broker shares the customers' MQTT requests among the portals."""
        return self.broker_kind is BrokerKind.MOSQUITTO

    def instance_id(self, name: str) -> str:
        """Tell this run of the process from its others; NotRunning if it does not run."""
        return self.process(name).instance_id

    def log(self, name: str) -> tuple[str, ...]:
        """Give every line that the process has logged, less what was put aside long ago."""
        return self.process(name).lines()

    async def start(self) -> None:
        """Start everything; return when every process is ready. After a failure nothing runs."""
        if self._partitions:
            await self._partitions.start()
        await super().start()

    async def stop(self) -> tuple[str, ...]:
        """Stop portals, then replicas, then the broker; return the names of those that had to be killed."""
        killed = await super().stop()
        if self._partitions and not await self._partitions.stop():
            killed += (RELAY,)
        return killed

    async def crash(self, *names: str) -> None:
        """End these processes together (SIGKILL)."""
        for name in names:
            self.kill(name)

    async def shut_down(self, name: str) -> bool:
        """Ask the process to stop (SIGTERM); false if it had to be killed."""
        return await self.process(name).stop()

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
        await self._require_partitions().block_from(speakers, replica)

    async def heal(self) -> None:
        """Let all replicas hear each other again."""
        await self._require_partitions().heal()

    def set_clock(self, replica: str, seconds: float) -> None:
        """Set a replica's wall clock; for a cluster that was made with `clocks`."""
        if self._clocks is None:
            super().set_clock(replica, seconds)
        else:
            self._clocks.set_ahead(replica, seconds)

    def close(self) -> None:
        """End the thread that started the processes; any that still runs is killed. For use after `stop`."""
        super().close()
        if self._clocks is not None:
            self._clocks.close()

    async def mend(self) -> None:
        """Undo every fault; return when everything is ready."""
        if self._clocks is not None:
            self._clocks.set_all_right()
        if self._partitions:
            await self._partitions.heal()
        for name in self.everything:
            if self.process(name).paused:
                self.resume(name)
            if not self.running(name):
                await self.restart(name, wait=False)
        await self.wait_until_ready(*self.everything)

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

    def process(self, name: str) -> FreezableProcess:
        """Find the process of this name; scenarios use the verbs."""
        process = super().process(name)
        assert isinstance(process, FreezableProcess)
        return process

    def _new_process(self, name: str) -> Process:
        return FreezableProcess(name, self._data.log(name), self._spawner)

    def _silent(self, name: str) -> bool:
        return super()._silent(name) or self.process(name).paused

    def _require_partitions(self) -> Partitions:
        if self._partitions is None:
            raise NotRunning("this cluster has no relay between its replicas: make it with partitions=True")
        return self._partitions

    def _command(self, service: Service) -> Sequence[str]:
        return super()._command(service) if service.role is ServiceRole.BROKER else self._commands[service.role]

    def _environment(self, deployment: Deployment, service: Service) -> Mapping[str, str]:
        relayed: dict[str, str] = {}
        if self._partitions and service.role is ServiceRole.REPLICA:
            relayed["QUITANDA_RAFT_ADDRESSES"] = self._partitions.addresses_seen_by(service.name)
        clocks = self._clocks.environment() if self._clocks is not None and service.role is ServiceRole.REPLICA else {}
        return {**super()._environment(deployment, service), **relayed, **clocks}
