"""A program on a terminal of its own: what it writes is recorded, and keys are typed for it."""

import codecs
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyte

from video.cast import Cast, CastEvent
from video.chapters import ChapterFailed

CHUNK_BYTES: Final = 65_536
KEY_PAUSE_SECONDS: Final = 0.12
"""Between two keys, as a person types."""


class TerminalSession:
    """Runs one program; use it in a `with` statement, which ends what still runs."""

    def __init__(
        self,
        command: Sequence[str],
        title: str,
        columns: int,
        rows: int,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._title, self._columns, self._rows = title, columns, rows
        self._outputs: list[CastEvent] = []
        self._marks: list[CastEvent] = []
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._began = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - the chapters say what runs
            command,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows)}
            | dict(environment or {}),
            cwd=folder,
            start_new_session=True,
        )
        os.close(inside)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        os.close(self._terminal)

    @property
    def cast(self) -> Cast:
        """What was recorded so far."""
        return Cast(self._title, self._columns, self._rows, tuple(self._outputs), tuple(self._marks))

    def mark(self, moment: str) -> None:
        """Call what is shown from now on by the name of a moment of a chapter."""
        self._marks.append(CastEvent(time.monotonic() - self._began, moment))

    def wait_for(self, text: str, seconds_max: float) -> None:
        """Return when the screen shows the text. Raises ChapterFailed when it does not in time."""
        deadline = time.monotonic() + seconds_max
        while text not in "\n".join(self._screen.display):
            if time.monotonic() > deadline or not self._read(deadline - time.monotonic()):
                shown = "\n".join(line.rstrip() for line in self._screen.display).strip()
                raise ChapterFailed(f"{self._title}: {text!r} was not shown within {seconds_max} s, but:\n{shown}")

    def type(self, *keys: str) -> None:
        """Type keys one by one, at the pace of a person."""
        for key in keys:
            os.write(self._terminal, key.encode())
            self.watch(KEY_PAUSE_SECONDS)

    def watch(self, seconds: float) -> None:
        """Record what is written in this time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self._read(left):
            pass

    def finish(self, seconds_max: float) -> int:
        """Record until the program ends; return its exit code. Raises ChapterFailed when it does not end in time."""
        deadline = time.monotonic() + seconds_max
        while (left := deadline - time.monotonic()) > 0 and self._read(left):
            pass
        try:
            return self._process.wait(timeout=max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise ChapterFailed(f"{self._title}: it did not end within {seconds_max} s") from None

    def _read(self, seconds: float) -> bool:
        """Record what comes next, or nothing in this time; false when nothing can come any more."""
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, seconds))
        if not ready:
            return True
        try:
            data = os.read(self._terminal, CHUNK_BYTES)
        except OSError:  # Linux tells so that the program has closed its side
            data = b""
        text = self._decoder.decode(data, final=not data)
        if text:
            self._outputs.append(CastEvent(time.monotonic() - self._began, text))
            self._stream.feed(text)
        return bool(data)
