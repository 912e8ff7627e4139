"""What scenarios may do with a running Quitanda: verbs only, for processes and containers alike."""

from abc import abstractmethod
from collections.abc import Callable
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import NoReturn, TypeVar

from quitanda_local.errors import LocalError
from quitanda_local.observed_cluster import ObservedCluster
from quitanda_local.topology import HOST, Service
from quitanda_testing.cluster.callers import Callers

T = TypeVar("T")


class FaultNotPossible(LocalError):
    """A fault was asked for that the cluster's `faults` do not name."""


class PortKind(StrEnum):
    """A port of a process, by what it is for."""

    SERVICE = "service"
    """gRPC; MQTT for the broker."""

    RAFT = "raft"
    METRICS = "metrics"
    COURSE = "course"
    """The course's contract, gRPC."""


class Fault(StrEnum):
    """A fault that not every kind of cluster can have."""

    ONE_WAY_CUT = "one-way cut"
    """`cut`: one replica hears another no more, though it is still heard."""

    DISCONNECTION = "disconnection"
    """`disconnect`: a process without a network."""

    BAD_NETWORK = "bad network"
    """`worsen_network`: slow and lossy links."""

    BAD_DISK = "bad disk"
    """`fill_disk` and `make_disk_read_only`."""

    ANOTHER_ADDRESS = "another address"
    """`move`: a process that comes back elsewhere."""

    CLOCK_JUMP = "clock jump"
    """`set_clock`: a replica whose wall clock is wrong."""


class Cluster(ObservedCluster):
    """Three replicas, two portals of each kind and a broker, each with a name.

    Every verb returns when what it says is true, or raises an error that says what was waited for. Faults that a kind
    of cluster cannot have raise FaultNotPossible.
    """

    @property
    @abstractmethod
    def faults(self) -> frozenset[Fault]:
        """Which of the faults that not every cluster can have this one can."""

    @cached_property
    def callers(self) -> Callers:
        """Makes clients and connections for the cluster, each with what its caller proves who calls."""
        return Callers(self)

    @property
    @abstractmethod
    def shares_mqtt(self) -> bool:
        """Say whether the broker shares the customers' MQTT requests among the portals."""

    def address(self, name: str, kind: PortKind = PortKind.SERVICE) -> str:
        """Give `host:port` at which tests on this machine reach the process, the same over restarts.

        KeyError where the process has no such port.
        """
        port = ports_of(self.topology.named(name)).get(kind)
        if port is None:
            raise KeyError(f"{name} has no {kind} port")
        return f"{HOST}:{port}"

    def ports(self, name: str) -> tuple[PortKind, ...]:
        """Name every port that the process has."""
        return tuple(ports_of(self.topology.named(name)))

    @abstractmethod
    def instance_id(self, name: str) -> str:
        """Tell this run of the process from its others: equal before and after means that it never ended.

        NotRunning where it does not run.
        """

    @abstractmethod
    def log(self, name: str) -> tuple[str, ...]:
        """Give every line that the process has logged in all its runs, oldest first."""

    @abstractmethod
    async def restore(self, backup: Path) -> None:
        """Make every replica's data from a backup's file, before the first start.

        RestoreFailed if there is any data already.
        """

    @abstractmethod
    def running(self, name: str) -> bool:
        """Say whether the process exists, paused or not."""

    @abstractmethod
    def kill(self, name: str) -> None:
        """End the process at once, without warning (SIGKILL)."""

    @abstractmethod
    async def crash(self, *names: str) -> None:
        """End these processes together, at once and without warning, as where the power of a machine fails."""

    @abstractmethod
    async def shut_down(self, name: str) -> bool:
        """Ask the process to stop (SIGTERM) and wait until it has; false if it had to be killed."""

    @abstractmethod
    async def restart(self, name: str, *, wait: bool = True) -> None:
        """Start the process again, after shutting it down if it runs; return when it is ready, if `wait`."""

    @abstractmethod
    def pause(self, name: str) -> None:
        """Freeze the process: its connections stay open and it answers nothing."""

    @abstractmethod
    def resume(self, name: str) -> None:
        """Let a frozen process go on."""

    @abstractmethod
    async def partition(self, *names: str) -> None:
        """Cut these replicas off from the others: neither side hears the other, both still hear portals.

        What was cut before stays cut, until `heal`.
        """

    @abstractmethod
    async def heal(self) -> None:
        """Let all replicas hear each other again."""

    @abstractmethod
    async def cut(self, replica: str, *speakers: str) -> None:
        """Let a replica hear nothing from these replicas any more, until `heal`; what it says still leaves.

        The fault ONE_WAY_CUT.
        """

    async def disconnect(self, name: str) -> None:
        """Take the process off the network; on its own machine it runs on (DISCONNECTION)."""
        self._refuse(Fault.DISCONNECTION, name)

    async def reconnect(self, name: str) -> None:
        """Put the process back on the network, at the address that it had."""
        self._refuse(Fault.DISCONNECTION, name)

    async def worsen_network(self, name: str, *, loss: float = 0.0, kilobits_per_second: int | None = None) -> None:
        """Lose this share of the packets that reach the process, and let it send no faster (BAD_NETWORK)."""
        self._refuse(Fault.BAD_NETWORK, name, f"loss {loss}, {kilobits_per_second} kbit/s")

    async def fill_disk(self, replica: str) -> None:
        """Leave no room on the disk of a replica (BAD_DISK)."""
        self._refuse(Fault.BAD_DISK, replica)

    async def make_disk_read_only(self, replica: str) -> None:
        """Let every write to the disk of a replica fail (BAD_DISK)."""
        self._refuse(Fault.BAD_DISK, replica)

    async def repair_disk(self, replica: str) -> None:
        """Make the disk as it was, with room, writable, and with everything that was on it.

        A process that still uses a disk which became read-only is killed first.
        """
        self._refuse(Fault.BAD_DISK, replica)

    async def move(self, name: str) -> None:
        """End the process at once and start it with another network address under the same name (ANOTHER_ADDRESS)."""
        self._refuse(Fault.ANOTHER_ADDRESS, name)

    def set_clock(self, replica: str, seconds: float) -> None:
        """Let a replica's wall clock be so much ahead of the machine's, or behind it where negative (CLOCK_JUMP)."""
        self._refuse(Fault.CLOCK_JUMP, replica, f"{seconds} s")

    @abstractmethod
    async def mend(self) -> None:
        """Undo every fault: join, resume and start what is not as it was; return when everything is ready."""

    @abstractmethod
    def erase(self, name: str) -> None:
        """Empty the disk of a replica, or of the broker, that does not run."""

    @abstractmethod
    def with_disk(self, replica: str, work: Callable[[Path], T]) -> T:
        """Let somebody read and change the folder with all that a replica keeps; give what they give.

        NotRunning if the replica runs.
        """

    def _refuse(self, fault: Fault, name: str, details: str = "") -> NoReturn:
        raise FaultNotPossible(
            f"{type(self).__name__} cannot have {fault} at {name}{f' ({details})' if details else ''}: "
            "look for it in `faults` first"
        )


def ports_of(service: Service) -> dict[PortKind, int]:
    """Give each port that the process has."""
    ports = {
        PortKind.SERVICE: service.port,
        PortKind.RAFT: service.raft_port,
        PortKind.METRICS: service.metrics_port,
        PortKind.COURSE: service.course_port,
    }
    return {kind: port for kind, port in ports.items() if port is not None}
