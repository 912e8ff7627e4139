"""What one caller may take of a process: places, a rate, and the last places while others ask, too."""

import dataclasses
import heapq
import random

import pytest

from quitanda.errors import Overloaded
from quitanda.runtime.admission import AdmissionLimiter, AdmissionOptions, NoPlace
from quitanda.runtime.caller_rates import TURN_SECONDS_MAX, CallerRates
from quitanda.runtime.leaky_buckets import LeakyBuckets, RateLimit

OPTIONS = AdmissionOptions(limit_min=4, limit_start=16, limit_max=64)
GREEDY = 50
POLITE = "polite"


def refusal_of(limiter, caller, now=0.0):
    with pytest.raises(Overloaded) as refused:
        limiter.admit(caller, 60.0, now)
    return refused.value


def ask_among_greedy_ones(limiter, *, rate, seconds, polite_per_second):
    """Play a server that answers `rate` calls in a second, and callers who come back at random; the polite one too.

    Gives how many calls of the polite one were admitted and refused, and how many of the others were admitted.
    """
    draw = random.Random(7)
    callers = [f"greedy{n}" for n in range(GREEDY)]
    answers, admitted, refused, of_others = [], 0, 0, 0
    free_at, polite_at = 0.0, 1.0
    for step in range(int(seconds * 1_000)):
        now = step / 1_000
        while answers and answers[0][0] <= now:
            at, _, place = heapq.heappop(answers)
            limiter.leave(place, at, answered=True)
        asking = draw.sample(callers, 10)
        if now >= polite_at:
            asking.append(POLITE)
            polite_at += 1 / polite_per_second
        for caller in asking:
            if limiter.refuse_unread(now, caller) is not None:
                refused += caller == POLITE
                continue
            try:
                place = limiter.admit(caller, 60.0, now)
            except Overloaded:
                refused += caller == POLITE
                continue
            admitted, of_others = admitted + (caller == POLITE), of_others + (caller != POLITE)
            free_at = max(free_at, now) + 1 / rate
            heapq.heappush(answers, (free_at, id(place), place))
    return admitted, refused, of_others


@pytest.mark.parametrize("rate", [250, 1_000])
def test_a_caller_who_asks_for_little_always_finds_a_place_among_fifty_who_ask_without_end(rate):
    fair = rate / (GREEDY + 1)

    admitted, refused, of_others = ask_among_greedy_ones(
        AdmissionLimiter(), rate=rate, seconds=20.0, polite_per_second=fair / 2
    )

    assert admitted > 19 * fair / 2 - 2
    assert refused <= 0.02 * admitted
    assert of_others > 0.9 * rate * 20 - admitted


def test_without_kept_places_the_caller_who_asks_for_little_is_refused_like_the_others():
    limiter = AdmissionLimiter(dataclasses.replace(AdmissionOptions(), kept_share=0.0, contention=0.0))

    admitted, refused, _ = ask_among_greedy_ones(limiter, rate=250, seconds=20.0, polite_per_second=2.5)

    assert refused > admitted / 2


def test_a_caller_may_hold_so_many_places_and_no_more_also_alone():
    limiter = AdmissionLimiter(dataclasses.replace(OPTIONS, caller_calls_max=5))
    for _ in range(5):
        limiter.admit("ana", 60.0, 0.0)

    assert refusal_of(limiter, "ana").limit == NoPlace.CALLS

    limiter.admit("bia", 60.0, 0.0)


def test_a_caller_who_calls_too_often_is_refused_by_name_until_its_rate_allows_it_and_nobody_else_is():
    limiter = AdmissionLimiter(OPTIONS, CallerRates(per_second=10))
    for _ in range(20):
        limiter.count("ana", 1.0)

    with pytest.raises(Overloaded) as refused:
        limiter.count("ana", 1.0)
    unread = limiter.refuse_unread(1.0, "ana")

    assert (refused.value.limit, unread.limit) == (NoPlace.RATE, NoPlace.RATE)
    assert 0 < refused.value.retry_after < unread.retry_after <= 0.3
    assert limiter.refused[NoPlace.RATE] == 2
    limiter.count("bia", 1.0)
    limiter.count("ana", 1.11)


def test_a_known_caller_who_would_not_be_admitted_is_refused_unread_and_another_is_read():
    limiter = AdmissionLimiter(dataclasses.replace(OPTIONS, caller_calls_max=2))
    for _ in range(2):
        limiter.admit("ana", 60.0, 0.0)

    assert limiter.refuse_unread(0.0, "ana").limit == NoPlace.CALLS
    assert limiter.refuse_unread(0.0, "bia") is None
    assert limiter.refuse_unread(0.0) is None


def test_the_first_refused_call_of_a_caller_comes_before_the_further_ones_of_another():
    limiter = AdmissionLimiter(OPTIONS)
    while limiter.in_flight < limiter.limit:
        limiter.admit("greedy", 60.0, 0.0)

    greedy = [refusal_of(limiter, "greedy").retry_after for _ in range(100)]
    modest = refusal_of(limiter, "modest").retry_after

    assert modest < greedy[2]
    assert greedy[1:] == sorted(greedy[1:])


def test_a_refused_caller_is_told_a_later_moment_for_each_of_its_calls_and_never_one_too_far():
    rates = CallerRates(per_second=10)
    for _ in range(20):
        rates.count("ana", 0.0)

    turns = [rates.next_turn("ana", 0.0) for _ in range(2_000)]

    assert turns == sorted(turns)
    assert turns[5] == pytest.approx(turns[0] + 0.5)
    assert turns[-1] == TURN_SECONDS_MAX
    assert rates.next_turn("bia", 0.0) == 0.0


def test_buckets_forget_whoever_was_not_counted_for_longest():
    buckets = LeakyBuckets(RateLimit(1, 1.0), remembered=2)
    for key in ("ana", "bia", "eva"):
        buckets.add(key, 0.0)

    assert [buckets.wait(key, 0.0) for key in ("ana", "bia", "eva")] == [0.0, 1.0, 1.0]
    assert len(buckets) == 2
