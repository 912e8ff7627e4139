import heapq
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.errors import Overloaded
from quitanda.runtime.adaptive_limit import LatencyEstimate
from quitanda.runtime.admission import AdmissionLimiter, AdmissionOptions, NoPlace

OPTIONS = AdmissionOptions(limit_min=4, limit_start=16, limit_max=64)


def refusal_of(limiter, caller="bia", seconds=2.0, now=0.0):
    with pytest.raises(Overloaded) as refused:
        limiter.admit(caller, seconds, now)
    return refused.value


def fill(limiter, caller="bia", now=0.0):
    places = []
    while limiter.in_flight < limiter.limit:
        places.append(limiter.admit(caller, 60.0, now))
    return places


def serve(limiter, *, rate, until, callers, seconds=2.0, begin=0.0):
    """Offer calls without end to a server that answers `rate` calls a second in turn; give the latencies by caller."""
    now, free_at, answers, latencies = begin, begin, [], {caller: [] for caller in callers}
    while now < until:
        for caller in callers:
            try:
                place = limiter.admit(caller, seconds, now)
            except Overloaded:
                continue
            free_at = max(free_at, now) + 1 / rate
            heapq.heappush(answers, (free_at, id(place), place))
        now = min(now + 0.001, until)
        while answers and answers[0][0] <= now:
            at, _, place = heapq.heappop(answers)
            limiter.leave(place, at, answered=True)
            latencies[place.caller].append(at - place.since)
    for at, _, place in sorted(answers):
        limiter.leave(place, at, answered=True)
    return latencies


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["admit", "answered", "failed"]),
            st.sampled_from(["bia", "rui", "eva"]),
            st.floats(0.001, 5.0),
            st.floats(0.0, 3.0),
        ),
        max_size=300,
    )
)
def test_calls_in_flight_are_never_more_than_the_limit_nor_fewer_than_none(steps):
    limiter, now, places, waits = AdmissionLimiter(OPTIONS), 0.0, [], []
    for what, caller, seconds, passed in steps:
        now += passed
        if what != "admit":
            if places:
                limiter.leave(places.pop(0), now, answered=what == "answered")
        else:
            before = limiter.limit
            try:
                places.append(limiter.admit(caller, seconds, now))
            except Overloaded as refused:
                waits.append(refused.retry_after)
            else:
                assert len(places) <= before
        assert limiter.in_flight == len(places)
        assert OPTIONS.limit_min <= limiter.limit <= OPTIONS.limit_max
    assert all(OPTIONS.retry_after_min - 1e-6 < wait < OPTIONS.retry_after_max + 1e-6 for wait in waits)


def test_a_call_above_the_limit_is_refused_and_admitted_once_a_place_is_free():
    limiter = AdmissionLimiter(OPTIONS)
    places = fill(limiter)
    refusal_of(limiter)

    limiter.leave(places[0], 0.01, answered=True)

    assert limiter.admit("bia", 2.0, 0.01).caller == "bia"


@pytest.mark.parametrize("rate", [50, 200, 1_000])
def test_what_is_admitted_is_answered_about_the_target_at_any_speed_of_the_server(rate):
    limiter, callers = AdmissionLimiter(AdmissionOptions(limit_min=4)), ("bia", "rui", "eva")
    serve(limiter, rate=rate, until=10.0, callers=callers)  # a burst, before the limiter knows the server's speed

    latencies = serve(limiter, rate=rate, until=30.0, callers=callers, begin=10.0)
    late = sorted(each for one in latencies.values() for each in one)

    assert late[int(0.99 * len(late))] < 1.0
    assert len(late) > 0.9 * rate * 20


def test_a_burst_that_comes_to_a_process_at_rest_is_admitted_also_after_a_stall():
    limiter = AdmissionLimiter()
    for at in range(30):
        limiter.leave(limiter.admit("bia", 2.0, float(at)), at + 0.9, answered=True)
    assert limiter.limit < 100
    for number in range(4_000):
        limiter.leave(limiter.admit("bia", 2.0, 40 + number / 20), 40 + number / 20 + 0.01, answered=True)

    for _ in range(250):
        limiter.admit("bia", 2.0, 300.0)


def test_nobody_is_admitted_behind_more_work_than_it_has_time_for():
    limiter = AdmissionLimiter(OPTIONS)
    for place in [limiter.admit("bia", 60.0, 0.0) for _ in range(8)]:
        limiter.leave(place, 3.0, answered=True)
    for _ in range(OPTIONS.limit_min):
        limiter.admit("bia", 60.0, 3.0)

    refusal_of(limiter, seconds=2.0, now=3.0)

    limiter.admit("bia", 60.0, 3.0)


@pytest.mark.parametrize(("alone", "burst"), [(0.01, 256), (0.041, 98), (0.2, 32)])
def test_of_a_burst_at_a_process_at_rest_so_many_are_admitted_as_the_time_of_one_call_alone_lets_expect(alone, burst):
    limiter = AdmissionLimiter()
    for at in range(50):
        limiter.leave(limiter.admit("bia", 2.0, float(at)), at + alone, answered=True)

    for _ in range(burst):
        limiter.admit("bia", 2.0, 60.0)
    refusal_of(limiter, seconds=2.0, now=60.0)


def test_the_last_answers_of_a_burst_do_not_count_as_those_of_calls_alone():
    limiter = AdmissionLimiter()
    for round_ in range(10):
        places = [limiter.admit("bia", 2.0, float(round_)) for _ in range(100)]
        for place in places:
            limiter.leave(place, round_ + 0.3, answered=True)

    for _ in range(200):
        limiter.admit("bia", 2.0, 20.0)


