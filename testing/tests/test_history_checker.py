"""The judge of histories: what is right passes, what is wrong is found, and nothing is taken for what it is not."""

from dataclasses import replace

import pytest

from quitanda.codec.documents import summarize
from quitanda.domain import refusals
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateOrder,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ItemQuantity,
    PlaceOrder,
    ReturnOrder,
    SetOrderDeadline,
    SetOrderItems,
    UpdateProduct,
)
from quitanda.domain.model import OrderItem
from quitanda.domain.outcomes import Done, Problem, invalid
from quitanda_testing.history.builders import HistoryBuilder
from quitanda_testing.history.checker import check
from quitanda_testing.history.operations import (
    GetOrder,
    GetProduct,
    Listed,
    ListOrders,
    TurnedAway,
    Unknown,
    as_checked,
)
from quitanda_testing.history.parts import parts
from quitanda_testing.history.search import SearchResult


def of_bread(units):
    return (ItemQuantity("bread", units),)


def create(customer_id, units):
    return CreateOrder(customer_id, "", 0, of_bread(units) if units else ())


def answer(telling):
    return check(telling.history).answer


# What is right.


def test_reads_between_two_writes_that_overlap_may_show_either():
    for seen in (10, 7):
        t = HistoryBuilder("ana")
        t.add(1.0, 3.0, create("ana", 3), Done(t.order("o1", "ana", 3)))
        t.add(1.5, 2.0, GetProduct("bread"), Done(t.product(seen)))
        t.add(4.0, 5.0, GetProduct("bread"), Done(t.product(7)))

        assert answer(t) is SearchResult.LINEARIZABLE


def moved(order, state, at, **changes):
    return replace(order, state=state, state_since_ms=at, **changes)


@pytest.mark.parametrize(("on_hand", "answered"), [(8, SearchResult.LINEARIZABLE), (10, SearchResult.VIOLATED)])
def test_units_leave_with_a_fulfilled_order_and_come_back_with_what_is_restocked(on_hand, answered):
    t = HistoryBuilder("ana")
    order = t.order("o1", "ana", 3)
    t.add(1.0, 2.0, create("ana", 3), Done(order))
    placed = moved(order, "placed", 5_000, placed_at_ms=5_000)
    t.add(3.0, 4.0, PlaceOrder("ana", "o1"), Done(placed))
    t.add(5.0, 6.0, CancelOrder("ana", "o1"), refusals.order_state(placed, []))
    fulfilled = moved(placed, "fulfilled", 6_000)
    t.add(7.0, 8.0, FulfilOrder("o1"), Done(fulfilled))
    t.add(9.0, 10.0, ListOrders("ana"), Listed(()))
    (item,) = fulfilled.items
    returned = replace(fulfilled, items=(replace(item, returned=1, restocked=1),))
    t.add(11.0, 12.0, ReturnOrder("o1", of_bread(1), restock=True), Done(returned))
    t.add(13.0, 14.0, GetProduct("bread"), Done(t.product(on_hand)))

    assert answer(t) is answered


def test_an_unanswered_move_may_have_happened_at_a_time_that_nobody_was_told():
    for seen in ("open", "placed"):
        t = HistoryBuilder("ana")
        order = t.order("o1", "ana", 3)
        t.add(1.0, 2.0, create("ana", 3), Done(order))
        t.add(3.0, 0.0, PlaceOrder("ana", "o1"), Unknown())
        shown = order if seen == "open" else moved(order, "placed", 5_000, placed_at_ms=5_000)
        t.add(4.0, 5.0, GetOrder("ana", "o1"), Done(shown))

        assert answer(t) is SearchResult.LINEARIZABLE


def with_deadline(t, deadline):
    """Let ana order three units, to be held until a moment; give the order as it is held."""
    order = t.order("o1", "ana", 3)
    t.add(1.0, 2.0, create("ana", 3), Done(order))
    held = replace(order, expires_at_ms=t.clock_ms(deadline))
    t.add(3.0, 3.5, SetOrderDeadline("o1", held.expires_at_ms, "ana"), Done(held))
    return held


