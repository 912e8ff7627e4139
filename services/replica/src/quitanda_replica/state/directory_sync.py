"""A file that was synced can still be gone after a power failure: its name is durable only since its folder was synced.

LevelDB syncs the folder with its manifest alone. It begins a new write-ahead file without, so what is
acknowledged from then until the next manifest would hang on a name that a file system may forget.

Which file a commit went to is seen by its length and by nothing else: a folder's time of change can stand for two
changes where the file system counts whole seconds, or where the machine's clock was set back.
"""

import os
from pathlib import Path
from typing import Final, Self

from quitanda_replica.state.data_folder import DataFolder

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
