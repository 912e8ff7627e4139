"""Orders that the shop had elsewhere: which are brought, as what, and what that leaves alone."""

from dataclasses import replace

import pytest

from quitanda.domain.commands import (
    AdvanceClock,
    CancelOrder,
    CreateCustomer,
    FulfilOrder,
    ImportedItem,
    ImportOrder,
    ItemQuantity,
    Request,
    ReturnOrder,
)
from quitanda.domain.limits import LIVE_ORDERS_PER_CUSTOMER_MAX
from quitanda.domain.machine import execute
from quitanda.domain.model import NOBODY, OrderItem, OrderState
from quitanda.domain.outcomes import Done, Problem, Reason

RICE = ImportedItem("rice", "Rice of then", 199, 4, (("grain", '"long"'),))
SOLD_OUT = ImportedItem("salt", "Salt", 1, 7)
OLD = ImportOrder("x1", 500, "open", "ana", (RICE, SOLD_OUT), (("note", '"hi"'),))
RETURNED = (replace(RICE, returned=4, restocked=1),)
PARTLY = (replace(RICE, returned=3),)


@pytest.fixture
def shop(shop):
    shop.raise_level()
    return shop


def ask(shop, command, request_id=None):
    return shop.do(command, request_id).outcome


def units(shop):
    return {product_id: shop.state.product(product_id).quantity for product_id in ("rice", "beans", "salt")}


@pytest.mark.parametrize(
    "command",
    [
        OLD,
        replace(OLD, items=(), expires_at_ms=9_000),
        replace(OLD, state="placed", placed_at_ms=600, state_since_ms=600, expires_at_ms=9_000),
        replace(OLD, state="fulfilled", placed_at_ms=600, state_since_ms=700),
        replace(OLD, state="fulfilled", items=PARTLY),
        replace(OLD, state="returned", items=RETURNED),
        replace(OLD, state="cancelled", items=()),
        replace(OLD, state="expired", state_since_ms=701, expires_at_ms=700),
        replace(OLD, state="fulfilled", items=(replace(RICE, product_id="gone"),)),
    ],
    ids=lambda command: f"{command.state} {len(command.items)}",
)
def test_an_order_is_brought_as_it_was_and_no_unit_on_hand_moves(shop, command):
    before = units(shop)
    order = ask(shop, command).document

    assert order.items == tuple(
        OrderItem(each.product_id, each.name, each.unit_price, each.quantity, each.extra, each.returned, each.restocked)
        for each in command.items
    )
    for name in ("order_id", "customer_id", "created_at_ms", "state", "extra", "state_since_ms", "placed_at_ms"):
        assert getattr(order, name) == getattr(command, name)
    assert order.expires_at_ms == command.expires_at_ms
    kept = shop.state.order("x1") if command.state in {"open", "placed"} else shop.state.closed_order("x1")
    assert (kept, units(shop)) == (order, before)


@pytest.mark.parametrize(
    ("command", "reason", "field"),
    [
        (replace(OLD, customer_id="eva"), Reason.CUSTOMER_NOT_FOUND, "customer_id"),
        (replace(OLD, order_id="o1"), Reason.ORDER_EXISTS, "order_id"),
        (replace(OLD, items=(RICE, replace(RICE, product_id="tea"))), Reason.PRODUCT_NOT_FOUND, "items[1].product_id"),
    ],
)
def test_an_order_that_does_not_fit_the_shop_is_refused(shop, command, reason, field):
    refused = ask(shop, command)

    assert (refused.reason, refused.field) == (reason, field)


def test_a_closed_order_whose_customer_was_deleted_is_brought_as_nobodys(shop):
    order = ask(shop, replace(OLD, customer_id=None, state="fulfilled")).document

    assert (order.customer_id, shop.state.closed_order("x1")) == (NOBODY, order)