@pytest.mark.parametrize(
    ("begun", "on_hand", "answered"),
    [
        (4.0, 7, SearchResult.LINEARIZABLE),
        (4.0, 10, SearchResult.VIOLATED),
        (7.0, 7, SearchResult.LINEARIZABLE),
        (7.0, 10, SearchResult.LINEARIZABLE),
        (7.0, 13, SearchResult.VIOLATED),
    ],
    ids=["held", "before the deadline", "expires late", "expired", "twice"],
)
def test_the_units_of_an_order_come_back_once_and_not_before_its_deadline(begun, on_hand, answered):
    t = HistoryBuilder("ana")
    with_deadline(t, 6.0)
    t.add(begun, begun + 0.5, GetProduct("bread"), Done(t.product(on_hand)))

    assert answer(t) is answered


@pytest.mark.parametrize(("on_hand", "answered"), [(7, SearchResult.LINEARIZABLE), (10, SearchResult.VIOLATED)])
def test_an_order_that_was_placed_in_time_never_expires(on_hand, answered):
    t = HistoryBuilder("ana")
    held = with_deadline(t, 6.0)
    placed = moved(held, "placed", 5_000, placed_at_ms=5_000, expires_at_ms=0)
    t.add(4.0, 5.0, PlaceOrder("ana", "o1"), Done(placed))
    t.add(7.0, 8.0, GetProduct("bread"), Done(t.product(on_hand)))

    assert answer(t) is answered


def test_a_deadline_that_was_put_off_counts_and_the_earlier_one_does_not():
    for begun, answered in ((7.0, SearchResult.VIOLATED), (9.0, SearchResult.LINEARIZABLE)):
        t = HistoryBuilder("ana")
        held = with_deadline(t, 6.0)
        later = replace(held, expires_at_ms=t.clock_ms(8.5))
        t.add(4.0, 4.5, SetOrderDeadline("o1", later.expires_at_ms, "ana"), Done(later))
        t.add(begun, begun + 0.5, GetProduct("bread"), Done(t.product(10)))

        assert answer(t) is answered


def test_an_expired_order_is_closed_to_whoever_looks_and_stays_so():
    for state, answered in (("expired", SearchResult.LINEARIZABLE), ("cancelled", SearchResult.VIOLATED)):
        t = HistoryBuilder("ana")
        closed = moved(with_deadline(t, 6.0), state, t.clock_ms(6.25))
        t.add(7.0, 7.5, ListOrders("ana"), Listed(()))
        t.add(8.0, 8.5, PlaceOrder("ana", "o1"), refusals.order_state(replace(closed, state="expired"), []))
        t.add(9.0, 9.5, GetOrder("ana", "o1"), refusals.order_not_found("o1"))
        t.add(10.0, 10.5, GetOrder("ana", "o1", include_closed=True), Done(closed))
        t.add(11.0, 11.5, ListOrders("ana", ("open", state)), Listed((summarize(closed),)))
        t.add(12.0, 12.5, GetProduct("bread"), Done(t.product(10)))

        assert answer(t) is answered


def test_an_order_that_is_seen_to_have_expired_is_not_live_afterwards():
    t = HistoryBuilder("ana")
    held = with_deadline(t, 6.0)
    t.add(7.0, 7.5, GetProduct("bread"), Done(t.product(10)))
    t.add(8.0, 8.5, GetOrder("ana", "o1"), Done(held))

    assert answer(t) is SearchResult.VIOLATED


def test_a_refusal_for_the_state_tells_nothing_of_the_version_that_was_expected():
    t = HistoryBuilder("ana")
    held = with_deadline(t, 6.0)
    closed = moved(held, "expired", t.clock_ms(6.25), version=9)
    refused = refusals.order_state(closed, [])
    t.add(7.0, 7.5, PlaceOrder("ana", "o1", expected_version=5), refused)
    t.add(8.0, 8.5, GetOrder("ana", "o1", include_closed=True), Done(closed))

    assert answer(t) is SearchResult.LINEARIZABLE


