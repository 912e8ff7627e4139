"""A background task that fails is told of and started again; one that is cancelled ends."""

import asyncio

import pytest
from structlog.testing import capture_logs

from quitanda.runtime.background_task import start_background_task

TIMEOUT = 10


class Work:
    """Fails as often as it is told to, then waits for ever."""

    def __init__(self, *failures):
        self._failures = list(failures)
        self.runs = 0
        self.begun = asyncio.Event()
        self.settled = asyncio.Event()

    async def run(self):
        self.runs += 1
        self.begun.set()
        if self._failures:
            raise self._failures.pop(0)
        self.settled.set()
        await asyncio.Event().wait()


async def test_a_background_task_that_failed_is_told_of_and_started_again():
    work = Work(RuntimeError("first"), ZeroDivisionError("second"))
    with capture_logs() as logs:
        task = start_background_task(work.run, "feed subscriber", 0.0)
        await asyncio.wait_for(work.settled.wait(), TIMEOUT)
    task.cancel()

    assert work.runs == 3
    assert [(line["event"], line["task"], line["log_level"]) for line in logs] == [
        ("background_task_failed", "feed subscriber", "error")
    ] * 2
    assert [str(line["exc_info"]) for line in logs] == ["first", "second"]


async def test_something_cancelled_that_a_background_task_waited_for_does_not_end_it():
    work = Work(asyncio.CancelledError())
    with capture_logs() as logs:
        task = start_background_task(work.run, "probe", 0.0)
        await asyncio.wait_for(work.settled.wait(), TIMEOUT)
    task.cancel()

    assert work.runs == 2
    assert [line["event"] for line in logs] == ["background_task_failed"]


@pytest.mark.parametrize("failures", [(), (RuntimeError("told"),)])
async def test_a_background_task_ends_when_it_is_cancelled_also_in_its_pause(failures):
    work = Work(*failures)
    task = start_background_task(work.run, "probe", 10 * TIMEOUT)
    await asyncio.wait_for(work.begun.wait(), TIMEOUT)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, TIMEOUT)
    assert work.runs == 1


async def test_a_background_task_that_has_done_its_work_ends():
    async def done():
        return None

    await asyncio.wait_for(start_background_task(done, "done", 0.0), TIMEOUT)
