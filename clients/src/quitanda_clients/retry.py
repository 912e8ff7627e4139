"""The clients' one retry engine: it repeats a request, with the same request id, until it is answered or time is up."""

import asyncio
import itertools
import math
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from quitanda.errors import NoConnection, NotOffered, OutcomeUnknown, Overloaded, TlsMismatch, Unavailable
from quitanda.runtime import tracing
from quitanda_clients.results import TIMEOUT_DEFAULT, OnSlowCall, ignore_slow_call

T = TypeVar("T")

ATTEMPT_SHARE: Final = 0.4
"""The part of the whole time that one attempt may take, so that a portal that hangs leaves time for another one."""

RESEND_CUTOFF_SHARE: Final = 0.2
RESEND_CUTOFF_SECONDS_MAX: Final = 0.1
"""The client does not send a write again with less time left than this if no earlier attempt can have been applied: the
answer would hardly come in time, and "not available" would become "unknown"."""

SLOW_SECONDS: Final = 1.0
"""The engine calls `on_slow` if a call has no answer after so many seconds."""

TLS_MISMATCH_SECONDS: Final = 1.5
"""For so long a client with TLS tries servers without it, and the other way round, while each tells the same: nobody
changes the setting meanwhile. A server that ends looks so for a moment."""

PAUSE_SECONDS_MIN: Final = 0.02
BACKOFF_SECONDS: Final = 0.05
BACKOFF_SECONDS_MAX: Final = 1.0
"""Between two rounds over all servers: a random pause below 0.05 s, whose bound doubles with each attempt up to 1 s
(exponential backoff with full jitter, AWS Architecture Blog 2015)."""

RETRY_AFTER_JITTER: Final = 0.25
"""The part of the time that a server asked for by which a client waits longer, at random."""


class ClientClosed(Unavailable):
    """The program closed the client, so another attempt is useless."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long the engine goes on: `timeout` in seconds for all attempts; `servers` are tried in turn without a pause.

    One attempt may take ATTEMPT_SHARE of the time, and at most `attempt_seconds_max`.
    """

    timeout: float = TIMEOUT_DEFAULT
    servers: int = 1
    attempt_seconds_max: float = math.inf
    on_slow: OnSlowCall = ignore_slow_call


async def retry_until_deadline(attempt: Callable[[float], Awaitable[T]], policy: RetryPolicy, *, write: bool) -> T:
    """Call `attempt(seconds it may take)` until it returns.

    The engine calls it again after Unavailable and OutcomeUnknown, unless every server in turn says that it does not
    offer the call, or only one side speaks TLS. Any other exception passes through.
    Raises OutcomeUnknown if time is up and an attempt of a write may have been applied; else Unavailable, or the kind
    of it that the last attempt ended with (NoConnection, NotOffered, Overloaded).
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + policy.timeout
    resend_cutoff = min(RESEND_CUTOFF_SECONDS_MAX, RESEND_CUTOFF_SHARE * policy.timeout)
    attempt_seconds = min(policy.attempt_seconds_max, policy.timeout * ATTEMPT_SHARE)
    failures = _Failures(policy.servers)
    with _call_when_slow(policy, failures):
        for number in itertools.count(1):
            left = max(0.0, deadline - loop.time())
            if write and failures.last_definite_error and not failures.maybe_applied and left < resend_cutoff:
                raise _final_error(failures.last_definite_error, policy, maybe_applied=False)
            try:
                return await _attempted(attempt, min(left, attempt_seconds), number)
            except (Unavailable, OutcomeUnknown) as error:
                failures.record(error, loop.time())
                pause = _pause(number, policy.servers, error)
                if failures.useless_to_retry(error, loop.time()) or loop.time() + pause >= deadline:
                    raise _final_error(error, policy, maybe_applied=write and failures.maybe_applied) from error
            await asyncio.sleep(pause)
    raise AssertionError("the loop ends with an answer or an exception")


async def _attempted(attempt: Callable[[float], Awaitable[T]], seconds: float, number: int) -> T:
    """Make an attempt, in a span of its own where the call is traced."""
    if (call := tracing.current()) is None:
        return await attempt(seconds)
    with call.child("attempt", "client", attempt=number):
        return await attempt(seconds)


class _Failures:
    """How the attempts of one call have failed so far."""

    def __init__(self, servers: int) -> None:
        self._servers = servers
        self._not_offered_in_a_row = 0
        self._tls_mismatch_since = math.inf
        self.maybe_applied = False
        self.last_definite_error: Unavailable | None = None
        self.last_text = ""

    def record(self, error: Unavailable | OutcomeUnknown, now: float) -> None:
        """Remember how an attempt failed."""
        self._tls_mismatch_since = min(self._tls_mismatch_since, now) if isinstance(error, TlsMismatch) else math.inf
        self.last_text = str(error)
        self._not_offered_in_a_row = self._not_offered_in_a_row + 1 if isinstance(error, NotOffered) else 0
        if isinstance(error, Unavailable):
            self.last_definite_error = error
        else:
            self.maybe_applied = True

    def useless_to_retry(self, error: Unavailable | OutcomeUnknown, now: float) -> bool:
        """Tell whether no later attempt can succeed."""
        if now - self._tls_mismatch_since >= TLS_MISMATCH_SECONDS:
            return True
        return isinstance(error, ClientClosed) or self._not_offered_in_a_row >= self._servers


@contextmanager
def _call_when_slow(policy: RetryPolicy, failures: _Failures) -> Iterator[None]:
    timer = asyncio.get_running_loop().call_later(SLOW_SECONDS, lambda: policy.on_slow(failures.last_text))
    try:
        yield
    finally:
        timer.cancel()


def overloaded(text: str, retry_after: float) -> Overloaded:
    """Make the error of a server that has too many requests and says when to come again (seconds; 0 for unknown)."""
    error = Overloaded(text)
    error.retry_after = retry_after
    return error


def _pause(attempt_number: int, servers: int, error: Unavailable | OutcomeUnknown) -> float:
    """Give the seconds to wait: none before a server that this round has not tried, then a random time that grows.

    A server that has too many requests says how long; the others are not asked sooner, so that not everybody whom one
    refuses comes to the next one at once.
    """
    if isinstance(error, Overloaded) and error.retry_after:
        return error.retry_after * (1 + random.uniform(0, RETRY_AFTER_JITTER))  # noqa: S311 - as below
    if attempt_number % servers:
        return 0.0
    longest = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS * 2.0 ** min(attempt_number - 1, 16))
    return PAUSE_SECONDS_MIN + random.uniform(0, longest)  # noqa: S311 - spreads clients, hides nothing


def _final_error(
    error: Unavailable | OutcomeUnknown, policy: RetryPolicy, *, maybe_applied: bool
) -> Unavailable | OutcomeUnknown:
    if maybe_applied:
        return OutcomeUnknown(f"no answer within {policy.timeout:g} s ({error})")
    for useless in (NotOffered, TlsMismatch):
        if isinstance(error, useless):
            return useless(str(error))
    text = f"tried for {policy.timeout:g} s ({error})"
    if isinstance(error, Overloaded):
        return overloaded(text, error.retry_after)
    return NoConnection(text) if isinstance(error, NoConnection) else Unavailable(text)
