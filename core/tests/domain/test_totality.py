"""Whatever stands in a command, the rules answer; they never raise."""

from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quitanda.domain.commands import (
    Command,
    CreateCustomer,
    CreateFirstCredential,
    CreateOrder,
    CreateProduct,
    FulfilOrder,
    ImportedItem,
    ImportOrder,
    ItemQuantity,
    PlaceOrder,
    Principal,
    RaiseLevel,
    Request,
    SetOrderDeadline,
)
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.domain.machine import decide, execute
from quitanda.domain.outcomes import Done, Refused
from quitanda_testing import invariants
from quitanda_testing.in_memory_state import InMemoryState

TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
NUMBERS = st.one_of(
    st.integers(),
    st.integers(0, 20_000).map(lambda bits: 1 << bits),  # Python refuses to print the longest of these
    st.integers(0, 20_000).map(lambda bits: -1 << bits),
    st.floats(),
    st.booleans(),
    st.decimals(),
    st.complex_numbers(),
)
ATOMS = st.one_of(st.none(), TEXT, NUMBERS, st.binary(max_size=4), st.just(object()), st.just(int))
GARBAGE = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(TEXT, inner, max_size=3),
        st.builds(ItemQuantity, inner, inner, inner),
    ),
    max_leaves=6,
)
ADMIN = "a" * 12
LIKELY: dict[str, Any] = {
    "customer_id": ["ana", "new", None],
    "credential_id": [ADMIN, "n" * 12, None],
    "role": ["admin", "customer"],
    "label": ["Label"],
    "secret_hash": ["a" * 64, "b" * 64, None],
    "expires_at_ms": [0, 5],
    "password_hash": ["", "$argon2id$"],
    "session_of": [ADMIN, "n" * 12],
    "generation": [1, 2],
    "product_id": ["rice", "new"],
    "order_id": ["o1", "placed", "gone", "new"],
    "name": ["Name"],
    "description": ["", "d"],
    "price": [0, 250],
    "quantity": [0, 7],
    "level": [1, SUPPORTED_LEVEL, SUPPORTED_LEVEL + 2, 2**16 - 1, 2**16],
    "delta": [1, -200],
    "reorder_level": [None, 0, 9],
    "cascade": [True, False],
    "restock": [True, False],
    "now_ms": [0, 7],
    "created_at_ms": [0],
    "state": ["open", "placed", "fulfilled", "returned", "cancelled", "expired"],
    "state_since_ms": [0, 6],
    "placed_at_ms": [0, 5],
    "expected_version": [None, 1],
    "webhook_id": ["hook", "new"],
    "url": ["https://receiver.example/", "http://[::1]:80/a?b=c", "ftp://x", None],
    "events": ["order_placed", "order_placed, product_low", "order_placed,order_placed", None],
    "secret": ["a" * 64, "b" * 64],
    "enabled": [True, False, None],
    "letter_id": [0, 1],
    "holder": ["portal"],
    "seen_number": [0, 1],
    "seen_renewals": [0, 1],
    "lease_number": [0, 1],
    "result": ["none", "delivered", "dead"],
    "position": [0, 9, 90],
    "missed": [0, 3],
    "event": ["test", "order_placed"],
    "document_id": ["", "o1"],
    "revision": [0, 5],
    "at_ms": [0, 7],
    "attempts": [0, 10],
    "problem": ["", "answered with 500"],
    "extra": [(), (("a", "1"),)],
    "items": [(), (ItemQuantity("rice", 3),), (ItemQuantity("rice", 5, (("a", "1"), ("b", "null"))),)],
    "imported_items": [
        (ImportedItem("rice", "Rice", 1, 3),),
        (ImportedItem("gone", "Gone", 1, 3, (("a", "1"),), 3, 1), ImportedItem("rice", "Rice", 1, 2, (), 2)),
    ],
}
PAIRS = st.tuples(GARBAGE, GARBAGE)
ALMOST = {
    "extra": st.lists(PAIRS | st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    "items": st.lists(
        st.builds(ItemQuantity, GARBAGE | st.just("rice"), GARBAGE | st.just(2), GARBAGE | st.just((("a", "1"),))),
        max_size=3,
    ).map(tuple),
    "imported_items": st.lists(
        st.builds(ImportedItem, *[GARBAGE] * 4, GARBAGE | st.just(()), GARBAGE, GARBAGE), max_size=3
    ).map(tuple),
}


def values(name):
    return st.one_of(st.sampled_from(LIKELY[name]), st.sampled_from(LIKELY[name]), GARBAGE, ALMOST.get(name, GARBAGE))


def _likely(command, name):
    return "imported_items" if command is ImportOrder and name == "items" else name


COMMANDS = st.one_of(
    *(
        st.builds(command, **{field.name: values(_likely(command, field.name)) for field in fields(command)})
        for command in get_args(Command)
    )
)


PRINCIPALS = st.builds(Principal, values("credential_id"), values("generation"))


def small_shop():
    state = InMemoryState()
    for number, command in enumerate(
        [
            *map(RaiseLevel, range(FIRST_LEVEL + 1, SUPPORTED_LEVEL + 1)),
            CreateFirstCredential(ADMIN, "a" * 64, 0),
            CreateCustomer("ana", "Ana"),
            CreateProduct("rice", "Rice", 250, 100),
            CreateOrder("ana", "o1", 0, (ItemQuantity("rice", 5),)),
            CreateOrder("ana", "placed", 0, (ItemQuantity("rice", 4),)),
            PlaceOrder("ana", "placed"),
            SetOrderDeadline("placed", 6),
            CreateOrder("ana", "gone", 0, (ItemQuantity("rice", 3),)),
            PlaceOrder("ana", "gone"),
            FulfilOrder("gone"),
        ]
    ):
        request = Request("", f"r{number}", command)
        state.apply(request, execute(state, request, number))
    return state


@pytest.mark.slow
@settings(max_examples=800, deadline=None)
@given(COMMANDS | GARBAGE)
def test_any_command_is_decided_and_leaves_a_sound_state(command):
    state = small_shop()

    decision = decide(state, command)
    execution = execute(state, Request("", "x", command), 9)
    state.apply(Request("", "x", command), execution)

    assert (execution.outcome, execution.changes) == (decision.outcome, decision.changes)
    assert isinstance(decision.outcome, Done) or (isinstance(decision.outcome, Refused) and decision.changes == ())
    assert invariants.check(state) == []


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(GARBAGE, GARBAGE, COMMANDS | GARBAGE, PRINCIPALS | GARBAGE)
def test_any_request_is_executed(scope, request_id, command, principal):
    execution = execute(small_shop(), Request(scope, request_id, command, principal), 9)

    assert isinstance(execution.outcome, Done | Refused)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(GARBAGE)
def test_even_what_is_no_request_is_refused(request):
    assert isinstance(execute(small_shop(), request, 9).outcome, Refused)


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(COMMANDS | GARBAGE)
def test_the_facts_of_a_refusal_are_short_clean_text(command):
    outcome = decide(small_shop(), command).outcome

    if isinstance(outcome, Refused):
        texts = [outcome.field, *(text for detail in outcome.details for text in detail)]
        assert all(len(text.encode()) <= 300 and min(text, default=" ") >= " " for text in texts)
        assert list(outcome.details) == sorted(outcome.details)