def test_no_import_takes_the_id_of_a_closed_order_not_even_of_a_cancelled_one(shop):
    for order_id, state in (("x1", "fulfilled"), ("x2", "cancelled")):
        ask(shop, replace(OLD, order_id=order_id, state=state))
        assert ask(shop, replace(OLD, order_id=order_id, customer_id="bia")).reason is Reason.ORDER_EXISTS
    ask(shop, CancelOrder("ana", "o1"))

    assert ask(shop, replace(OLD, order_id="o1")).reason is Reason.ORDER_EXISTS


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"items": (RICE, RICE)}, "items[1].product_id", Problem.DUPLICATE),
        ({"items": (replace(RICE, quantity=0),)}, "items[0].quantity", Problem.ZERO),
        ({"items": (replace(RICE, returned=5),)}, "items[0].returned", Problem.TOO_LARGE),
        ({"items": (replace(RICE, returned=1, restocked=2),)}, "items[0].restocked", Problem.TOO_LARGE),
        ({"items": PARTLY}, "items[0].returned", Problem.TOO_LARGE),
        ({"state": "sold"}, "state", Problem.UNKNOWN_VALUE),
        ({"customer_id": None}, "customer_id", Problem.MISSING),
        ({"state": "fulfilled", "items": RETURNED}, "state", Problem.UNKNOWN_VALUE),
        ({"state": "returned", "items": PARTLY}, "state", Problem.UNKNOWN_VALUE),
        ({"state": "placed", "items": ()}, "items", Problem.MISSING),
        ({"placed_at_ms": 1}, "placed_at_ms", Problem.TOO_LARGE),
        ({"state": "fulfilled", "expires_at_ms": 1}, "expires_at_ms", Problem.TOO_LARGE),
    ],
    ids=str,
)
def test_what_no_order_can_be_is_refused_by_field_whatever_the_shop_has(shop, changes, field, problem):
    refused = ask(shop, replace(OLD, **changes))

    assert (refused.reason, refused.field, dict(refused.details)["problem"]) == (
        Reason.INVALID_ARGUMENT,
        field,
        problem,
    )


def test_a_repeated_import_has_the_outcome_of_the_first_one(shop):
    first = ask(shop, OLD, "import-1")
    ask(shop, CancelOrder("ana", "x1"))

    assert ask(shop, OLD, "import-1") == first
    assert shop.state.closed_order("x1").state == OrderState.CANCELLED


def test_an_imported_order_moves_as_any_other_and_the_units_it_brought_move_with_it(shop):
    ask(shop, replace(OLD, state="placed"))
    ask(shop, FulfilOrder("x1"))
    ask(shop, ReturnOrder("x1", (ItemQuantity("salt", 2),), restock=True))
    ask(shop, replace(OLD, order_id="x2"))
    before = units(shop)
    ask(shop, CancelOrder("ana", "x2"))

    assert (before["salt"], units(shop)["salt"], units(shop)["rice"] - before["rice"]) == (2, 9, 4)


def test_an_order_whose_deadline_has_passed_expires_as_soon_as_the_time_is_told(shop):
    ask(shop, replace(OLD, expires_at_ms=700))
    execute_clock = Request("", "clock", AdvanceClock(800))
    shop.state.apply(execute_clock, execute(shop.state, execute_clock, 99))

    assert (shop.state.order("x1"), shop.state.closed_order("x1").state) == (None, OrderState.EXPIRED)


def test_below_the_level_of_states_no_order_is_imported(empty_shop):
    empty_shop.do(CreateCustomer("ana", "Ana"))

    assert empty_shop.do(OLD).outcome.reason is Reason.LEVEL_TOO_LOW
    empty_shop.raise_level()
    assert isinstance(empty_shop.do(replace(OLD, items=())).outcome, Done)


def test_no_import_gives_a_customer_more_live_orders_than_she_may_have(shop):
    for number in range(shop.state.count_live_orders("ana"), LIVE_ORDERS_PER_CUSTOMER_MAX):
        shop.do(replace(OLD, order_id=f"y{number}", items=()))
    refused = ask(shop, OLD)
    closed = ask(shop, replace(OLD, state="fulfilled"))

    assert (refused.reason, isinstance(closed, Done)) == (Reason.TOO_MANY_ORDERS, True)
