"""What `python -m quitanda_replica` does with a data folder while no replica runs on it: restore, export."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from quitanda.backup import BackupDamaged
from quitanda.domain.levels import LevelNotSupported
from quitanda_replica.admin import export, restore
from quitanda_replica.integrity.quarantine import Quarantined
from quitanda_replica.state.store import StoreFailed

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1

_FAILURES: Final = (
    BackupDamaged,
    Quarantined,
    LevelNotSupported,
    export.NotExportable,
    restore.NotEmpty,
    restore.NotAccepted,
    StoreFailed,
    OSError,
)


def main(arguments: Sequence[str]) -> int:
    """Read the command line, do it, say what was done; give the exit code (2: wrong use)."""
    given = _parser().parse_args(arguments)
    try:
        told = given.run(given)
    except _FAILURES as error:
        sys.stderr.write(f"{given.nothing}: {error}\n")
        return EXIT_FAILED
    sys.stdout.write(told)
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m quitanda_replica",
        description="Without a command: run a replica; its settings are QUITANDA_... variables (docs/OPERATIONS.md).",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    restoring = commands.add_parser(
        "restore",
        help="make a replica's data folder from a backup",
        description="Make the data folder of one replica of a new cluster from a backup. Run it once for each replica.",
    )
    restore.add_arguments(restoring)
    restoring.set_defaults(run=restore.run, nothing="Nothing was restored")
    exporting = commands.add_parser(
        "export",
        help="make a backup from the data folder of a replica that does not run",
        description="Make a backup of what one data folder holds, where no majority of the replicas is left.",
    )
    export.add_arguments(exporting)
    exporting.set_defaults(run=export.run, nothing="Nothing was exported")
    return parser
