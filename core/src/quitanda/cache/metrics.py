"""What a portal's cache counts, shows of the feed, and tells the operator."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from quitanda.cache.coherence import Fill
from quitanda.cluster_client.values import ReadAnswer

NEXT_STEP: Final = (
    "nothing to do where the replicas were just replaced by restored ones; otherwise somebody who has the feed's key "
    "publishes what is not so: give portals and replicas another QUITANDA_FEED_KEY "
    '(docs/OPERATIONS.md, "The feed\'s key")'
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CacheCounters:
    """Counters in one registry; see `register` for what each counts."""

    hit: Counter
    miss: Counter
    unchanged: Counter
    bypass: Counter
    gap: Counter
    malformed: Counter
    forged: Counter
    contradiction: Counter

    @classmethod
    def register(cls, registry: CollectorRegistry | None) -> Self:
        """Make the counters in `registry`, or in one of their own that nobody shows."""
        registry = registry or CollectorRegistry()

        def counter(name: str, text: str) -> Counter:
            return Counter(f"quitanda_cache_{name}", text, registry=registry)

        return cls(
            hit=counter("hits", "Reads answered from memory alone"),
            miss=counter("misses", "Documents that a replica had to send"),
            unchanged=counter("unchanged", "Documents that a replica confirmed to be as they are held"),
            bypass=counter("bypasses", "Reads that memory held but could not prove fresh enough"),
            gap=counter("gaps", "Holes in the change feed; each empties the cache"),
            malformed=counter("malformed_messages", "Authentic messages of the change feed that cannot be read"),
            forged=counter("forged_messages", "Messages on the change feed that nobody with its key wrote; dropped"),
            contradiction=counter("contradictions", "Answers that contradict what was held; each empties the cache"),
        )


def show_feed_age(registry: CollectorRegistry | None, age: Callable[[], float]) -> None:
    """Show how many seconds ago the leader was heard through the feed; infinite where it never was."""
    gauge = Gauge(
        "quitanda_cache_feed_age_seconds",
        "Time since the leader was heard through the change feed",
        registry=registry or CollectorRegistry(),
    )
    gauge.set_function(age)


class ContradictionLog:
    """Counts and logs each time that memory was found to be false, which no honest feed of one cluster can cause.

    The cache is empty then, and the caller gets what the leader said.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def went_back(self, fill: Fill, answer: ReadAnswer) -> None:
        """Log an answer that is older than what was known before its read began."""
        self._counter.inc()
        _log.error(
            "history_went_back",
            revision=answer.revision,
            known=fill.floor,
            term=answer.term,
            known_term=fill.floor_term,
            next_step=NEXT_STEP,
        )

    def untrue(self, fill: Fill, answer: ReadAnswer) -> None:
        """Log documents that are not as memory claimed."""
        self._counter.inc()
        keys = [f"{kind}/{document_id}" for kind, document_id in fill.keys]
        _log.error("cache_was_untrue", keys=keys, revision=answer.revision, next_step=NEXT_STEP)
