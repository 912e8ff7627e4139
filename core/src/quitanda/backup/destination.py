"""Where a command writes a file: a plain file is there whole or not at all; anything else is written straight through.

`-` is standard output. A FIFO or a device that has the name gets the bytes and stays what it is. Of a symbolic link the
target is meant.
"""

import io
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Protocol, Self

STANDARD_OUTPUT: Final = "-"
_PARTIAL: Final = ".partial-"


class Destination(Protocol):
    """A context manager; without `keep` nothing is left behind where that can be helped. OSError where it fails."""

    file: BinaryIO

    def __enter__(self) -> Self:
        """Open the file."""

    def keep(self) -> None:
        """Write everything to where it belongs.

        Raises FileExistsError where there is such a file by now and it is not to be replaced.
        """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""


def is_plain(path: Path) -> bool:
    """Tell whether a plain file stands, or would stand, at the path."""
    if str(path) == STANDARD_OUTPUT:
        return False
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def partial_files(folder: Path) -> list[Path]:
    """Find what writers of plain files left in a folder; those that are still at work are found, too."""
    return sorted(folder.glob(f".*{_PARTIAL}*"))


def destination(path: Path, *, replace: bool) -> Destination:
    """Choose how to write to the path; a plain file that is there is only replaced where that is asked for."""
    return PlainFile(Path(os.path.realpath(path)), replace=replace) if is_plain(path) else StraightThrough(path)


class StraightThrough:
    """Implements `Destination`: what was written is gone at once, except for a buffer of a few kilobytes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        if str(self._path) == STANDARD_OUTPUT:
            sys.stdout.flush()
            descriptor = os.dup(1)
        else:
            descriptor = os.open(self._path, os.O_WRONLY)
        self._raw = io.FileIO(descriptor, "wb")
        self.file: BinaryIO = io.BufferedWriter(self._raw)
        return self

    def keep(self) -> None:
        """Write what is still in the buffer."""
        self.file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            if error is not None:
                self._raw.close()  # without the rest: it would wait for a reader who may never read on
            self.file.close()


class PlainFile:
    """Implements `Destination`: what comes is written beside the file, under another name, readable by its owner only.

    A new file gets its name by a hard link, which unlike a rename never replaces what somebody put there meanwhile.
    Where the file system has none, the name is taken at the beginning by an empty file, which is replaced at the end.
    """

    def __init__(self, path: Path, *, replace: bool) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}{_PARTIAL}{os.getpid()}")
        self._replace = replace
        self._taken = False

    def __enter__(self) -> Self:
        self.file: BinaryIO = os.fdopen(_created(self._partial), "wb")
        if not (self._replace or self._has_hard_links()):
            try:
                os.close(_created(self._path))
            except OSError:
                self.__exit__(None, None, None)
                raise
            self._taken = True
        return self

    def keep(self) -> None:
        """Give the file its name, with everything on the disk first."""
        self.file.flush()
        os.fsync(self.file.fileno())
        if self._replace or self._taken:
            self._partial.replace(self._path)
            self._taken = False
        else:
            self._path.hardlink_to(self._partial)
        _sync_directory(self._path.parent)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self.file.close()
        self._partial.unlink(missing_ok=True)
        if self._taken:
            self._path.unlink(missing_ok=True)

    def _has_hard_links(self) -> bool:
        probe = self._partial.with_name(f"{self._partial.name}-link")
        try:
            probe.hardlink_to(self._partial)
        except OSError:
            return False
        probe.unlink()
        return True


def _created(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
