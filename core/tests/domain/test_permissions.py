"""Who may ask for what: every role with every command, and what a principal's credential must be."""

from typing import get_args

import pytest

from quitanda.domain.commands import (
    AdjustStock,
    AdvanceClock,
    CancelOrder,
    CancelOrderItems,
    Command,
    CreateCredential,
    CreateCustomer,
    CreateFirstCredential,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ImportOrder,
    ItemQuantity,
    OpenSession,
    PlaceOrder,
    Principal,
    RaiseLevel,
    Request,
    ReturnOrder,
    RevokeCredential,
    RotateCredential,
    SetOrderDeadline,
    SetOrderItems,
    SetPassword,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.machine import execute
from quitanda.domain.model import CallerRole
from quitanda.domain.outcomes import Done, Problem, Reason
from quitanda.domain.permissions import ALLOWED_FOR_OWN, ALLOWED_ROLES
from quitanda.domain.webhook_commands import (
    CreateWebhook,
    DeleteWebhook,
    RecordDelivery,
    RepeatDeadLetters,
    RotateWebhookSecret,
    SendTestEvent,
    TakeSenderLease,
    UpdateWebhook,
)

IDS = {role: letter * 12 for role, letter in zip(CallerRole, "abcde", strict=True)}
OTHER, NEW = "o" * 12, "n" * 12
ONE, TWO, THREE = ("1" * 64, "2" * 64, "3" * 64)
ADMIN, CLERK, READ_ONLY, METRICS, CUSTOMER = CallerRole
ALL_BUT_METRICS = {ADMIN, CLERK, READ_ONLY, CUSTOMER}


@pytest.fixture
def known(shop):
    """The shop of conftest.py, with a credential of each role; the customer is Ana."""
    shop.raise_level()
    shop.do(CreateFirstCredential(IDS[ADMIN], ONE, 1))
    for role in (CLERK, READ_ONLY, METRICS):
        shop.do(CreateCredential(IDS[role], role.value, "x", ONE, 1))
    shop.do(CreateCredential(IDS[CUSTOMER], "customer", "x", ONE, 1, "ana"))
    shop.do(CreateCredential(OTHER, "customer", "x", ONE, 1, "bia"))
    return shop


def ask(shop, role, command, scope=None, generation=1):
    owner = "ana" if role is CUSTOMER else ""
    return shop.do(command, scope=owner if scope is None else scope, principal=Principal(IDS[role], generation)).outcome


ITEMS = (ItemQuantity("rice", 1),)
MATRIX = [
    (CreateCustomer("cai", "Cai"), {ADMIN}),
    (UpdateCustomer("ana", "Anna"), {ADMIN}),
    (DeleteCustomer("bia"), {ADMIN}),
    (CreateProduct("tea", "Tea", 1, 1), {ADMIN}),
    (UpdateProduct("rice", price=1), {ADMIN}),
    (DeleteProduct("salt"), {ADMIN}),
    (AdjustStock("rice", 1), {ADMIN, CLERK}),
    (CreateOrder("ana", "o9", 1), {ADMIN, CLERK, CUSTOMER}),
    (CreateOrder("bia", "o9", 1), {ADMIN, CLERK}),
    (SetOrderItems("ana", "o1", ITEMS), {ADMIN, CLERK, CUSTOMER}),
    (SetOrderItems("bia", "o1", ITEMS), {ADMIN, CLERK}),
    (CancelOrder("ana", "o1"), {ADMIN, CLERK, CUSTOMER}),
    (CancelOrder("bia", "o1"), {ADMIN, CLERK}),
    (CreateCredential(NEW, "clerk", "x", TWO, 1), {ADMIN}),
    (RotateCredential(OTHER, TWO), {ADMIN}),
    (RevokeCredential(OTHER), {ADMIN}),
    (SetPassword(OTHER, "$argon2id$"), {ADMIN}),
    (OpenSession(OTHER, 1, NEW, TWO, 1, 2), set()),
    (PlaceOrder("ana", "o1"), {ADMIN, CLERK, CUSTOMER}),
    (PlaceOrder("bia", "o1"), {ADMIN, CLERK}),
    (SetOrderDeadline("o1", 10**13, "ana"), {ADMIN, CLERK, CUSTOMER}),
    (SetOrderDeadline("o1", 10**13, "bia"), {ADMIN, CLERK}),
    (SetOrderDeadline("o1", 10**13), {ADMIN, CLERK}),
    (CancelOrderItems("o1"), {ADMIN, CLERK}),
    (FulfilOrder("o1"), {ADMIN, CLERK}),
    (ReturnOrder("o1"), {ADMIN, CLERK}),
    (ImportOrder("o9", 1, "open", "ana"), {ADMIN}),
    (CreateWebhook("hook", "https://receiver.example", "order_placed", TWO, 1), {ADMIN}),
    (UpdateWebhook("hook", enabled=False), {ADMIN}),
    (RotateWebhookSecret("hook", TWO), {ADMIN}),
    (DeleteWebhook("hook"), {ADMIN}),
    (RepeatDeadLetters("hook"), {ADMIN}),
    (SendTestEvent("hook"), {ADMIN}),
    (TakeSenderLease("portal", 0, 0), set()),
    (RecordDelivery("hook", 0, "none", 1), set()),
    (AdvanceClock(1), set()),
    (RaiseLevel(2), set()),
    (CreateFirstCredential(NEW, TWO, 1), set()),
]


def _test_id(value):
    """Name a command or the roles that may ask for it, alike in every process: a set has another order in each."""
    return "+".join(sorted(value)) if isinstance(value, frozenset | set) else ascii(value)[:40]


@pytest.mark.parametrize("role", CallerRole)
@pytest.mark.parametrize(("command", "allowed"), MATRIX, ids=_test_id)
def test_a_role_may_ask_for_what_the_table_says_and_a_refusal_changes_nothing(known, role, command, allowed):
    before = list(known.state.documents()), list(known.state.memories())

    outcome = ask(known, role, command)

    if role in allowed:
        assert outcome != Reason.FORBIDDEN
        assert getattr(outcome, "reason", None) in {
            None,
            Reason.ORDER_NOT_FOUND,
            Reason.ORDER_STATE,
            Reason.WEBHOOK_NOT_FOUND,
        }
        return
    owner = {"owner": "ana"} if role is CUSTOMER else {}
    assert (outcome.reason, dict(outcome.details)) == (
        Reason.FORBIDDEN,
        {"credential_id": IDS[role], "role": role.value} | owner,
    )
    assert (list(known.state.documents()), list(known.state.memories())) == before


@pytest.mark.parametrize("role", CallerRole)
def test_everybody_but_a_program_may_rotate_the_own_credential(known, role):
    outcome = ask(known, role, RotateCredential(IDS[role], TWO))

    assert isinstance(outcome, Done) == (role in ALL_BUT_METRICS)


def test_every_command_has_its_row():
    assert set(ALLOWED_ROLES) == set(get_args(Command))
    assert set(ALLOWED_FOR_OWN) < set(get_args(Command))
    assert {type(command) for command, _ in MATRIX} == set(get_args(Command))


def test_a_customer_chooses_request_ids_among_her_own_only(known):
    known.do(CreateOrder("ana", "o9", 1), request_id="x", scope="bia")

    for scope in ("bia", ""):
        execution = known.do(CreateOrder("ana", "o9", 1), "x", scope, Principal(IDS[CUSTOMER], 1))
        assert execution.outcome.reason is Reason.FORBIDDEN


def test_staff_ask_for_a_customer_in_her_scope_and_in_their_own(known):
    for number, scope in enumerate(("ana", "")):
        assert isinstance(ask(known, CLERK, CreateOrder("ana", f"n{number}", 1), scope), Done)


def test_the_current_and_the_previous_generation_are_valid_and_no_other(known):
    known.do(RotateCredential(IDS[CLERK], TWO))
    known.do(RotateCredential(IDS[CLERK], THREE))

    valid = [isinstance(ask(known, CLERK, AdjustStock("rice", 1), None, each), Done) for each in range(1, 6)]

    assert valid == [False, True, True, False, False]


def test_an_unknown_credential_is_refused_like_a_revoked_one(known):
    known.do(RevokeCredential(IDS[CLERK]))

    for credential_id in (IDS[CLERK], NEW):
        outcome = known.do(AdjustStock("rice", 1), principal=Principal(credential_id, 1)).outcome
        assert (outcome.reason, dict(outcome.details)) == (
            Reason.CREDENTIAL_REVOKED,
            {"credential_id": credential_id},
        )


def test_who_was_revoked_does_not_even_learn_what_became_of_the_own_request(known):
    principal = Principal(IDS[CLERK], 1)
    assert isinstance(known.do(AdjustStock("rice", 1), "x", "", principal).outcome, Done)
    known.do(RevokeCredential(IDS[CLERK]))

    assert known.do(AdjustStock("rice", 1), "x", "", principal).outcome.reason is Reason.CREDENTIAL_REVOKED


def test_a_request_that_was_refused_is_decided_when_somebody_asks_who_may(known):
    assert known.do(AdjustStock("rice", 1), "x", "", Principal(IDS[READ_ONLY], 1)).outcome.reason is Reason.FORBIDDEN

    assert isinstance(known.do(AdjustStock("rice", 1), "x", "", Principal(IDS[CLERK], 1)).outcome, Done)


def test_a_request_may_be_repeated_with_the_next_secret(known):
    first = known.do(AdjustStock("rice", 1), "x", "", Principal(IDS[CLERK], 1))
    known.do(RotateCredential(IDS[CLERK], TWO))

    again = known.do(AdjustStock("rice", 1), "x", "", Principal(IDS[CLERK], 2))

    assert (again.outcome, again.revision, again.remember) == (first.outcome, first.revision, None)


@pytest.mark.parametrize(
    ("principal", "field", "problem"),
    [
        (Principal("", 1), "principal.credential_id", Problem.MISSING),
        (Principal("x", 1), "principal.credential_id", Problem.MALFORMED),
        (Principal(IDS[ADMIN], 0), "principal.generation", Problem.ZERO),
        (Principal(IDS[ADMIN], 2**63), "principal.generation", Problem.TOO_LARGE),
        (("a", 1), "principal", Problem.WRONG_TYPE),
    ],
    ids=ascii,
)
def test_a_malformed_principal_is_named(known, principal, field, problem):
    outcome = execute(known.state, Request("", "x", AdjustStock("rice", 1), principal), 100).outcome

    assert (outcome.field, dict(outcome.details)["problem"]) == (field, problem)


def test_without_a_principal_everything_is_decided_as_before(known):
    assert isinstance(known.do(AdjustStock("rice", 1)).outcome, Done)
