"""A process starts its parts in order and stops them in reverse, whatever happens."""

import asyncio
import os
import signal

import pytest
from structlog.testing import capture_logs

from quitanda.runtime import lifecycle
from quitanda.runtime.listen_errors import CannotListen

TIMEOUT = 10


class Part:
    """Writes down what happens to it."""

    def __init__(self, name, story, *, failing="", hanging=""):
        self.name = name
        self._story = story
        self._failing = failing
        self._hanging = hanging

    async def start(self):
        await self._do("start")

    async def stop(self, timeout):
        assert timeout <= TIMEOUT
        await self._do("stop")

    async def _do(self, what):
        self._story.append(f"{what} {self.name}")
        if what == self._failing:
            raise RuntimeError(f"{self.name} does not {what}")
        if what == self._hanging:
            await asyncio.Event().wait()


@pytest.fixture
def story():
    return []


async def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


async def run(parts, **options):
    options = {"stop_timeout": TIMEOUT, "started": terminate, **options}
    return await asyncio.wait_for(lifecycle.run(parts, **options), TIMEOUT)


async def test_parts_start_in_order_and_stop_in_reverse(story):
    code = await run([Part("a", story), Part("b", story)])

    assert story == ["start a", "start b", "stop b", "stop a"]
    assert code == 0


async def test_an_interrupt_from_the_keyboard_ends_a_process_in_order(story):
    async def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    assert await run([Part("a", story)], started=interrupt) == 0
    assert story == ["start a", "stop a"]


async def test_a_part_that_does_not_start_ends_the_process_and_what_began_is_stopped(story):
    code = await run([Part("a", story), Part("b", story, failing="start"), Part("c", story)])

    assert story == ["start a", "start b", "stop b", "stop a"]
    assert code == 1


async def test_a_part_that_cannot_listen_ends_the_process_with_the_reason_and_no_traceback(story):
    class Door(Part):
        async def start(self):
            raise CannotListen("cannot listen on 127.0.0.1:7001: port 7001 is in use by process 1 (init)")

    with capture_logs() as logs:
        code = await run([Part("a", story), Door("b", story)])

    (told,) = [line for line in logs if line["log_level"] == "error"]
    assert code == 1
    assert told["error"].endswith("process 1 (init)")
    assert "exc_info" not in told
    assert story == ["start a", "stop b", "stop a"]


async def test_a_part_that_fails_while_it_runs_ends_the_process(story):
    async def fail():
        raise RuntimeError("the disk is gone")

    code = await run([Part("a", story)], started=None, failed=fail())

    assert story == ["start a", "stop a"]
    assert code == 1


async def test_a_signal_counts_although_a_failure_could_come(story):
    never = asyncio.get_running_loop().create_future()

    assert await run([Part("a", story)], failed=never) == 0


async def test_a_part_that_does_not_stop_does_not_keep_the_others(story):
    code = await run([Part("a", story), Part("b", story, failing="stop")])

    assert story == ["start a", "start b", "stop b", "stop a"]
    assert code == 0


async def test_stopping_has_a_bound(story):
    await run([Part("a", story), Part("b", story, hanging="stop")], stop_timeout=0.05)

    assert story == ["start a", "start b", "stop b", "stop a"]


async def test_a_signal_while_a_part_starts_ends_the_process(story):
    asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)

    code = await run([Part("a", story), Part("b", story, hanging="start")], started=None)

    assert story == ["start a", "start b", "stop b", "stop a"]
    assert code == 0


async def test_a_second_signal_cuts_the_stopping_short(story):
    class Stubborn(Part):
        async def stop(self, timeout):
            await terminate()
            await super().stop(timeout)

    loop = asyncio.get_running_loop()
    begun = loop.time()

    await run([Part("a", story), Stubborn("b", story, hanging="stop")], stop_timeout=TIMEOUT)

    assert story == ["start a", "start b", "stop b", "stop a"]
    assert loop.time() - begun < TIMEOUT / 2


async def test_the_signal_is_as_before_afterwards(story):
    before = signal.getsignal(signal.SIGTERM)

    await run([Part("a", story)])

    assert signal.getsignal(signal.SIGTERM) == before
