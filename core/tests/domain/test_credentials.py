"""What becomes of each command about credentials, on the shop of conftest.py with some credentials in it."""

from dataclasses import replace

import pytest

from quitanda.domain.commands import (
    AdjustStock,
    CreateCredential,
    CreateCustomer,
    CreateFirstCredential,
    CreateOrder,
    DeleteCustomer,
    Principal,
    RevokeCredential,
    RotateCredential,
)
from quitanda.domain.limits import CREDENTIALS_PER_CUSTOMER_MAX, STAFF_CREDENTIALS_MAX, TOKEN_ALPHABET
from quitanda.domain.outcomes import Done, Reason

ADMIN, CLERK, PROGRAM, ANA, NEW = ("a" * 12, "c" * 12, "m" * 12, "d" * 12, "n" * 12)
ONE, TWO, THREE = ("1" * 64, "2" * 64, "3" * 64)
NOT_FOUND = [f"CREDENTIAL_NOT_FOUND credential_id credential_id={NEW}"]
LAST_ADMIN = [f"LAST_ADMIN_CREDENTIAL credential_id credential_id={ADMIN}"]


@pytest.fixture
def staffed(shop):
    """The first administrator, who came at version 10, a clerk, a program, and Ana with a second secret: version 14."""
    shop.raise_level()
    for command in (
        CreateFirstCredential(ADMIN, ONE, 7),
        CreateCredential(CLERK, "clerk", "Bia", ONE, 7),
        CreateCredential(PROGRAM, "metrics", "Prometheus", ONE, 7, expires_at_ms=99),
        CreateCredential(ANA, "customer", "phone", ONE, 7, "ana"),
        RotateCredential(ANA, TWO),
    ):
        assert isinstance(shop.do(command).outcome, Done)
    assert shop.state.last_version == 14
    return shop


