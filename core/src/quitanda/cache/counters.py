"""What a portal's cache counts, and what it shows of the feed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Gauge


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
