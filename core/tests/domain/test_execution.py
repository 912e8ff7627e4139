"""A request takes effect once, however often it comes."""

from dataclasses import fields, replace
from hashlib import blake2b
from typing import Any

import pytest

from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateCredential,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    OpenSession,
    Request,
    RevokeCredential,
    RotateCredential,
    SetOrderItems,
    SetPassword,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.document_changes import BrokenInvariantError
from quitanda.domain.fingerprint import fingerprint
from quitanda.domain.machine import decide, execute
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Done, Reason, Refused
from quitanda.domain.state import Delete, Execution
from quitanda_testing.in_memory_state import InMemoryState


def test_a_repeated_request_gets_its_first_outcome_and_revision_and_changes_nothing(shop):
    request = Request("ana", "add", AdjustStock("rice", 5))
    first = shop.execute(request, 100)
    shop.do(AdjustStock("rice", 1))

    again = shop.execute(request, 200)

    assert again == Execution(first.outcome, 100)
    assert shop.state.product("rice").quantity == 101


def test_a_refusal_is_remembered_even_where_it_would_succeed_by_now(shop):
    request = Request("", "take", AdjustStock("salt", -1))
    assert shop.execute(request, 100).outcome.reason is Reason.OUT_OF_STOCK
    shop.do(AdjustStock("salt", 1))

    assert shop.execute(request, 200).outcome.reason is Reason.OUT_OF_STOCK
    assert shop.execute(request, 200).revision == 100
    assert shop.state.product("salt").quantity == 1


def test_a_request_id_that_stands_for_another_request_is_refused_and_keeps_its_meaning(shop):
    first = shop.do(AdjustStock("rice", 5), request_id="x")

    other = shop.do(AdjustStock("rice", 6), request_id="x")

    assert other.outcome == Refused(Reason.REQUEST_ID_REUSED, "request_id", (("revision", str(first.revision)),))
    assert (other.changes, other.remember) == ((), None)
    assert shop.do(AdjustStock("rice", 5), request_id="x").outcome == first.outcome


def test_the_same_request_id_in_another_scope_is_another_request(shop):
    shop.do(AdjustStock("rice", 5), request_id="x")
    shop.do(AdjustStock("rice", 5), request_id="x", scope="ana")
    shop.do(AdjustStock("rice", 5), request_id="x", scope="bia")

    assert shop.state.product("rice").quantity == 110


def test_what_the_portal_generated_does_not_make_a_repeated_order_another_one(shop):
    command = CreateOrder("ana", "o8", 1, (ItemQuantity("rice", 1),))
    first = shop.do(command, request_id="x")

    again = shop.do(replace(command, order_id="o9", created_at_ms=2), request_id="x")

    assert again.outcome == first.outcome
    assert again.outcome.document.order_id == "o8"
    assert shop.state.order("o9") is None


@pytest.mark.parametrize(
    "request_",
    [
        Request("", "bad id", AdjustStock("rice", 1)),
        Request("a b", "x", AdjustStock("rice", 1)),
        Request("", "x", AdjustStock("rice", 0)),
        Request("", "x", None),
        Request("", ["x"], AdjustStock("rice", 1)),
        Request("", "x\ud800", AdjustStock("rice", 1)),
    ],
    ids=ascii,
)
def test_an_invalid_request_is_refused_and_not_remembered(shop, request_):
    execution = shop.execute(request_, 100)

    assert execution.outcome.reason is Reason.INVALID_ARGUMENT
    assert (execution.revision, execution.changes, execution.remember) == (100, (), None)


def test_an_invalid_request_may_be_corrected_under_its_id(shop):
    shop.do(AdjustStock("rice", 0), request_id="x")

    assert isinstance(shop.do(AdjustStock("rice", 1), request_id="x").outcome, Done)


def test_only_the_latest_outcomes_are_remembered_the_oldest_are_forgotten_first():
    state = InMemoryState(remembered_max=3)
    for number in range(5):
        request = Request("", f"r{number}", CreateCustomer(f"c{number}", "C"))
        state.apply(request, execute(state, request, number))
    repeated = Request("", "r2", CreateCustomer("c2", "C"))
    state.apply(repeated, execute(state, repeated, 9))

    assert [request_id for (_, request_id), _ in state.memories()] == ["r2", "r3", "r4"]


def test_a_state_that_contradicts_itself_raises_instead_of_deciding(shop):
    deletion = Execution(Done(None), 1, (Delete(Kind.PRODUCT, "rice"),))
    shop.state.apply(Request("", "x", None), deletion)

    with pytest.raises(BrokenInvariantError, match="rice"):
        decide(shop.state, CancelOrder("ana", "o1"))


