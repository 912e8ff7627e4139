"""Wrong tokens are looked at so often, and nobody can use that to shut another out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.portal.failure_limits import FailureLimiter, FailureLimits
from quitanda.runtime.address_limits import address_of_peer
from quitanda.runtime.leaky_buckets import RateLimit

LIMITS = FailureLimits(of_credential=RateLimit(3, 6.0), of_address=RateLimit(5, 1.0), remembered=4)
HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"


@pytest.fixture
def limiter():
    return FailureLimiter(LIMITS)


def fail(limiter, times, address=HERE, credential_id="ana", now=0.0):
    for _ in range(times):
        assert limiter.begin(address, credential_id, now) == 0


def test_after_so_many_failures_the_next_one_waits_and_is_not_counted(limiter):
    fail(limiter, 3)

    assert limiter.begin(HERE, "ana", 0.0) == 6.0
    assert limiter.begin(HERE, "ana", 5.0) == 1.0
    assert limiter.begin(HERE, "ana", 6.0) == 0


def test_another_address_is_not_shut_out_by_failures_with_the_same_credential(limiter):
    fail(limiter, 3)

    assert limiter.begin(ELSEWHERE, "ana", 0.0) == 0


def test_another_credential_from_the_same_address_has_its_own_limit_until_the_addresss_is_reached(limiter):
    fail(limiter, 3)
    fail(limiter, 2, credential_id="bia")

    assert limiter.begin(HERE, "eva", 0.0) == 1.0
    assert limiter.begin(ELSEWHERE, "eva", 0.0) == 0


def test_what_did_not_fail_is_not_counted(limiter):
    for _ in range(100):
        assert limiter.begin(HERE, "ana", 0.0) == 0
        limiter.take_back(HERE, "ana")


def test_many_at_the_same_time_are_bounded_before_anybody_knows_whether_they_fail(limiter):
    assert [limiter.begin(HERE, "ana", 0.0) == 0 for _ in range(10)].count(True) == 3


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh"), st.floats(0, 10)), max_size=60))
def test_the_memory_is_bounded_whatever_comes(attempts):
    limiter = FailureLimiter(LIMITS)
    now = 0.0
    for address, credential_id, later in attempts:
        now += later
        limiter.begin(address, credential_id, now)

        assert limiter.remembered <= 2 * LIMITS.remembered


@given(st.lists(st.floats(0, 20), max_size=80))
def test_no_more_failures_are_looked_at_than_the_limit_allows(pauses):
    limiter = FailureLimiter(LIMITS)
    now, looked_at = 0.0, 0
    for pause in pauses:
        now += pause
        looked_at += limiter.begin(HERE, "ana", now) == 0

    assert looked_at <= 3 + now / 6.0 + 1e-6


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.7:50123", "192.0.2.7"),
        ("ipv6:[2001:db8:1:2:3:4:5:6]:50123", "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:2::9%5D:50123", "2001:db8:1:2::/64"),
        ("ipv6:[fe80::1%eth0]:7", "fe80::/64"),
        ("ipv6:[::ffff:192.0.2.7]:50123", "192.0.2.7"),
        ("unix:/run/quitanda.sock", "unix:/run/quitanda.sock"),
        ("ipv4:nonsense", "ipv4:nonsense"),
        ("", ""),
    ],
)
def test_a_caller_is_counted_by_its_address_or_its_ipv6_network(peer, address):
    assert address_of_peer(peer) == address
