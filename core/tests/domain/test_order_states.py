"""The table of moves, and each move: what it does to the order, to the stock and to the indexes."""

from dataclasses import replace
from itertools import product as pairs

import pytest

from quitanda.domain.commands import (
    AdvanceClock,
    CancelOrder,
    CancelOrderItems,
    Command,
    CreateCustomer,
    CreateOrder,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ItemQuantity,
    PlaceOrder,
    Request,
    ReturnOrder,
    SetOrderDeadline,
    SetOrderItems,
)
from quitanda.domain.limits import (
    CASCADE_ORDERS_MAX,
    CLOSED_ORDERS_LEFT_MAX,
    EXPIRED_AT_ONCE_MAX,
    LIVE_ORDERS_PER_CUSTOMER_MAX,
)
from quitanda.domain.machine import execute
from quitanda.domain.model import OrderState
from quitanda.domain.order_states import MOVES, Asker
from quitanda.domain.outcomes import Done, Reason
from quitanda.domain.state import Execution, Put
from quitanda_testing import invariants

SUPPLIED = {"rice": 100, "beans": 10, "salt": 0}
NOW, LATER, LATEST = 1_000, 2_000, 3_000
"""What portals' clocks show, and a time after that."""

# In the shop of conftest.py, order o1 has 5 rice and 2 beans.
OF_CUSTOMER = [
    SetOrderItems("ana", "o1", (ItemQuantity("rice", 6),)),
    SetOrderDeadline("o1", LATEST, "ana"),
    PlaceOrder("ana", "o1"),
    CancelOrder("ana", "o1"),
]
OF_SHOP = [
    SetOrderDeadline("o1", LATEST),
    CancelOrderItems("o1", (ItemQuantity("rice", 1),)),
    CancelOrderItems("o1"),
    FulfilOrder("o1"),
    ReturnOrder("o1", (ItemQuantity("rice", 1),)),
    ReturnOrder("o1", restock=True),
]
ASKED = [*((Asker.CUSTOMER, each) for each in OF_CUSTOMER), *((Asker.SHOP, each) for each in OF_SHOP)]
WAY_TO: dict[OrderState, list[Command]] = {
    OrderState.OPEN: [],
    OrderState.PLACED: [PlaceOrder("ana", "o1")],
    OrderState.FULFILLED: [PlaceOrder("ana", "o1"), FulfilOrder("o1")],
    OrderState.RETURNED: [PlaceOrder("ana", "o1"), FulfilOrder("o1"), ReturnOrder("o1", restock=True)],
    OrderState.CANCELLED: [CancelOrder("ana", "o1")],
    OrderState.EXPIRED: [SetOrderDeadline("o1", LATER), AdvanceClock(LATER)],
}


@pytest.fixture
def shop(shop):
    shop.raise_level()
    return shop


def do(shop, *commands, at=NOW):
    """Execute commands that must succeed; give the last outcome's document."""
    outcome = None
    for command in commands:
        outcome = ask(shop, command, at)
        assert isinstance(outcome, Done), (command, outcome)
    return outcome.document if outcome else None


def ask(shop, command, at=NOW):
    number = shop.state.last_version + 1_000 * len(list(shop.state.memories()))
    request = Request("", f"x{number}", command, received_at_ms=at)
    execution = execute(shop.state, request, number)
    shop.state.apply(request, execution)
    return execution.outcome


def order_now(shop, order_id="o1"):
    return shop.state.order(order_id) or shop.state.closed_order(order_id)


def on_hand(shop, product_id="rice"):
    return shop.state.product(product_id).quantity


def name_of(value):
    return f"{type(value[1]).__name__} by {value[0]}" if isinstance(value, tuple) else str(value)