def test_a_cancelled_order_that_is_not_found_tells_nothing_of_the_version_that_was_expected():
    t = HistoryBuilder("ana")
    order = t.order("o1", "ana", 3)
    t.add(1.0, 1.5, CreateOrder("ana", "", 0, of_bread(3)), Done(replace(order, version=5)))
    t.add(2.0, 2.5, CancelOrder("ana", "o1"), Done(replace(order, version=5)))
    t.add(3.0, 3.5, SetOrderItems("ana", "o1", of_bread(1), expected_version=5), refusals.order_not_found("o1"))
    cancelled = moved(order, "cancelled", 2_000, version=9)
    t.add(4.0, 4.5, GetOrder("ana", "o1", include_closed=True), Done(cancelled))

    assert answer(t) is SearchResult.LINEARIZABLE


def test_a_deadline_that_had_passed_when_the_request_came_is_refused():
    t = HistoryBuilder("ana")
    held = with_deadline(t, 60.0)
    passed = invalid("expires_at_ms", Problem.PASSED, now_ms=t.clock_ms(5.1))
    t.add(5.0, 5.5, SetOrderDeadline("o1", t.clock_ms(4.0), "ana"), passed)
    t.add(6.0, 6.5, GetOrder("ana", "o1"), Done(held))

    assert answer(t) is SearchResult.LINEARIZABLE


def test_an_unanswered_write_may_take_effect_much_later():
    t = HistoryBuilder("ana")
    t.add(1.0, 0.0, AdjustStock("bread", 5), Unknown())
    t.add(2.0, 3.0, GetProduct("bread"), Done(t.product(10)))
    t.add(4.0, 5.0, GetProduct("bread"), Done(t.product(15)))

    assert answer(t) is SearchResult.LINEARIZABLE


def test_an_unanswered_order_may_be_seen_later_under_an_id_that_nobody_was_told():
    t = HistoryBuilder("ana")
    t.add(1.0, 0.0, create("ana", 4), Unknown())
    t.add(2.0, 3.0, GetProduct("bread"), Done(t.product(6)))
    order = t.order("o1", "ana", 4)
    t.add(4.0, 5.0, ListOrders("ana"), Listed((summarize(order),)))
    t.add(6.0, 7.0, SetOrderItems("ana", "o1", of_bread(1)), Done(t.order("o1", "ana", 1)))
    t.add(8.0, 9.0, GetProduct("bread"), Done(t.product(9)))

    assert answer(t) is SearchResult.LINEARIZABLE


def test_a_request_that_is_sent_again_later_is_answered_as_the_first_time():
    t = HistoryBuilder("ana")
    order = t.order("o1", "ana", 3)
    t.add(1.0, 2.0, create("ana", 3), Done(order), request_id="once")
    t.add(3.0, 4.0, CancelOrder("ana", "o1"), Done(order))
    t.add(5.0, 6.0, create("ana", 3), Done(order), request_id="once")
    t.add(7.0, 8.0, GetProduct("bread"), Done(t.product(10)))

    assert answer(t) is SearchResult.LINEARIZABLE


def test_a_request_that_was_given_up_and_sent_again_took_effect_at_some_time_until_its_answer():
    t = HistoryBuilder("ana")
    t.add(1.0, 0.0, AdjustStock("bread", -4), Unknown(), request_id="again")
    t.add(2.0, 3.0, GetProduct("bread"), Done(t.product(6)))
    t.add(4.0, 5.0, AdjustStock("bread", -4), Done(t.product(6)), request_id="again")
    t.add(6.0, 7.0, GetProduct("bread"), Done(t.product(6)))

    assert answer(t) is SearchResult.LINEARIZABLE


def test_several_unanswered_writes_may_have_to_take_effect_before_one_read():
    t = HistoryBuilder("ana", units=2)
    for delta in (-1, 3, -2, 4, -1):
        t.add(1.0, 0.0, AdjustStock("bread", delta), Unknown())
    t.add(2.0, 3.0, GetProduct("bread"), Done(t.product(9)))

    assert answer(t) is SearchResult.LINEARIZABLE


# What is wrong.


def test_a_stale_read_is_found():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, create("ana", 3), Done(t.order("o1", "ana", 3)))
    t.add(3.0, 4.0, GetProduct("bread"), Done(t.product(10)))

    assert answer(t) is SearchResult.VIOLATED


