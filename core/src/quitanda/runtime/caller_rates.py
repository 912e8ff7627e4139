"""How often each caller may call, and when one may call again that called too often.

Pure: the caller passes the time in.
"""

from typing import Final

from quitanda.runtime.leaky_buckets import LeakyBuckets, RateLimit

AT_ONCE_SECONDS: Final = 2
"""Calls of so many seconds may come at once."""

REMEMBERED_CALLERS_MAX: Final = 10_000
TURN_SECONDS_MAX: Final = 60.0
"""As far as turns are given out; our clients believe no longer times."""


class CallerRates:
    """Counts the calls of each caller; `now` is in seconds of one clock that never goes back."""

    def __init__(self, per_second: int = 2_000, remembered: int = REMEMBERED_CALLERS_MAX) -> None:
        limit = RateLimit(AT_ONCE_SECONDS * per_second, 1 / per_second)
        self._calls = LeakyBuckets(limit, remembered)
        self._refused = LeakyBuckets(limit, remembered)

    def wait(self, caller: str, now: float) -> float:
        """Give the seconds until the caller may call; 0 where it may now."""
        return self._calls.wait(caller, now)

    def count(self, caller: str, now: float) -> None:
        """Count a call that is not refused."""
        self._calls.add(caller, now)

    def next_turn(self, caller: str, now: float) -> float:
        """Give a caller who is refused the seconds after which it may call again: later for each of its calls."""
        before = self._refused.full_for(caller, now)
        if before < TURN_SECONDS_MAX:
            self._refused.add(caller, now)
        return min(TURN_SECONDS_MAX, self._calls.wait(caller, now) + before)
