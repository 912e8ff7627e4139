"""Refusals beyond a number in a second wait before they are told, and are told as much less."""

import asyncio
from functools import partial

import pytest

from quitanda.domain.outcomes import Problem, Reason, invalid, refused
from quitanda.errors import Overloaded, Rejected
from quitanda.runtime.leaky_buckets import RateLimit
from quitanda.runtime.refusal_pace import RefusalPace

FEW = RateLimit(3, 10.0)


def overloaded(retry_after=0.2):
    error = Overloaded()
    error.retry_after = retry_after
    return error


async def seconds_of(pace, failure, remaining=None):
    clock = asyncio.get_running_loop().time
    begun = clock()
    await pace.hold(failure, remaining)
    return clock() - begun


async def test_a_few_refusals_are_told_at_once_and_further_ones_wait_a_part_of_the_time_they_tell():
    pace = RefusalPace(FEW)
    first = [overloaded() for _ in range(3)]
    assert sum([await seconds_of(pace, each) for each in first]) < 0.1
    later = overloaded(0.3)

    waited = await seconds_of(pace, later)

    assert 0.25 <= waited < 5
    assert [each.retry_after for each in first] == [0.2] * 3
    assert later.retry_after == 0.05


async def test_a_refusal_waits_at_most_a_quarter_of_its_calls_time():
    pace = RefusalPace(FEW)
    for _ in range(3):
        await pace.hold(overloaded())
    late = overloaded(60.0)

    waited = await seconds_of(pace, late, 0.4)

    assert 0.08 <= waited < 5
    assert late.retry_after == pytest.approx(59.9, abs=0.01)


async def test_callers_whom_nobody_knows_wait_and_who_only_made_a_mistake_does_not():
    pace = RefusalPace(FEW)
    for _ in range(3):
        await pace.hold(overloaded())

    assert await seconds_of(pace, Rejected(refused(Reason.UNAUTHENTICATED)), 0.4) >= 0.08
    assert await seconds_of(pace, invalid("name", Problem.MISSING), 10.0) < 0.08


async def test_no_more_refusals_wait_than_there_is_room_for():
    pace = RefusalPace(FEW, held_max=2)
    for _ in range(3):
        await pace.hold(overloaded())
    told = []
    for number in range(4):
        pace.later(overloaded(), 10.0, partial(told.append, number))

    assert (told, pace.held) == ([2, 3], 2)
    async with asyncio.timeout(5):
        while pace.held:  # noqa: ASYNC110 - the pace tells nobody
            await asyncio.sleep(0.01)
    assert sorted(told) == [0, 1, 2, 3]