COMMANDS = [
    CreateCustomer("c", "Ana", (("age", "30"),)),
    UpdateCustomer("c", "Ana", (("age", "30"),), 1),
    DeleteCustomer("c", cascade=True, expected_version=1),
    CreateProduct("p", "Rice", 250, 10, "White", (("bio", "true"),)),
    UpdateProduct("p", "Rice", "White", 250, 10, (("bio", "true"),), 1),
    DeleteProduct("p", cascade=True, expected_version=1),
    AdjustStock("p", -1, 1),
    CreateOrder("c", "o", 1000, (ItemQuantity("p", 1),)),
    SetOrderItems("c", "o", (ItemQuantity("p", 1),), 1),
    CancelOrder("c", "o", 1),
    CreateCustomer("c", "Ana", credential_id="a" * 12, secret_hash="b" * 64, created_at_ms=1),
    CreateCredential("a" * 12, "clerk", "Bia", "b" * 64, 1, "c", 5),
    RotateCredential("a" * 12, "b" * 64, 1),
    RevokeCredential("a" * 12, 1),
    SetPassword("a" * 12, "$argon2id$", 1),
    OpenSession("a" * 12, 1, "b" * 12, "c" * 64, 3, 4),
]
PINNED = [
    "620c6acdeae674343a6a3fb69adee174",
    "05cd985272133f485c5c272b69775986",
    "2deee5b27550eb380a41d13a17806fdb",
    "598b40558fbfdf3afd886ed14c271240",
    "f8ae0873c853ab3163ebb564d76095a1",
    "d4a68fb1ac986bc97ed5c2539197c856",
    "e152873714ba9591464cb458376dda38",
    "5ba38bfc8cb079e2fec639cc48f8e0d8",
    "375f7fbf931f6d0d20012716233cfcc3",
    "680f33052760c190499240a6f73b3398",
    "18c279670cc6285323ef72a1a3a69dfe",
    "07f56cbf6a2bf5ca32645cb98cb97fe9",
    "1827b9361f8fce94fb1202617749a62b",
    "9879ecd1743c8af798d7e275d7123960",
    "d1094b0db7685d2fd6cef8b129e93590",
    "06bec6ade83f8cd3ca942ad80fe62990",
]
OTHER_VALUES: dict[type, Any] = {
    type(None): ["x"],
    str: ["x", "x1", "1"],
    int: [0, 2, 11],
    bool: [False],
    tuple: [
        (),
        (("age", "31"),),
        (("ag", "e30"),),
        (ItemQuantity("p", 2),),
        (ItemQuantity("p1", 1),),
        (ItemQuantity("p", 1, (("age", "31"),)),),
        (ItemQuantity("p", 1, (("ag", "e31"),)),),
    ],
}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_field_but_the_generated_ones_makes_another_fingerprint(command):
    variants = [
        replace(command, **{field.name: value})
        for field in fields(command)
        if not field.metadata.get("generated")
        for value in OTHER_VALUES[type(getattr(command, field.name))]
    ]
    generated = [
        replace(command, **{field.name: value})
        for field in fields(command)
        if field.metadata.get("generated")
        for value in OTHER_VALUES[type(getattr(command, field.name))]
    ]

    assert len({fingerprint(variant) for variant in [command, *variants]}) == len({command, *variants})
    assert {fingerprint(variant) for variant in [command, *generated]} == {fingerprint(command)}


def test_fingerprints_do_not_change_between_releases():
    assert [fingerprint(command) for command in COMMANDS] == PINNED


@pytest.mark.parametrize(
    ("command", "pinned"),
    [
        (CreateOrder("ana", "o1", 1000), "a9cb9073fcf1423695bb991788d5b729"),
        (
            CreateOrder("ana", "o1", 1000, (ItemQuantity("rice", 5), ItemQuantity("beans", 2))),
            "c4d8bebe61b72bdaee67e0841036e0b7",
        ),
        (SetOrderItems("ana", "o1", (ItemQuantity("rice", 0),)), "b6d238ae5cd279e07e14f742d2e8cea7"),
        (
            SetOrderItems("ana", "o1", (ItemQuantity("rice", 7), ItemQuantity("rice", 1)), 6),
            "f936de58d511903727396c0278a75c90",
        ),
    ],
    ids=str,
)
def test_a_command_without_unknown_fields_has_the_fingerprint_from_before_orders_took_them(command, pinned):
    assert fingerprint(command) == pinned


def test_a_field_at_its_default_does_not_count_so_that_fields_can_be_added():
    assert (
        fingerprint(DeleteCustomer("c"))
        == blake2b(b"s14;DeleteCustomers11;customer_ids1;c", digest_size=16).hexdigest()
    )


def test_commands_that_read_alike_have_other_fingerprints():
    alike = [
        DeleteCustomer("x"),
        DeleteProduct("x"),
        UpdateProduct("x", name="a"),
        UpdateProduct("x", description="a"),
        UpdateProduct("x", price=1),
        UpdateProduct("x", quantity=1),
        UpdateProduct("x", quantity=0),
        UpdateProduct("x", description=""),
        UpdateProduct("x"),
        SetOrderItems("c", "o", (ItemQuantity("p", 1), ItemQuantity("q", 1))),
        SetOrderItems("c", "o", (ItemQuantity("q", 1), ItemQuantity("p", 1))),
        SetOrderItems("c", "o", (ItemQuantity("q", 1), ItemQuantity("p", 1)), extra=(("a", "1"),)),
        SetOrderItems("c", "o", (ItemQuantity("q", 1), ItemQuantity("p", 1, (("a", "1"),)))),
        SetOrderItems("c", "o", (ItemQuantity("q", 1, (("a", "1"),)), ItemQuantity("p", 1))),
        SetOrderItems("c", "o", (), extra=(("a", "1"),)),
        SetOrderItems("c", "op", (ItemQuantity("q", 1),)),
        SetOrderItems("co", "p", (ItemQuantity("q", 1),)),
        CancelOrder("c", "op"),
        CancelOrder("co", "p"),
    ]

    assert len({fingerprint(command) for command in alike}) == len(alike)


def test_a_value_without_a_canonical_form_has_no_fingerprint():
    with pytest.raises(TypeError, match="float"):
        fingerprint(AdjustStock("p", 1.5))
