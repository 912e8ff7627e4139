"""Who calls is known before anything is done, cheaply for those who are right, and boundedly for those who are not."""

import asyncio

import pytest
from fake_cluster import DirectReader, FakeCluster
from known_callers import let_in, raise_to_highest_level

from quitanda.cluster_client import Get
from quitanda.domain.commands import CreateCustomer, CreateOrder, RevokeCredential, RotateCredential
from quitanda.domain.model import CallerRole, Kind
from quitanda.errors import Overloaded, Rejected, Unavailable
from quitanda.identity.tokens import Token, hash_secret, new_secret, new_token
from quitanda.operations import PortalKind, document_operations_of
from quitanda.portal.callers import Authenticator, bearer_token
from quitanda.portal.failure_limits import FailureLimiter, FailureLimits
from quitanda.portal.operations import PortalOperations
from quitanda.runtime.leaky_buckets import RateLimit

HERE, ELSEWHERE, TIMEOUT = "192.0.2.7", "198.51.100.9", 5.0
FAILURES_MAX = 3
CLIENT = document_operations_of(PortalKind.CLIENT)


class Clocks:
    """A portal's two clocks, which a test sets."""

    def __init__(self):
        self.ms = 1_000
        self.seconds = 0.0


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def cluster():
    cluster = FakeCluster(demands_principals=True)
    raise_to_highest_level(cluster)
    cluster.does(CreateCustomer("ana", "Ana"))
    return cluster


@pytest.fixture
def reader(cluster):
    return DirectReader(cluster)


@pytest.fixture
def authenticator(reader, clocks):
    limits = FailureLimits(of_credential=RateLimit(FAILURES_MAX, 6.0), of_address=RateLimit(20, 1.0))
    return Authenticator(reader, FailureLimiter(limits), lambda: clocks.ms, lambda: clocks.seconds)


@pytest.fixture
def token(cluster):
    return let_in(cluster, CallerRole.CUSTOMER, "ana")


async def problem_of(authenticating):
    with pytest.raises(Rejected) as rejected:
        await authenticating
    return rejected.value.details["problem"]


async def begun(cluster):
    """Wait until a read has come to the cluster, which holds its answer."""
    async with asyncio.timeout(TIMEOUT):
        while not cluster.waiting:  # noqa: ASYNC110 - the cluster counts, and tells nobody
            await asyncio.sleep(0)


def wrong_secret(token):
    return Token(token.credential_id, new_secret()).text()


async def test_a_right_token_is_looked_up_once_and_then_passes_without_a_read(authenticator, cluster, token):
    calls = [await authenticator.authenticate(token.text(), HERE, TIMEOUT) for _ in range(5)]

    assert {caller.credential.customer_id for caller in calls} == {"ana"}
    assert cluster.reads == [(Get(Kind.CREDENTIAL, token.credential_id),)]


async def test_calls_that_come_together_with_one_token_share_a_read(authenticator, cluster, token):
    cluster.hold()
    calls = [asyncio.create_task(authenticator.authenticate(token.text(), HERE, TIMEOUT)) for _ in range(50)]
    await begun(cluster)
    cluster.release()

    assert len({caller.principal for caller in await asyncio.gather(*calls)}) == 1
    assert len(cluster.reads) == 1


async def test_wrong_tokens_are_looked_at_so_often_and_then_nobody_is_asked(authenticator, cluster, clocks, token):
    problems = [await problem_of(authenticator.authenticate(wrong_secret(token), HERE, TIMEOUT)) for _ in range(6)]

    assert problems == ["wrong"] * FAILURES_MAX + ["too_many_failures"] * 3
    assert len(cluster.reads) == FAILURES_MAX
    clocks.seconds += 6.0
    assert await problem_of(authenticator.authenticate(wrong_secret(token), HERE, TIMEOUT)) == "wrong"


async def test_who_sends_wrong_tokens_for_a_credential_cannot_shut_its_holder_out(authenticator, token):
    for _ in range(100):
        await problem_of(authenticator.authenticate(wrong_secret(token), HERE, TIMEOUT))

    caller = await authenticator.authenticate(token.text(), ELSEWHERE, TIMEOUT)
    assert caller.credential.credential_id == token.credential_id
    # and from now on not even from the same address
    assert await authenticator.authenticate(token.text(), HERE, TIMEOUT) == caller


async def test_ids_that_nobody_has_are_looked_up_so_often_from_one_address(authenticator, cluster):
    for _ in range(100):
        await problem_of(authenticator.authenticate(new_token().text(), HERE, TIMEOUT))

    assert len(cluster.reads) == 20


