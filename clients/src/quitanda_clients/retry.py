"""One policy for all clients: repeat the same request, with the same id, until it answers or time is up."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay, wait_random_exponential
from tenacity.wait import wait_base

from quitanda.errors import NoConnection, NotOffered, OutcomeUnknown, Unavailable
from quitanda_clients.results import TIMEOUT_DEFAULT, Slow, unnoticed

T = TypeVar("T")

ATTEMPT_SHARE: Final = 0.4
"""Part of the whole time that one try may take, so that a portal that hangs leaves time for another."""


LAST_TRY_SHARE: Final = 0.2
LAST_TRY_SECONDS_MAX: Final = 0.1
"""A write that was turned away for certain is not sent again with less than this left of the whole time: the answer
would hardly come any more, and "not available" would become "unknown"."""


SLOW_SECONDS: Final = 1.0
"""A call that has no answer by then is told of (`RetryPolicy.slow`)."""


class ClientClosed(Unavailable):
    """The client was closed: there is no use in trying again."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to go on: `timeout` in seconds for everything, `places` that are tried in turn without waiting.

    One try may take ATTEMPT_SHARE of the time, and no more than `patience` seconds. `slow` is told of a call that
    waits.
    """

    timeout: float = TIMEOUT_DEFAULT
    places: int = 1
    patience: float = math.inf
    slow: Slow = unnoticed


async def retry_until_deadline(attempt: Callable[[float], Awaitable[T]], policy: RetryPolicy, *, write: bool) -> T:
    """Call `attempt(seconds it may take)` until it returns.

    `attempt` raises Unavailable or OutcomeUnknown to be called again; whatever else it raises passes. Where every place
    says in turn that it does not offer the call, there is no use in going on.
    Raises OutcomeUnknown if time is up and some try of a write may have had its effect, else Unavailable (or its kind
    that the last try ended with: NoConnection, NotOffered).
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + policy.timeout
    last_try = min(LAST_TRY_SECONDS_MAX, LAST_TRY_SHARE * policy.timeout)
    patience = min(policy.patience, policy.timeout * ATTEMPT_SHARE)
    tries = _Tries(policy.places)
    try:
        with _told_when_slow(policy, tries):
            async for trial in _trials(policy, tries):
                with trial:
                    left = max(0.0, deadline - loop.time())
                    if write and tries.turned_away is not None and not tries.in_doubt and left < last_try:
                        raise tries.turned_away
                    try:
                        return await attempt(min(left, patience))
                    except (Unavailable, OutcomeUnknown) as error:
                        tries.note(error)
                        raise
    except (Unavailable, OutcomeUnknown) as error:
        raise _last_word(error, policy, tries, write=write) from error
    raise AssertionError("the trials end by an answer or an exception")


class _Tries:
    """What the tries of one call came to so far."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._not_offered = 0
        self.in_doubt = False
        self.turned_away: Unavailable | None = None
        self.trouble = ""

    def note(self, error: Unavailable | OutcomeUnknown) -> None:
        """Take down how a try failed."""
        self.trouble = str(error)
        self._not_offered = self._not_offered + 1 if isinstance(error, NotOffered) else 0
        if isinstance(error, Unavailable):
            self.turned_away = error
        else:
            self.in_doubt = True

    def are_over(self, error: BaseException) -> bool:
        """Tell whether there is no use in another try."""
        hopeless = isinstance(error, ClientClosed) or self._not_offered >= self._places
        return hopeless or not isinstance(error, Unavailable | OutcomeUnknown)


@contextmanager
def _told_when_slow(policy: RetryPolicy, tries: _Tries) -> Iterator[None]:
    timer = asyncio.get_running_loop().call_later(SLOW_SECONDS, lambda: policy.slow(tries.trouble))
    try:
        yield
    finally:
        timer.cancel()


def _last_word(
    error: Unavailable | OutcomeUnknown, policy: RetryPolicy, tries: _Tries, *, write: bool
) -> Unavailable | OutcomeUnknown:
    if write and tries.in_doubt:
        return OutcomeUnknown(f"no answer within {policy.timeout:g} s ({error})")
    if isinstance(error, NotOffered):
        return NotOffered(str(error))
    kind = NoConnection if isinstance(error, NoConnection) else Unavailable
    return kind(f"tried for {policy.timeout:g} s ({error})")


def _trials(policy: RetryPolicy, tries: _Tries) -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception(lambda error: not tries.are_over(error)),
        wait=_WaitBetweenRounds(policy.places),
        stop=stop_before_delay(policy.timeout),
        reraise=True,
    )


class _WaitBetweenRounds(wait_base):
    """No wait while there is a place that this round has not tried; then a random one that grows."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._pause = wait_random_exponential(multiplier=0.05, max=1.0)

    def __call__(self, retry_state: RetryCallState) -> float:
        if retry_state.attempt_number % self._places:
            return 0.0
        return 0.02 + self._pause(retry_state)
