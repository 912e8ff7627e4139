"""Renews the proof of freshness while CACHED reads are in demand, so that hits need no read of their own."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from quitanda.cache.coherence import CoherentCache
from quitanda.cache.refutations import Refutations
from quitanda.cluster_client.values import ReadAnswer, ReadItem
from quitanda.errors import QuitandaError

DEMAND_BOUNDS: Final = 3
"""For how many staleness bounds after the last CACHED read probes go on."""

_log = structlog.get_logger(__name__)


class Reads(Protocol):
    """What the probe needs of a `ClusterClient`."""

    async def read(self, reads: Sequence[ReadItem], timeout: float) -> ReadAnswer:
        """See `ClusterClient.read`."""


class FreshnessProbe:
    """Reads nothing, linearizably, each third of the staleness bound; `run` it as a task, cancel that to end."""

    def __init__(
        self,
        cluster: Reads,
        cache: CoherentCache,
        refutations: Refutations,
        staleness: float,
        clock: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._refutations = refutations
        self._cache = cache
        self._staleness = staleness
        self._clock = clock
        self._demand = asyncio.Event()
        self._doubt = False
        self._demanded_at = clock()

    def wanted(self) -> None:
        """Take note of a CACHED read."""
        self._demanded_at = self._clock()
        self._demand.set()

    def doubt(self) -> None:
        """Take note that the feed speaks and is not believed: only the leader can tell which of the two is wrong."""
        self._doubt = True
        self.wanted()

    async def run(self) -> None:
        """Probe while there is demand and a feed that makes it worth while, or is doubted, for ever."""
        pause = self._staleness / 3
        while True:
            await self._demand.wait()
            now = self._clock()
            if now - self._demanded_at > DEMAND_BOUNDS * self._staleness:
                self._demand.clear()
                continue
            due = self._cache.proof_due_in(now)
            doubted = self._doubt
            if not doubted and (due > 0 or not self._cache.feed_alive(now)):
                await asyncio.sleep(due or pause)
            elif not await self._probe() or doubted:
                await asyncio.sleep(pause)

    async def _probe(self) -> bool:
        self._doubt = False
        fill = self._cache.begin((), self._clock())
        try:
            answer = await self._cluster.read((), self._staleness)
        except QuitandaError as error:
            _log.debug("probe_failed", reason=error.reason)
            return False
        if self._cache.contradicts(fill, answer.revision, answer.term):
            self._refutations.went_back(fill, answer)
            return False
        self._cache.complete(fill, (), answer.revision)
        return self._cache.proof_due_in(self._clock()) > 0
