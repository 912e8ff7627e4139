"""quitanda-admin backup: what can be done with a backup's file, without a cluster."""

from pathlib import Path
from typing import Annotated

import typer

from quitanda_clients.admin.run import AdminRun, command
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.running import Effect

app = typer.Typer(no_args_is_help=True)


@app.callback()
def backup() -> None:
    """Look at a backup's file."""


@app.command("inspect")
@command(Effect.READ)
async def inspect(
    run: AdminRun,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="The backup's file.")
    ],
) -> int:
    """Check every byte of a backup and say what it holds; asks nobody.

    Exit codes: 0 the backup is whole, 1 it is damaged.
    """
    from quitanda.backup import BackupDamaged  # noqa: PLC0415 - `--help` does not need it
    from quitanda.backup.backup_file import inspect as read_whole  # noqa: PLC0415

    try:
        header, contents = read_whole(path)
    except BackupDamaged as error:
        run.output.failed("BACKUP_DAMAGED", f"{path}: {error}")
        return exit_codes.REFUSED
    run.output.backup(path, header, contents, path.stat().st_size)
    return exit_codes.DONE
