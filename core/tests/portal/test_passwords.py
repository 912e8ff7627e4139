"""Signing in with a password, and setting one: bounded, counted, and telling nobody which names there are."""

import asyncio
import threading

import pytest
from fake_cluster import DirectReader
from known_callers import cluster_of_known_callers, let_in

from quitanda.domain.commands import RotateCredential, SetPassword
from quitanda.domain.model import CallerRole
from quitanda.domain.outcomes import Reason
from quitanda.errors import OutcomeUnknown, Overloaded, Rejected
from quitanda.identity.passwords import hash_password
from quitanda.identity.tokens import hash_secret, new_secret
from quitanda.operations import PortalKind
from quitanda.portal.callers import Authenticator
from quitanda.portal.failure_limits import FailureLimiter, FailureLimits
from quitanda.portal.passwords import SESSION_MS, HashingPool, NewPassword, PasswordKeeper
from quitanda.runtime.leaky_buckets import RateLimit

HERE, ELSEWHERE, NOW_MS = "192.0.2.7", "198.51.100.9", 5_000
TIMEOUT = 60.0
"""A hash takes some tenths of a second, and on a busy machine many times that."""
GOOD, OTHER = "nine green bottles", "ten blue bottles"
FAILURES_MAX = 3
CLERK = "clerk "  # what `let_in` calls the credential


@pytest.fixture(scope="module")
def kept():
    return hash_password(GOOD)


@pytest.fixture
def cluster():
    return cluster_of_known_callers("ana", "bia")


@pytest.fixture
def tokens(cluster, kept):
    """A clerk and ana, who have a password; an administrator and bia, who have none."""
    made = {
        "clerk": let_in(cluster, CallerRole.CLERK),
        "ana": let_in(cluster, CallerRole.CUSTOMER, "ana"),
        "admin": let_in(cluster, CallerRole.ADMIN),
        "bia": let_in(cluster, CallerRole.CUSTOMER, "bia"),
    }
    for name in ("clerk", "ana"):
        cluster.does(SetPassword(made[name].credential_id, kept))
    return made


@pytest.fixture
def authenticator(cluster):
    return Authenticator(DirectReader(cluster), now_ms=lambda: NOW_MS)


class IdlePool(HashingPool):
    """A pool that must not be asked."""

    async def compute(self, *_):
        raise AssertionError("nothing is to be computed")


class CountingPool(HashingPool):
    """A pool that tells what it was asked to compute."""

    def __init__(self):
        super().__init__()
        self.computed = []

    async def compute(self, function, *arguments):
        self.computed.append(function.__name__)
        return await super().compute(function, *arguments)


class EndlessPool(HashingPool):
    """A pool whose computations do not end."""

    def __init__(self):
        super().__init__()
        self.asked = asyncio.Semaphore(0)

    async def compute(self, *_):
        self.asked.release()
        await asyncio.Event().wait()


