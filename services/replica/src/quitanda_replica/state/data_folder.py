"""The data folder as its path names it: still the one in which LevelDB has its files, or another one, or none.

LevelDB holds its files open, so it writes on where nobody will ever find it when the folder is removed, moved, or
replaced by another one, when the disk is detached, or when somebody takes files out of it. What is acknowledged then is
gone with the process.
"""

import os
from pathlib import Path
from typing import Final

FILES: Final = ("LOCK", "CURRENT")
"""LevelDB's files that are there from the first start on and have the same name always."""
LOCK: Final = FILES[0]
"""Held open by the process for as long as it runs; who replaces it lets a second process in."""

Identity = tuple[int, int]
"""The file system and the file in it."""


class FolderLost(OSError):
    """What the path names is not the folder any more that this process writes to; the text says what it is."""


class DataFolder:
    """A folder that is held open. Any thread may look at it. Raises OSError where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._identity = _identity(os.fstat(self.descriptor))
        self._lock = self._identity_of(LOCK)

    def changed_at(self) -> int:
        """Return when a name in the folder changed last, in nanoseconds. Raises FolderLost.

        One look at the path shows both that it leads to this folder and whether anything in it changed, so this is as
        cheap for each commit as the look at the time of change alone.
        """
        try:
            found = self._path.stat()
        except OSError as error:
            raise FolderLost(f"the data folder {self._path} cannot be found any more ({error.strerror})") from error
        if _identity(found) != self._identity:
            raise FolderLost(f"the data folder {self._path} was replaced by another one")
        return found.st_mtime_ns

    def names(self) -> list[str]:
        """Name the files in the folder. Raises FolderLost where one is missing that LevelDB always has."""
        for name in FILES:
            try:
                found = self._identity_of(name)
            except OSError as error:
                raise FolderLost(f"the file {name} in the data folder {self._path} was removed") from error
            if name == LOCK and found != self._lock:
                raise FolderLost(f"the file {LOCK} in the data folder {self._path} was replaced")
        return os.listdir(self.descriptor)  # noqa: PTH208 - by descriptor, which a path cannot do

    def check(self) -> None:
        """Look at everything, also where nothing is written.

        Raises FolderLost; OSError where nothing could be written.
        """
        self.changed_at()
        self.names()
        if os.fstatvfs(self.descriptor).f_flag & os.ST_RDONLY:
            raise OSError(f"the file system of the data folder {self._path} became read-only")

    def close(self) -> None:
        """Let go of the folder; closing twice is allowed."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _identity_of(self, name: str) -> Identity:
        return _identity(os.stat(name, dir_fd=self.descriptor))


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino
