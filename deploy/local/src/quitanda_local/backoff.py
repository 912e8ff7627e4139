"""How long to wait before a process that ended is started again."""

from typing import Final

DELAY_SECONDS_MIN: Final = 0.5
DELAY_SECONDS_MAX: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""A process that ran so long has recovered: the next end counts as the first."""


def next_delay(previous: float | None, ran_seconds: float) -> float:
    """Give the seconds to wait: the shortest at first, then twice the previous, up to the longest."""
    if previous is None or ran_seconds >= STEADY_SECONDS:
        return DELAY_SECONDS_MIN
    return min(2 * previous, DELAY_SECONDS_MAX)
