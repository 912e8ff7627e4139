"""When a client tries again."""

import asyncio

import pytest

from quitanda.errors import NoConnection, Overloaded, TlsMismatch, Unavailable
from quitanda_clients.retry import (
    RETRY_AFTER_JITTER,
    TLS_MISMATCH_SECONDS,
    RetryPolicy,
    overloaded,
    retry_until_deadline,
)

HINT = 0.2


async def tried_at(failures, policy):
    """Fail with each of these in turn, then answer; tell when each attempt was made, counted from the first."""
    loop, times = asyncio.get_running_loop(), []

    async def attempt(_timeout):
        times.append(loop.time())
        if len(times) <= len(failures):
            raise failures[len(times) - 1]
        return "done"

    assert await retry_until_deadline(attempt, policy, write=True) == "done"
    return [time - times[0] for time in times]


async def test_a_client_that_is_told_when_to_come_again_asks_no_other_server_before():
    _, second = await tried_at([overloaded("full", HINT)], RetryPolicy(timeout=5.0, servers=3))

    assert HINT <= second < HINT * (1 + RETRY_AFTER_JITTER) + 2.0


async def test_a_client_asks_the_next_server_at_once_where_one_is_away():
    _, second = await tried_at([Unavailable("away")], RetryPolicy(timeout=5.0, servers=3))

    assert second < HINT


async def test_a_client_that_would_have_to_wait_longer_than_its_time_is_told_so_at_once():
    loop = asyncio.get_running_loop()

    async def attempt(_timeout):
        raise overloaded("full", 60.0)

    begun = loop.time()
    with pytest.raises(Overloaded) as told:
        await retry_until_deadline(attempt, RetryPolicy(timeout=30.0, servers=1), write=True)

    assert loop.time() - begun < 10.0
    assert told.value.retry_after == 60.0


async def test_a_client_that_meets_tls_where_it_expects_none_says_so_long_before_its_time_is_up():
    loop = asyncio.get_running_loop()

    async def attempt(_timeout):
        raise TlsMismatch("it does not speak TLS")

    begun = loop.time()
    with pytest.raises(TlsMismatch, match="it does not speak TLS"):
        await retry_until_deadline(attempt, RetryPolicy(timeout=60.0, servers=2), write=True)

    assert TLS_MISMATCH_SECONDS <= loop.time() - begun < 20.0


async def test_a_server_that_looks_for_a_moment_as_if_it_spoke_tls_is_tried_again():
    mismatch, away = TlsMismatch("it closes connections without TLS"), NoConnection("away")
    failures = [mismatch, *[away] * 6, mismatch]

    assert len(await tried_at(failures, RetryPolicy(timeout=60.0, servers=1))) == len(failures) + 1
