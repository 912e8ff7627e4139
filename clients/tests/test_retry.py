"""When a client tries again."""

import asyncio

import pytest

from quitanda.errors import Overloaded, Unavailable
from quitanda_clients.retry import RETRY_AFTER_JITTER, RetryPolicy, overloaded, retry_until_deadline

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