TABLE = [
    # create
    (
        CreateCredential(NEW, "admin", "Eva", THREE, 8, expires_at_ms=9),
        ["done: credential n v15 admin 'Eva' g1 3- @8 until 9", "put credential n v15 admin 'Eva' g1 3- @8 until 9"],
    ),
    (
        CreateCredential(NEW, "customer", "tablet", THREE, 8, "ana"),
        [
            "done: credential n v15 customer of ana 'tablet' g1 3- @8",
            "put credential n v15 customer of ana 'tablet' g1 3- @8",
        ],
    ),
    (CreateCredential(NEW, "customer", "x", THREE, 8, "cai"), ["CUSTOMER_NOT_FOUND customer_id customer_id=cai"]),
    (
        CreateCredential(CLERK, "read-only", "x", THREE, 8),
        [f"CREDENTIAL_EXISTS credential_id credential_id={CLERK}"],
    ),
    (CreateCredential(NEW, "customer", "x", THREE, 8), ["INVALID_ARGUMENT customer_id problem=missing"]),
    (CreateCredential(NEW, "clerk", "x", THREE, 8, "ana"), ["INVALID_ARGUMENT customer_id problem=unknown_field"]),
    (
        CreateCredential(NEW, "owner", "x", THREE, 8),
        ["INVALID_ARGUMENT role choices=admin, clerk, read-only, metrics, customer problem=unknown_value"],
    ),
    (CreateCredential(NEW, "", "x", THREE, 8), ["INVALID_ARGUMENT role problem=missing"]),
    (CreateCredential(NEW, "clerk", " ", THREE, 8), ["INVALID_ARGUMENT label problem=missing"]),
    (CreateCredential("N" * 12, "clerk", "x", THREE, 8), ["INVALID_ARGUMENT credential_id problem=malformed"]),
    (CreateCredential("n" * 11, "clerk", "x", THREE, 8), ["INVALID_ARGUMENT credential_id problem=malformed"]),
    (CreateCredential("", "clerk", "x", THREE, 8), ["INVALID_ARGUMENT credential_id problem=missing"]),
    (CreateCredential(NEW, "clerk", "x", "3" * 63, 8), ["INVALID_ARGUMENT secret_hash problem=malformed"]),
    (CreateCredential(NEW, "clerk", "x", "F" * 64, 8), ["INVALID_ARGUMENT secret_hash problem=malformed"]),
    # the first one
    (CreateFirstCredential(NEW, THREE, 8), ["done: nothing left"]),
    (CreateFirstCredential(ADMIN, THREE, 8), ["done: nothing left"]),
    # rotate
    (
        RotateCredential(CLERK, THREE),
        ["done: credential c v15 clerk 'Bia' g2 31 @7", "put credential c v15 clerk 'Bia' g2 31 @7"],
    ),
    (
        RotateCredential(ANA, THREE),
        [
            "done: credential d v15 customer of ana 'phone' g3 32 @7",
            "put credential d v15 customer of ana 'phone' g3 32 @7",
        ],
    ),
    (RotateCredential(ANA, TWO), ["done: credential d v14 customer of ana 'phone' g2 21 @7"]),
    (
        RotateCredential(PROGRAM, THREE),
        [
            "done: credential m v15 metrics 'Prometheus' g2 31 @7 until 99",
            "put credential m v15 metrics 'Prometheus' g2 31 @7 until 99",
        ],
    ),
    (RotateCredential(NEW, THREE), NOT_FOUND),
    (RotateCredential(ANA, THREE, 13), ["VERSION_MISMATCH expected_version current=14 expected=13"]),
    # revoke
    (RevokeCredential(CLERK), ["done: nothing left", "delete credential " + CLERK]),
    (RevokeCredential(ANA, 14), ["done: nothing left", "delete credential " + ANA]),
    (RevokeCredential(ANA, 13), ["VERSION_MISMATCH expected_version current=14 expected=13"]),
    (RevokeCredential(NEW), NOT_FOUND),
    (RevokeCredential(ADMIN), LAST_ADMIN),
    # a customer's first
    (
        CreateCustomer("cai", "Cai", (), NEW, THREE, 8),
        [
            "done: customer cai v15 'Cai'",
            "put customer cai v15 'Cai'",
            "put credential n v16 customer of cai 'first' g1 3- @8",
        ],
    ),
    (CreateCustomer("ana", "Ana", (), NEW, THREE, 8), ["CUSTOMER_EXISTS customer_id customer_id=ana"]),
    (CreateCustomer("cai", "Cai", (), ANA, THREE, 8), [f"CREDENTIAL_EXISTS credential_id credential_id={ANA}"]),
    (CreateCustomer("cai", "Cai", (), NEW, None, 8), ["INVALID_ARGUMENT secret_hash problem=missing"]),
    (CreateCustomer("cai", "Cai", (), None, THREE, 8), ["INVALID_ARGUMENT credential_id problem=missing"]),
    # her credentials go with her
    (
        DeleteCustomer("ana", cascade=True),
        [
            "done: nothing left, 2 orders affected",
            "put product rice v15 'Rice' 100 at 250",
            "put product beans v16 'Beans' 'Black ones' 10 at 800 origin=\"Minas\"",
            "put order o1 v17 of  @1000: 5 rice 'Rice' at 250, 2 beans 'Beans' at 800",
            "put order o2 v18 of  @2000: nothing",
            "delete credential " + ANA,
            "delete customer ana",
        ],
    ),
]


@pytest.mark.parametrize(("command", "expected"), TABLE, ids=lambda value: ascii(value)[:60])
def test_table(staffed, command, expected):
    assert staffed.decide(command) == expected


@pytest.mark.parametrize("command", [row[0] for row in TABLE if hasattr(type(row[0]), "since")], ids=ascii)
@pytest.mark.parametrize("level", [1, 2])
def test_below_level_three_there_are_no_credentials(shop, command, level):
    shop.raise_level(level)

    assert shop.decide(command)[0].startswith(f"LEVEL_TOO_LOW - level={level} needed=3")
    assert list(shop.state.credentials()) == []


@pytest.mark.parametrize("level", [1, 2])
def test_below_level_three_a_new_customer_gets_no_credential(shop, level):
    shop.raise_level(level)

    assert shop.decide(CreateCustomer("cai", "Cai", (), NEW, THREE, 8)) == [
        "done: customer cai v10 'Cai'",
        "put customer cai v10 'Cai'",
    ]


@pytest.mark.parametrize("level", [1, 2])
def test_below_level_three_nobody_looks_at_a_principal_as_no_version_without_them_does(shop, level):
    shop.raise_level(level)

    for principal in (Principal(NEW, 1), "garbage"):
        assert isinstance(shop.do(AdjustStock("rice", 1), principal=principal).outcome, Done)


