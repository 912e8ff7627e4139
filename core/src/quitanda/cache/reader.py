"""Reads for a portal's callers, from memory where that is allowed and from the leader otherwise."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

import structlog
from prometheus_client import CollectorRegistry

from quitanda.cache.coherence import Answer, CoherentCache, Fill, Unserved
from quitanda.cache.counters import CacheCounters, show_feed_age
from quitanda.cache.feed import FeedSubscriber
from quitanda.cache.lru import Entry, Key
from quitanda.cache.probe import FreshnessProbe, Reads
from quitanda.cluster_client.answers import Absent, Found, Get, ReadAnswer, Result, Unchanged
from quitanda.domain.model import Customer, Document, Order, Product
from quitanda.domain.outcomes import Refused
from quitanda.errors import Rejected, Unavailable
from quitanda.wire.documents import id_of, kind_of

_log = structlog.get_logger(__name__)


class Consistency(StrEnum):
    """How fresh the answer to a read must be."""

    LINEARIZABLE = "linearizable"
    CACHED = "cached"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """`staleness` (seconds) bounds the age of CACHED answers; `mqtt` is (host, port), None: no feed."""

    max_entries: int = 10_000
    staleness: float = 1.0
    mqtt: tuple[str, int] | None = None
    name: str = "portal"


class CachedReader:
    """Answers `get` from memory or from the leader; `open_reader` makes one with its feed and probe."""

    def __init__(
        self,
        cluster: Reads,
        cache: CoherentCache,
        probe: FreshnessProbe,
        counters: CacheCounters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._probe = probe
        self._counters = counters
        self._clock = clock

    async def get(self, keys: Sequence[Key], consistency: Consistency, min_revision: int, timeout: float) -> Answer:
        """Read documents, all at one snapshot.

        CACHED answers are at most the staleness bound old and never older than `min_revision`, the
        highest revision that the caller's session has seen (0: none).

        Raises Unavailable, Overloaded, and Rejected where a replica refuses a key.
        """
        if consistency is Consistency.CACHED:
            self._probe.wanted()
            served = self._cache.serve(keys, min_revision, self._clock())
            if isinstance(served, Answer):
                self._counters.hit.inc()
                return served
            if served is Unserved.BYPASS:
                self._counters.bypass.inc()
        return await self._read(keys, timeout)

    def learned(self, changed: Document | Key, revision: int) -> None:
        """Take over what a write through this portal told: the document as it left it, or the key it deleted."""
        if isinstance(changed, Customer | Product | Order):
            self._cache.learn((kind_of(changed), id_of(changed)), changed, revision)
        else:
            self._cache.learn(changed, None, revision)

    def feed_alive(self) -> bool:
        """Whether the leader was heard through the feed within the staleness bound."""
        return self._cache.feed_alive(self._clock())

    async def _read(self, keys: Sequence[Key], timeout: float) -> Answer:
        """Ask the leader, naming the versions that are held."""
        deadline = self._clock() + timeout
        fill = self._cache.begin(keys, self._clock())
        answer = await self._ask(fill, timeout)
        if self._cache.contradicts(fill, answer.revision):
            # Other replicas, another history: what is held means nothing there. Ask without it.
            self._counters.contradiction.inc()
            _log.error("history_went_back", revision=answer.revision, known=fill.floor)
            fill = self._cache.begin(keys, self._clock())
            answer = await self._ask(fill, deadline - self._clock())
        documents = tuple(self._document(*pair) for pair in zip(answer.results, fill.held, strict=True))
        self._cache.complete(fill, documents, answer.revision)
        return Answer(answer.revision, documents)

    async def _ask(self, fill: Fill, timeout: float) -> ReadAnswer:
        known = (None if entry is None else entry.version for entry in fill.held)
        questions = [
            Get(kind, document_id, version) for (kind, document_id), version in zip(fill.keys, known, strict=True)
        ]
        answer = await self._cluster.read(questions, timeout)
        for result in answer.results:
            if isinstance(result, Refused):
                raise Rejected(result, answer.revision)
        return answer

    def _document(self, result: Result, held: Entry | None) -> Document | None:
        match result:
            case Unchanged() if held is not None:
                self._counters.unchanged.inc()
                return held.document
            case Found(document):
                self._counters.miss.inc()
                return document
            case Absent():
                self._counters.miss.inc()
                return None
            case _:
                raise Unavailable(f"a replica answered a question that was not asked: {type(result).__name__}")


@asynccontextmanager
async def open_reader(
    cluster: Reads, options: ReaderOptions, *, registry: CollectorRegistry | None = None
) -> AsyncIterator[CachedReader]:
    """Give a reader with its cache, its feed subscriber and its probe running, and end them at the end.

    async with open_reader(cluster, ReaderOptions(mqtt=("127.0.0.1", 7883))) as reader: ...
    """
    clock = time.monotonic
    counters = CacheCounters.register(registry)
    cache = CoherentCache(options.max_entries, options.staleness)
    show_feed_age(registry, lambda: cache.feed_age(clock()))
    probe = FreshnessProbe(cluster, cache, options.staleness, clock)
    tasks = [asyncio.create_task(probe.run(), name="freshness probe")]
    if options.mqtt is not None:
        feed = FeedSubscriber(cache, options.mqtt, options.name, counters, clock)
        tasks.append(asyncio.create_task(feed.run(), name="feed subscriber"))
    try:
        yield CachedReader(cluster, cache, probe, counters, clock)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