def test_a_stale_read_with_old_content_that_came_back_is_found_by_its_version():
    t = HistoryBuilder("ana")
    t.history[0] = replace(t.history[0], outcome=Done(replace(t.product(10), version=1)))
    t.add(1.0, 2.0, AdjustStock("bread", 1), Done(replace(t.product(11), version=5)))
    t.add(3.0, 4.0, AdjustStock("bread", -1), Done(replace(t.product(10), version=6)))
    t.add(5.0, 6.0, GetProduct("bread"), Done(replace(t.product(10), version=1)))

    assert answer(t) is SearchResult.VIOLATED


def test_a_lost_update_is_found():
    t = HistoryBuilder()
    t.add(1.0, 3.0, AdjustStock("bread", 1), Done(t.product(11)))
    t.add(1.0, 3.0, AdjustStock("bread", 2), Done(t.product(12)))

    assert answer(t) is SearchResult.VIOLATED


def test_a_write_that_is_not_there_afterwards_is_found():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, create("ana", 3), Done(t.order("o1", "ana", 3)))
    t.add(3.0, 4.0, GetOrder("ana", "o1"), refusals.order_not_found("o1"))

    assert answer(t) is SearchResult.VIOLATED


def test_a_retried_write_that_took_effect_twice_is_found():
    t = HistoryBuilder("ana")
    t.add(1.0, 0.0, AdjustStock("bread", 5), Unknown(), request_id="again")
    t.add(2.0, 3.0, AdjustStock("bread", 5), Done(t.product(15)), request_id="again")
    t.add(4.0, 5.0, GetProduct("bread"), Done(t.product(20)))

    assert answer(t) is SearchResult.VIOLATED


def test_a_request_sent_again_later_that_takes_effect_again_is_found():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, AdjustStock("bread", 5), Done(t.product(15)), request_id="once")
    t.add(3.0, 4.0, AdjustStock("bread", 5), Done(t.product(20)), request_id="once")

    assert answer(t) is SearchResult.VIOLATED


def test_last_units_that_two_orders_got_are_found():
    t = HistoryBuilder("ana", "rui", units=1)
    t.add(1.0, 3.0, create("ana", 1), Done(t.order("o1", "ana", 1)))
    t.add(1.0, 3.0, create("rui", 1), Done(t.order("o2", "rui", 1)))

    assert answer(t) is SearchResult.VIOLATED


def test_a_refusal_for_want_of_stock_that_was_there_is_found():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, create("ana", 3), refusals.out_of_stock(t.product(2), "items[0].quantity", 3, 0))

    assert answer(t) is SearchResult.VIOLATED


def test_a_read_of_what_is_written_later_is_found():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, GetProduct("bread"), Done(t.product(7)))
    t.add(3.0, 4.0, create("ana", 3), Done(t.order("o1", "ana", 3)))

    assert answer(t) is SearchResult.VIOLATED


def test_an_order_that_is_still_there_after_it_was_cancelled_is_found():
    t = HistoryBuilder("ana")
    order = t.order("o1", "ana", 3)
    t.add(1.0, 2.0, create("ana", 3), Done(order))
    t.add(3.0, 4.0, CancelOrder("ana", "o1"), Done(order))
    t.add(5.0, 6.0, ListOrders("ana"), Listed((summarize(order),)))

    assert answer(t) is SearchResult.VIOLATED


def test_an_unanswered_write_that_is_seen_and_then_not_any_more_is_found():
    t = HistoryBuilder("ana")
    t.add(1.0, 0.0, AdjustStock("bread", 5), Unknown())
    t.add(2.0, 3.0, GetProduct("bread"), Done(t.product(15)))
    t.add(4.0, 5.0, GetProduct("bread"), Done(t.product(10)))

    assert answer(t) is SearchResult.VIOLATED


def test_an_effect_of_what_was_certainly_turned_away_is_found():
    t = HistoryBuilder("ana")
    t.add(1.0, 0.0, AdjustStock("bread", 5), TurnedAway())
    t.add(2.0, 3.0, GetProduct("bread"), Done(t.product(15)))

    assert answer(t) is SearchResult.VIOLATED


def test_an_order_of_another_customer_that_is_shown_is_found():
    t = HistoryBuilder("ana", "rui")
    order = t.order("o1", "ana", 3)
    t.add(1.0, 2.0, create("ana", 3), Done(order))
    t.add(3.0, 4.0, GetOrder("rui", "o1"), Done(order))

    assert answer(t) is SearchResult.VIOLATED


