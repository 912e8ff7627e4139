"""How fast refusals go out: who is refused and calls again at once costs nearly as much as who is served.

A few refusals in a second are told at once. While there are more, each waits before it is told: a part of the time that
its caller is asked to wait anyway, which is then told less. To a caller who waits as asked that is the same. A caller
who does not, and calls again when it is refused, can do so only once in a pause for each of its calls; and how many
calls it may have under way is bounded by its connections.

The pauses are short against what callers wait for an answer. Refusals that wait are bounded; beyond that they are told
at once.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from quitanda.domain.outcomes import Reason, Refused
from quitanda.error_status import FailureSource
from quitanda.errors import Overloaded, Rejected
from quitanda.runtime.leaky_buckets import LeakyBuckets, RateLimit

AT_ONCE: Final = RateLimit(100, 1 / 100)
"""Refusals that are told at once: a hundred, and a hundred each second."""

PAUSE_SECONDS_MAX: Final = 1.0

HELD_MAX: Final = 8_000
"""Refusals that wait; each holds some kilobytes."""

_REMAINING_SHARE: Final = 0.25
"""The part of a call's time that its refusal may wait at most, so that it still comes in time."""
_RETRY_AFTER_MIN: Final = 0.05
_UNKNOWN_CALLERS: Final = frozenset({Reason.UNAUTHENTICATED, Reason.CREDENTIAL_REVOKED, Reason.FORBIDDEN})


class RefusalPace:
    """Lets refusals wait, of one process and for one event loop; other failures are told at once."""

    def __init__(self, at_once: RateLimit = AT_ONCE, held_max: int = HELD_MAX) -> None:
        self._told = LeakyBuckets(at_once, remembered=1)
        self._held_max = held_max
        self.held = 0
        """Refusals that wait now."""

    async def hold(self, failure: FailureSource, remaining: float | None = None) -> None:
        """Wait as long as the failure has to; `remaining` is what is left of the call's time (seconds), if known."""
        pause = self._pause(failure, remaining)
        if not pause:
            return
        self.held += 1
        try:
            await asyncio.sleep(pause)
        finally:
            self.held -= 1
        _shorten(failure, pause)

    def later(self, failure: FailureSource, remaining: float, tell: Callable[[], None]) -> None:
        """Do as `hold`, where nothing waits: call `tell` at once or later."""
        pause = self._pause(failure, remaining)
        if not pause:
            tell()
            return

        def tell_now() -> None:
            self.held -= 1
            _shorten(failure, pause)
            tell()

        self.held += 1
        asyncio.get_running_loop().call_later(pause, tell_now)

    def _pause(self, failure: FailureSource, remaining: float | None) -> float:
        if not _is_refusal(failure):
            return 0.0
        now = asyncio.get_running_loop().time()
        if not self._told.wait(self, now):
            self._told.add(self, now)
            return 0.0
        if self.held >= self._held_max:
            return 0.0
        longest = PAUSE_SECONDS_MAX if remaining is None else min(PAUSE_SECONDS_MAX, _REMAINING_SHARE * remaining)
        return max(0.0, min(failure.retry_after, longest) if isinstance(failure, Overloaded) else longest)


def _shorten(failure: FailureSource, pause: float) -> None:
    """Let the caller be told less by what it has waited already."""
    if isinstance(failure, Overloaded):
        failure.retry_after = max(_RETRY_AFTER_MIN, failure.retry_after - pause)


def _is_refusal(failure: FailureSource) -> bool:
    """Tell whether the portal did nothing for the call, and would do nothing for the same one again."""
    if isinstance(failure, Overloaded):
        return True
    refused = failure.refused if isinstance(failure, Rejected) else failure
    return isinstance(refused, Refused) and refused.reason in _UNKNOWN_CALLERS
