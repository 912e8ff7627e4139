"""Making a replica's data folder from a backup: `python -m quitanda_replica restore --from FILE --into DIR`.

To be run once for each replica of a NEW cluster, with the same file, before the first start. The folder is made under
another name and gets its own when it is whole, so one that was cut short is never started from.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from quitanda.backup import BackupDamaged, BackupReader, Contents, Header, decode_pairs
from quitanda_replica import keys
from quitanda_replica.raft.founding import begin_at
from quitanda_replica.store import Store, StoreFailed

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1


class NotEmpty(Exception):
    """There is something in the data folder."""


def main(arguments: Sequence[str]) -> int:
    """Read the command line, restore, say what was done; give the exit code (2: wrong use)."""
    given = _parser().parse_args(arguments)
    try:
        header, contents = restore(given.file, given.into)
    except (BackupDamaged, NotEmpty, StoreFailed, OSError) as error:
        sys.stderr.write(f"Nothing was restored: {error}\n")
        return EXIT_FAILED
    sys.stdout.write(
        f"Restored revision {header.revision} ({contents.keys} keys, state digest {contents.state_digest}) into "
        f"{given.into}.\nDo the same for every other replica, with the same file, before you start any.\n"
    )
    return EXIT_OK


def restore(file: Path, data_dir: Path) -> tuple[Header, Contents]:
    """Make the data folder from the backup; return what it holds.

    Raises NotEmpty, BackupDamaged, StoreFailed, OSError; then there is no new folder.
    """
    if data_dir.exists() and any(data_dir.iterdir()):
        raise NotEmpty(f"{data_dir} is not empty; a backup is restored into a new cluster only")
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    partial = data_dir.with_name(f".{data_dir.name}.restoring")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with file.open("rb") as opened:
            restored = _write(BackupReader(opened), partial)
        if data_dir.exists():
            data_dir.rmdir()
        partial.rename(data_dir)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _sync(data_dir.parent)
    return restored


def _write(reader: BackupReader, folder: Path) -> tuple[Header, Contents]:
    store = Store.open(folder)
    try:
        for chunk in reader.chunks():
            for key, value in decode_pairs(chunk):
                if not key.startswith(keys.STATE):
                    raise BackupDamaged(f"the key {key[:40]!r} is not one of the replicated state")
                store.put(key, value)
            store.commit()
        header, contents = reader.header, reader.contents
        if contents is None:
            raise BackupDamaged("the backup has no end")
        begin_at(store, header.revision, header.term, f"backup {header.state_digest}")
        store.commit()
    finally:
        store.close()
    return header, contents


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m quitanda_replica",
        description="Without a command: run a replica; its settings are QUITANDA_... variables (docs/OPERATIONS.md).",
    )
    command = parser.add_subparsers(dest="command", required=True, metavar="COMMAND").add_parser(
        "restore",
        help="make a replica's data folder from a backup",
        description="Make the data folder of one replica of a new cluster from a backup. Run it once for each replica.",
    )
    command.add_argument("--from", dest="file", required=True, type=Path, metavar="FILE", help="the backup")
    command.add_argument("--into", required=True, type=Path, metavar="DIR", help="the data folder, missing or empty")
    return parser
