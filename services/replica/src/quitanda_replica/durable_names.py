"""A file that was synced can still be gone after a power failure: its name is durable only since its folder was synced.

LevelDB syncs the folder with its manifest alone. It begins a new write-ahead file without, so what is
acknowledged from then until the next manifest would hang on a name that a file system may forget.
"""

import os
import time
from pathlib import Path
from typing import Final, Self

from quitanda_replica.data_folder import DataFolder

WRITE_AHEAD_SUFFIX: Final = ".log"
CLOCK_STEP_NS: Final = 100_000_000
"""A folder's time of change moves in steps, far shorter than this; younger ones may stand for two changes."""


class DurableNames:
    """Syncs LevelDB's folder after each change that an acknowledged write needs."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._seen_change = 0
        self._durable: frozenset[str] = frozenset()

    @classmethod
    def of(cls, folder: DataFolder, path: Path) -> Self:
        """Make the names that are there now durable, the folder's own at `path` too. Raises OSError."""
        names = cls(folder)
        names.settle()
        parent = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
        return names

    def settle(self) -> None:
        """Make the names of all write-ahead files durable; costs next to nothing where none is new.

        Raises OSError; FolderLost where the folder is not the one any more that its path names.
        """
        now = time.time_ns()
        change = self._folder.changed_at()
        if change == self._seen_change:
            return
        found = frozenset(name for name in self._folder.names() if name.endswith(WRITE_AHEAD_SUFFIX))
        if found - self._durable:
            os.fsync(self._folder.descriptor)
        self._durable = found
        if now - change > CLOCK_STEP_NS:
            self._seen_change = change
