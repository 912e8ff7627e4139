"""Concurrent clients over both transports, while things break: one history, right by the domain's own rules."""

from dataclasses import replace
from typing import Any, cast

import pytest
from chaos import schedule
from chaos.campaign import Chaos
from chaos.display import Silent

from quitanda.domain.commands import CreateProduct
from quitanda.domain.outcomes import Done
from quitanda_testing.history import storage
from quitanda_testing.history.checker import check
from quitanda_testing.history.search import SearchResult
from quitanda_testing.workload.traffic import traffic

SEED = 5
SECONDS = 25.0
CREWS = 2
OPERATIONS_MIN = 100
"""What two crews come to also on a machine that is busy with other things."""


@pytest.mark.timeout(300)
async def test_what_clients_saw_while_everything_broke_is_linearizable_and_the_books_balance(healthy_cluster, tmp_path):
    steps = schedule.draw(SEED, SECONDS, healthy_cluster.faults)

    report = await Chaos(healthy_cluster, SEED, steps, SECONDS, Silent(), CREWS).run(tmp_path / "history.jsonl")

    assert report.wrong == [], "\n".join(report.lines())
    assert report.verdict.operations >= OPERATIONS_MIN
    assert set(report.figures.by_transport) == {"grpc", "mqtt"}
    assert sum(report.broken.values()) >= len(steps) / 2
    assert check(storage.load(tmp_path / "history.jsonl")).answer is SearchResult.LINEARIZABLE


async def test_a_false_answer_among_those_of_busy_clients_is_found(healthy_cluster):
    async with traffic(healthy_cluster, grpc=1, mqtt=1) as busy:
        await busy.goes_on()
        await busy.end()
        history = busy.recorder.history
        index, told = next(
            (index, told.outcome) for index, told in enumerate(history) if isinstance(told.action, CreateProduct)
        )
        history[index] = replace(history[index], outcome=Done(replace(cast("Any", told.document), quantity=1_000)))

        violations = await busy.violations()

    assert violations[0].startswith(SearchResult.VIOLATED)
    assert any(told.document.product_id in sentence for sentence in violations)