def test_a_new_order_with_a_deadline_expires_then_unless_it_is_placed(shop):
    do(shop, CreateOrder("ana", "n1", 1, (ItemQuantity("rice", 3),), expires_at_ms=LATER))
    do(shop, CreateOrder("ana", "n2", 1, (ItemQuantity("rice", 2),), expires_at_ms=LATER), PlaceOrder("ana", "n2"))
    before = on_hand(shop)

    do(shop, AdvanceClock(LATER))

    assert [order_now(shop, each).state for each in ("n1", "n2")] == ["expired", "placed"]
    assert on_hand(shop) == before + 3


def test_who_sends_a_new_order_again_is_answered_though_the_portal_has_chosen_another_deadline(shop):
    first, again = (CreateOrder("ana", f"n{at}", at, expires_at_ms=at + 60_000) for at in (1, 2))
    outcomes = []
    for number, command in enumerate((first, again), 1_000):
        request = Request("ana", "once", command)
        execution = execute(shop.state, request, number)
        shop.state.apply(request, execution)
        outcomes.append(execution.outcome)

    assert outcomes[0] == outcomes[1]
    assert order_now(shop, "n2") is None


@pytest.mark.parametrize(("state", "asked"), list(pairs(OrderState, ASKED)), ids=name_of)
def test_each_command_by_each_asker_moves_an_order_as_the_table_says_and_otherwise_names_the_state(shop, state, asked):
    asker, command = asked
    do(shop, *WAY_TO[state])
    before = order_now(shop)
    assert before.state == state
    allowed = [each for each in MOVES if (each.before, each.command, each.asker) == (state, type(command), asker)]

    outcome = ask(shop, command, LATER - 1)

    if allowed:
        assert isinstance(outcome, Done)
        assert order_now(shop).state in allowed[0].after
    else:
        assert order_now(shop) == before
        gone = state is OrderState.CANCELLED and type(command) in {SetOrderItems, CancelOrder}
        assert outcome.reason is (Reason.ORDER_NOT_FOUND if gone else Reason.ORDER_STATE)
        assert gone or dict(outcome.details)["state"] == state
    assert invariants.check(shop.state, SUPPLIED) == []


def test_the_moves_are_those_that_are_written_down_here():
    written_down = """
        open       customer SetOrderItems     open
        open       customer SetOrderDeadline  open
        open       customer PlaceOrder        placed
        open       customer CancelOrder       cancelled
        open       shop     SetOrderDeadline  open
        open       shop     CancelOrderItems  open cancelled
        placed     shop     SetOrderDeadline  placed
        placed     shop     CancelOrderItems  placed cancelled
        placed     shop     FulfilOrder       fulfilled
        fulfilled  shop     ReturnOrder       fulfilled returned
        open       clock    AdvanceClock      expired
        placed     clock    AdvanceClock      expired
    """

    assert [f"{move.before} {move.asker} {move.command.__name__} {' '.join(move.after)}" for move in MOVES] == [
        " ".join(line.split()) for line in written_down.strip().splitlines()
    ]


def test_every_move_of_the_table_was_tried_above_but_those_of_the_clock():
    tried = {(asker, type(command)) for asker, command in ASKED}

    assert {(each.asker, each.command) for each in MOVES if each.asker is not Asker.CLOCK} == tried
    assert {each.command for each in MOVES if each.asker is Asker.CLOCK} == {AdvanceClock}


@pytest.mark.parametrize("state", OrderState)
def test_time_passes_only_for_live_orders(shop, state):
    do(shop, *WAY_TO[state])
    if state in {OrderState.OPEN, OrderState.PLACED}:
        do(shop, SetOrderDeadline("o1", LATEST))

    do(shop, AdvanceClock(LATEST))

    live = state in {OrderState.OPEN, OrderState.PLACED}
    assert order_now(shop).state == (OrderState.EXPIRED if live else state)
    assert invariants.check(shop.state, SUPPLIED) == []


