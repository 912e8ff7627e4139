"""One measurement: what a load generator saw while it counted."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

DONE = "OK"
UNKNOWN = ("OUTCOME_UNKNOWN", "DEADLINE_EXCEEDED", "CANCELLED")
"""How a call ends of which nobody knows whether it took effect."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Rates are calls a second, latencies milliseconds, processor times milliseconds for each answered call."""

    calls_s: float
    median_ms: float
    p99_ms: float
    refused_p99_ms: float
    unknown: int
    statuses: dict[str, int]
    processor_ms: dict[str, float]
    """By process; the load generator's own is under `generator`."""

    @property
    def system_ms(self) -> float:
        """Processor time of one call over all processes of the system, without the load generator."""
        return sum(ms for name, ms in self.processor_ms.items() if name != "generator")

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON's types."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` has written."""
        return cls(**value)


@dataclass(slots=True)
class Recorder:
    """Counts calls while `counting`."""

    counting: bool = False
    done: list[float] = field(default_factory=list)
    """Latencies in seconds."""
    refused: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def record(self, status: str, seconds: float) -> None:
        """Count one call that has ended."""
        if not self.counting:
            return
        self.statuses[status] += 1
        if status == DONE:
            self.done.append(seconds)
        elif status not in UNKNOWN:
            self.refused.append(seconds)

    def measured(self, seconds: float, processor: Mapping[str, float]) -> Measurement:
        """Sum up `seconds` of counting, in which each process used so much processor time (seconds)."""
        answered = len(self.done)
        return Measurement(
            calls_s=answered / seconds,
            median_ms=1000 * statistics.median(self.done) if self.done else 0.0,
            p99_ms=1000 * percentile(self.done, 0.99),
            refused_p99_ms=1000 * percentile(self.refused, 0.99),
            unknown=sum(self.statuses[status] for status in UNKNOWN),
            statuses=dict(self.statuses.most_common()),
            processor_ms={name: 1000 * used / max(answered, 1) for name, used in processor.items()},
        )


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that this share of the values does not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
