"""Whoever logs never waits and never fails, and what is missing is told once the stream takes lines again."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from quitanda.runtime.log_writer import (
    QUEUED_LINES_MAX,
    DescriptorOutput,
    LogWriter,
    NoOutput,
    PartlyWritten,
    TextOutput,
    output_for,
)

pytestmark = pytest.mark.slow

DEADLINE = 20.0


def notice(lines, reason):
    return f"missing {lines}: {reason}"


def wait_until(condition, what):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE} s for: {what}"
        time.sleep(0.005)


needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")


class Disk:
    """An output with room for so many bytes; `grow` makes more."""

    def __init__(self, room=10**6):
        self.room = room
        self.data = b""

    def write(self, data):
        taken = data[: self.room]
        self.data += taken
        self.room -= len(taken)
        if len(taken) < len(data):
            raise PartlyWritten(len(taken), OSError(28, "No space left on device"))

    @property
    def lines(self):
        return self.data.decode().splitlines()


class Gate:
    """An output that stands still until it is opened."""

    def __init__(self):
        self.opened = threading.Event()
        self.data = b""

    def write(self, data):
        assert self.opened.wait(DEADLINE)
        self.data += data


@pytest.fixture
def pipe():
    """A pipe, as two descriptors."""
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        with suppress(OSError):
            os.close(descriptor)


def test_lines_are_written_in_their_order():
    disk = Disk()
    writer = LogWriter(disk, notice)
    for number in range(1_000):
        writer.put(f"line {number}")

    assert writer.flush(DEADLINE)
    assert disk.lines == [f"line {number}" for number in range(1_000)]
    assert writer.dropped == 0


def test_lines_of_many_threads_are_all_there_each_whole():
    disk = Disk()
    writer = LogWriter(disk, notice)

    def work(name):
        for number in range(500):
            writer.put(f"{name} {number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert writer.flush(DEADLINE)
    assert sorted(disk.lines) == sorted(f"{name} {number}" for name in "abcd" for number in range(500))


def test_a_full_disk_costs_lines_and_one_line_says_how_many_once_there_is_room():
    disk = Disk(room=0)
    writer = LogWriter(disk, notice)
    for _ in range(3):
        writer.put("lost")
    assert writer.flush(DEADLINE)
    assert (disk.lines, writer.dropped) == ([], 3)
    disk.room = 10**6
    writer.put("kept")

    assert writer.flush(DEADLINE)
    assert disk.lines == ["missing 3: OSError: [Errno 28] No space left on device", "kept"]
    writer.put("kept, too")
    assert writer.flush(DEADLINE)
    assert disk.lines[2:] == ["kept, too"]


def test_that_lines_are_missing_is_told_also_where_no_further_line_comes():
    disk = Disk(room=0)
    writer = LogWriter(disk, notice)
    writer.put("lost")
    assert writer.flush(DEADLINE)
    disk.room = 10**6

    wait_until(lambda: disk.lines, "the line about what is missing")
    assert disk.lines[0].startswith("missing 1:")


@pytest.mark.parametrize("room", range(13))
def test_a_line_that_was_torn_is_ended_before_the_next_one(room):
    disk = Disk(room)
    writer = LogWriter(disk, notice)
    writer.put("first")
    writer.put("second")
    assert writer.flush(DEADLINE)
    dropped = writer.dropped
    assert dropped == 2 - (room >= len("first\n")) - (room >= len("first\nsecond\n"))
    disk.room = 10**6
    writer.put("third")
    assert writer.flush(DEADLINE)

    assert disk.lines[-1] == "third"
    if dropped:
        assert disk.lines[-2].startswith(f"missing {dropped}:")
    assert b"firstm" not in disk.data


def test_a_stream_that_stands_still_makes_nobody_wait_and_the_queue_has_a_bound():
    gate = Gate()
    writer = LogWriter(gate, notice)
    for number in range(QUEUED_LINES_MAX + 5_000):
        writer.put(f"line {number}")  # whoever waited here would wait for ever: the gate opens only below
    assert 0 < writer.dropped <= 5_000
    assert not writer.flush(0.05)
    gate.opened.set()

    assert writer.flush(DEADLINE)
    written = gate.data.decode().splitlines()
    assert sum(line.startswith("line") for line in written) == QUEUED_LINES_MAX + 5_000 - writer.dropped
    assert sum(int(line.split()[1][:-1]) for line in written if line.startswith("missing")) == writer.dropped


def test_long_lines_count_against_the_bound_too():
    gate = Gate()
    writer = LogWriter(gate, notice)
    for _ in range(100):
        writer.put("x" * 1024 * 1024)

    assert writer.dropped > 80
    gate.opened.set()
    assert writer.flush(DEADLINE)


def test_what_cannot_be_encoded_is_written_escaped():
    disk = Disk()
    writer = LogWriter(disk, notice)
    writer.put("half a pair: \ud800")

    assert writer.flush(DEADLINE)
    assert disk.lines == ["half a pair: \\ud800"]


def test_a_line_from_within_a_signal_handler_does_not_wait_for_the_line_that_it_interrupts():
    gate = Gate()
    writer = LogWriter(gate, notice)
    handled = []

    def handler(*_):
        writer.put("from the handler")
        handled.append(True)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
    try:
        deadline = time.monotonic() + DEADLINE
        while len(handled) < 200 and time.monotonic() < deadline:
            writer.put("from the main thread")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    gate.opened.set()

    assert len(handled) >= 200
    assert writer.flush(DEADLINE)


@needs_full_device
def test_a_device_that_is_full_is_told_as_the_reason():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    writer = LogWriter(DescriptorOutput(descriptor), notice)
    os.close(descriptor)
    writer.put("lost")

    assert writer.flush(DEADLINE)
    assert writer.dropped == 1


def test_a_pipe_whose_reader_is_gone_raises_nowhere(pipe):
    reading, writing = pipe
    writer = LogWriter(DescriptorOutput(writing), notice)
    os.close(reading)
    for _ in range(10):
        writer.put("lost")

    assert writer.flush(DEADLINE)
    assert writer.dropped == 10


@pytest.mark.parametrize("blocking", [True, False])
def test_a_pipe_that_nobody_reads_for_a_while_gets_everything_afterwards(pipe, blocking):
    reading, writing = pipe
    os.set_blocking(writing, blocking)
    writer = LogWriter(DescriptorOutput(writing), notice)
    lines = [f"line {number:01000}" for number in range(1_000)]  # more than a pipe holds
    for line in lines:
        writer.put(line)
    assert not writer.flush(0.1)
    wanted = sum(len(line) + 1 for line in lines)
    data = b""
    while len(data) < wanted:
        data += os.read(reading, 65_536)

    assert data.decode().splitlines() == lines
    assert writer.dropped == 0


def test_a_stream_that_is_closed_afterwards_leaves_its_number_to_others(tmp_path):
    log, other = tmp_path / "log", tmp_path / "other"
    stream = log.open("w")
    writer = LogWriter(output_for(stream), notice)
    number = stream.fileno()
    stream.close()
    with other.open("w") as opened:
        assert opened.fileno() == number, "the number is used again"
        writer.put("a line")
        assert writer.flush(DEADLINE)

    assert (log.read_text(), other.read_text()) == ("a line\n", "")


def test_streams_without_a_descriptor_and_closed_ones_have_an_output_too():
    closed = io.StringIO()
    closed.close()

    assert isinstance(output_for(io.StringIO()), TextOutput)
    assert isinstance(output_for(closed), NoOutput)
    assert isinstance(output_for(None), NoOutput)


PROGRAM = """
import logging, os, sys, structlog
from quitanda.runtime.logging import configure, dropped_lines
from quitanda.runtime.settings import LogFormat, LogLevel
configure(LogLevel.INFO, LogFormat.AUTO, "replica", "replica1")
for number in range(2000):
    structlog.get_logger().info("event", number=number)
    logging.getLogger("some.library").info("event")
