"""One measurement: what the load generators saw in the time that is counted."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, Self

DONE: Final = "OK"
UNKNOWN: Final = ("OUTCOME_UNKNOWN", "DEADLINE_EXCEEDED", "CANCELLED")
"""How a call ends of which nobody knows whether it took effect."""
GENERATOR: Final = "generator"
"""Under this name stands the processor time of the load generators."""


class EndedCall(NamedTuple):
    """One call: when it ended on the machine's monotonic clock, how many seconds it took, and with which status."""

    at: float
    seconds: float
    status: str


class Refusal(Exception):
    """A reply without gRPC that tells of a failure: its reason, and the seconds to wait; 0 if it says none."""

    def __init__(self, reason: str, pause: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause = pause


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
    """By process; the load generators' own is under GENERATOR."""

    memory_mb: float = 0.0
    """Resident memory of the system's largest process at the end."""
    others: float = 0.0
    """How many processors were busy, on average, with what is neither the system nor the load generators."""

    @property
    def system_ms(self) -> float:
        """Processor time of one call over all processes of the system, without the load generators."""
        return sum(ms for name, ms in self.processor_ms.items() if name != GENERATOR)

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON's types."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` has written."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is counted (moments of the monotonic clock), and the processor time used in it (seconds)."""

    begun: float
    ended: float
    processor: Mapping[str, float]
    memory_mb: float = 0.0
    """Resident memory of the largest process at the end."""

    def measured(self, calls: Iterable[EndedCall]) -> Measurement:
        """Sum up the calls that ended in this time."""
        done, refused, statuses = list[float](), list[float](), Counter[str]()
        for call in calls:
            if self._contains(call.at):
                statuses[call.status] += 1
                if call.status == DONE:
                    done.append(call.seconds)
                elif call.status not in UNKNOWN:
                    refused.append(call.seconds)
        return Measurement(
            calls_s=len(done) / (self.ended - self.begun),
            median_ms=1000 * statistics.median(done) if done else 0.0,
            p99_ms=1000 * percentile(done, 0.99),
            refused_p99_ms=1000 * percentile(refused, 0.99),
            unknown=sum(statuses[status] for status in UNKNOWN),
            statuses=dict(statuses.most_common()),
            processor_ms={name: 1000 * used / max(len(done), 1) for name, used in self.processor.items()},
            memory_mb=self.memory_mb,
        )

    def _contains(self, moment: float) -> bool:
        return self.begun <= moment < self.ended


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that this share of the values does not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
