"""A backup of what one disk holds, made without a cluster: `python -m quitanda_replica export --from DIR --to FILE`.

For the day on which no majority is left, and one folder is whole. Nobody can prove then that this disk has everything
that was acknowledged, so the file says of itself that it comes from one disk, and what it may lack.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from quitanda.backup import BackupDamaged, Contents, Header, OneDisk
from quitanda.backup.backup_file import BackupFile
from quitanda.backup.destination import STANDARD_OUTPUT, is_plain
from quitanda_replica.admin.backup_source import backup_parts
from quitanda_replica.integrity import quarantine
from quitanda_replica.raft.cluster_identity import DISK_KEY, load_record
from quitanda_replica.raft.journal import LevelJournal
from quitanda_replica.raft.learner import JOINED_KEY
from quitanda_replica.raft.snapshot_receiver import INSTALL_KEY
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import Store

_OF_LEVELDB: Final = "CURRENT"
"""The file that every folder of LevelDB has."""


class NotExportable(Exception):
    """The folder holds nothing that could be exported; the text says why, and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command line must say."""
    parser.add_argument("--from", dest="data_dir", required=True, type=Path, metavar="DIR", help="the data folder")
    parser.add_argument(
        "--to",
        dest="file",
        required=True,
        type=Path,
        metavar="FILE",
        help="the backup, a new file; - is standard output",
    )


def run(given: argparse.Namespace) -> str:
    """Export; return what to tell. Raises what `export` raises."""
    header, contents = export(given.data_dir, given.file)
    lacks = "" if header.one_disk is None else header.one_disk.explain(header.revision)
    told = (
        f"Exported revision {header.revision} ({contents.keys} keys, state digest {contents.state_digest}) from "
        f"{given.data_dir} to {given.file}.\n{lacks}\nThe folder is as it was; keep it.\n"
    )
    if str(given.file) == STANDARD_OUTPUT:  # where the backup itself went
        sys.stderr.write(told)
        return ""
    return told


def export(data_dir: Path, file: Path) -> tuple[Header, Contents]:
    """Write a backup of the folder's state; return what it holds. The folder must not be in use, and stays as it is.

    Raises NotExportable, Quarantined, LevelNotSupported, StoreFailed, OSError (also where there is such a file);
    then there is no new file.
    """
    if not (data_dir / _OF_LEVELDB).is_file():
        raise NotExportable(f"{data_dir} is not the data folder of a replica")
    quarantine.check(data_dir)
    if is_plain(file) and file.exists():
        raise FileExistsError(f"{file} exists already; choose another name")
    if is_plain(file) and not file.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {file.absolute().parent}")
    store = Store.open(data_dir)
    try:
        return _write(store, data_dir, file)
    except (StateCorrupt, BackupDamaged) as error:
        raise NotExportable(f"the data in {data_dir} is damaged: {error}") from error
    finally:
        store.close()


def _write(store: Store, data_dir: Path, file: Path) -> tuple[Header, Contents]:
    if store.get(INSTALL_KEY) is not None:
        raise NotExportable(
            f"the state in {data_dir} is being replaced by one that came from another replica. Start this replica "
            "once, alone: it finishes that before anything else. Stop it, and export then"
        )
    journal = LevelJournal(store)
    if journal.was_empty:
        raise NotExportable(f"{data_dir} holds no data yet")
    disk = _describe(store, journal)
    with store.snapshot() as state, BackupFile(file, disk) as written:
        for part in backup_parts(_name(store, data_dir), state, journal.applied_index):
            written.take(part)
        written.keep()
        if written.header is None or written.contents is None:
            raise AssertionError("a backup was kept that is not whole")
        return written.header, written.contents


def _describe(store: Store, journal: LevelJournal) -> OneDisk:
    record = load_record(store)
    return OneDisk(
        cluster="" if record is None else record.cluster,
        term=journal.getCurrentTerm(),
        commit_index=journal.getRaftCommitIndex(),
        last_log_index=journal.last_index,
        counts=store.get(JOINED_KEY) is not None,
    )


def _name(store: Store, data_dir: Path) -> str:
    """Name the replica whose disk it is: as the cluster knew it, or as the folder is called."""
    record, disk = load_record(store), store.get(DISK_KEY)
    known = {} if record is None else {disk.encode(): name for name, disk in record.disks.items()}
    return known.get(disk or b"", data_dir.name)