async def test_a_read_that_fails_is_no_failure_of_the_caller(authenticator, cluster, token):
    for _ in range(10):
        cluster.fail_next(Unavailable("no leader"))
        with pytest.raises(Unavailable):
            await authenticator.authenticate(token.text(), HERE, TIMEOUT)

    assert (await authenticator.authenticate(token.text(), HERE, TIMEOUT)).credential.customer_id == "ana"


async def test_a_caller_who_goes_away_stops_nobody_else_who_asks_with_the_same_token(authenticator, cluster, token):
    cluster.hold()
    first, second = (asyncio.create_task(authenticator.authenticate(token.text(), HERE, TIMEOUT)) for _ in range(2))
    await begun(cluster)
    first.cancel()
    await asyncio.sleep(0)
    cluster.release()

    assert (await second).credential.customer_id == "ana"


async def test_a_token_expires_by_the_portals_clock_also_after_it_was_accepted(authenticator, cluster, clocks):
    token = let_in(cluster, CallerRole.ADMIN, expires_at_ms=2_000)
    accepted = await authenticator.authenticate(token.text(), HERE, TIMEOUT)
    clocks.ms = 2_000
    with pytest.raises(Rejected) as rejected:
        await authenticator.authenticate(token.text(), HERE, TIMEOUT)

    assert accepted.credential.role == "admin"
    assert rejected.value.details == {"problem": "expired", "expired_at": "1970-01-01T00:00:02+00:00"}


async def test_only_who_has_the_secret_learns_that_a_credential_has_expired(authenticator, cluster):
    token = let_in(cluster, CallerRole.ADMIN, expires_at_ms=1)

    assert await problem_of(authenticator.authenticate(wrong_secret(token), HERE, TIMEOUT)) == "wrong"
    assert await problem_of(authenticator.authenticate(token.text(), HERE, TIMEOUT)) == "expired"


async def test_the_next_secret_passes_although_the_portal_knows_the_credential_from_before(
    authenticator, cluster, token
):
    await authenticator.authenticate(token.text(), HERE, TIMEOUT)
    rotated = Token(token.credential_id, new_secret())
    cluster.does(RotateCredential(token.credential_id, hash_secret(rotated.secret)))

    new, old = [await authenticator.authenticate(each.text(), HERE, TIMEOUT) for each in (rotated, token)]

    assert (new.generation, old.generation) == (2, 1)


async def test_about_the_cluster_itself_the_leader_is_asked_each_time(authenticator, cluster):
    token = let_in(cluster, CallerRole.ADMIN)
    await authenticator.authenticate_now(token.text(), HERE, TIMEOUT, without_leader=True)
    other = let_in(cluster, CallerRole.ADMIN)
    cluster.does(RevokeCredential(token.credential_id))

    assert await problem_of(authenticator.authenticate_now(token.text(), HERE, TIMEOUT, without_leader=True)) == "wrong"
    assert await authenticator.authenticate_now(other.text(), HERE, TIMEOUT, without_leader=False)


async def test_while_there_is_no_leader_only_a_known_caller_passes_and_only_where_that_helps(authenticator, cluster):
    known, unknown = let_in(cluster, CallerRole.ADMIN), let_in(cluster, CallerRole.ADMIN)
    await authenticator.authenticate(known.text(), HERE, TIMEOUT)
    for token, without_leader, passes in ((known, True, True), (known, False, False), (unknown, True, False)):
        cluster.fail_next(Unavailable("no leader"))
        asked = authenticator.authenticate_now(token.text(), HERE, TIMEOUT, without_leader=without_leader)
        if passes:
            assert (await asked).credential.credential_id == token.credential_id
        else:
            with pytest.raises(Unavailable):
                await asked


async def test_the_memory_of_callers_is_bounded(reader, cluster):
    authenticator = Authenticator(reader, now_ms=lambda: 1, remembered=2)
    tokens = [let_in(cluster, CallerRole.CLERK) for _ in range(3)]
    for token in tokens:
        await authenticator.authenticate(token.text(), HERE, TIMEOUT)
    reads = len(cluster.reads)
    await authenticator.authenticate(tokens[0].text(), HERE, TIMEOUT)

    assert len(cluster.reads) == reads + 1


@pytest.mark.parametrize(
    ("metadata", "token"),
    [
        ((("authorization", "Bearer qt1_a_b"),), "qt1_a_b"),
        ((("other", "x"), ("authorization", "Bearer  qt1_a_b ")), "qt1_a_b"),
        ((("authorization", "Basic qt1_a_b"),), ""),
        ((("authorization", "qt1_a_b"),), ""),
        ((("authorization-bin", b"Bearer qt1_a_b"),), ""),
        ((), ""),
    ],
)
def test_the_token_of_a_call_is_the_bearers(metadata, token):
    assert bearer_token(metadata) == token


