"""The portals' way to the replicas."""

import asyncio
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry

from quitanda.cluster_client.administration import Administration
from quitanda.cluster_client.commands import CommandBatches
from quitanda.cluster_client.known_level import KnownLevel
from quitanda.cluster_client.options import ClusterOptions
from quitanda.cluster_client.reads import ReadBatches
from quitanda.cluster_client.replica_channel import ReplicaChannel
from quitanda.cluster_client.retrying import ClusterCounters, ReplicaCalls
from quitanda.cluster_client.values import Executed, ReadAnswer, ReadItem
from quitanda.domain.commands import Request
from quitanda.errors import QuitandaError
from quitanda.runtime.link_identity import LinkIdentity


class ClusterClient:
    """Asks whichever replica leads; for one event loop, made while it runs, closed at the end.

    `replicas` are gRPC addresses by name ("replica1": "127.0.0.1:7011"); with an `identity` their connections are TLS.
    """

    def __init__(
        self,
        replicas: Mapping[str, str],
        options: ClusterOptions | None = None,
        *,
        registry: CollectorRegistry | None = None,
        identity: LinkIdentity | None = None,
    ) -> None:
        self._options = options or ClusterOptions()
        self._replicas = {
            name: ReplicaChannel(name, replicas[name], self._options, identity) for name in sorted(replicas)
        }
        counters = ClusterCounters.register(registry)
        self._calls = ReplicaCalls(self._replicas, self._options, counters, asyncio.get_running_loop().time)
        self._commands = CommandBatches(self._calls, self._options, counters)
        self._reads = ReadBatches(self._calls, self._options, counters)
        self.administration = Administration(self._replicas, self._calls)
        """Operations on the cluster as such."""
        self._level = KnownLevel(self.administration.statuses)

    async def execute(self, request: Request, timeout: float) -> Executed:
        """Have the request executed once, within `timeout` seconds; a refusal is an outcome.

        Raises Overloaded and Unavailable (it did not and will not happen) and OutcomeUnknown (it may
        have happened: repeat it with the same request id).
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        if too_low := await self._level.check(request.command, timeout):
            return Executed(too_low, revision=0)
        return await self._commands.execute(request, deadline - clock())

    async def read(self, reads: Sequence[ReadItem], timeout: float) -> ReadAnswer:
        """Read everything at one snapshot, which holds every write acknowledged before this call began.

        No reads at all just asks for the revision. Exception: a `List` with a page token shows the
        snapshot at which its list began; ask for it alone. Its result is Refused (PAGE_TOKEN_EXPIRED)
        where the replica that kept the snapshot is gone.

        Raises Overloaded and Unavailable; InternalError where a replica reports a defect of its own.
        """
        return await self._reads.read(tuple(reads), timeout)

    async def ready(self) -> bool:
        """Whether a leader answered lately, or answers now."""
        if self._calls.led_within(self._options.answered_within):
            return True
        try:
            await self.read((), self._options.connect_timeout)
        except QuitandaError:
            return False
        return True

    async def close(self) -> None:
        """End all calls: their callers get Unavailable, or OutcomeUnknown if a write may have been applied."""
        await asyncio.gather(self._commands.close(), self._reads.close())
        await asyncio.gather(*(replica.close() for replica in self._replicas.values()))
