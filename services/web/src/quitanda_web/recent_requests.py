"""How many requests this process had in the last minutes, how many failed, and how long they took."""

import math
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import Final

MINUTES: Final = 5
SECONDS: Final = 60
BOUNDS_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000)


@dataclass(slots=True)
class MinuteOfRequests:
    """The requests that were answered in one minute; `number` counts the minutes of the process's clock."""

    number: int
    failed: int = 0
    _counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))

    @property
    def requests(self) -> int:
        """How many there were."""
        return sum(self._counts)

    def add(self, seconds: float, *, failed: bool) -> None:
        """Count one."""
        self._counts[bisect_left(BOUNDS_MS, seconds * 1_000)] += 1
        self.failed += failed

    def milliseconds(self, share: float) -> int:
        """Give a bound that this share of them kept; 0 where there were none, and the last bound for the slowest."""
        wanted, counted = math.ceil(share * self.requests), 0
        for count, bound in zip(self._counts, (*BOUNDS_MS, BOUNDS_MS[-1]), strict=True):
            counted += count
            if wanted and counted >= wanted:
                return bound
        return 0


class RecentRequests:
    """The last minutes, the present one first."""

    def __init__(self) -> None:
        self._minutes: deque[MinuteOfRequests] = deque(maxlen=MINUTES)

    def add(self, now: float, seconds: float, *, failed: bool) -> None:
        """Count a request that was answered at `now` (seconds of a clock that only goes forward)."""
        number = int(now // SECONDS)
        if not self._minutes or self._minutes[0].number != number:
            self._minutes.appendleft(MinuteOfRequests(number))
        self._minutes[0].add(seconds, failed=failed)

    def last(self, now: float) -> tuple[MinuteOfRequests, ...]:
        """Give the last minutes, also those without a request."""
        present = int(now // SECONDS)
        known = {minute.number: minute for minute in self._minutes}
        return tuple(known.get(present - ago) or MinuteOfRequests(present - ago) for ago in range(MINUTES))
