"""How many calls a process works on at a time: as many as it answers within a target. Pure: times are passed in.

The limit follows Netflix's concurrency-limits: `AIMDLimit` (a tenth less where the latency is above a threshold), and
from `Gradient2Limit` the growth by the square root of the limit, and a reduction by as much as the latency is too long,
to a half at most. It is reduced once in the target's time, so that a reduction can show before the next. The threshold
is a fixed target, not the smallest latency: calls are gathered into batches, so more calls in flight take longer and
are cheaper. The limit begins with what a burst may need that comes to a process at rest, and returns to that by itself.
The expected latency is the estimate of RFC 6298 (mean, with gain 1/8, and four times the mean deviation, with gain
1/4), which lies above nearly all samples.
"""

import math
from typing import Final

_MEAN_GAIN: Final = 1 / 8
_DEVIATION_GAIN: Final = 1 / 4
_DEVIATIONS: Final = 4.0
_GATHERED_GAIN: Final = 2.0
"""By how much faster answers come for many calls than for few, at least: they are gathered into batches."""


class LatencyEstimate:
    """Mean and mean deviation of latencies (seconds), by RFC 6298; zero until the first sample."""

    __slots__ = ("_deviation", "mean")

    def __init__(self) -> None:
        self.mean = 0.0
        self._deviation = 0.0

    def add(self, seconds: float) -> None:
        """Learn how long one call took."""
        if not self.mean:
            self.mean, self._deviation = seconds, seconds / 2
            return
        self._deviation += _DEVIATION_GAIN * (abs(seconds - self.mean) - self._deviation)
        self.mean += _MEAN_GAIN * (seconds - self.mean)

    @property
    def high(self) -> float:
        """A time that nearly all calls keep to."""
        return self.mean + _DEVIATIONS * self._deviation


class AdaptiveLimit:
    """`calls` is the limit now, between `minimum` and `maximum`; a limit that few use returns to `start`."""

    def __init__(self, minimum: int, start: int, maximum: int) -> None:
        self._minimum, self._start, self._maximum = float(minimum), float(start), float(maximum)
        self._latency = LatencyEstimate()
        self._call_time = LatencyEstimate()
        """The part of a latency that one of the calls in flight accounts for, by Little's law."""
        self._reduced_at = -math.inf
        self.calls = float(start)

    @property
    def latency(self) -> float:
        """The mean time of the answers, in seconds; 0 before the first one."""
        return self._latency.mean

    def expected_wait(self, in_flight: int) -> float:
        """Give the seconds within which a call is probably answered that comes while so many are in flight."""
        # The latency of few calls says little of that behind a burst, which comes before any answer can tell.
        return max(self._latency.high, in_flight * self._call_time.mean / _GATHERED_GAIN)

    def answered(self, seconds: float, in_flight: int, at_begin: int, target: float, now: float) -> None:
        """Learn of an answer, itself among those `in_flight`, of which there were `at_begin` when its call came."""
        self._latency.add(seconds)
        self._call_time.add(seconds / max(in_flight, at_begin))
        if self._latency.mean > target:
            self._reduce(target, now)
        elif self.calls < self._start or in_flight > self.calls / 2:
            # Above its start, only a limit that is used is known to be good. All answers of one latency add the root
            # of the limit.
            self.calls = min(self._maximum, self.calls + 1 / math.sqrt(self.calls))

    def not_answered(self, seconds: float, target: float, now: float) -> None:
        """Learn that a call ended without an answer; one that fails at once says nothing of how long answers take."""
        if seconds > target:
            self._reduce(target, now)

    def _reduce(self, target: float, now: float) -> None:
        if now - self._reduced_at >= target:
            excess = target / max(self._latency.mean, target)
            self.calls = max(self._minimum, self.calls * min(0.9, max(0.5, excess)))
            self._reduced_at = now
