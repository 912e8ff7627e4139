"""Writes files of identity folders: each whole or not at all, and readable by those alone who may read its folder."""

import os
import stat
from pathlib import Path
from typing import Final

from quitanda.backup.destination import PlainFile, partial_files

FOLDER_MODE: Final = 0o700


def make_folder(path: Path) -> None:
    """Make a folder that only its owner may open, where there is none."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def write(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file under another name, sync it, and give it its name.

    Raises OSError; FileExistsError where there is such a file by now and it is not to be replaced.
    """
    with PlainFile(path, replace=replace) as destination:
        destination.file.write(content)
        _give_to_readers(destination.file.fileno(), path.parent.stat())
        destination.keep()


def restrict(path: Path) -> bool:
    """Take a file from everybody who may not read its folder; tell whether that changed anything."""
    readers = path.parent.stat()
    file = path.stat()
    if stat.S_IMODE(file.st_mode) == _file_mode(readers):
        return False
    path.chmod(_file_mode(readers))
    return True


def remove_partial_files(folder: Path) -> None:
    """Remove what writers left behind that were killed; call it where no other one can be at work."""
    for partial in partial_files(folder):
        partial.unlink(missing_ok=True)


def _give_to_readers(descriptor: int, folder: os.stat_result) -> None:
    """Let the folder's group read a file where it may read the folder: in containers the broker is another user."""
    mode = _file_mode(folder)
    if mode & stat.S_IRGRP and os.fstat(descriptor).st_gid != folder.st_gid:
        os.fchown(descriptor, -1, folder.st_gid)
    os.fchmod(descriptor, mode)


def _file_mode(folder: os.stat_result) -> int:
    return 0o640 if folder.st_mode & stat.S_IRGRP else 0o600
