"""Freezing one process; real ones."""

import sys

import psutil
import pytest

from quitanda_local.errors import NotRunning
from quitanda_local.process import Spawner
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.freezable_process import FreezableProcess

SLEEPER = "print('ready', flush=True); import signal; signal.pause()"


@pytest.fixture
def process(tmp_path):
    spawner = Spawner()
    process = FreezableProcess("sleeper", tmp_path / "logs" / "sleeper.log", spawner)
    yield process
    if process.running:
        process.kill()
    spawner.close()


async def start(process):
    process.start([sys.executable, "-c", SLEEPER], {})

    async def ready():
        return "ready" in process.tail()

    await wait_until(ready, "the process to say that it is ready", 10)


async def test_a_frozen_process_can_be_stopped(process):
    await start(process)
    process.pause()

    assert await process.stop()


async def test_a_frozen_process_exists_and_does_nothing_until_it_is_resumed(process):
    await start(process)
    process.pause()

    assert process.paused
    assert psutil.Process(process.pid).status() == psutil.STATUS_STOPPED

    process.resume()

    async def goes_on():
        return psutil.Process(process.pid).status() != psutil.STATUS_STOPPED

    assert not process.paused
    assert await wait_until(goes_on, "the process to go on", 5)


async def test_a_process_that_ended_cannot_be_frozen(process):
    await start(process)
    process.kill()

    with pytest.raises(NotRunning, match="was ended by SIGKILL"):
        process.pause()
