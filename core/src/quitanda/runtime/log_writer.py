"""Writes the lines of the log from a thread of its own, so that logging never waits and never fails.

A log's stream can be full (a disk), closed, broken (a pipe whose reader is gone) or blocked (one whose reader stands
still). None of that is the business of a request, of a signal or of the Raft thread. So lines go into a bounded queue,
and with them events of which the thread makes lines, so that nobody else takes the time for that;
what finds it full, or cannot be written, is dropped and counted; and once the stream takes lines again, the first one
says how many are missing. Lines that were put before `flush` are written when it returns, or its time is over.
"""

import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final, Protocol, TextIO, TypeAlias

from structlog.typing import EventDict

QUEUED_LINES_MAX: Final = 16_384
QUEUED_CHARACTERS_MAX: Final = 8 * 1024 * 1024
"""What may wait for a stream that is slow: seconds of a busy process, and no more memory than that."""

BATCH_CHARACTERS_MAX: Final = 64 * 1024
"""What is written in one go; as much is lost at most where that fails."""

GATHER_SECONDS: Final = 0.005
"""Pause after each write, so that a busy process is not interrupted for each line."""

RETRY_SECONDS: Final = 1.0
"""How often a stream that failed is tried, where no further line tries it."""

_WRITABLE_SECONDS: Final = 1.0

EVENT_CHARACTERS: Final = 1024
"""What an event counts as, beside its texts: about the memory that it takes."""

Notice: TypeAlias = Callable[[int, str], str]
"""Makes the line that tells how many are missing, and why."""

Render: TypeAlias = Callable[[EventDict], str]
"""Makes a line of an event."""


class Output(Protocol):
    """Where lines end up."""

    def write(self, data: bytes) -> None:
        """Write everything; PartlyWritten where that fails."""


class PartlyWritten(Exception):
    """Only the first `written` bytes could be written; the text says why."""

    def __init__(self, written: int, reason: BaseException) -> None:
        super().__init__(f"{type(reason).__name__}: {reason}")
        self.written = written


class DescriptorOutput:
    """Writes to a copy of a file descriptor, so that the original may be closed, and its number used for another."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)

    def write(self, data: bytes) -> None:
        """Write everything, however long the other side takes it; PartlyWritten where that fails."""
        written = 0
        view = memoryview(data)
        while written < len(data):
            try:
                written += os.write(self._descriptor, view[written:])
            except BlockingIOError:
                # somebody who shares the pipe or terminal has made it not block
                select.select([], [self._descriptor], [], _WRITABLE_SECONDS)
            except OSError as error:
                raise PartlyWritten(written, error) from error


class TextOutput:
    """Writes to a stream that has no descriptor."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Write everything; PartlyWritten where that fails."""
        try:
            self._stream.write(data.decode())
        except (OSError, ValueError) as error:
            raise PartlyWritten(0, error) from error


class NoOutput:
    """Stands for a stream that was closed before the process began."""

    def write(self, data: bytes) -> None:  # noqa: ARG002 - the interface has it
        """Fail."""
        raise PartlyWritten(0, OSError("standard output is closed"))


def output_for(stream: TextIO | None) -> Output:
    """Give the output that goes with a stream."""
    if stream is None or stream.closed:
        return NoOutput()
    try:
        return DescriptorOutput(stream.fileno())
    except (OSError, ValueError):
        return TextOutput(stream)


_Queued: TypeAlias = tuple[str | EventDict, int]
"""What is to be written, and how many characters it counts as."""


class LogWriter:
    """Takes lines from any thread, and from within signal handlers; one thread writes them."""

    def __init__(self, output: Output, notice: Notice, render: Render = str) -> None:
        """`render` is called by the writer's thread, with the events that were put."""
        self._output = output
        self._notice = notice
        self._render = render
        self._queue: SimpleQueue[_Queued | threading.Event] = SimpleQueue()
        # taken again by the same thread where a signal handler interrupts it here
        self._lock = threading.RLock()
        self._lines = 0
        self._characters = 0
        self._dropped = 0
        self._told = 0
        self._reason = ""
        self._torn = False
        threading.Thread(target=self._run, name="log-writer", daemon=True).start()

    @property
    def dropped(self) -> int:
        """Lines that were not written, since the process began."""
        return self._dropped

    def put(self, line: str | EventDict) -> None:
        """Have a line written (without its line feed), or an event, which stays as it is; never waits, never raises."""
        if isinstance(line, str):
            size = len(line) + 1
        else:
            size = EVENT_CHARACTERS + sum([len(value) for value in line.values() if isinstance(value, str)])
        with self._lock:
            full = self._lines >= QUEUED_LINES_MAX or self._characters + size > QUEUED_CHARACTERS_MAX
            if not full:
                self._lines += 1
                self._characters += size
        if full:
            self.drop("the stream does not take lines as fast as they come")
        else:
            self._queue.put((line, size))

    def drop(self, reason: str, lines: int = 1) -> None:
        """Count lines that will not be written."""
        with self._lock:
            self._dropped += lines
            self._reason = reason

    def flush(self, timeout: float) -> bool:
        """Wait until everything that was put before is written or dropped; false where `timeout` seconds are over."""
        reached = threading.Event()
        self._queue.put(reached)
        return reached.wait(timeout)

    def _run(self) -> None:
        while True:
            queued, reached = self._gather()
            try:
                self._write([self._text(line) for line, _ in queued])
            except Exception as error:  # noqa: BLE001 - this thread must go on, or nothing is written any more
                self.drop(f"{type(error).__name__}: {error}", len(queued))
            with self._lock:
                self._lines -= len(queued)
                self._characters -= sum([size for _, size in queued])
            if reached is not None:
                reached.set()
            else:
                time.sleep(GATHER_SECONDS)

    def _text(self, line: str | EventDict) -> str:
        return f"{line if isinstance(line, str) else self._render(line)}\n"

    def _gather(self) -> "tuple[list[_Queued], threading.Event | None]":
        """Wait for lines; give those that are there, at most a batch, and the mark that ends them, if one does."""
        queued: list[_Queued] = []
        size = 0
        timeout = RETRY_SECONDS if self._dropped > self._told else None
        with suppress(Empty):
            item = self._queue.get(timeout=timeout)
            while not isinstance(item, threading.Event):
                queued.append(item)
                size += item[1]
                if size >= BATCH_CHARACTERS_MAX:
                    return queued, None
                item = self._queue.get_nowait()
            return queued, item
        return queued, None

    def _write(self, lines: Sequence[str]) -> None:
        """Write the lines, after a notice where some are missing before them."""
        dropped = self._dropped
        if dropped > self._told:
            if self._write_all([f"{self._notice(dropped - self._told, self._reason)}\n"]):
                self.drop(self._reason, len(lines))
                return
            self._told = dropped
        if lost := self._write_all(lines):
            self.drop(self._reason, lost)

    def _write_all(self, lines: Sequence[str]) -> int:
        """Write lines; give how many of them are lost."""
        encoded = [line.encode(errors="backslashreplace") for line in lines]
        start = b"\n" if self._torn and lines else b""
        data = start + b"".join(encoded)
        try:
            self._output.write(data)
        except PartlyWritten as error:
            self._reason = str(error)
            if error.written:
                self._torn = not data[: error.written].endswith(b"\n")
            return len(lines) - _whole(encoded, error.written - len(start))
        self._torn = False
        return 0


def _whole(lines: Sequence[bytes], written: int) -> int:
    """Count the lines that are whole in the first `written` bytes."""
    count = 0
    for line in lines:
        written -= len(line)
        if written < 0:
            break
        count += 1
    return count