def test_few_calls_are_admitted_even_if_none_was_answered_lately():
    limiter = AdmissionLimiter(OPTIONS)
    for at in range(100):
        limiter.leave(limiter.admit("bia", 2.0, float(at)), at + 0.9, answered=False)

    assert limiter.limit == OPTIONS.limit_min
    for _ in range(OPTIONS.limit_min):
        limiter.admit("bia", 0.1, 100.0)


def test_after_a_stall_the_limit_is_back_within_two_seconds():
    limiter = AdmissionLimiter()
    serve(limiter, rate=400, until=10.0, callers=("bia", "rui", "eva"))
    usual = limiter.limit
    for at in range(11, 41):
        limiter.leave(limiter.admit("bia", 2.0, float(at)), at + 0.9, answered=True)
    assert limiter.limit < usual / 2

    serve(limiter, rate=400, until=43.0, callers=("bia", "rui", "eva"), begin=41.0)

    assert limiter.limit > 0.8 * usual


def test_a_caller_who_fills_all_places_leaves_half_to_another_who_was_refused():
    limiter = AdmissionLimiter(OPTIONS)
    places = fill(limiter, "greedy")
    refusal_of(limiter, "modest")
    for place in places[:2]:
        limiter.leave(place, 0.1, answered=True)

    refusal_of(limiter, "greedy", now=0.1)

    assert limiter.admit("modest", 2.0, 0.1).caller == "modest"


def test_a_caller_alone_may_hold_all_places():
    limiter = AdmissionLimiter(OPTIONS)
    fill(limiter, "greedy")
    refusal_of(limiter, "greedy")

    assert limiter.in_flight == limiter.limit


def test_two_callers_who_ask_without_end_get_about_as_much():
    latencies = serve(AdmissionLimiter(), rate=400, until=10.0, callers=("greedy", "greedy", "greedy", "modest"))

    assert len(latencies["modest"]) > 0.6 * len(latencies["greedy"])


def test_refused_callers_are_told_different_moments_at_the_pace_of_the_answers():
    limiter = AdmissionLimiter()
    serve(limiter, rate=200, until=10.0, callers=("bia", "rui"))
    fill(limiter, now=12.0)

    waits = [refusal_of(limiter, f"customer-{n}", now=12.0).retry_after for n in range(200)]

    assert waits == sorted(waits)
    assert 0.5 < waits[-1] - waits[0] < 2.0


def test_the_estimate_of_a_latency_lies_above_nearly_all_samples_and_falls_after_an_outlier():
    estimate = LatencyEstimate()
    assert estimate.high == 0.0
    for number in range(100):
        estimate.add(0.02 + 0.01 * (number % 2))
    assert 0.03 < estimate.high < 0.06

    estimate.add(2.0)
    assert estimate.high > 1.0
    for _ in range(30):
        estimate.add(0.02)
    assert estimate.high < 0.1


def refuse_unread_all(limiter, calls, now):
    return [limiter.refuse_unread(now) for _ in range(calls)]


def test_a_call_is_refused_unread_only_where_nobody_would_be_admitted():
    limiter = AdmissionLimiter(OPTIONS)
    assert refuse_unread_all(limiter, 1_000, 0.0) == [None] * 1_000
    places = fill(limiter)
    assert any(refuse_unread_all(limiter, 1_000, 0.0))

    limiter.leave(places[0], 0.01, answered=True)

    assert refuse_unread_all(limiter, 1_000, 0.02) == [None] * 1_000


def test_of_the_calls_that_nobody_has_a_place_for_some_are_read_in_each_second():
    limiter = AdmissionLimiter(OPTIONS)
    fill(limiter)
    refuse_unread_all(limiter, 1_000, 0.0)

    read = sum(limiter.refuse_unread(at / 1_000) is None for at in range(1_000, 11_000))

    assert 0.9 < read / (10 * OPTIONS.refusals_read_per_second) < 1.2


def test_a_caller_who_fills_all_places_leaves_half_to_others_also_where_most_calls_are_refused_unread():
    limiter = AdmissionLimiter(OPTIONS)
    places = fill(limiter, "greedy")

    def ask(caller, now):
        """Do as a portal does."""
        if limiter.refuse_unread(now) is None:
            with suppress(Overloaded):
                places.append(limiter.admit(caller, 2.0, now))

    for step in range(4_000):
        now = 1.0 + step / 1_000
        for caller in ("greedy", "greedy", "greedy", "modest"):
            ask(caller, now)
        if step % 10 == 0:
            limiter.leave(places.pop(0), now, answered=True)

    assert limiter.refused[NoPlace.UNREAD] > 10_000
    assert sum(place.caller == "modest" for place in places) > 0.3 * limiter.limit


def test_more_callers_than_there_is_time_for_are_not_told_the_same_moment():
    limiter = AdmissionLimiter(OPTIONS)
    fill(limiter)

    waits = [refusal_of(limiter, f"customer-{n}").retry_after for n in range(20_000)]

    assert max(waits) <= OPTIONS.retry_after_max
    within_a_second = max(sum(int(wait) == second for wait in waits) for second in range(61))
    assert within_a_second < 20_000 / 10


def test_refusals_are_counted_by_reason():
    limiter = AdmissionLimiter(OPTIONS)
    places = fill(limiter, "greedy")
    refusal_of(limiter, "modest")
    for place in places[:9]:
        limiter.leave(place, 5.0, answered=True)
    refusal_of(limiter, "greedy", now=0.1)
    refusal_of(limiter, "modest", seconds=1.0, now=5.0)

    assert limiter.admitted == OPTIONS.limit_start
    assert limiter.refused == {NoPlace.FULL: 1, NoPlace.SHARE: 1, NoPlace.LATE: 1}
