"""The standard streams, any of which may fail: a full disk, a pipe that nobody reads any more.

A command writes its answer to standard output, and the caller must learn of it if that fails. A command writes messages
to standard error; it drops them if that fails, because they must not change how the command ends.

Text that other people wrote must not control the terminal: `printable` and `printable_json` write control characters
(C0, DEL, C1), controls of the writing direction, and separators of lines and paragraphs as their numbers.
"""

import errno
import io
import os
import re
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

import typer

from quitanda_clients.i18n.speech import say

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT: Final = 1
STDERR: Final = 2

STANDARD_INPUT: Final = "-"
"""Names standard input where a command takes a file's name."""

_ONE_LINE: Final = r"\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_UNSAFE: Final = re.compile(f"[{_ONE_LINE}]")
_UNSAFE_IN_JSON: Final = re.compile(f"[{_ONE_LINE}\n]")


def printable(text: str) -> str:
    r"""Write `\x1b` and `\u202e` in place of characters that control a terminal; line feeds stay."""
    return _UNSAFE.sub(_character_number, text)


def is_printable(text: str) -> bool:
    """Whether a text has no characters that control a terminal; line feeds are none."""
    return _UNSAFE.search(text) is None


def printable_json(text: str) -> str:
    r"""Write `\u001b` in place of characters that control a terminal; the JSON line keeps its meaning."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _character_number(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}"


class AnswerNotWritten(Exception):
    """Writing to standard output failed; the text says why."""


class ReaderGone(AnswerNotWritten):
    """The reader of standard output closed the pipe."""


class _Descriptor(io.RawIOBase):
    """Writes to a descriptor; reports the first failure, and drops everything after it."""

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
    """Replace the process's standard streams with streams that report a failure."""
    closed = [stream is None for stream in (sys.stdin, sys.stdout, sys.stderr)]
    if any(closed):
        _occupy()
    sys.stdout = _stream(STDOUT, sys.stdout, _answer_lost, closed_before=closed[STDOUT])
    sys.stderr = _stream(STDERR, sys.stderr, _drop_message, closed_before=closed[STDERR])


def open_to_read(path: Path, argument: str) -> BinaryIO:
    """Open a file, or standard input for `-`. Raises BadParameter, which names the argument."""
    try:
        return os.fdopen(os.dup(0), "rb") if str(path) == STANDARD_INPUT else path.open("rb")
    except OSError as error:
        raise typer.BadParameter(
            say("{path} cannot be read: {problem}", path=path, problem=reason_of(error)), param_hint=argument
        ) from None


def check_to_write(path: Path, argument: str, *, replace: bool) -> None:
    """Refuse a file that exists already, unless it may be replaced. Raises BadParameter, which names the argument."""
    from quitanda.backup.destination import is_plain  # noqa: PLC0415 - few commands write a file

    if not is_plain(path):
        return
    if path.exists() and not replace:
        raise typer.BadParameter(say("{path} exists; give another name, or --force", path=path), param_hint=argument)
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise typer.BadParameter(say("there is no folder {folder}", folder=folder), param_hint=argument)


def reason_of(error: Exception) -> str:
    """Say why a file could not be written."""
    from quitanda_clients.cli.exception_texts import exception_text  # noqa: PLC0415 - few commands fail

    return exception_text(error.strerror if isinstance(error, OSError) and error.strerror else error)


def print_error(text: str, end: str = "\n") -> None:
    """Write a message to standard error; control characters in it do not control the terminal."""
    typer.echo(f"{printable(text)}{end}", err=True, nl=False)


def _occupy() -> None:
    """Open the descriptors of closed standard streams, so that no file or connection gets one of them."""
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


def _drop_message(error: OSError) -> None:
    """Go on without the message."""
