"""What scenarios may do with a running Quitanda: verbs only, for processes and containers alike."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from quitanda.v1.admin_portal_pb2 import ReplicaStatus

READY_SECONDS: Final = 30.0
LEADER_SECONDS: Final = 15.0
AGREE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest (hexadecimal) of a replica's whole state at one revision."""

    revision: int
    value: str


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

    def address(self, name: str) -> str:
        """`host:port` at which tests on this machine reach the process (gRPC; MQTT for the broker)."""
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
        """Cut these replicas off from the others: neither side hears the other, both still hear portals."""
        ...

    async def heal(self) -> None:
        """Let all replicas hear each other again."""
        ...

    async def mend(self) -> None:
        """Undo every fault: join, resume and start what is not as it was; return when everything is ready."""
        ...

    def erase(self, name: str) -> None:
        """Empty the disk of a replica that does not run."""
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
