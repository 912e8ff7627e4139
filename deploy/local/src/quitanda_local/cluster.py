"""What scenarios may do with a running Quitanda: verbs only, for processes and containers alike."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, TypeVar

from quitanda.v1.admin_portal_pb2 import ReplicaStatus

READY_SECONDS: Final = 30.0
LEADER_SECONDS: Final = 15.0
AGREE_SECONDS: Final = 30.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest (hexadecimal) of a replica's whole state at one revision."""

    revision: int
    value: str


class Door(StrEnum):
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


class Cluster(Protocol):
    """Three replicas, two portals of each kind and a broker, each with a name.

    Every verb returns when what it says is true, or raises an error that says what was waited for.
    """

    @property
    def replicas(self) -> tuple[str, ...]:
        """Names of the replicas."""
        ...

    @property
    def admin_portals(self) -> tuple[str, ...]:
        """Names of the portals for administrators."""
        ...

    @property
    def client_portals(self) -> tuple[str, ...]:
        """Names of the portals for customers."""
        ...

    @property
    def broker(self) -> str:
        """Name of the MQTT broker."""
        ...

    @property
    def everything(self) -> tuple[str, ...]:
        """Names of all processes, in an order in which they may be started."""
        ...

    @property
    def faults(self) -> frozenset[Fault]:
        """Which of the faults that not every cluster can have this one can."""
        ...

    @property
    def shares_mqtt(self) -> bool:
        """Say whether the broker shares the customers' MQTT requests among the portals."""
        ...

    def address(self, name: str, door: Door = Door.SERVICE) -> str:
        """`host:port` at which tests on this machine reach a door of the process, the same over restarts.

        KeyError where the process has no such door.
        """
        ...

    def doors(self, name: str) -> tuple[Door, ...]:
        """Name every door that the process has."""
        ...

    def incarnation(self, name: str) -> str:
        """Tell the life of a process that runs from its next one: equal before and after means that it never ended.

        NotRunning where it does not run.
        """
        ...

    def log(self, name: str) -> tuple[str, ...]:
        """Give every line that the process has logged in all its lives, oldest first."""
        ...

    async def restore(self, backup: Path) -> None:
        """Make every replica's data from a backup's file, before the first start.

        RestoreFailed if there is any data already.
        """
        ...

    async def start(self) -> None:
        """Start everything; return when every process is ready."""
        ...

    async def stop(self) -> tuple[str, ...]:
        """Stop everything in order; return the names of those that had to be killed."""
        ...

    def running(self, name: str) -> bool:
        """Say whether the process exists, paused or not."""
        ...

    def kill(self, name: str) -> None:
        """End the process at once, without warning (SIGKILL)."""
        ...

    async def crash(self, *names: str) -> None:
        """End these processes together, at once and without warning, as where the power of a machine fails."""
        ...

    async def shut_down(self, name: str) -> bool:
        """Ask the process to stop (SIGTERM) and wait until it has; false if it had to be killed."""
        ...

    async def restart(self, name: str, *, wait: bool = True) -> None:
        """Start the process again, after shutting it down if it runs; return when it is ready, if `wait`."""
        ...

    def pause(self, name: str) -> None:
        """Freeze the process: its connections stay open and it answers nothing."""
        ...

    def resume(self, name: str) -> None:
        """Let a frozen process go on."""
        ...

    async def partition(self, *names: str) -> None:
        """Cut these replicas off from the others: neither side hears the other, both still hear portals.

        What was cut before stays cut, until `heal`.
        """
        ...

    async def heal(self) -> None:
        """Let all replicas hear each other again."""
        ...

    async def cut(self, replica: str, *speakers: str) -> None:
        """Let a replica hear nothing from these replicas any more, until `heal`; what it says still leaves.

        The fault ONE_WAY_CUT.
        """
        ...

    async def disconnect(self, name: str) -> None:
        """Take the process off the network; on its own machine it runs on (DISCONNECTION)."""
        ...

    async def reconnect(self, name: str) -> None:
        """Put the process back on the network, at the address that it had."""
        ...

    async def worsen_network(self, name: str, *, loss: float = 0.0, kilobits_per_second: int | None = None) -> None:
        """Lose this share of the packets that reach the process, and let it send no faster (BAD_NETWORK)."""
        ...

    async def fill_disk(self, replica: str) -> None:
        """Leave no room on the disk of a replica (BAD_DISK)."""
        ...

    async def make_disk_read_only(self, replica: str) -> None:
        """Let every write to the disk of a replica fail (BAD_DISK)."""
        ...

    async def repair_disk(self, replica: str) -> None:
        """Make the disk as it was, with room, writable, and with everything that was on it.

        A process that still uses a disk which became read-only is killed first.
        """
        ...

    async def move(self, name: str) -> None:
        """End the process at once and start it with another network address under the same name (ANOTHER_ADDRESS)."""
        ...

    async def mend(self) -> None:
        """Undo every fault: join, resume and start what is not as it was; return when everything is ready."""
        ...

    def erase(self, name: str) -> None:
        """Empty the disk of a replica, or of the broker, that does not run."""
        ...

    def with_disk(self, replica: str, work: Callable[[Path], T]) -> T:
        """Let somebody read and change the folder with all that a replica keeps; give what they give.

        NotRunning if the replica runs.
        """
        ...

    async def wait_until_ready(self, *names: str, timeout: float = READY_SECONDS) -> None:
        """Wait until each of these processes says that it can do its work."""
        ...

    async def status(self, replica: str) -> ReplicaStatus | None:
        """Ask the replica about itself; None if it does not answer."""
        ...

    async def leader(self) -> str | None:
        """Name the replica that says that it leads, with the highest term; None if none does."""
        ...

    async def wait_for_leader(self, excluding: Collection[str] = (), timeout: float = LEADER_SECONDS) -> str:
        """Wait until a replica that is not excluded leads, and return its name."""
        ...

    async def wait_for_revision(
        self, revision: int, replicas: Collection[str] | None = None, timeout: float = AGREE_SECONDS
    ) -> None:
        """Wait until each of these replicas (all, if not given) has made everything up to the revision durable."""
        ...

    async def digests(self) -> dict[str, Digest]:
        """Ask each replica for its digest; those that do not answer are left out."""
        ...

    async def wait_until_replicas_agree(self, timeout: float = AGREE_SECONDS) -> Digest:
        """Wait until all replicas stand at the same revision with the same digest, and return it.

        Raises ReplicasDiverged as soon as two replicas differ at the same revision.
        """
        ...