logging.getLogger("some.library").info("%d", "not a number")
opened = os.open(os.devnull, os.O_RDONLY)
sys.stderr and sys.stderr.write(f"{opened} {dropped_lines()}")
"""


def run(program, **streams):
    process = subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" {streams.pop("redirect", "")}', sys.executable, program],
        check=False,
        timeout=60,
        stderr=subprocess.PIPE,
        **streams,
    )
    return process.returncode, process.stderr.decode()


@pytest.mark.parametrize("redirect", [pytest.param(">/dev/full", marks=needs_full_device), ">&-", "<&- >&-"])
def test_a_process_without_a_stream_ends_as_if_it_had_one(redirect):
    code, said = run(PROGRAM, redirect=redirect)

    opened, _ = said.split()
    assert code == 0
    assert int(opened) > 2, "no file gets the number of a standard stream"


def test_a_process_whose_pipe_is_blocked_ends_within_the_bound(pipe):
    _, writing = pipe
    code, _ = run(PROGRAM, stdout=writing)  # raises where it has not ended in time

    assert code == 0


def test_the_last_lines_of_a_process_are_written(tmp_path):
    log = tmp_path / "log"
    with log.open("w") as stream:
        code, _ = run(PROGRAM, stdout=stream)

    written = log.read_text().splitlines()
    assert code == 0
    assert sum('"event": "event"' in line for line in written) == 4_000
    (missing,) = [line for line in written if '"log_lines_dropped"' in line]
    assert '"lines": 1' in missing
    assert "%d format" in missing