@pytest.mark.parametrize("state", OrderState)
def test_units_are_held_while_an_order_is_live_gone_when_it_is_fulfilled_and_otherwise_on_hand(shop, state):
    do(shop, *WAY_TO[state])

    elsewhere = {OrderState.OPEN, OrderState.PLACED, OrderState.FULFILLED}
    assert on_hand(shop) == (95 if state in elsewhere else 100)


def test_a_refusal_says_what_may_be_done_instead(shop):
    do(shop, PlaceOrder("ana", "o1"))

    outcome = ask(shop, ReturnOrder("o1"))

    assert dict(outcome.details) == {
        "order_id": "o1",
        "state": "placed",
        "possible": "set_order_deadline, cancel_order_items, fulfil_order",
    }
    assert dict(ask(shop, CancelOrder("ana", "o1")).details) == {"order_id": "o1", "state": "placed"}


def test_an_order_tells_since_when_it_is_in_its_state_and_when_it_was_placed(shop):
    placed = do(shop, PlaceOrder("ana", "o1"), at=NOW)
    fulfilled = do(shop, FulfilOrder("o1"), at=LATER)

    assert (placed.state_since_ms, placed.placed_at_ms) == (NOW, NOW)
    assert (fulfilled.state_since_ms, fulfilled.placed_at_ms) == (LATER, NOW)


def test_an_order_without_items_is_not_placed(shop):
    assert ask(shop, PlaceOrder("ana", "o2")).reason is Reason.ORDER_EMPTY


def test_nobody_moves_anothers_order_or_learns_of_it(shop):
    do(shop, CreateOrder("bia", "hers", 0), CreateOrder("bia", "closed", 0), CancelOrder("bia", "closed"))

    for order_id in ("hers", "closed", "never"):
        for command in (PlaceOrder("ana", order_id), SetOrderDeadline(order_id, LATEST, "ana")):
            assert ask(shop, command).reason is Reason.ORDER_NOT_FOUND


def test_the_answer_to_a_customers_cancellation_is_the_order_as_it_was_and_the_closed_one_is_kept(shop):
    before = shop.state.order("o1")

    told = do(shop, CancelOrder("ana", "o1"))

    kept = shop.state.closed_order("o1")
    assert told == before
    assert (kept.state, kept.items, kept.state_since_ms) == ("cancelled", before.items, NOW)
    assert shop.state.orders_of_customer("ana", 10) == ("o2",)
    assert shop.state.orders_with_product("rice", 10) == ()


def test_the_id_of_a_cancelled_order_is_free_as_it_was_before_there_were_states(shop):
    do(shop, CancelOrder("ana", "o1"))

    do(shop, CreateOrder("bia", "o1", 0))

    assert shop.state.order("o1").customer_id == "bia"
    assert shop.state.closed_order("o1") is None


@pytest.mark.parametrize("state", [state for state in OrderState if state not in {"open", "placed", "cancelled"}])
def test_the_id_of_another_closed_order_is_never_used_again(shop, state):
    do(shop, *WAY_TO[state])

    assert ask(shop, CreateOrder("bia", "o1", 0)).reason is Reason.ORDER_EXISTS


# --- cancellation of items


def test_units_are_cancelled_by_item_and_the_last_ones_cancel_the_order(shop):
    do(shop, PlaceOrder("ana", "o1"))
    lessened = do(shop, CancelOrderItems("o1", (ItemQuantity("rice", 2), ItemQuantity("beans", 2))))
    assert [(item.product_id, item.quantity) for item in lessened.items] == [("rice", 3)]
    assert (lessened.state, on_hand(shop), on_hand(shop, "beans")) == ("placed", 97, 10)

    cancelled = do(shop, CancelOrderItems("o1", (ItemQuantity("rice", 1), ItemQuantity("rice", 2))))

    assert (cancelled.state, [item.quantity for item in cancelled.items]) == ("cancelled", [3])
    assert on_hand(shop) == 100
    assert invariants.check(shop.state, SUPPLIED) == []