# What a portal does for callers whom it has seen


@pytest.fixture
def portal(cluster, reader, authenticator):
    return PortalOperations(PortalKind.CLIENT, cluster, reader, authenticator)


async def ask(portal, authenticator, token, name, **fields):
    caller = await authenticator.authenticate(token.text(), HERE, TIMEOUT)
    asked = CLIENT[name].from_fields("ana", fields, {"order_id": "o9", "created_at_ms": 1})
    return await portal.perform(CLIENT[name], asked, "r1", TIMEOUT, caller)


async def test_a_request_of_nobody_is_refused_whatever_transport_it_came_by(portal, cluster):
    asked = CLIENT["list_orders"].from_fields("ana", {})

    answer = await portal.perform(CLIENT["list_orders"], asked, "", TIMEOUT)

    assert (answer.reason, cluster.reads) == ("UNAUTHENTICATED", [])


async def test_a_document_is_found_for_the_staff_only_and_no_longer_once_the_token_is_revoked(
    portal, authenticator, cluster
):
    cluster.does(CreateOrder("ana", "o1", 1), scope="ana")
    clerk = let_in(cluster, CallerRole.CLERK)
    caller = await authenticator.authenticate(clerk.text(), HERE, TIMEOUT)

    assert (await portal.find(Kind.ORDER, "o1", TIMEOUT, caller)).order_id == "o1"
    assert await portal.find(Kind.ORDER, "o2", TIMEOUT, caller) is None
    with pytest.raises(Rejected):
        await portal.find(Kind.ORDER, "o1", TIMEOUT)
    cluster.does(RevokeCredential(clerk.credential_id))
    with pytest.raises(Rejected):
        await portal.find(Kind.ORDER, "o1", TIMEOUT, caller)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("get_order", {"order_id": "o1"}),
        ("get_order", {"order_id": "o1", "consistency": "cached"}),
        ("list_orders", {}),
        ("create_order", {}),
    ],
)
async def test_a_revocation_stops_what_is_asked_after_it_although_the_portal_has_seen_the_token(
    portal, authenticator, cluster, token, name, fields
):
    cluster.does(CreateOrder("ana", "o1", 1), scope="ana")
    first = await ask(portal, authenticator, token, name, **fields)
    cluster.does(RevokeCredential(token.credential_id))
    before = list(cluster.state.documents())
    second = await ask(portal, authenticator, token, name, **fields)

    assert not hasattr(first, "reason")
    assert second.reason == ("CREDENTIAL_REVOKED" if name == "create_order" else "UNAUTHENTICATED")
    assert list(cluster.state.documents()) == before
    # the portal has noticed: the next request is refused before it takes a place
    assert await problem_of(authenticator.authenticate(token.text(), HERE, TIMEOUT)) == "wrong"


async def test_reads_ask_for_the_credential_at_the_same_snapshot_and_need_no_read_more(
    portal, authenticator, cluster, token
):
    cluster.does(CreateOrder("ana", "o1", 1), scope="ana")
    await authenticator.authenticate(token.text(), HERE, TIMEOUT)
    cluster.reads.clear()
    await ask(portal, authenticator, token, "get_order", order_id="o1")
    await ask(portal, authenticator, token, "list_orders")

    assert [[each.kind for each in items] for items in cluster.reads] == [
        [Kind.CREDENTIAL, Kind.CUSTOMER, Kind.ORDER],
        [Kind.CREDENTIAL, Kind.CUSTOMER, Kind.ORDER],
    ]


async def test_a_caller_whom_nobody_knows_takes_no_place_among_the_requests(portal, authenticator, token):
    for _ in range(10):
        await problem_of(authenticator.authenticate(wrong_secret(token), HERE, TIMEOUT))

    assert [(limiter.admitted, limiter.in_flight) for limiter in portal.limiters.values()] == [(0, 0), (0, 0)]


async def test_where_the_portal_is_full_a_token_is_not_blamed(authenticator, cluster, token):
    cluster.fail_next(Overloaded("full"))
    with pytest.raises(Overloaded):
        await authenticator.authenticate(token.text(), HERE, TIMEOUT)

    assert authenticator.results == {}


async def test_without_callers_who_must_be_known_nobody_rotates_a_credential(cluster, reader, token):
    portal = PortalOperations(PortalKind.CLIENT, cluster, reader)
    row = CLIENT["rotate_own_credential"]
    fields = {"credential_id": token.credential_id, "secret_hash": hash_secret(new_secret())}

    answer = await portal.perform(row, row.from_fields("ana", fields), "r1", TIMEOUT)

    assert (answer.reason, cluster.requests) == ("UNAUTHENTICATED", [])
