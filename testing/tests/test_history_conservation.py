"""The books and the file of a history: no unit too many or too few, and nothing lost on the way to the disk."""

from dataclasses import replace
from random import Random

import pytest

from quitanda.codec.documents import summarize
from quitanda.domain import refusals
from quitanda.domain.commands import (
    AdjustStock,
    DeleteProduct,
)
from quitanda.domain.outcomes import Done
from quitanda_testing.history import storage
from quitanda_testing.history.builders import HistoryBuilder
from quitanda_testing.history.conservation import check_conservation
from quitanda_testing.history.generators import HistoryGenerator
from quitanda_testing.history.operations import NEVER, GetOrder, GetProduct, Listed, ListOrders, TurnedAway, Unknown


@pytest.mark.parametrize("seed", range(5))
def test_a_history_comes_back_from_its_file_as_it_was(seed, tmp_path):
    history = HistoryGenerator(Random(seed)).generate()
    history.append(replace(history[0], outcome=TurnedAway(), answered_at=NEVER))
    file = tmp_path / "history.jsonl"

    storage.save(history, file)

    assert storage.load(file) == history


def test_a_line_that_is_not_an_operation_is_named(tmp_path):
    file = tmp_path / "history.jsonl"
    file.write_text(storage.line_of(HistoryBuilder().history[0]) + '\n{"number": 1}\n', encoding="utf-8")

    with pytest.raises(ValueError, match="line 2"):
        storage.load(file)


def audited(t, on_hand, *orders):
    t.add(90.0, 91.0, GetProduct("bread"), Done(t.product(on_hand)), by="auditor")
    t.add(90.0, 91.0, ListOrders("ana"), Listed(tuple(map(summarize, orders))), by="auditor")
    for order in orders:
        t.add(92.0, 93.0, GetOrder("ana", order.order_id), Done(order), by="auditor")
    return check_conservation(t.history)


def test_books_balance_where_orders_and_stock_make_up_what_was_put_in():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, AdjustStock("bread", 5), Done(t.product(15)), request_id="a")
    t.add(3.0, 4.0, AdjustStock("bread", 5), Done(t.product(15)), request_id="a")

    assert audited(t, 12, t.order("o1", "ana", 3)).wrong == ()


@pytest.mark.parametrize(("on_hand", "held"), [(12, 4), (11, 3), (10, 0)])
def test_a_unit_too_many_or_too_few_is_in_the_books(on_hand, held):
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, AdjustStock("bread", 5), Done(t.product(15)))

    (wrong,) = audited(t, on_hand, t.order("o1", "ana", held)).wrong

    assert "product bread" in wrong


@pytest.mark.parametrize(("on_hand", "fits"), [(10, True), (13, True), (8, True), (11, True), (12, False), (7, False)])
def test_adjustments_in_doubt_may_have_happened_or_not_but_not_in_part(on_hand, fits):
    t = HistoryBuilder("ana")
    t.add(1.0, 0.0, AdjustStock("bread", 3), Unknown())
    t.add(1.0, 0.0, AdjustStock("bread", -2), Unknown())
    t.add(1.0, 0.0, AdjustStock("bread", 2), TurnedAway())

    assert (audited(t, on_hand).wrong == ()) is fits


def test_a_deleted_product_that_a_live_order_holds_is_in_the_books():
    t = HistoryBuilder("ana")
    t.add(1.0, 2.0, DeleteProduct("bread", cascade=True), Done(None, 1))
    t.add(90.0, 91.0, GetProduct("bread"), refusals.product_not_found("bread"), by="auditor")
    t.add(90.0, 91.0, GetOrder("ana", "o1"), Done(t.order("o1", "ana", 2)), by="auditor")

    assert len(check_conservation(t.history).wrong) == 1


def test_an_order_that_is_listed_but_cannot_be_read_is_in_the_books():
    t = HistoryBuilder("ana")
    t.add(90.0, 91.0, GetProduct("bread"), Done(t.product(10)), by="auditor")
    t.add(90.0, 91.0, ListOrders("ana"), Listed((summarize(t.order("o1", "ana", 0)),)), by="auditor")

    assert check_conservation(t.history).wrong == ("order o1 is in a list, but could not be read",)
