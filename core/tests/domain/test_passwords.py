"""What becomes of passwords and of the sessions that begin with them, on the shop of conftest.py."""

import pytest

from quitanda.domain.commands import (
    CreateCredential,
    CreateFirstCredential,
    DeleteCustomer,
    OpenSession,
    Principal,
    RaiseLevel,
    RevokeCredential,
    RotateCredential,
    SetPassword,
)
from quitanda.domain.limits import (
    CREDENTIALS_PER_CUSTOMER_MAX,
    PAGE_SIZE_MAX,
    SESSIONS_PER_CREDENTIAL_MAX,
    STAFF_CREDENTIALS_MAX,
)
from quitanda.domain.model import PASSWORDS_LEVEL
from quitanda.domain.outcomes import Done, Reason

ADMIN, CLERK, ANA, PHONE = ("a" * 12, "c" * 12, "d" * 12, "e" * 12)
SESSIONS = [letter * 12 for letter in "stuvwxyz"]
ONE, TWO, THREE = ("1" * 64, "2" * 64, "3" * 64)
HASH, OTHER = "$argon2id$one", "$argon2id$two"


@pytest.fixture
def staffed(shop):
    """An administrator, a clerk, and Ana with two tokens; the clerk and Ana's first have a password."""
    shop.raise_level()
    for command in (
        CreateFirstCredential(ADMIN, ONE, 7),
        CreateCredential(CLERK, "clerk", "Bia", ONE, 7),
        CreateCredential(ANA, "customer", "phone", ONE, 7, "ana"),
        CreateCredential(PHONE, "customer", "tablet", ONE, 7, "ana"),
        SetPassword(CLERK, HASH),
        SetPassword(ANA, HASH),
    ):
        assert isinstance(shop.do(command).outcome, Done)
    return shop


def opened(shop, number=0, *, holder=CLERK, at_ms=10, ends_ms=100, scope=""):
    version = shop.state.credential(holder).version
    command = OpenSession(holder, version, SESSIONS[number], TWO, at_ms, ends_ms)
    return shop.do(command, scope=scope).outcome


def sessions(shop):
    return [each.credential_id for each in shop.state.credentials() if each.session_of]


def reason(execution):
    return execution.outcome.reason


def test_a_password_is_kept_with_the_credential_and_can_be_removed(staffed):
    kept = staffed.state.credential(CLERK)
    assert (kept.password_hash, kept.has_password, kept.generation) == (HASH, True, 1)
    assert HASH not in repr(kept)

    staffed.do(SetPassword(CLERK, ""))

    kept = staffed.state.credential(CLERK)
    assert (kept.password_hash, kept.has_password) == ("", False)


def test_a_session_is_a_credential_of_the_same_holder_and_role_with_an_end(staffed):
    assert isinstance(opened(staffed, holder=ANA, scope="ana"), Done)

    session, holder = staffed.state.credential(SESSIONS[0]), staffed.state.credential(ANA)
    assert (session.role, session.customer_id, session.label) == (holder.role, holder.customer_id, holder.label)
    assert (session.session_of, session.expires_at_ms, session.has_password) == (ANA, 100, False)


def test_a_session_without_an_end_does_not_begin(staffed):
    refusal = opened(staffed, ends_ms=0)

    assert (refusal.reason, refusal.field) == (Reason.INVALID_ARGUMENT, "expires_at_ms")


def test_a_portal_finds_all_credentials_of_staff_on_one_page():
    assert (STAFF_CREDENTIALS_MAX + 1) * (1 + SESSIONS_PER_CREDENTIAL_MAX) <= PAGE_SIZE_MAX
    assert CREDENTIALS_PER_CUSTOMER_MAX <= STAFF_CREDENTIALS_MAX


def test_a_session_does_not_outlive_its_credential(staffed):
    staffed.do(CreateCredential("f" * 12, "clerk", "Leo", ONE, 7, expires_at_ms=50))
    staffed.do(SetPassword("f" * 12, HASH))

    opened(staffed, holder="f" * 12)

    assert staffed.state.credential(SESSIONS[0]).expires_at_ms == 50


@pytest.mark.parametrize(
    "change",
    [SetPassword(CLERK, OTHER), SetPassword(CLERK, ""), RotateCredential(CLERK, THREE), RevokeCredential(CLERK)],
)
def test_a_new_password_a_rotation_and_a_revocation_end_all_sessions_of_the_credential_and_no_others(staffed, change):
    opened(staffed, 0)
    opened(staffed, 1)
    opened(staffed, 2, holder=ANA, scope="ana")

    staffed.do(change)

    assert sessions(staffed) == [SESSIONS[2]]


def test_a_rotation_that_changes_nothing_ends_nothing(staffed):
    opened(staffed)

    staffed.do(RotateCredential(CLERK, ONE))

    assert sessions(staffed) == [SESSIONS[0]]


def test_a_customer_takes_her_sessions_with_her(staffed):
    opened(staffed, holder=ANA, scope="ana")

    outcome = staffed.do(DeleteCustomer("ana", cascade=True)).outcome

    assert isinstance(outcome, Done)
    assert sessions(staffed) == []