def test_the_last_lasting_credential_of_an_administrator_stays(staffed):
    staffed.do(CreateCredential(NEW, "admin", "Eva", TWO, 8, expires_at_ms=9))
    assert staffed.decide(RevokeCredential(ADMIN)) == LAST_ADMIN
    staffed.do(RevokeCredential(NEW))
    staffed.do(CreateCredential(NEW, "admin", "Eva", TWO, 8))

    assert staffed.do(RevokeCredential(ADMIN)).outcome == Done(None)
    assert staffed.do(RevokeCredential(NEW)).outcome.reason is Reason.LAST_ADMIN_CREDENTIAL
    assert staffed.decide(CreateFirstCredential(ADMIN, ONE, 7)) == ["done: nothing left"]


def test_the_creation_of_the_first_credential_is_not_remembered(staffed):
    first = staffed.do(CreateFirstCredential(NEW, ONE, 7), request_id="own")

    assert first.remember is None
    assert isinstance(staffed.do(AdjustStock("rice", 1), request_id="own").outcome, Done)


def many(letters, role, **owner):
    return [CreateCredential(f"{'z' * 10}{letters}{each}", role, "x", ONE, 7, **owner) for each in TOKEN_ALPHABET]


def test_a_customer_has_so_many_credentials_and_no_more(staffed):
    outcomes = [staffed.do(each).outcome for each in many("u", "customer", customer_id="ana")]

    done = [isinstance(outcome, Done) for outcome in outcomes]
    assert done == [True] * (CREDENTIALS_PER_CUSTOMER_MAX - 1) + [False] * (33 - CREDENTIALS_PER_CUSTOMER_MAX)
    assert (outcomes[-1].reason, dict(outcomes[-1].details)) == (
        Reason.TOO_MANY_CREDENTIALS,
        {"customer_id": "ana", "limit": "4"},
    )
    assert isinstance(staffed.do(CreateCredential(NEW, "customer", "x", ONE, 7, "bia")).outcome, Done)


def test_staff_have_so_many_credentials_and_no_more(staffed):
    outcomes = [staffed.do(each).outcome for letter in "uvw" for each in many(letter, "read-only")]

    assert sum(isinstance(outcome, Done) for outcome in outcomes) == STAFF_CREDENTIALS_MAX - 3
    assert (outcomes[-1].reason, dict(outcomes[-1].details)) == (Reason.TOO_MANY_CREDENTIALS, {"limit": "64"})


def test_the_first_administrator_comes_in_however_many_credentials_there_are(shop):
    shop.raise_level()
    for command in (*many("u", "clerk"), *many("v", "clerk")):
        shop.do(command)

    assert isinstance(shop.do(CreateFirstCredential(ADMIN, ONE, 7)).outcome, Done)
    assert shop.state.credential(ADMIN).role == "admin"


def test_a_repeated_creation_of_a_customer_that_would_give_another_secret_is_another_request(staffed):
    command = CreateCustomer("cai", "Cai", (), NEW, THREE, 8)
    first = staffed.do(command, request_id="x")

    assert staffed.do(replace(command, created_at_ms=9), request_id="x").outcome == first.outcome
    assert staffed.do(replace(command, secret_hash=ONE), request_id="x").outcome.reason is Reason.REQUEST_ID_REUSED
    assert staffed.do(replace(command, credential_id=None, secret_hash=None), request_id="x").outcome.reason is (
        Reason.REQUEST_ID_REUSED
    )


def test_a_repeated_rotation_is_one_rotation_whatever_secret_another_portal_chose(staffed):
    first = staffed.do(RotateCredential(CLERK, TWO), request_id="x")
    again = staffed.do(RotateCredential(CLERK, THREE), request_id="x")

    assert again.outcome == first.outcome
    assert staffed.state.credential(CLERK).generation == 2


def test_an_order_goes_on_after_the_credential_that_placed_it_was_revoked(staffed):
    principal = Principal(ANA, 2)
    staffed.do(CreateOrder("ana", "o7", 1), scope="ana", principal=principal)
    staffed.do(RevokeCredential(ANA))

    assert staffed.state.order("o7") is not None
