"""How long a request may take, so that the caller hears from us before it gives up."""

from typing import Final

MARGIN_MAX_SECONDS: Final = 0.1
"""Kept back for the way home of the answer."""

_MARGIN_SHARE: Final = 0.1


def time_allowed(limit: float, remaining: float | None = None) -> float:
    """Return the seconds that the cluster may take: the caller's or our limit, minus a margin; never negative.

    `remaining` is what is left of the caller's own deadline, or None where it has none.
    """
    seconds = limit if remaining is None else max(0.0, min(limit, remaining))
    return seconds - min(MARGIN_MAX_SECONDS, _MARGIN_SHARE * seconds)
