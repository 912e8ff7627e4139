"""One policy for all clients: repeat the same request, with the same id, until it answers or time is up."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay, wait_random_exponential
from tenacity.wait import wait_base

from quitanda.errors import OutcomeUnknown, Unavailable
from quitanda_clients.answers import TIMEOUT_DEFAULT

T = TypeVar("T")

PATIENCE_SHARE: Final = 0.4
"""Part of the whole time that one try may take, so that a portal that hangs leaves time for another."""


LAST_TRY_SHARE: Final = 0.2
LAST_TRY_SECONDS_MAX: Final = 0.1
"""A write that was turned away for certain is not sent again with less than this left of the whole time: the answer
would hardly come any more, and "not available" would become "unknown"."""


class ClientClosed(Unavailable):
    """The client was closed: there is no use in trying again."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to go on: `timeout` in seconds for everything, `places` that are tried in turn without waiting.

    One try may take PATIENCE_SHARE of the time, and no more than `patience` seconds.
    """

    timeout: float = TIMEOUT_DEFAULT
    places: int = 1
    patience: float = math.inf


async def until_answered(attempt: Callable[[float], Awaitable[T]], policy: RetryPolicy, *, write: bool) -> T:
    """Call `attempt(seconds it may take)` until it returns.

    `attempt` raises Unavailable or OutcomeUnknown to be called again; whatever else it raises passes.
    Raises OutcomeUnknown if time is up and some try of a write may have had its effect, else Unavailable.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + policy.timeout
    last_try = min(LAST_TRY_SECONDS_MAX, LAST_TRY_SHARE * policy.timeout)
    patience = min(policy.patience, policy.timeout * PATIENCE_SHARE)
    in_doubt = False
    turned_away: Unavailable | None = None
    try:
        async for trial in _trials(policy):
            with trial:
                left = max(0.0, deadline - loop.time())
                if write and turned_away is not None and not in_doubt and left < last_try:
                    raise turned_away
                try:
                    return await attempt(min(left, patience))
                except OutcomeUnknown:
                    in_doubt = True
                    raise
                except Unavailable as error:
                    turned_away = error
                    raise
    except (Unavailable, OutcomeUnknown) as error:
        if write and in_doubt:
            raise OutcomeUnknown(f"no answer within {policy.timeout:g} s ({error})") from error
        raise Unavailable(f"tried for {policy.timeout:g} s ({error})") from error
    raise AssertionError("the trials end by an answer or an exception")


def _trials(policy: RetryPolicy) -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception(_is_worth_repeating),
        wait=_WaitBetweenRounds(policy.places),
        stop=stop_before_delay(policy.timeout),
        reraise=True,
    )


def _is_worth_repeating(error: BaseException) -> bool:
    return isinstance(error, Unavailable | OutcomeUnknown) and not isinstance(error, ClientClosed)


class _WaitBetweenRounds(wait_base):
    """No wait while there is a place that this round has not tried; then a random one that grows."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._pause = wait_random_exponential(multiplier=0.05, max=1.0)

    def __call__(self, retry_state: RetryCallState) -> float:
        if retry_state.attempt_number % self._places:
            return 0.0
        return 0.02 + self._pause(retry_state)
