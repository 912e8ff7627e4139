"""The data folder: whether its path still leads to it, and whether the names of its files are durable.

LevelDB holds its files open. If the folder is removed, moved or replaced, if its disk is detached, or if somebody takes
files out of it, LevelDB writes on where nobody will ever find it. What is acknowledged then is gone with the process.

A file that was synced can still be gone after a power failure: its name is durable only since its folder was synced.
LevelDB syncs the folder with its manifest alone. It begins a new write-ahead file without that. So what is acknowledged
from then until the next manifest would hang on a name that a file system may forget.

The length of a file shows which file a commit went to, and nothing else does: a folder's time of change can stand for
two changes if the file system counts whole seconds, or if the machine's clock was set back.
"""

import os
from pathlib import Path
from typing import Final, Self

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


WRITE_AHEAD_SUFFIX: Final = ".log"


class DirectorySync:
    """Syncs LevelDB's folder after each change that an acknowledged write needs."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._seen_change = 0
        self._durable: frozenset[str] = frozenset()
        self._current = ""
        """The newest write-ahead file."""
        self._length = 0
        """Its length in bytes behind the latest commit."""

    @classmethod
    def of(cls, folder: DataFolder, path: Path) -> Self:
        """Make the names that are there now durable, the folder's own at `path` too. Raises OSError."""
        names = cls(folder)
        names.sync()
        parent = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
        return names

    def sync(self) -> None:
        """Make the name of the file that the latest commit went to durable; to be called behind each commit.

        A commit lengthens one write-ahead file, the newest. As long as that is the one known, and the folder shows no
        change, this costs next to nothing. Raises OSError; FolderLost where the folder is not the one any more that
        its path names, or has lost a file.
        """
        change, length = self._folder.changed_at(), self._length_of(self._current)
        if length > self._length and change == self._seen_change:
            self._length = length
            return
        found = frozenset(name for name in self._folder.names() if name.endswith(WRITE_AHEAD_SUFFIX))
        if found - self._durable:
            os.fsync(self._folder.descriptor)
        self._durable = found
        self._seen_change = change
        self._current = max(found, key=_number, default="")
        self._length = self._length_of(self._current)

    def _length_of(self, name: str) -> int:
        """Return a file's length; 0 where there is none of that name."""
        try:
            return os.stat(name, dir_fd=self._folder.descriptor).st_size if name else 0
        except FileNotFoundError:
            return 0


def _number(name: str) -> int:
    """Return LevelDB's number of a write-ahead file, which grows; -1 of a file that is somebody else's."""
    stem = name.removesuffix(WRITE_AHEAD_SUFFIX)
    return int(stem) if stem.isdecimal() else -1
