"""Starting, ending and watching one process; real ones."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from quitanda_local.errors import DeadlineExceeded, NotRunning, ProcessDied
from quitanda_local.process import Process, Spawner, describe_exit
from quitanda_local.waiting import POLL_SECONDS, wait_until

READY = "print('ready', flush=True); "
SLEEPER = READY + "import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY + "signal.pause()"
PARENT = """
import signal, sys
from pathlib import Path
from quitanda_local.process import Process, Spawner
process = Process("child", Path(sys.argv[1]), Spawner())
process.start([sys.executable, "-c", "import signal; signal.pause()"], {})
print(process.pid, flush=True)
signal.pause()
"""
CALLER = """
import sys, time
from pathlib import Path
from quitanda_local.process import Process, Spawner
spawner = Spawner()
process = Process("child", Path(sys.argv[1]), spawner)
process.start(
    [sys.executable, "-c", "import os; print([name for name in os.environ if name.startswith('QUITANDA_')])"],
    {"QUITANDA_NAME": "n"},
)
while process.running:
    time.sleep(0.01)
spawner.close()
"""


@pytest.fixture
def spawner():
    spawner = Spawner()
    yield spawner
    spawner.close()


@pytest.fixture
def process(tmp_path, spawner):
    process = Process("sleeper", tmp_path / "logs" / "sleeper.log", spawner)
    yield process
    if process.running:
        process.kill()


async def start(process, code=SLEEPER):
    process.start([sys.executable, "-c", code], {})

    async def ready():
        return "ready" in process.tail()

    await wait_until(ready, "the process to say that it is ready", 10)


async def ended(pid):
    async def gone():
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    return await wait_until(gone, f"process {pid} to end", 5)


async def test_a_process_ends_when_it_is_asked_to(process):
    await start(process)

    assert await process.stop()
    assert not process.running


async def test_what_a_process_writes_and_its_log_are_for_their_owner_only(spawner, tmp_path):
    written = tmp_path / "data" / "file"
    writer = Process("writer", tmp_path / "logs" / "writer.log", spawner)
    code = "import pathlib, sys; file = pathlib.Path(sys.argv[1]); file.parent.mkdir(); file.touch()"
    writer.start([sys.executable, "-c", code, str(written)], {})

    async def ended():
        return not writer.running

    await wait_until(ended, "the process to end", 10)

    modes = [path.stat().st_mode & 0o777 for path in (written.parent, written, tmp_path / "logs")]
    assert modes == [0o700, 0o600, 0o700]


async def test_a_process_that_does_not_end_in_time_is_killed(process):
    await start(process, STUBBORN)

    assert not await process.stop(timeout=0.2)
    assert "SIGKILL" in process.describe_end()


async def test_a_killed_process_is_gone_and_can_be_started_again(process):
    await start(process)
    first = process.pid
    process.kill()

    assert not process.running

    await start(process)

    assert process.pid != first


async def test_a_process_that_ended_by_itself_is_described_with_its_exit_code_and_last_lines(process):
    await start(process, READY + "print('the disk is full'); raise SystemExit(4)")

    async def over():
        return not process.running

    await wait_until(over, "the process to end", 5)

    with pytest.raises(ProcessDied, match=r"sleeper ended with exit code 4(.|\n)*the disk is full"):
        process.check_alive()


async def test_verbs_on_a_process_that_does_not_run_are_refused(process):
    with pytest.raises(NotRunning, match="sleeper was never started"):
        process.kill()
    await start(process)
    with pytest.raises(NotRunning, match="sleeper runs already"):
        process.start([sys.executable, "-c", SLEEPER], {})
    process.kill()
    with pytest.raises(NotRunning, match="was ended by SIGKILL"):
        process.kill()


def test_settings_of_the_caller_do_not_leak_into_the_process(tmp_path):
    log = tmp_path / "child.log"
    environment = os.environ | {"QUITANDA_STRAY": "x"}
    subprocess.run([sys.executable, "-c", CALLER, str(log)], check=True, timeout=20, env=environment)

    assert log.read_text(encoding="utf-8").strip() == "['QUITANDA_NAME']"


async def test_a_child_does_not_outlive_a_parent_that_is_killed(tmp_path):
    with subprocess.Popen(  # noqa: ASYNC220 - it starts at once
        [sys.executable, "-c", PARENT, str(tmp_path / "child.log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.send_signal(signal.SIGKILL)
        parent.wait(5)

    assert await ended(child)


async def test_closing_the_spawner_ends_what_it_started(tmp_path):
    spawner = Spawner()
    process = Process("sleeper", tmp_path / "sleeper.log", spawner)
    await start(process)
    spawner.close()

    assert await ended(process.pid)
    assert not process.running


async def test_a_log_that_has_grown_too_large_is_put_aside_at_the_next_start(process, tmp_path):
    process.log.parent.mkdir()
    with process.log.open("wb") as log:
        log.truncate(17 * 1024 * 1024)
    await start(process)

    assert process.log.stat().st_size < 1_000
    assert (tmp_path / "logs" / "sleeper.log.old").exists()


@pytest.mark.parametrize(
    ("code", "words"), [(None, "still runs"), (0, "ended with exit code 0"), (-9, "was ended by SIGKILL")]
)
def test_a_return_code_is_put_in_words(code, words):
    assert describe_exit(code) == words


async def test_waiting_ends_with_what_was_waited_for_and_seen():
    asked = []

    async def never():
        asked.append(True)

    with pytest.raises(DeadlineExceeded, match=r"waited 0.1 s for a miracle; last seen: nothing") as caught:
        await wait_until(never, "a miracle", 0.1, lambda: "nothing")

    assert "miracle" in str(caught.value)
    assert 1 <= len(asked) <= 0.1 / POLL_SECONDS + 2  # a slow machine asks less often, never more
