"""Reads for a portal's callers, from memory where that is allowed and from the leader otherwise."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry

from quitanda.cache.coherence import CacheMiss, CoherentCache, Fill, ReadResult
from quitanda.cache.feed import FeedReceiver, feed_connection
from quitanda.cache.lru import Entry, Key
from quitanda.cache.metrics import CacheCounters, ContradictionLog, show_feed_age
from quitanda.cache.probe import FreshnessProbe, Read
from quitanda.cache.recent_changes import RecentChanges
from quitanda.cluster_client.values import Absent, Found, Get, ReadAnswer, Result, Unchanged
from quitanda.codec.documents import id_of, kind_of
from quitanda.domain.model import Document
from quitanda.domain.outcomes import Refused
from quitanda.errors import Rejected, Unavailable
from quitanda.mqtt.feed_key import FeedKey
from quitanda.runtime.addresses import Address
from quitanda.runtime.background_task import start_background_task
from quitanda.runtime.link_identity import LinkIdentity

AGE_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine is suspended: Linux's CLOCK_MONOTONIC, Python's `time.monotonic`, stands still then, and
what was a second old would be so hours later."""


def age_clock() -> float:
    """Tell the seconds of the clock by which ages are judged; nobody ever sets it."""
    return time.clock_gettime(AGE_CLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """`staleness` (seconds) bounds the age of CACHED answers; `broker` carries the feed, None: there is no feed.

    Only messages of the feed that verify under `feed_key` are believed; ValueError where there is a feed and no key.
    """

    max_entries: int = 10_000
    staleness: float = 1.0
    broker: Address | None = None
    feed_key: FeedKey | None = None
    name: str = "portal"
    identity: LinkIdentity | None = None
    """With one the connection to the broker is TLS."""

    def __post_init__(self) -> None:
        if self.broker is not None and self.feed_key is None:
            raise ValueError("a feed cannot be believed without its key")


class CachedReader:
    """Answers `serve` from memory and `get` by the leader; `open_reader` makes one with its feed and probe."""

    def __init__(
        self,
        read: Read,
        cache: CoherentCache,
        probe: FreshnessProbe,
        counters: CacheCounters,
        clock: Callable[[], float] = age_clock,
        recent: RecentChanges | None = None,
    ) -> None:
        self.recent: Final = recent
        """What the feed has told lately; None where there is no feed."""
        self._contradictions = ContradictionLog(counters.contradiction)
        self._read_cluster = read
        self._cache = cache
        self._probe = probe
        self._counters = counters
        self._clock = clock

    def serve(self, keys: Sequence[Key], min_revision: int = 0) -> ReadResult | None:
        """Read documents from memory, all at one snapshot; None where memory does not hold them, or proves too little.

        The result may be as old as the staleness bound, but not older than `min_revision`, the highest revision that
        the caller's session has seen.
        """
        self._probe.demand()
        served = self._cache.serve(keys, min_revision, self._clock())
        if isinstance(served, ReadResult):
            self._counters.hit.inc()
            return served
        if served is CacheMiss.BYPASS:
            self._counters.bypass.inc()
        return None

    async def get(self, keys: Sequence[Key], timeout: float) -> ReadResult:
        """Read documents, all at one snapshot, within `timeout` seconds.

        The result holds every write that was acknowledged before this call. The leader is asked, with the versions and
        digests of what is held. Raises Unavailable, Overloaded, and Rejected where a replica refuses a key.
        """
        deadline = self._clock() + timeout
        fill = self._cache.begin(keys, self._clock())
        answer = await self._ask(fill, timeout)
        if self._cache.contradicts(fill, answer.revision, answer.term):
            # Other replicas, another history: what is held means nothing there. Ask without it.
            self._contradictions.went_back(fill, answer)
            fill = self._cache.begin(keys, self._clock())
            answer = await self._ask(fill, deadline - self._clock())
        documents = tuple(self._document(*pair) for pair in zip(answer.results, fill.held, strict=True))
        if self._cache.refutes(fill, documents, answer.revision):
            self._contradictions.untrue(fill, answer)
        self._cache.complete(fill, documents, answer.revision)
        return ReadResult(answer.revision, documents)

    def record_write(self, changed: Document | Key, revision: int) -> None:
        """Take over the result of a write through this portal: the document as it left it, or the key it deleted."""
        if isinstance(changed, tuple):
            self._cache.record_write(changed, None, revision)
        else:
            self._cache.record_write((kind_of(changed), id_of(changed)), changed, revision)

    def feed_alive(self) -> bool:
        """Whether the leader was heard through the feed within the staleness bound."""
        return self._cache.feed_alive(self._clock())

    async def _ask(self, fill: Fill, timeout: float) -> ReadAnswer:
        answer = await self._read_cluster(list(map(_question, fill.keys, fill.held)), timeout)
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


def _question(key: Key, held: Entry | None) -> Get:
    return Get(*key) if held is None else Get(*key, held.version, held.digest)


@asynccontextmanager
async def open_reader(
    read: Read, options: ReaderOptions, *, registry: CollectorRegistry | None = None
) -> AsyncIterator[CachedReader]:
    """Give a reader whose feed and probe run, and end them at the end.

    async with open_reader(cluster.read, ReaderOptions(broker=Address("127.0.0.1", 7883), feed_key=key)) as reader: ...
    """
    clock = age_clock
    counters = CacheCounters.register(registry)
    cache = CoherentCache(options.max_entries, options.staleness)
    show_feed_age(registry, lambda: cache.feed_age(clock()))
    probe = FreshnessProbe(read, cache, ContradictionLog(counters.contradiction), options.staleness, clock)
    tasks = [start_background_task(probe.run, "freshness_probe")]
    recent: RecentChanges | None = None
    if options.broker is not None and options.feed_key is not None:
        recent = RecentChanges()
        receiver = FeedReceiver(cache, options.feed_key, counters, clock, doubt=probe.doubt, recent=recent)
        connection = feed_connection(options.broker, options.name, receiver, options.identity)
        tasks.append(start_background_task(connection.run, "feed_connection"))
    try:
        yield CachedReader(read, cache, probe, counters, clock, recent)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
