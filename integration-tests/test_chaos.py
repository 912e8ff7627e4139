"""Concurrent clients over both transports, while things break: one history, right by the domain's own rules."""

import pytest
from chaos import schedule
from chaos.campaign import Chaos
from chaos.display import Silent

from quitanda_testing.history import storage
from quitanda_testing.history.checker import check
from quitanda_testing.history.search import SearchResult

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
