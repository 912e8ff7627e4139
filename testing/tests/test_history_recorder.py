"""What clients did and saw is written down as it was, on one clock, and everything begun has an outcome."""

import asyncio
import math

import pytest

from quitanda.domain import refusals
from quitanda.domain.commands import AdjustStock, DeleteProduct
from quitanda.domain.model import Product
from quitanda.domain.outcomes import Done
from quitanda.errors import OutcomeUnknown, Rejected, Unavailable
from quitanda_clients.results import DeleteResult, DocumentResult, Listing
from quitanda_testing.history.figures import figures
from quitanda_testing.history.operations import GetProduct, Listed, ListOrders, TurnedAway, Unknown
from quitanda_testing.history.recorder import Recorder

BREAD = Product("bread", "Bread", "", 250, 10, (), version=3)
ADJUST = AdjustStock("bread", 1)


class Clock:
    """A clock that goes on by one second with each look."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        self.now += 1.0
        return self.now


class Portal:
    """Answers with what it was told to, one after the other."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def perform(recorder, portal, action=ADJUST, patience=1_000.0):
    return recorder.perform("clerk", "grpc", action, "request-1", portal, patience)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (DocumentResult(BREAD, 7), Done(BREAD)),
        (DeleteResult(7, 2), Done(None, 2)),
        (Listing((), 7, truncated=False), Listed(())),
        (Rejected(refusals.product_not_found("bread"), 7), refusals.product_not_found("bread")),
    ],
)
async def test_an_answer_is_recorded_with_its_revision_and_times(answer, outcome):
    recorder = Recorder(Clock())

    assert await perform(recorder, Portal(answer)) == outcome

    (operation,) = recorder.history
    assert (operation.outcome, operation.revision, operation.tries) == (outcome, 7, 1)
    assert operation.invoked_at < operation.answered_at < math.inf
    assert recorder.under_way == ()


async def test_a_request_that_is_repeated_is_one_operation_from_the_first_sending_to_the_answer():
    recorder = Recorder(Clock())
    portal = Portal(OutcomeUnknown("lost"), Unavailable("away"), DocumentResult(BREAD, 7))

    await perform(recorder, portal)

    (operation,) = recorder.history
    assert (operation.tries, portal.asked, operation.is_decided) == (3, 3, True)
    assert operation.invoked_at == 1.0
    assert operation.answered_at > 2.0


@pytest.mark.parametrize(
    ("errors", "outcome"),
    [
        ([OutcomeUnknown("lost")], Unknown()),
        ([Unavailable("away")], TurnedAway()),
        ([OutcomeUnknown("lost"), Unavailable("away")], Unknown()),
        ([Unavailable("away"), Unavailable("away")], TurnedAway()),
    ],
)
async def test_who_gives_up_knows_nothing_unless_every_sending_was_turned_away(errors, outcome):
    recorder = Recorder(Clock())
    looks_per_try = 1

    assert await perform(recorder, Portal(*errors), patience=looks_per_try * len(errors) - 0.5) == outcome

    (operation,) = recorder.history
    assert operation.outcome == outcome
    assert operation.answered_at == math.inf


async def test_a_client_that_is_stopped_leaves_an_unknown_outcome_behind():
    recorder = Recorder()
    asked = asyncio.Event()

    async def hang():
        asked.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(perform(recorder, hang))
    await asked.wait()
    assert [operation.action for operation in recorder.under_way] == [ADJUST]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert recorder.under_way == ()
    assert [operation.outcome for operation in recorder.history] == [Unknown()]


async def test_operations_are_numbered_in_the_order_in_which_they_began():
    recorder = Recorder()
    go = asyncio.Event()

    async def later():
        await go.wait()
        return DocumentResult(BREAD, 1)

    first = asyncio.create_task(perform(recorder, later))
    second = asyncio.create_task(perform(recorder, Portal(DocumentResult(BREAD, 2)), GetProduct("bread")))
    await second
    go.set()
    await first

    assert [(operation.number, operation.revision) for operation in recorder.history] == [(2, 2), (1, 1)]


async def test_figures_count_by_transport_and_outcome_and_find_the_longest_pause():
    recorder = Recorder(Clock())
    await perform(recorder, Portal(DocumentResult(BREAD, 1)))
    await perform(recorder, Portal(OutcomeUnknown("lost")), patience=0.0)
    await recorder.perform("ana", "mqtt", ListOrders("ana"), "", Portal(Rejected(refusals.customer_not_found("ana"))))
    await perform(recorder, Portal(DeleteResult(2, 0)), DeleteProduct("bread"))

    counted = figures(recorder.history)

    assert counted.operations == 4
    assert counted.by_transport == {"grpc": {"done": 2, "unknown": 1}, "mqtt": {"refused": 1}}
    assert counted.refusals == {"CUSTOMER_NOT_FOUND": 1}
    first, *_, last = recorder.history
    assert counted.longest_pause == last.answered_at - first.answered_at
