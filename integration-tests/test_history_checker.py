"""The judge of histories: what is right passes, what is wrong is found, and nothing is taken for what it is not."""

from dataclasses import replace
from random import Random

import pytest
from history import storage
from history.balance import balance
from history.brute_force import is_linearizable
from history.checker import check
from history.invented import Inventor, Size, changed
from history.operations import NEVER, GetOrder, GetProduct, Listed, ListOrders, TurnedAway, Unknown, as_checked
from history.search import Answer, Budget
from history.told import Telling, without_versions
from history.unseen import orphans
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quitanda.domain import refusals
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateOrder,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    SetOrderItems,
    UpdateProduct,
)
from quitanda.domain.model import OrderItem
from quitanda.domain.outcomes import Done
from quitanda.wire.documents import summarize


def many(examples):
    """So many random examples, however long each of them takes."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


def of_bread(units):
    return (ItemQuantity("bread", units),)


def create(customer_id, units):
    return CreateOrder(customer_id, "", 0, of_bread(units) if units else ())


def answer(telling):
    return check(telling.history).answer


# What is right.


def test_reads_between_two_writes_that_overlap_may_show_either():
    for seen in (10, 7):
        t = Telling("ana")
        t.tell(1.0, 3.0, create("ana", 3), Done(t.order("o1", "ana", 3)))
        t.tell(1.5, 2.0, GetProduct("bread"), Done(t.product(seen)))
        t.tell(4.0, 5.0, GetProduct("bread"), Done(t.product(7)))

        assert answer(t) is Answer.LINEARIZABLE


def test_an_unanswered_write_may_take_effect_much_later():
    t = Telling("ana")
    t.tell(1.0, 0.0, AdjustStock("bread", 5), Unknown())
    t.tell(2.0, 3.0, GetProduct("bread"), Done(t.product(10)))
    t.tell(4.0, 5.0, GetProduct("bread"), Done(t.product(15)))

    assert answer(t) is Answer.LINEARIZABLE


def test_an_unanswered_order_may_be_seen_later_under_an_id_that_nobody_was_told():
    t = Telling("ana")
    t.tell(1.0, 0.0, create("ana", 4), Unknown())
    t.tell(2.0, 3.0, GetProduct("bread"), Done(t.product(6)))
    order = t.order("o1", "ana", 4)
    t.tell(4.0, 5.0, ListOrders("ana"), Listed((summarize(order),)))
    t.tell(6.0, 7.0, SetOrderItems("ana", "o1", of_bread(1)), Done(t.order("o1", "ana", 1)))
    t.tell(8.0, 9.0, GetProduct("bread"), Done(t.product(9)))

    assert answer(t) is Answer.LINEARIZABLE


def test_a_request_that_is_sent_again_later_is_answered_as_the_first_time():
    t = Telling("ana")
    order = t.order("o1", "ana", 3)
    t.tell(1.0, 2.0, create("ana", 3), Done(order), request_id="once")
    t.tell(3.0, 4.0, CancelOrder("ana", "o1"), Done(order))
    t.tell(5.0, 6.0, create("ana", 3), Done(order), request_id="once")
    t.tell(7.0, 8.0, GetProduct("bread"), Done(t.product(10)))

    assert answer(t) is Answer.LINEARIZABLE


def test_a_request_that_was_given_up_and_sent_again_took_effect_at_some_time_until_its_answer():
    t = Telling("ana")
    t.tell(1.0, 0.0, AdjustStock("bread", -4), Unknown(), request_id="again")
    t.tell(2.0, 3.0, GetProduct("bread"), Done(t.product(6)))
    t.tell(4.0, 5.0, AdjustStock("bread", -4), Done(t.product(6)), request_id="again")
    t.tell(6.0, 7.0, GetProduct("bread"), Done(t.product(6)))

    assert answer(t) is Answer.LINEARIZABLE


def test_several_unanswered_writes_may_have_to_take_effect_before_one_read():
    t = Telling("ana", units=2)
    for delta in (-1, 3, -2, 4, -1):
        t.tell(1.0, 0.0, AdjustStock("bread", delta), Unknown())
    t.tell(2.0, 3.0, GetProduct("bread"), Done(t.product(9)))

    assert answer(t) is Answer.LINEARIZABLE


# What is wrong.


def test_a_stale_read_is_found():
    t = Telling("ana")
    t.tell(1.0, 2.0, create("ana", 3), Done(t.order("o1", "ana", 3)))
    t.tell(3.0, 4.0, GetProduct("bread"), Done(t.product(10)))

    assert answer(t) is Answer.VIOLATED


def test_a_stale_read_with_old_content_that_came_back_is_found_by_its_version():
    t = Telling("ana")
    t.history[0] = replace(t.history[0], outcome=Done(replace(t.product(10), version=1)))
    t.tell(1.0, 2.0, AdjustStock("bread", 1), Done(replace(t.product(11), version=5)))
    t.tell(3.0, 4.0, AdjustStock("bread", -1), Done(replace(t.product(10), version=6)))
    t.tell(5.0, 6.0, GetProduct("bread"), Done(replace(t.product(10), version=1)))

    assert answer(t) is Answer.VIOLATED


def test_a_lost_update_is_found():
    t = Telling()
    t.tell(1.0, 3.0, AdjustStock("bread", 1), Done(t.product(11)))
    t.tell(1.0, 3.0, AdjustStock("bread", 2), Done(t.product(12)))

    assert answer(t) is Answer.VIOLATED


def test_a_write_that_is_not_there_afterwards_is_found():
    t = Telling("ana")
    t.tell(1.0, 2.0, create("ana", 3), Done(t.order("o1", "ana", 3)))
    t.tell(3.0, 4.0, GetOrder("ana", "o1"), refusals.order_not_found("o1"))

    assert answer(t) is Answer.VIOLATED


def test_a_retried_write_that_took_effect_twice_is_found():
    t = Telling("ana")
    t.tell(1.0, 0.0, AdjustStock("bread", 5), Unknown(), request_id="again")
    t.tell(2.0, 3.0, AdjustStock("bread", 5), Done(t.product(15)), request_id="again")
    t.tell(4.0, 5.0, GetProduct("bread"), Done(t.product(20)))

    assert answer(t) is Answer.VIOLATED


def test_a_request_sent_again_later_that_takes_effect_again_is_found():
    t = Telling("ana")
    t.tell(1.0, 2.0, AdjustStock("bread", 5), Done(t.product(15)), request_id="once")
    t.tell(3.0, 4.0, AdjustStock("bread", 5), Done(t.product(20)), request_id="once")

    assert answer(t) is Answer.VIOLATED


def test_last_units_that_two_orders_got_are_found():
    t = Telling("ana", "rui", units=1)
    t.tell(1.0, 3.0, create("ana", 1), Done(t.order("o1", "ana", 1)))
    t.tell(1.0, 3.0, create("rui", 1), Done(t.order("o2", "rui", 1)))

    assert answer(t) is Answer.VIOLATED


def test_a_refusal_for_want_of_stock_that_was_there_is_found():
    t = Telling("ana")
    t.tell(1.0, 2.0, create("ana", 3), refusals.out_of_stock(t.product(2), "items[0].quantity", 3, 0))

    assert answer(t) is Answer.VIOLATED


def test_a_read_of_what_is_written_later_is_found():
    t = Telling("ana")
    t.tell(1.0, 2.0, GetProduct("bread"), Done(t.product(7)))
    t.tell(3.0, 4.0, create("ana", 3), Done(t.order("o1", "ana", 3)))

    assert answer(t) is Answer.VIOLATED


def test_an_order_that_is_still_there_after_it_was_cancelled_is_found():
    t = Telling("ana")
    order = t.order("o1", "ana", 3)
    t.tell(1.0, 2.0, create("ana", 3), Done(order))
    t.tell(3.0, 4.0, CancelOrder("ana", "o1"), Done(order))
    t.tell(5.0, 6.0, ListOrders("ana"), Listed((summarize(order),)))

    assert answer(t) is Answer.VIOLATED


def test_an_unanswered_write_that_is_seen_and_then_not_any_more_is_found():
    t = Telling("ana")
    t.tell(1.0, 0.0, AdjustStock("bread", 5), Unknown())
    t.tell(2.0, 3.0, GetProduct("bread"), Done(t.product(15)))
    t.tell(4.0, 5.0, GetProduct("bread"), Done(t.product(10)))

    assert answer(t) is Answer.VIOLATED


def test_an_effect_of_what_was_certainly_turned_away_is_found():
    t = Telling("ana")
    t.tell(1.0, 0.0, AdjustStock("bread", 5), TurnedAway())
    t.tell(2.0, 3.0, GetProduct("bread"), Done(t.product(15)))

    assert answer(t) is Answer.VIOLATED


def test_an_order_of_another_customer_that_is_shown_is_found():
    t = Telling("ana", "rui")
    order = t.order("o1", "ana", 3)
    t.tell(1.0, 2.0, create("ana", 3), Done(order))
    t.tell(3.0, 4.0, GetOrder("rui", "o1"), Done(order))

    assert answer(t) is Answer.VIOLATED


def test_an_order_that_nobody_created_is_found():
    t = Telling("ana", "rui")
    t.tell(1.0, 0.0, create("rui", 3), Unknown())
    t.tell(3.0, 4.0, ListOrders("ana"), Listed((summarize(t.order("o1", "ana", 3)),)))

    assert answer(t) is Answer.VIOLATED


def test_one_order_seen_as_the_work_of_two_unanswered_requests_is_two_orders():
    t = Telling("ana")
    t.tell(1.0, 0.0, create("ana", 4), Unknown())
    t.tell(1.0, 0.0, create("ana", 4), Unknown())
    t.tell(2.0, 3.0, ListOrders("ana"), Listed((summarize(t.order("o1", "ana", 4)),)))
    seen_last = t.tell(4.0, 5.0, GetProduct("bread"), Done(t.product(2)))

    assert answer(t) is Answer.LINEARIZABLE
    t.tell(6.0, 7.0, ListOrders("ana"), Listed((summarize(t.order("o1", "ana", 4)),)))
    assert answer(t) is Answer.VIOLATED
    t.history.remove(seen_last)
    assert answer(t) is Answer.LINEARIZABLE


def test_two_writes_in_the_wrong_order_of_time_are_found():
    t = Telling("ana")
    t.tell(1.0, 2.0, UpdateProduct("bread", price=100), Done(t.product(10, price=100)))
    t.tell(3.0, 4.0, UpdateProduct("bread", price=200), Done(t.product(10, price=200)))
    old = replace(t.order("o1", "ana", 0), items=(OrderItem("bread", "bread", 100, 1),))
    t.tell(5.0, 6.0, create("ana", 1), Done(old))

    assert answer(t) is Answer.VIOLATED


def test_versions_that_go_down_are_found():
    t = Telling()
    t.tell(1.0, 2.0, AdjustStock("bread", 1), Done(replace(t.product(11), version=9)))
    t.tell(3.0, 4.0, AdjustStock("bread", 1), Done(replace(t.product(12), version=8)))

    assert answer(t) is Answer.VIOLATED


@pytest.mark.parametrize("forgotten", ["o1", "o2"])
def test_a_cascade_that_leaves_an_order_behind_is_found(forgotten):
    t = Telling("ana")
    for number in (1, 2):
        t.tell(number, number + 0.5, create("ana", 2), Done(t.order(f"o{number}", "ana", 2)))
    t.tell(3.0, 4.0, DeleteCustomer("ana", cascade=True), Done(None, 2))
    t.tell(5.0, 6.0, GetProduct("bread"), Done(t.product(10)))
    assert answer(t) is Answer.LINEARIZABLE

    t.tell(7.0, 8.0, GetOrder("ana", forgotten), Done(t.order(forgotten, "ana", 2)))
    assert answer(t) is Answer.VIOLATED


def test_a_product_deleted_from_orders_must_not_be_in_them_any_more():
    t = Telling("ana")
    t.tell(1.0, 2.0, create("ana", 2), Done(t.order("o1", "ana", 2)))
    t.tell(3.0, 4.0, DeleteProduct("bread", cascade=True), Done(None, 1))
    t.tell(5.0, 6.0, GetOrder("ana", "o1"), Done(t.order("o1", "ana", 0)))
    assert answer(t) is Answer.LINEARIZABLE

    t.tell(7.0, 8.0, GetOrder("ana", "o1"), Done(t.order("o1", "ana", 2)))
    assert answer(t) is Answer.VIOLATED


# What is said.


def test_a_violation_is_explained_by_what_went_well_the_state_there_and_what_cannot_come():
    t = Telling("ana")
    t.tell(1.0, 2.0, create("ana", 3), Done(t.order("o1", "ana", 3)))
    t.tell(3.0, 4.0, GetProduct("bread"), Done(t.product(10)))

    verdict = check(t.history)

    (text,) = verdict.explanations
    assert "3 of 4 answered operations" in text
    assert '"quantity":7' in text.split("the state is")[1].split("Next would")[0]
    assert "#4 clerk" in text.split("Next would")[1]


def test_parts_that_have_nothing_in_common_are_judged_by_themselves():
    good, bad = Telling("ana"), Telling("rui", product_id="cheese")
    bad.tell(1.0, 2.0, GetProduct("cheese"), Done(bad.product(9)))

    verdict = check([*good.history, *bad.history])

    assert (verdict.answer, verdict.parts, len(verdict.explanations)) == (Answer.VIOLATED, 4, 1)


def test_a_budget_that_is_too_small_leaves_it_undecided():
    history = Inventor(Random(1)).invent()

    assert check(history, Budget(tries=10)).answer is Answer.UNDECIDED
    assert check(history, Budget(seconds=0.0, tries=10**9)).answer in {Answer.UNDECIDED, Answer.LINEARIZABLE}


# Random histories.


@many(60)
@given(st.integers(min_value=0))
def test_every_history_that_the_rules_themselves_answered_is_accepted(seed):
    history = Inventor(Random(seed), Size(clients=5, customers=3, products=3, units=9)).invent()

    verdict = check(history)

    assert verdict.answer is Answer.LINEARIZABLE, verdict.explanations


def test_a_write_that_changes_nothing_now_may_be_what_changes_something_a_little_later():
    history = Inventor(Random(1971), Size(clients=5, customers=3, products=3, units=9, unanswered=0.15)).invent()

    assert check(history).answer is Answer.LINEARIZABLE


@many(60)
@given(st.integers(min_value=0))
def test_one_changed_answer_of_clients_who_take_turns_is_always_found(seed):
    dice = Random(seed)
    history = Inventor(dice, Size(clients=1, operations=40, unanswered=0.0)).invent()
    index = dice.randrange(len(history))
    wrong = changed(history[index], dice)
    if wrong is not None:
        verdict = check([*history[:index], wrong, *history[index + 1 :]])

        assert verdict.answer is Answer.VIOLATED, wrong


@many(25)
@given(st.integers(min_value=0))
def test_short_histories_right_and_wrong_are_judged_as_by_trying_every_order(seed):
    dice = Random(seed)
    size = Size(operations=7, customers=1, products=1, units=3, unanswered=0.2, think=0.3)
    right = [unconditional(operation) for operation in Inventor(dice, size).invent()]
    for index in dice.sample(range(len(right)), 3):
        wrong = changed(right[index], dice)
        if wrong is not None:
            history = [*right[:index], wrong, *right[index + 1 :]]
            checked = as_checked(history)
            ids = [(order_id, orphan.created_at_ms) for order_id, orphan in orphans(checked).items()]

            assert (check(history).answer is Answer.LINEARIZABLE) == is_linearizable(checked, ids)


def unconditional(operation):
    """The same without versions, which brute force does not compare."""
    operation = without_versions(operation)
    if getattr(operation.action, "expected_version", None) is not None:
        operation = replace(operation, action=replace(operation.action, expected_version=None))
    if isinstance(operation.outcome, Listed):
        summaries = tuple(replace(summary, version=0) for summary in operation.outcome.orders)
        operation = replace(operation, outcome=Listed(summaries))
    return operation


# The file.


@pytest.mark.parametrize("seed", range(5))
def test_a_history_comes_back_from_its_file_as_it_was(seed, tmp_path):
    history = Inventor(Random(seed)).invent()
    history.append(replace(history[0], outcome=TurnedAway(), answered_at=NEVER))
    file = tmp_path / "history.jsonl"

    storage.save(history, file)

    assert storage.load(file) == history


def test_a_line_that_is_not_an_operation_is_named(tmp_path):
    file = tmp_path / "history.jsonl"
    file.write_text(storage.line_of(Telling().history[0]) + '\n{"number": 1}\n', encoding="utf-8")

    with pytest.raises(ValueError, match="line 2"):
        storage.load(file)


# The books.


def audited(t, on_hand, *orders):
    t.tell(90.0, 91.0, GetProduct("bread"), Done(t.product(on_hand)), by="auditor")
    t.tell(90.0, 91.0, ListOrders("ana"), Listed(tuple(map(summarize, orders))), by="auditor")
    for order in orders:
        t.tell(92.0, 93.0, GetOrder("ana", order.order_id), Done(order), by="auditor")
    return balance(t.history)


def test_books_balance_where_orders_and_stock_make_up_what_was_put_in():
    t = Telling("ana")
    t.tell(1.0, 2.0, AdjustStock("bread", 5), Done(t.product(15)), request_id="a")
    t.tell(3.0, 4.0, AdjustStock("bread", 5), Done(t.product(15)), request_id="a")

    assert audited(t, 12, t.order("o1", "ana", 3)).wrong == ()


@pytest.mark.parametrize(("on_hand", "held"), [(12, 4), (11, 3), (10, 0)])
def test_a_unit_too_many_or_too_few_is_in_the_books(on_hand, held):
    t = Telling("ana")
    t.tell(1.0, 2.0, AdjustStock("bread", 5), Done(t.product(15)))

    (wrong,) = audited(t, on_hand, t.order("o1", "ana", held)).wrong

    assert "product bread" in wrong


@pytest.mark.parametrize(("on_hand", "fits"), [(10, True), (13, True), (8, True), (11, True), (12, False), (7, False)])
def test_adjustments_in_doubt_may_have_happened_or_not_but_not_in_part(on_hand, fits):
    t = Telling("ana")
    t.tell(1.0, 0.0, AdjustStock("bread", 3), Unknown())
    t.tell(1.0, 0.0, AdjustStock("bread", -2), Unknown())
    t.tell(1.0, 0.0, AdjustStock("bread", 2), TurnedAway())

    assert (audited(t, on_hand).wrong == ()) is fits


def test_a_deleted_product_that_a_live_order_holds_is_in_the_books():
    t = Telling("ana")
    t.tell(1.0, 2.0, DeleteProduct("bread", cascade=True), Done(None, 1))
    t.tell(90.0, 91.0, GetProduct("bread"), refusals.product_not_found("bread"), by="auditor")
    t.tell(90.0, 91.0, GetOrder("ana", "o1"), Done(t.order("o1", "ana", 2)), by="auditor")

    assert len(balance(t.history).wrong) == 1


def test_an_order_that_is_listed_but_cannot_be_read_is_in_the_books():
    t = Telling("ana")
    t.tell(90.0, 91.0, GetProduct("bread"), Done(t.product(10)), by="auditor")
    t.tell(90.0, 91.0, ListOrders("ana"), Listed((summarize(t.order("o1", "ana", 0)),)), by="auditor")

    assert balance(t.history).wrong == ("order o1 is in a list, but could not be read",)
