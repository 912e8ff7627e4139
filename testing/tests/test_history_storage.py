"""The file of a history: nothing is lost on the way to the disk."""

from dataclasses import replace
from random import Random

import pytest

from quitanda_testing.history import storage
from quitanda_testing.history.builders import HistoryBuilder
from quitanda_testing.history.generators import HistoryGenerator
from quitanda_testing.history.operations import NEVER, TurnedAway


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
