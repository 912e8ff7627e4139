"""Standard output and standard error, either of which may fail: a full disk, a pipe that nobody reads any more.

The answer goes to standard output, and whoever asked must hear where it could not be written. What is said on standard
error is dropped where nobody can hear it: it must not change how a command ends.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

import typer

from quitanda_clients.cli.printable import printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT: Final = 1
STDERR: Final = 2


class AnswerNotWritten(Exception):
    """Standard output failed; the text says how."""


class ReaderGone(AnswerNotWritten):
    """Whoever read standard output wants no more of it."""


class _Descriptor(io.RawIOBase):
    """Writes to a descriptor; tells the first failure, and takes whatever comes after it for written."""

    def __init__(self, descriptor: int, failed: Callable[[OSError], None], *, closed_before: bool) -> None:
        self._descriptor = descriptor
        self._failed = failed
        self._closed_before = closed_before
        self._lost = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: "ReadableBuffer") -> int:
        if not self._lost:
            try:
                return self._write(data)
            except OSError as error:
                self._lost = True
                self._failed(error)
        return memoryview(data).nbytes

    def _write(self, data: "ReadableBuffer") -> int:
        if self._closed_before:
            raise OSError(errno.EBADF, "it is closed")
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # somebody made it non-blocking, and it is full
                select.select([], [self._descriptor], [])


def guard() -> None:
    """Put streams of this kind in the place of the process's own."""
    closed = [stream is None for stream in (sys.stdin, sys.stdout, sys.stderr)]
    if any(closed):
        _occupy()
    sys.stdout = _stream(STDOUT, sys.stdout, _answer_lost, closed_before=closed[STDOUT])
    sys.stderr = _stream(STDERR, sys.stderr, _nobody_hears, closed_before=closed[STDERR])


def tell(text: str, end: str = "\n") -> None:
    """Say something on standard error, whatever it quotes."""
    typer.echo(f"{printable(text)}{end}", err=True, nl=False)


def _occupy() -> None:
    """Take the numbers of closed standard streams, so that no file or connection gets one of them."""
    while os.open(os.devnull, os.O_RDWR) <= STDERR:
        pass


def _stream(
    descriptor: int, replaced: TextIO | None, failed: Callable[[OSError], None], *, closed_before: bool
) -> TextIO:
    raw = _Descriptor(descriptor, failed, closed_before=closed_before)
    # A terminal that cannot show a character shows its number instead of ending the program.
    encoding = "utf-8" if replaced is None else replaced.encoding
    line_buffering = descriptor == STDERR or raw.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors="backslashreplace", line_buffering=line_buffering
    )


def _answer_lost(error: OSError) -> None:
    reason = error.strerror or str(error)
    raise (ReaderGone if error.errno == errno.EPIPE else AnswerNotWritten)(reason)


def _nobody_hears(error: OSError) -> None:
    """Go on without a word."""