def test_the_newest_sessions_are_kept_and_what_is_over_makes_room_first(staffed):
    for number in range(SESSIONS_PER_CREDENTIAL_MAX):
        opened(staffed, number, ends_ms=20 if number == 2 else 100)

    opened(staffed, 4, at_ms=30)
    assert sessions(staffed) == [SESSIONS[number] for number in (0, 1, 3, 4)]
    opened(staffed, 5, at_ms=31)
    assert sessions(staffed) == [SESSIONS[number] for number in (1, 3, 4, 5)]


@pytest.mark.parametrize(
    "change", [SetPassword(CLERK, OTHER), RotateCredential(CLERK, TWO), RevokeCredential(CLERK), SetPassword(CLERK, "")]
)
def test_a_password_that_was_checked_before_a_change_lets_nobody_in_after_it(staffed, change):
    version = staffed.state.credential(CLERK).version
    staffed.do(change)

    refused = staffed.do(OpenSession(CLERK, version, SESSIONS[0], TWO, 10, 100))

    assert reason(refused) in (Reason.VERSION_MISMATCH, Reason.CREDENTIAL_NOT_FOUND)
    assert sessions(staffed) == []


def test_no_session_begins_with_a_credential_that_has_no_password(staffed):
    assert opened(staffed, holder=ADMIN).reason is Reason.CREDENTIAL_NOT_FOUND


def test_a_session_takes_no_id_that_is_there(staffed):
    opened(staffed)
    assert opened(staffed).reason is Reason.CREDENTIAL_EXISTS


def test_a_session_has_no_password_and_no_sessions_of_its_own(staffed):
    opened(staffed)

    assert reason(staffed.do(SetPassword(SESSIONS[0], HASH))) is Reason.OF_A_SESSION
    assert opened(staffed, 1, holder=SESSIONS[0]).reason is Reason.CREDENTIAL_NOT_FOUND


def test_a_name_has_one_password(staffed):
    staffed.do(CreateCredential("f" * 12, "read-only", "Bia", ONE, 7))

    assert reason(staffed.do(SetPassword("f" * 12, OTHER))) is Reason.PASSWORD_EXISTS
    assert reason(staffed.do(SetPassword(PHONE, OTHER), scope="ana")) is Reason.PASSWORD_EXISTS
    staffed.do(SetPassword(ANA, ""))
    assert isinstance(staffed.do(SetPassword(PHONE, OTHER)).outcome, Done)


def test_sessions_take_no_place_of_a_credential(staffed):
    for number in range(SESSIONS_PER_CREDENTIAL_MAX):
        opened(staffed, number, holder=ANA, scope="ana")
    for number in range(2, CREDENTIALS_PER_CUSTOMER_MAX):
        new = CreateCredential("gh"[number - 2] * 12, "customer", "x", ONE, 7, "ana")
        assert isinstance(staffed.do(new).outcome, Done)

    assert reason(staffed.do(CreateCredential("i" * 12, "customer", "x", ONE, 7, "ana"))) is Reason.TOO_MANY_CREDENTIALS
    assert STAFF_CREDENTIALS_MAX > SESSIONS_PER_CREDENTIAL_MAX


def test_each_caller_sets_her_own_password_also_with_a_session_and_administrators_anybodys(staffed):
    opened(staffed, 0)

    def ask(caller, target, scope=""):
        outcome = staffed.do(SetPassword(target, ""), scope=scope, principal=Principal(caller, 1)).outcome
        return "done" if isinstance(outcome, Done) else outcome.reason

    assert ask(CLERK, ANA) is Reason.FORBIDDEN
    assert ask(ANA, CLERK, "ana") is Reason.FORBIDDEN
    assert ask(ANA, PHONE, "ana") is Reason.FORBIDDEN
    assert ask(SESSIONS[0], CLERK) == "done"
    assert ask(SESSIONS[0], CLERK) is Reason.CREDENTIAL_REVOKED  # it ended itself
    assert ask(ANA, ANA, "ana") == "done"
    assert ask(ADMIN, ANA) == "done"


@pytest.mark.parametrize("caller", [ADMIN, CLERK])
def test_nobody_who_has_to_prove_who_they_are_opens_a_session(staffed, caller):
    version = staffed.state.credential(CLERK).version
    asked = OpenSession(CLERK, version, SESSIONS[0], TWO, 10, 100)

    assert reason(staffed.do(asked, principal=Principal(caller, 1))) is Reason.FORBIDDEN


def test_below_their_level_there_are_neither_passwords_nor_sessions(shop):
    shop.do(CreateFirstCredential(ADMIN, ONE, 7))
    for level in range(shop.state.level + 1, PASSWORDS_LEVEL):
        shop.do(RaiseLevel(level))
    shop.do(CreateFirstCredential(ADMIN, ONE, 7))

    assert reason(shop.do(SetPassword(ADMIN, HASH))) is Reason.LEVEL_TOO_LOW
    assert reason(shop.do(OpenSession(ADMIN, 1, SESSIONS[0], TWO, 1, 2))) is Reason.LEVEL_TOO_LOW
