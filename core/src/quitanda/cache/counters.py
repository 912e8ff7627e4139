"""What a portal's cache counts."""

from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Counter


@dataclass(frozen=True, slots=True)
class CacheCounters:
    """Counters in one registry; see `register` for what each counts."""

    hit: Counter
    miss: Counter
    unchanged: Counter
    bypass: Counter
    gap: Counter
    malformed: Counter
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
            malformed=counter("malformed_messages", "Messages of the change feed that cannot be read"),
            contradiction=counter("contradictions", "Answers below what was known before; each empties the cache"),
        )