class TimedPool(HashingPool):
    """A pool in which each computation takes some seconds of its clock."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds
        self.now = 0.0

    async def compute(self, function, *arguments):
        self.now += self.seconds
        return await super().compute(function, *arguments)


@pytest.fixture
def keeper_of(cluster, authenticator):
    def make(portal, pool=None, monotonic=lambda: 0.0):
        limits = FailureLimits(of_credential=RateLimit(FAILURES_MAX, 6.0), of_address=RateLimit(20, 1.0))
        limiter = FailureLimiter(limits)
        clocks = {"now_ms": lambda: NOW_MS, "monotonic": monotonic}
        return PasswordKeeper(portal, cluster, authenticator, limiter, pool=pool, **clocks)

    return make


@pytest.fixture
def admin(keeper_of, tokens):  # noqa: ARG001 - there are people
    return keeper_of(PortalKind.ADMIN)


@pytest.fixture
def client(keeper_of, tokens):  # noqa: ARG001 - there are people
    return keeper_of(PortalKind.CLIENT)


async def problem_of(asking):
    with pytest.raises(Rejected) as rejected:
        await asking
    return rejected.value.details.get("problem") or rejected.value.refused.reason.value


async def caller_of(authenticator, token):
    return await authenticator.authenticate(token.text(), HERE, TIMEOUT)


async def test_who_signs_in_gets_a_token_of_the_same_role_for_twelve_hours(admin, client, authenticator, tokens):
    clerk = await admin.sign_in(CLERK, GOOD, HERE, TIMEOUT)
    ana = await client.sign_in("ana", GOOD, HERE, TIMEOUT)

    for opened, name, role in ((clerk, "clerk", "clerk"), (ana, "ana", "customer")):
        caller = await caller_of(authenticator, opened.token)
        assert (caller.credential.role, caller.credential.session_of) == (role, tokens[name].credential_id)
        assert caller.credential.expires_at_ms == NOW_MS + SESSION_MS


@pytest.mark.parametrize("name", [CLERK, "admin ", "nobody", "ana"])
async def test_a_wrong_password_a_name_without_one_and_an_unknown_name_are_told_the_same(admin, cluster, name):
    before = len(cluster.requests)
    assert await problem_of(admin.sign_in(name, OTHER, HERE, TIMEOUT)) == "wrong_password"
    assert len(cluster.requests) == before


@pytest.mark.parametrize("name", ["bia", "nobody"])
async def test_at_the_client_portal_it_is_the_same(client, name):
    assert await problem_of(client.sign_in(name, GOOD, HERE, TIMEOUT)) == "wrong_password"


@pytest.mark.parametrize("name", [CLERK, "admin ", "nobody"])
async def test_a_name_that_nobody_has_costs_one_computation_as_a_wrong_password_does(keeper_of, tokens, name):  # noqa: ARG001 - there are people
    pool = CountingPool()
    assert await problem_of(keeper_of(PortalKind.ADMIN, pool).sign_in(name, OTHER, HERE, TIMEOUT)) == "wrong_password"
    assert pool.computed == ["is_password"]


async def test_failures_are_bounded_for_a_name_from_one_address_and_shut_nobody_else_out(admin):
    for _ in range(FAILURES_MAX):
        assert await problem_of(admin.sign_in(CLERK, OTHER, HERE, TIMEOUT)) == "wrong_password"

    assert await problem_of(admin.sign_in(CLERK, GOOD, HERE, TIMEOUT)) == "too_many_failures"
    await admin.sign_in(CLERK, GOOD, ELSEWHERE, TIMEOUT)


async def test_spaces_around_a_name_give_nobody_more_tries(admin):
    """Found by reading: each way to write the name had failures of its own."""
    for number in range(FAILURES_MAX):
        assert await problem_of(admin.sign_in(f"{' ' * number}{CLERK}", OTHER, HERE, TIMEOUT)) == "wrong_password"

    assert await problem_of(admin.sign_in(CLERK.strip(), GOOD, HERE, TIMEOUT)) == "too_many_failures"


async def test_what_succeeds_is_not_counted(admin):
    for _ in range(3 * FAILURES_MAX):
        await admin.sign_in(CLERK, GOOD, HERE, TIMEOUT)


async def test_a_password_that_nobody_can_have_is_wrong_and_counts_but_costs_no_computation(keeper_of):
    keeper = keeper_of(PortalKind.ADMIN, IdlePool())
    for text in ("short", "x" * 5_000, "y" * 5):
        assert await problem_of(keeper.sign_in(CLERK, text, HERE, TIMEOUT)) == "wrong_password"
    assert await problem_of(keeper.sign_in(CLERK, GOOD, HERE, TIMEOUT)) == "too_many_failures"


async def test_whoever_goes_away_before_the_answer_has_tried_all_the_same(keeper_of, tokens):  # noqa: ARG001 - there are people
    """Found by reading: with a short deadline a caller kept the portal computing for ever, and was never counted."""
    pool = EndlessPool()
    keeper = keeper_of(PortalKind.ADMIN, pool)
    for _ in range(FAILURES_MAX):
        trying = asyncio.create_task(keeper.sign_in(CLERK, OTHER, HERE, TIMEOUT))
        await asyncio.wait_for(pool.asked.acquire(), TIMEOUT)
        trying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trying

    assert await problem_of(keeper.sign_in(CLERK, GOOD, HERE, TIMEOUT)) == "too_many_failures"


async def test_a_password_for_which_the_time_is_too_short_is_refused_and_counts_and_nothing_is_written(
    keeper_of, cluster, authenticator, tokens
):
    keeper, at_once = keeper_of(PortalKind.CLIENT, EndlessPool()), 0.01
    caller = await caller_of(authenticator, tokens["ana"])
    with pytest.raises(Overloaded):
        await keeper.set_password(NewPassword(OTHER, "", "r1"), caller, HERE, at_once)
    for _ in range(FAILURES_MAX - 1):
        with pytest.raises(Overloaded):
            await keeper.sign_in("ana", GOOD, HERE, at_once)

    assert await problem_of(keeper.sign_in("ana", GOOD, HERE, TIMEOUT)) == "too_many_failures"
    assert cluster.requests == []


async def test_all_parts_of_signing_in_and_of_setting_a_password_have_one_deadline(
    keeper_of, cluster, authenticator, tokens
):
    """Found by reading: each of them had the whole time."""
    caller = await caller_of(authenticator, tokens["ana"])
    pool = TimedPool(seconds=20)
    keeper = keeper_of(PortalKind.CLIENT, pool, monotonic=lambda: pool.now)
    cluster.timeouts.clear()

    await keeper.sign_in("ana", GOOD, HERE, TIMEOUT)
    await keeper.set_password(NewPassword(OTHER, "", "r1"), caller, HERE, TIMEOUT)

    assert cluster.timeouts == [TIMEOUT, TIMEOUT - 20, TIMEOUT, TIMEOUT - 20]


async def test_where_no_place_is_left_no_replica_is_asked_and_nothing_counts(keeper_of, cluster, tokens):  # noqa: ARG001 - there are people
    pool, go_on, begun = HashingPool(1, 0), threading.Event(), threading.Event()
    keeper = keeper_of(PortalKind.ADMIN, pool)

    def work():
        begun.set()
        go_on.wait(TIMEOUT)

    busy = asyncio.create_task(pool.compute(work))
    assert await asyncio.to_thread(begun.wait, TIMEOUT)
    for _ in range(FAILURES_MAX + 1):
        with pytest.raises(Overloaded):
            await keeper.sign_in(CLERK, GOOD, HERE, TIMEOUT)
    assert cluster.reads == []

    go_on.set()
    await busy
    await keeper.sign_in(CLERK, GOOD, HERE, TIMEOUT)


async def test_a_repeated_request_that_cannot_be_compared_in_time_is_not_told_that_nothing_happened(
    keeper_of, authenticator, tokens
):
    """Found by reading: it was told that nobody looked at it, and the password was set."""
    caller = await caller_of(authenticator, tokens["ana"])
    pool = TimedPool(seconds=TIMEOUT)
    keeper = keeper_of(PortalKind.CLIENT, pool, monotonic=lambda: pool.now)
    await keeper.set_password(NewPassword(OTHER, "", "r1"), caller, HERE, TIMEOUT)

    with pytest.raises(OutcomeUnknown):
        await keeper.set_password(NewPassword(OTHER, "", "r1"), caller, HERE, TIMEOUT)


async def test_missing_and_malformed_names_are_named(admin, client):
    for nothing in ("", "  "):
        assert await problem_of(admin.sign_in(nothing, GOOD, HERE, TIMEOUT)) == "missing"
    assert await problem_of(admin.sign_in("x" * 201, GOOD, HERE, TIMEOUT)) == "too_long"
    assert await problem_of(admin.sign_in(CLERK, "", HERE, TIMEOUT)) == "missing"
    assert await problem_of(client.sign_in("no name", GOOD, HERE, TIMEOUT)) == "alphabet"


async def test_a_change_while_the_password_is_looked_at_lets_nobody_in(admin, cluster, tokens):
    rotate = RotateCredential(tokens["clerk"].credential_id, hash_secret(new_secret()))
    cluster.before_next_execution(lambda: cluster.does(rotate))

    assert await problem_of(admin.sign_in(CLERK, GOOD, HERE, TIMEOUT)) == "wrong_password"


async def test_a_holder_sets_and_removes_her_password(admin, authenticator, tokens):
    caller = await caller_of(authenticator, tokens["clerk"])
    session = await admin.sign_in(CLERK, GOOD, HERE, TIMEOUT)
    _, credential = await admin.set_password(NewPassword(OTHER, "", "r1"), caller, HERE, TIMEOUT)

    assert credential.has_password
    assert await problem_of(caller_of(authenticator, session.token)) == "wrong"
    assert await problem_of(admin.sign_in(CLERK, GOOD, HERE, TIMEOUT)) == "wrong_password"
    await admin.sign_in(CLERK, OTHER, HERE, TIMEOUT)
    await admin.set_password(NewPassword("", "", "r2"), caller, HERE, TIMEOUT)
    assert await problem_of(admin.sign_in(CLERK, OTHER, HERE, TIMEOUT)) == "wrong_password"


async def test_a_repeated_request_is_answered_again_and_with_another_password_refused(admin, authenticator, tokens):
    caller = await caller_of(authenticator, tokens["clerk"])
    first = await admin.set_password(NewPassword(OTHER, "", "r1"), caller, HERE, TIMEOUT)

    assert await admin.set_password(NewPassword(OTHER, "", "r1"), caller, HERE, TIMEOUT) == first
    again = admin.set_password(NewPassword(GOOD, "", "r1"), caller, HERE, TIMEOUT)
    assert await problem_of(again) == "REQUEST_ID_REUSED"
    assert await problem_of(admin.set_password(NewPassword("", "", "r1"), caller, HERE, TIMEOUT)) == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(("password", "problem"), [("short", "too_short"), ("z" * 12, "easy_to_guess")])
async def test_a_bad_password_changes_nothing(client, cluster, authenticator, tokens, password, problem):
    caller = await caller_of(authenticator, tokens["bia"])
    before = list(cluster.state.documents())

    assert await problem_of(client.set_password(NewPassword(password, "", "r1"), caller, HERE, TIMEOUT)) == problem
    assert list(cluster.state.documents()) == before


async def test_with_a_session_the_password_until_now_is_needed(client, authenticator):
    session = await client.sign_in("ana", GOOD, HERE, TIMEOUT)
    caller = await caller_of(authenticator, session.token)

    def change(current):
        return client.set_password(NewPassword(OTHER, current, "r1"), caller, HERE, TIMEOUT)

    assert await problem_of(change("")) == "missing"
    assert await problem_of(change("not this one either")) == "not_the_password"
    _, credential = await change(GOOD)
    assert credential.session_of == ""
    await client.sign_in("ana", OTHER, HERE, TIMEOUT)


async def test_too_many_tries_with_a_session_are_refused_by_the_field_and_the_session_goes_on(client, authenticator):
    session = await client.sign_in("ana", GOOD, HERE, TIMEOUT)
    caller = await caller_of(authenticator, session.token)

    def change(current):
        return client.set_password(NewPassword(OTHER, current, "r1"), caller, HERE, TIMEOUT)

    for _ in range(FAILURES_MAX):
        assert await problem_of(change("not this one either")) == "not_the_password"
    with pytest.raises(Rejected) as rejected:
        await change(GOOD)

    refusal = rejected.value.refused
    assert (refusal.reason, refusal.field) == (Reason.INVALID_ARGUMENT, "current_password")
    assert rejected.value.details == {"problem": "too_many_tries", "seconds": "6"}
    await caller_of(authenticator, session.token)


async def test_nobody_keeps_a_portal_computing_with_new_passwords(client, authenticator, tokens):
    caller = await caller_of(authenticator, tokens["ana"])
    for number in range(FAILURES_MAX):
        await client.set_password(NewPassword(OTHER, "", f"r{number}"), caller, HERE, TIMEOUT)

    asked = client.set_password(NewPassword(GOOD, "", "r"), caller, HERE, TIMEOUT)
    assert await problem_of(asked) == "too_many_tries"
    await client.set_password(NewPassword("", "", "r"), caller, HERE, TIMEOUT)  # costs nothing


@pytest.mark.parametrize(
    ("asked", "field", "problem"),
    [
        (NewPassword(GOOD, "", "no id"), "request_id", "alphabet"),
        (NewPassword(GOOD, "", "r1", "A"), "credential_id", "malformed"),
    ],
)
async def test_what_is_malformed_is_named_before_anybody_is_asked(
    keeper_of, cluster, authenticator, tokens, asked, field, problem
):
    caller = await caller_of(authenticator, tokens["admin"])
    before = len(cluster.reads)

    with pytest.raises(Rejected) as rejected:
        await keeper_of(PortalKind.ADMIN, IdlePool()).set_password(asked, caller, HERE, TIMEOUT)

    assert (rejected.value.refused.field, rejected.value.details["problem"]) == (field, problem)
    assert (len(cluster.reads), cluster.requests) == (before, [])


async def test_an_administrator_sets_and_removes_anybodys_password_and_nobody_else_does(admin, authenticator, tokens):
    boss, clerk = [await caller_of(authenticator, tokens[name]) for name in ("admin", "clerk")]
    ana = tokens["ana"].credential_id

    asked = admin.set_password(NewPassword("", "", "r1", ana), clerk, HERE, TIMEOUT)
    assert await problem_of(asked) == "FORBIDDEN"
    _, credential = await admin.set_password(NewPassword("", "", "r1", ana), boss, HERE, TIMEOUT)
    assert (credential.credential_id, credential.has_password) == (ana, False)
    unknown = admin.set_password(NewPassword("", "", "r2", "z" * 12), boss, HERE, TIMEOUT)
    assert await problem_of(unknown) == "CREDENTIAL_NOT_FOUND"


async def test_beyond_a_few_that_wait_passwords_are_refused_and_a_caller_who_goes_away_frees_no_place_too_early():
    pool, go_on, begun = HashingPool(2, 3), threading.Event(), threading.Semaphore(0)

    def work():
        begun.release()
        go_on.wait(TIMEOUT)

    tasks = [asyncio.create_task(pool.compute(work)) for _ in range(5)]
    await asyncio.to_thread(lambda: [begun.acquire(timeout=TIMEOUT) for _ in range(2)])
    with pytest.raises(Overloaded) as overloaded:
        await pool.compute(work)
    assert overloaded.value.retry_after > 0
    tasks[0].cancel()  # its thread goes on
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    with pytest.raises(Overloaded):
        await pool.compute(work)

    go_on.set()
    await asyncio.gather(*tasks[1:])
    assert await pool.compute(lambda: 7) == 7