@pytest.mark.parametrize("order", ["o1", "o2"])
def test_without_items_all_of_an_order_is_cancelled_also_where_it_has_none(shop, order):
    assert do(shop, CancelOrderItems(order)).state == "cancelled"


@pytest.mark.parametrize("items", [(("rice", 6),), (("rice", 3), ("rice", 3)), (("salt", 1),), (("never", 1),)])
def test_more_units_than_the_order_has_are_not_cancelled(shop, items):
    outcome = ask(shop, CancelOrderItems("o1", tuple(ItemQuantity(*each) for each in items)))

    assert (outcome.reason, outcome.field) == (Reason.TOO_MANY_UNITS, f"items[{len(items) - 1}].quantity")
    assert dict(outcome.details)["left"] == ("5" if items[0][0] == "rice" else "0")


@pytest.mark.parametrize("command", [CancelOrderItems, ReturnOrder])
def test_a_number_of_units_is_positive_and_says_nothing_else(shop, command):
    zero = ask(shop, command("o1", (ItemQuantity("rice", 0),)))
    described = ask(shop, command("o1", (ItemQuantity("rice", 1), ItemQuantity("beans", 1, (("a", "1"),)))))

    assert (zero.field, dict(zero.details)["problem"]) == ("items[0].quantity", "zero")
    assert (described.field, dict(described.details)["problem"]) == ("items[1].extra", "unknown_field")


# --- what is given back


def test_units_come_back_by_item_into_stock_or_not_and_the_last_ones_return_the_order(shop):
    do(shop, *WAY_TO[OrderState.FULFILLED])
    first = do(shop, ReturnOrder("o1", (ItemQuantity("rice", 2),), restock=True), at=LATER)
    assert (first.state, first.state_since_ms, on_hand(shop)) == ("fulfilled", NOW, 97)
    second = do(shop, ReturnOrder("o1", (ItemQuantity("rice", 3),)), at=LATER)
    assert [(item.returned, item.restocked) for item in second.items] == [(5, 2), (0, 0)]
    assert ask(shop, ReturnOrder("o1", (ItemQuantity("rice", 1),))).reason is Reason.TOO_MANY_UNITS

    last = do(shop, ReturnOrder("o1", restock=True), at=LATEST)

    assert (last.state, last.state_since_ms) == ("returned", LATEST)
    assert (on_hand(shop), on_hand(shop, "beans")) == (97, 10)
    assert invariants.check(shop.state, SUPPLIED) == []


def test_what_is_no_product_any_more_is_given_back_but_not_restocked(shop):
    do(shop, *WAY_TO[OrderState.FULFILLED], DeleteProduct("rice"))

    refused = ask(shop, ReturnOrder("o1", restock=True))

    assert (refused.reason, refused.field) == (Reason.PRODUCT_NOT_FOUND, "restock")
    assert do(shop, ReturnOrder("o1")).state == "returned"


# --- how many


def test_a_customers_live_orders_are_bounded_and_one_that_is_closed_makes_room(shop):
    for number in range(shop.state.count_live_orders("ana"), LIVE_ORDERS_PER_CUSTOMER_MAX):
        assert isinstance(shop.do(CreateOrder("ana", f"more{number}", 1)).outcome, Done)

    refused = ask(shop, CreateOrder("ana", "one-too-many", 1))
    do(shop, PlaceOrder("ana", "o1"))
    also_refused = ask(shop, CreateOrder("ana", "one-too-many", 1))
    do(shop, FulfilOrder("o1"))

    assert refused == also_refused
    assert (refused.reason, refused.field) == (Reason.TOO_MANY_ORDERS, "customer_id")
    assert dict(refused.details) == {"customer_id": "ana", "limit": str(LIVE_ORDERS_PER_CUSTOMER_MAX)}
    assert do(shop, CreateOrder("ana", "one-too-many", 1)).order_id == "one-too-many"


# --- deletions


