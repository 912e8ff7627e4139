"""The file of a history: nothing is lost on the way to the disk."""

from dataclasses import replace
from random import Random

import pytest

from quitanda.codec.documents import summarize
from quitanda.domain.commands import SetOrderDeadline
from quitanda.domain.outcomes import Done
from quitanda_testing.history import storage
from quitanda_testing.history.builders import HistoryBuilder
from quitanda_testing.history.generators import HistoryGenerator
from quitanda_testing.history.operations import NEVER, GetOrder, Listed, ListOrders, TurnedAway


@pytest.mark.parametrize("seed", range(5))
def test_a_history_comes_back_from_its_file_as_it_was(seed, tmp_path):
    history = HistoryGenerator(Random(seed)).generate()
    history.append(replace(history[0], outcome=TurnedAway(), answered_at=NEVER))
    file = tmp_path / "history.jsonl"

    storage.save(history, file)

    assert storage.load(file) == history


def test_deadlines_and_closed_orders_come_back_too(tmp_path):
    told = HistoryBuilder("ana")
    order = replace(told.order("o1", "ana", 3), state="expired", state_since_ms=7, expires_at_ms=6)
    told.add(1.0, 2.0, SetOrderDeadline("o1", 6, "ana"), Done(order))
    told.add(3.0, 4.0, GetOrder("ana", "o1", include_closed=True), Done(order))
    told.add(5.0, 6.0, ListOrders("ana", ("open", "expired")), Listed((summarize(order),)))
    file = tmp_path / "history.jsonl"

    storage.save(told.history, file)

    assert storage.load(file) == told.history


def test_a_line_that_is_not_an_operation_is_named(tmp_path):
    file = tmp_path / "history.jsonl"
    file.write_text(storage.line_of(HistoryBuilder().history[0]) + '\n{"number": 1}\n', encoding="utf-8")

    with pytest.raises(ValueError, match="line 2"):
        storage.load(file)
