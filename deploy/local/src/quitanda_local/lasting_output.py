"""Standard output of a program whose work goes on whatever becomes of its reader: `make run | head`, a full disk."""

import atexit
import io
import sys
from typing import Final

from quitanda.runtime.log_writer import LogWriter, output_for

FLUSH_SECONDS: Final = 1.0
"""How long the end of the program waits for what it said last."""


class LastingOutput(io.TextIOBase):
    """Takes text that is written from a thread of its own, line by line; see `log_writer` for what is dropped."""

    def __init__(self) -> None:
        self._stream = sys.stdout
        self._writer = LogWriter(output_for(self._stream), lambda lines, reason: f"({lines} lines missing: {reason})")
        self._begun = ""
        atexit.register(self._end)

    def write(self, text: str) -> int:
        """Take text; what ends with a line feed is on its way."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._writer.put(line)
        return len(text)

    def isatty(self) -> bool:
        """Whether somebody reads along at a terminal."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """Give the descriptor of standard output; OSError where it is closed."""
        if self._stream is None:
            raise OSError("standard output is closed")
        return self._stream.fileno()

    def _end(self) -> None:
        if self._begun:
            self.write("\n")
        self._writer.flush(FLUSH_SECONDS)
