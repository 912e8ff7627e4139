"""Renews the proof of freshness while CACHED reads are in demand, so that hits need no read of their own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import structlog

from quitanda.cache.coherence import CoherentCache
from quitanda.cache.metrics import ContradictionLog
from quitanda.cluster_client.values import ReadAnswer, ReadItem
from quitanda.errors import QuitandaError

DEMAND_BOUNDS: Final = 3
"""For how many staleness bounds after the last CACHED read probes go on."""

_log = structlog.get_logger(__name__)


Read: TypeAlias = Callable[[Sequence[ReadItem], float], Awaitable[ReadAnswer]]
"""Reads everything at one snapshot, within some seconds: `ClusterClient.read`."""


class FreshnessProbe:
    """Asks the leader for the revision, linearizably, each third of the staleness bound.

    Run `run` as a task, and cancel it to end.
    """

    def __init__(
        self,
        read: Read,
        cache: CoherentCache,
        contradictions: ContradictionLog,
        staleness: float,
        clock: Callable[[], float],
    ) -> None:
        self._read = read
        self._contradictions = contradictions
        self._cache = cache
        self._staleness = staleness
        self._clock = clock
        self._demanded = asyncio.Event()
        self._doubt = False
        self._demanded_at = clock()

    def demand(self) -> None:
        """Note that there was a CACHED read."""
        self._demanded_at = self._clock()
        self._demanded.set()

    def doubt(self) -> None:
        """Note that the feed speaks and is not believed: only the leader can tell what is true."""
        self._doubt = True
        self.demand()

    async def run(self) -> None:
        """Probe for ever, while there is demand and the feed is alive or doubted."""
        pause = self._staleness / 3
        while True:
            await self._demanded.wait()
            now = self._clock()
            if now - self._demanded_at > DEMAND_BOUNDS * self._staleness:
                self._demanded.clear()
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
            answer = await self._read((), self._staleness)
        except QuitandaError as error:
            _log.debug("probe_failed", reason=error.reason)
            return False
        if self._cache.contradicts(fill, answer.revision, answer.term):
            self._contradictions.went_back(fill, answer)
            return False
        self._cache.complete(fill, (), answer.revision)
        return self._cache.proof_due_in(self._clock()) > 0