def test_placed_orders_keep_their_customer_and_their_products_also_from_a_cascade(shop):
    do(shop, PlaceOrder("ana", "o1"))

    for command in (DeleteCustomer("ana", cascade=True), DeleteProduct("rice", cascade=True)):
        outcome = ask(shop, command)
        assert outcome.reason in {Reason.CUSTOMER_HAS_ORDERS, Reason.PRODUCT_IN_USE}
        assert dict(outcome.details)["placed"] == "1"
        assert dict(outcome.details)["limit"] == str(CASCADE_ORDERS_MAX)


def test_closed_orders_keep_no_product_and_stay_as_they_are(shop):
    do(shop, *WAY_TO[OrderState.FULFILLED])
    closed = shop.state.closed_order("o1")

    do(shop, DeleteProduct("rice"), DeleteProduct("beans"))

    assert shop.state.closed_order("o1") == closed


@pytest.mark.parametrize("state", [each for each in OrderState if each not in {OrderState.OPEN, OrderState.PLACED}])
def test_closed_orders_of_a_deleted_customer_are_kept_but_name_nobody_and_tell_nothing_of_her(shop, state):
    address = (("address", '"Rua das Flores, 1"'),)
    gift = ItemQuantity("rice", 5, (("note", '"for Ana"'),))
    do(shop, CancelOrder("ana", "o2"), SetOrderItems("ana", "o1", (gift,), extra=address), *WAY_TO[state])
    closed = shop.state.closed_order("o1")

    deleted = ask(shop, DeleteCustomer("ana"))

    kept = shop.state.closed_order("o1")
    assert deleted == Done(None)
    assert (kept.customer_id, kept.extra, [item.extra for item in kept.items]) == ("", (), [(), ()])
    assert (kept.state, kept.total, kept.created_at_ms) == (closed.state, closed.total, closed.created_at_ms)
    assert invariants.check(shop.state, SUPPLIED) == []


def test_who_gets_the_id_of_a_deleted_customer_has_none_of_her_orders(shop):
    do(shop, *WAY_TO[OrderState.FULFILLED], DeleteCustomer("ana", cascade=True), CreateCustomer("ana", "Another Ana"))

    assert shop.state.orders_in_states("ana", list(OrderState)) == []
    for command in OF_CUSTOMER:
        assert ask(shop, command).reason is Reason.ORDER_NOT_FOUND


def test_the_shop_takes_back_units_of_a_deleted_customers_order(shop):
    do(shop, *WAY_TO[OrderState.FULFILLED], DeleteCustomer("ana", cascade=True), ReturnOrder("o1", restock=True))

    assert shop.state.closed_order("o1").state == "returned"
    assert invariants.check(shop.state, SUPPLIED) == []


def test_a_cascade_cancels_the_open_orders_of_a_customer_and_keeps_them_as_orders_of_nobody(shop):
    deleted = ask(shop, DeleteCustomer("ana", cascade=True))

    kept = shop.state.closed_order("o1")
    assert deleted == Done(None, orders_affected=2)
    assert (kept.state, kept.customer_id, kept.state_since_ms) == ("cancelled", "", NOW)
    assert (shop.state.order("o1"), on_hand(shop)) == (None, 100)
    assert invariants.check(shop.state, SUPPLIED) == []


def test_a_customer_with_too_many_closed_orders_stays_and_the_refusal_counts_them(shop):
    do(shop, *WAY_TO[OrderState.FULFILLED])
    first = shop.state.last_version + 1
    closed = [
        Put(replace(shop.state.closed_order("o1"), order_id=f"o1-{version}", version=version))
        for version in range(first, first + CLOSED_ORDERS_LEFT_MAX)
    ]
    shop.state.apply(Request("", "closed", AdvanceClock(1)), Execution(Done(None), first, tuple(closed)))

    refused = ask(shop, DeleteCustomer("ana", cascade=True))

    assert refused.reason is Reason.CASCADE_TOO_LARGE
    assert dict(refused.details) == {"closed_orders": "1001", "limit": "1000"}
    assert shop.state.customer("ana") is not None