def test_an_order_that_nobody_created_is_found():
    t = HistoryBuilder("ana", "rui")
    t.add(1.0, 0.0, create("rui", 3), Unknown())
    t.add(3.0, 4.0, ListOrders("ana"), Listed((summarize(t.order("o1", "ana", 3)),)))

    assert answer(t) is SearchResult.VIOLATED


def test_one_order_seen_as_the_work_of_two_unanswered_requests_is_two_orders():
    t = HistoryBuilder("ana")
    t.add(1.0, 0.0, create("ana", 4), Unknown())
    t.add(1.0, 0.0, create("ana", 4), Unknown())
    t.add(2.0, 3.0, ListOrders("ana"), Listed((summarize(t.order("o1", "ana", 4)),)))
    seen_last = t.add(4.0, 5.0, GetProduct("bread"), Done(t.product(2)))

    assert answer(t) is SearchResult.LINEARIZABLE
    t.add(6.0, 7.0, ListOrders("ana"), Listed((summarize(t.order("o1", "ana", 4)),)))
    assert answer(t) is SearchResult.VIOLATED
    t.history.remove(seen_last)
    assert answer(t) is SearchResult.LINEARIZABLE


def test_two_writes_in_the_wrong_order_of_time_are_found():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, UpdateProduct("bread", price=100), Done(t.product(10, price=100)))
    t.add(3.0, 4.0, UpdateProduct("bread", price=200), Done(t.product(10, price=200)))
    old = replace(t.order("o1", "ana", 0), items=(OrderItem("bread", "bread", 100, 1),))
    t.add(5.0, 6.0, create("ana", 1), Done(old))

    assert answer(t) is SearchResult.VIOLATED


def test_versions_that_go_down_are_found():
    t = HistoryBuilder()
    t.add(1.0, 2.0, AdjustStock("bread", 1), Done(replace(t.product(11), version=9)))
    t.add(3.0, 4.0, AdjustStock("bread", 1), Done(replace(t.product(12), version=8)))

    assert answer(t) is SearchResult.VIOLATED


@pytest.mark.parametrize("forgotten", ["o1", "o2"])
def test_a_cascade_that_leaves_an_order_behind_is_found(forgotten):
    t = HistoryBuilder("ana")
    for number in (1, 2):
        t.add(number, number + 0.5, create("ana", 2), Done(t.order(f"o{number}", "ana", 2)))
    t.add(3.0, 4.0, DeleteCustomer("ana", cascade=True), Done(None, 2))
    t.add(5.0, 6.0, GetProduct("bread"), Done(t.product(10)))
    assert answer(t) is SearchResult.LINEARIZABLE

    t.add(7.0, 8.0, GetOrder("ana", forgotten), Done(t.order(forgotten, "ana", 2)))
    assert answer(t) is SearchResult.VIOLATED


def test_a_product_deleted_from_orders_must_not_be_in_them_any_more():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, create("ana", 2), Done(t.order("o1", "ana", 2)))
    t.add(3.0, 4.0, DeleteProduct("bread", cascade=True), Done(None, 1))
    t.add(5.0, 6.0, GetOrder("ana", "o1"), Done(t.order("o1", "ana", 0)))
    assert answer(t) is SearchResult.LINEARIZABLE

    t.add(7.0, 8.0, GetOrder("ana", "o1"), Done(t.order("o1", "ana", 2)))
    assert answer(t) is SearchResult.VIOLATED


def test_another_request_under_a_used_id_must_be_refused_whatever_it_is_about():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, AdjustStock("bread", 1), Done(t.product(11)), request_id="once")
    reused = t.add(3.0, 4.0, DeleteCustomer("ana"), refusals.request_id_reused(7), request_id="once")
    assert answer(t) is SearchResult.LINEARIZABLE

    t.history.remove(reused)
    t.add(3.0, 4.0, DeleteCustomer("ana"), Done(None), request_id="once")
    assert answer(t) is SearchResult.VIOLATED


# What is said.


