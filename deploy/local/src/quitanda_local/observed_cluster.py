"""What every running Quitanda can be asked, and how it is waited for: over its ports, whatever runs behind them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import grpc.aio

from quitanda.runtime.link_identity import LinkIdentity
from quitanda.v1.admin_portal_pb2 import REPLICA_ROLE_LEADER, ReplicaStatus
from quitanda.v1.replica_pb2 import GetStatusRequest
from quitanda.v1.replica_pb2_grpc import ReplicaStub
from quitanda_local import readiness
from quitanda_local.errors import ReplicasDiverged
from quitanda_local.identities import Identities
from quitanda_local.topology import ServiceRole, Topology
from quitanda_local.waiting import wait_until

STATUS_SECONDS: Final = 1.0
READY_SECONDS: Final = 30.0
LEADER_SECONDS: Final = 15.0
AGREE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest (hexadecimal) of a replica's whole state at one revision."""

    revision: int
    value: str


class ObservedCluster(ABC):
    """Three replicas, two portals of each kind and a broker, each with a name.

    A context manager that starts and stops the cluster. Every wait has a deadline, and says what it waited for.
    """

    def __init__(self, topology: Topology, identities: Identities | None = None) -> None:
        self.topology = topology
        self.identities = identities
        """Where the identity folders are; None in the open mode."""

    @property
    def replicas(self) -> tuple[str, ...]:
        """Names of the replicas."""
        return self._names(ServiceRole.REPLICA)

    @property
    def admin_portals(self) -> tuple[str, ...]:
        """Names of the portals for administrators."""
        return self._names(ServiceRole.ADMIN_PORTAL)

    @property
    def client_portals(self) -> tuple[str, ...]:
        """Names of the portals for customers."""
        return self._names(ServiceRole.CLIENT_PORTAL)

    @property
    def pages(self) -> tuple[str, ...]:
        """Names of the processes that serve the page."""
        return self._names(ServiceRole.WEB)

    @property
    def broker(self) -> str:
        """Name of the MQTT broker."""
        return self.topology.broker.name

    @property
    def everything(self) -> tuple[str, ...]:
        """Names of all processes, in the order in which they are started."""
        return tuple(service.name for service in self.topology.services)

    def address(self, name: str) -> str:
        """Give `host:port` where the process serves: gRPC, or MQTT for the broker."""
        return self.topology.named(name).address

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @abstractmethod
    async def start(self) -> None:
        """Start everything; return when every process is ready. After a failure nothing runs."""

    @abstractmethod
    async def stop(self) -> tuple[str, ...]:
        """Stop portals, then replicas, then the broker; return the names of those that had to be killed."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what a stopped cluster still holds; not to be started again."""

    @abstractmethod
    async def _check_alive(self, name: str) -> None:
        """Raise ProcessDied, with the last lines of the log, if the process has ended."""

    @abstractmethod
    def _last_words(self, name: str) -> str:
        """Say where the process's log is, or how it ends."""

    @abstractmethod
    def _silent(self, name: str) -> bool:
        """Say whether it is known, without asking, that the process answers nothing now."""

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
        if self._silent(replica):
            return None
        async with readiness.connect(self.address(replica), self._observer()) as channel:
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

    async def _wait_until_ready(self, name: str, timeout: float) -> None:
        seen = ""

        async def ready() -> bool:
            nonlocal seen
            await self._check_alive(name)
            seen = await self._ask(name)
            return not seen

        await wait_until(
            ready,
            f"{name} at {self.address(name)} to be ready",
            timeout,
            lambda: f"{seen}; {self._last_words(name)}",
        )

    async def _ask(self, name: str) -> str:
        """Ask a process whether it is ready, in its own protocol; '' if it is."""
        match self.topology.named(name).role:
            case ServiceRole.BROKER:
                return await readiness.mqtt_ready(self.address(name), self._observer())
            case ServiceRole.WEB:
                return await readiness.http_ready(self.address(name))
            case _:
                return await readiness.grpc_ready(self.address(name), self._observer())

    def _observer(self) -> LinkIdentity | None:
        """Give the certificate with which the processes are asked; None in the open mode."""
        return self.identities.observer(self.topology) if self.identities else None

    async def _statuses(self) -> list[ReplicaStatus]:
        answers = await asyncio.gather(*(self.status(name) for name in self.replicas))
        return [status for status in answers if status is not None]

    def _names(self, role: ServiceRole) -> tuple[str, ...]:
        return tuple(service.name for service in self.topology.of(role))


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