# --- deadlines


def test_an_order_expires_when_the_clock_reaches_its_deadline_and_not_before(shop):
    do(shop, SetOrderDeadline("o1", LATER, "ana"), AdvanceClock(LATER - 1))
    assert order_now(shop).state == "open"

    do(shop, AdvanceClock(LATER))

    expired = shop.state.closed_order("o1")
    assert (expired.state, expired.state_since_ms, expired.expires_at_ms) == ("expired", LATER, LATER)
    assert on_hand(shop) == 100
    assert invariants.check(shop.state, SUPPLIED) == []


def test_the_clock_never_goes_back(shop):
    do(shop, AdvanceClock(LATER), AdvanceClock(NOW))

    assert shop.state.clock_ms == LATER


def test_so_many_orders_expire_at_once_and_the_earliest_first(shop):
    ids = [f"n{number:03}" for number in range(EXPIRED_AT_ONCE_MAX + 1)]
    for number, order_id in enumerate(ids):
        do(shop, CreateOrder("ana", order_id, 0), SetOrderDeadline(order_id, LATER - number))

    first = ask(shop, AdvanceClock(LATER))

    assert first.orders_affected == EXPIRED_AT_ONCE_MAX
    assert shop.state.due_orders(LATER, 10) == (ids[0],)
    assert ask(shop, AdvanceClock(LATER)).orders_affected == 1
    assert ask(shop, AdvanceClock(LATER)).orders_affected == 0


def test_a_deadline_that_has_passed_is_refused_by_the_clock_of_the_state_and_by_the_portals(shop):
    do(shop, AdvanceClock(LATER))

    for deadline, at in ((LATER, NOW), (LATEST, LATEST)):
        outcome = ask(shop, SetOrderDeadline("o1", deadline), at)
        assert (outcome.field, dict(outcome.details)) == (
            "expires_at_ms",
            {"problem": "passed", "now_ms": str(max(LATER, at))},
        )
    assert do(shop, SetOrderDeadline("o1", LATER + 1)).expires_at_ms == LATER + 1


def test_a_deadline_is_moved_and_removed_and_the_same_one_changes_nothing(shop):
    version = do(shop, SetOrderDeadline("o1", LATER)).version
    assert do(shop, SetOrderDeadline("o1", LATER), at=LATEST).version == version

    do(shop, SetOrderDeadline("o1", LATEST), AdvanceClock(LATER))
    assert order_now(shop).state == "open"
    do(shop, SetOrderDeadline("o1", 0), AdvanceClock(LATEST))
    assert order_now(shop).state == "open"


def test_who_places_an_order_frees_it_of_its_deadline_and_the_shop_may_set_another(shop):
    do(shop, SetOrderDeadline("o1", LATER), PlaceOrder("ana", "o1"), AdvanceClock(LATER))
    assert order_now(shop).state == "placed"

    do(shop, SetOrderDeadline("o1", LATEST), AdvanceClock(LATEST))

    assert order_now(shop).state == "expired"


# --- below the level of states


def test_below_their_level_nothing_moves_and_a_cancelled_order_is_gone_without_a_trace(empty_shop):
    empty_shop.raise_level(3)
    do(empty_shop, CreateCustomer("ana", "Ana"), CreateOrder("ana", "o1", 0))

    for command in (PlaceOrder("ana", "o1"), AdvanceClock(LATER), FulfilOrder("o1"), SetOrderDeadline("o1", LATER)):
        assert ask(empty_shop, command).reason is Reason.LEVEL_TOO_LOW
    do(empty_shop, CancelOrder("ana", "o1"))

    assert (empty_shop.state.clock_ms, list(empty_shop.state.closed_orders())) == (0, [])
    do(empty_shop, CreateOrder("ana", "o1", 0))
