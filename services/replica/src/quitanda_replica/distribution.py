"""How often something took how long, counted without a lock, and without a library for metrics.

The store, the state machine and Raft count in these; `metrics` shows them to Prometheus when somebody asks.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of durations: from a fast disk's sync to a disk that hangs."""
NUMBERS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
"""Upper bounds of numbers of commands; no entry has more."""


class Distribution:
    """How many observed values are up to each bound, and their sum. One thread observes; any thread may read."""

    __slots__ = ("_counts", "bounds", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds`: the upper bounds, which are inclusive, in rising order; larger values are counted, too."""
        self.bounds = tuple(bounds)
        self.sum = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulated(self) -> list[int]:
        """Return how many values are up to each bound, and how many there are at all as the last number."""
        return list(accumulate(self._counts))
