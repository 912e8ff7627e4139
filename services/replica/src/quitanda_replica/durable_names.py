"""A file that was synced can still be gone after a power failure: its name is durable only since its folder was synced.

LevelDB syncs the folder with its manifest alone. It begins a new write-ahead file without, so what is
acknowledged from then until the next manifest would hang on a name that a file system may forget.
"""

import os
import time
from pathlib import Path
from typing import Final, Self

WRITE_AHEAD_SUFFIX: Final = ".log"
CLOCK_STEP_NS: Final = 100_000_000
"""A folder's time of change moves in steps, far shorter than this; younger ones may stand for two changes."""


class DurableNames:
    """Syncs LevelDB's folder after each change that an acknowledged write needs."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._seen_change = 0
        self._durable: frozenset[str] = frozenset()

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Make the names that are there now durable, the folder's own too. Raises OSError."""
        names = cls(folder)
        names.settle()
        parent = os.open(folder.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
        return names

    def settle(self) -> None:
        """Make the names of all write-ahead files durable; costs next to nothing where none is new. Raises OSError."""
        now = time.time_ns()
        change = os.fstat(self._descriptor).st_mtime_ns
        if change == self._seen_change:
            return
        names = os.listdir(self._descriptor)  # noqa: PTH208 - by descriptor, which a path cannot do
        found = frozenset(name for name in names if name.endswith(WRITE_AHEAD_SUFFIX))
        if found - self._durable:
            os.fsync(self._descriptor)
        self._durable = found
        if now - change > CLOCK_STEP_NS:
            self._seen_change = change

    def close(self) -> None:
        """Let go of the folder; closing twice is allowed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
