"""Which expiries the judge of histories thinks possible: as few as the answers leave."""

from dataclasses import replace

import pytest

from quitanda.domain.commands import CreateOrder, ItemQuantity, SetOrderDeadline, UpdateProduct
from quitanda.domain.outcomes import Done
from quitanda_testing.history.builders import HistoryBuilder
from quitanda_testing.history.checker import check
from quitanda_testing.history.operations import Expiry, GetOrder, GetProduct, as_checked
from quitanda_testing.history.search import SearchResult


def history_with_deadlines(*deadlines):
    """Let ana order three units, and set these deadlines one after the other; give the history and the order."""
    t = HistoryBuilder("ana")
    order = t.order("o1", "ana", 3)
    t.add(1.0, 2.0, CreateOrder("ana", "", 0, (ItemQuantity("bread", 3),)), Done(order))
    for deadline in deadlines:
        order = replace(order, expires_at_ms=t.clock_ms(deadline))
        t.add(3.0, 3.5, SetOrderDeadline("o1", order.expires_at_ms, "ana"), Done(order))
    return t, order


def ended(t, order, state, version=0):
    return replace(order, state=state, state_since_ms=t.clock_ms(6.5), version=version)


def expiries(t):
    return [operation for operation in as_checked(t.history) if isinstance(operation.action, Expiry)]


@pytest.mark.parametrize("state", ["cancelled", "fulfilled", "returned"])
def test_an_order_that_ended_otherwise_never_expired(state):
    t, order = history_with_deadlines(6.0)
    t.add(7.0, 7.5, GetOrder("ana", "o1", include_closed=True), Done(ended(t, order, state)))

    assert expiries(t) == []


def test_an_order_expired_by_the_deadline_that_it_keeps_and_by_no_other():
    t, order = history_with_deadlines(6.0, 6.2)
    assert len(expiries(t)) == 2

    t.add(7.0, 7.5, GetOrder("ana", "o1", include_closed=True), Done(ended(t, order, "expired", version=9)))

    assert [expiry.action for expiry in expiries(t)] == [Expiry("o1", t.clock_ms(6.2), version=9)]


def test_a_deadline_that_was_set_twice_is_one():
    t, _ = history_with_deadlines(6.0, 6.0)

    assert len(expiries(t)) == 1


def test_a_read_that_shows_an_order_going_on_comes_before_its_expiry():
    t, order = history_with_deadlines(6.0)
    t.add(7.0, 7.5, GetOrder("ana", "o1"), Done(order))

    assert [expiry.invoked_at for expiry in expiries(t)] == [7.0]


def test_a_first_answer_that_is_repeated_later_shows_nothing_of_that_moment():
    t, order = history_with_deadlines(6.0)
    before = expiries(t)[0].invoked_at
    t.add(8.0, 8.5, SetOrderDeadline("o1", order.expires_at_ms, "ana"), Done(order), request_id="bread-4")

    assert [expiry.invoked_at for expiry in expiries(t)] == [before]


@pytest.mark.parametrize(("on_hand", "answer"), [(10, SearchResult.LINEARIZABLE), (7, SearchResult.VIOLATED)])
def test_what_has_a_higher_version_than_an_expired_order_came_after_it(on_hand, answer):
    t, order = history_with_deadlines(6.0)
    changed = replace(t.product(on_hand), price=300, version=12)
    t.add(7.0, 7.5, UpdateProduct("bread", price=300), Done(changed))
    t.add(8.0, 8.5, GetProduct("bread"), Done(changed))
    t.add(9.0, 9.5, GetOrder("ana", "o1", include_closed=True), Done(ended(t, order, "expired", version=9)))

    assert check(t.history).answer is answer
