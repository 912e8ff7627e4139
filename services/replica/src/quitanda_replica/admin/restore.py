"""Making a replica's data folder from a backup: `python -m quitanda_replica restore --from FILE --into DIR`.

To be run once for each replica of a NEW cluster, with the same file, before the first start. The folder is made under
another name and gets its own when it is whole, so one that was cut short is never started from.
"""

import argparse
import os
import shutil
from pathlib import Path

from quitanda.backup import BackupDamaged, BackupReader, Contents, Header, decode_pairs
from quitanda.domain.levels import check_supported
from quitanda_replica.raft.learner import stage_restored_log
from quitanda_replica.state import keys
from quitanda_replica.state.store import Store
from quitanda_replica.state.write_set import read_counters


class NotEmpty(Exception):
    """There is something in the data folder."""


class NotAccepted(Exception):
    """The backup may lack more than a backup does, and nobody has said that it is to be restored all the same."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command line must say."""
    parser.add_argument("--from", dest="file", required=True, type=Path, metavar="FILE", help="the backup")
    parser.add_argument("--into", required=True, type=Path, metavar="DIR", help="the data folder, missing or empty")
    parser.add_argument(
        "--one-disk", action="store_true", help="accept a backup that was exported from one disk, and what it may lack"
    )


def run(given: argparse.Namespace) -> str:
    """Restore; return what to tell. Raises what `restore` raises."""
    header, contents = restore(given.file, given.into, one_disk=given.one_disk)
    lacks = "" if header.one_disk is None else f"{header.one_disk.explain(header.revision)}\n"
    return (
        f"Restored revision {header.revision} ({contents.keys} keys, state digest {contents.state_digest}) into "
        f"{given.into}.\n{lacks}Do the same for every other replica, with the same file, before you start any.\n"
    )


def restore(file: Path, data_dir: Path, *, one_disk: bool = False) -> tuple[Header, Contents]:
    """Make the data folder from the backup; return what it holds.

    `one_disk`: accept a backup that was exported from one disk alone. Raises NotEmpty, NotAccepted, BackupDamaged,
    LevelNotSupported, StoreFailed, OSError; then there is no new folder.
    """
    if data_dir.exists() and any(data_dir.iterdir()):
        raise NotEmpty(f"{data_dir} is not empty; a backup is restored into a new cluster only")
    data_dir = data_dir.resolve()  # of a symbolic link, the target is meant
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    partial = data_dir.with_name(f".{data_dir.name}.restoring")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with file.open("rb") as opened:
            reader = BackupReader(opened)
            check_supported(reader.header.level, "the backup")
            _demand_acceptance(reader.header, one_disk=one_disk)
            restored = _write(reader, partial)
        if data_dir.exists():
            data_dir.rmdir()
        partial.rename(data_dir)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _sync(data_dir.parent)
    return restored


def _demand_acceptance(header: Header, *, one_disk: bool) -> None:
    if header.one_disk is not None and not one_disk:
        lacks = header.one_disk.explain(header.revision)
        raise NotAccepted(f"{lacks} Restore it all the same with --one-disk, if there is no later backup")


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
        read_counters(store)  # an earlier version's client may have written a header that says nothing of the level
        stage_restored_log(store, header.revision, header.term, f"backup {header.state_digest}")
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
