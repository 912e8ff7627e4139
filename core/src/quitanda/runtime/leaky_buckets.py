"""How often each of many callers may do something: a number of times at once, and once more each interval.

Pure: the caller passes the time in. Each bucket is one of the leaky ones of GCRA (ITU-T I.371): it keeps a single time,
until which it is full. The memory is bounded: the bucket that was not used for longest is forgotten first, which at
worst gives somebody who has that many names a new start.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_ROUNDING: Final = 1e-6
"""The part of an interval by which sums of floating-point numbers may be wrong."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`at_once` times are allowed, and one more each `interval` seconds."""

    at_once: int
    interval: float


class LeakyBuckets:
    """One bucket for each key; `remembered` bounds them. `now` is in seconds of one clock that never goes back."""

    def __init__(self, limit: RateLimit, remembered: int) -> None:
        self._limit = limit
        self._remembered = remembered
        self._full_until: OrderedDict[object, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_until)

    def wait(self, key: object, now: float) -> float:
        """Give the seconds until the key's bucket has room for one more; 0 where it has room now."""
        wait = self.full_for(key, now) - (self._limit.at_once - 1) * self._limit.interval
        return wait if wait > _ROUNDING * self._limit.interval else 0.0

    def full_for(self, key: object, now: float) -> float:
        """Give the seconds until the key's bucket is empty."""
        return max(0.0, self._full_until.get(key, now) - now)

    def add(self, key: object, now: float) -> None:
        """Count one time, whether there is room for it or not."""
        self._full_until[key] = max(self._full_until.get(key, now), now) + self._limit.interval
        self._full_until.move_to_end(key)
        if len(self._full_until) > self._remembered:
            self._full_until.popitem(last=False)

    def take_back(self, key: object) -> None:
        """Count one time less."""
        if key in self._full_until:
            self._full_until[key] -= self._limit.interval