def test_a_violation_is_explained_by_what_went_well_the_state_there_and_what_cannot_come():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, create("ana", 3), Done(t.order("o1", "ana", 3)))
    t.add(3.0, 4.0, GetProduct("bread"), Done(t.product(10)))

    verdict = check(t.history)

    (text,) = verdict.explanations
    assert "3 of 4 answered operations" in text
    assert '"quantity":7' in text.split("the state is")[1].split("Next would")[0]
    assert "#4 clerk" in text.split("Next would")[1]


def test_orders_that_expire_and_orders_of_nobody_do_not_join_parts():
    shops = []
    for name in ("bread", "wine"):
        t = HistoryBuilder(name, product_id=name)
        order = t.order(f"o-{name}", name, 3)
        t.add(1.0, 1.5, CreateOrder(name, "", 0, (ItemQuantity(name, 3),)), Done(order))
        t.add(2.0, 2.5, SetOrderDeadline(order.order_id, t.clock_ms(60.0)), Done(order))
        t.add(3.0, 3.5, ReturnOrder(order.order_id), Done(replace(order, customer_id="")))
        shops.append(t.history)

    assert len(parts(as_checked([*shops[0], *shops[1]]))) == len(shops)


def test_parts_that_have_nothing_in_common_are_judged_by_themselves():
    good, bad = HistoryBuilder("ana"), HistoryBuilder("rui", product_id="cheese")
    bad.add(1.0, 2.0, GetProduct("cheese"), Done(bad.product(9)))

    verdict = check([*good.history, *bad.history])

    assert (verdict.answer, verdict.parts, len(verdict.explanations)) == (SearchResult.VIOLATED, 4, 1)


def audited(t, on_hand, *orders):
    """Read everything at the end, as a campaign does, and check."""
    t.add(90.0, 91.0, GetProduct("bread"), Done(t.product(on_hand)), by="auditor")
    t.add(90.0, 91.0, ListOrders("ana"), Listed(tuple(map(summarize, orders))), by="auditor")
    for order in orders:
        t.add(92.0, 93.0, GetOrder("ana", order.order_id), Done(order), by="auditor")
    return check(t.history).answer


@pytest.mark.parametrize(
    ("on_hand", "held", "answer"),
    [
        (12, 3, SearchResult.LINEARIZABLE),
        (12, 4, SearchResult.VIOLATED),
        (11, 3, SearchResult.VIOLATED),
        (10, 0, SearchResult.VIOLATED),
    ],
)
def test_a_unit_too_many_or_too_few_at_the_end_is_found(on_hand, held, answer):
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, AdjustStock("bread", 5), Done(t.product(15)), request_id="a")
    t.add(3.0, 4.0, AdjustStock("bread", 5), Done(t.product(15)), request_id="a")
    t.add(5.0, 6.0, CreateOrder("ana", "", 0, (ItemQuantity("bread", 3),)), Done(t.order("o1", "ana", 3)))

    assert audited(t, on_hand, t.order("o1", "ana", held)) is answer


@pytest.mark.parametrize(("on_hand", "fits"), [(10, True), (13, True), (8, True), (11, True), (12, False), (7, False)])
def test_adjustments_in_doubt_may_have_happened_or_not_but_not_in_part(on_hand, fits):
    t = HistoryBuilder("ana")
    t.add(1.0, 0.0, AdjustStock("bread", 3), Unknown())
    t.add(1.0, 0.0, AdjustStock("bread", -2), Unknown())
    t.add(1.0, 0.0, AdjustStock("bread", 2), TurnedAway())

    assert (audited(t, on_hand) is SearchResult.LINEARIZABLE) is fits


def test_a_deleted_product_that_a_live_order_still_holds_is_found():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, CreateOrder("ana", "", 0, (ItemQuantity("bread", 2),)), Done(t.order("o1", "ana", 2)))
    t.add(3.0, 4.0, DeleteProduct("bread", cascade=True), Done(None, 1))
    t.add(90.0, 91.0, GetProduct("bread"), refusals.product_not_found("bread"), by="auditor")
    t.add(90.0, 91.0, GetOrder("ana", "o1"), Done(t.order("o1", "ana", 2)), by="auditor")

    assert check(t.history).answer is SearchResult.VIOLATED


def test_an_order_that_is_listed_but_was_never_created_is_found():
    t = HistoryBuilder("ana")

    assert audited(t, 10, t.order("o1", "ana", 0)) is SearchResult.VIOLATED
