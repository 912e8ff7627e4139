"""quitanda-admin backup: what can be done with a backup's file, without a cluster."""

from pathlib import Path
from typing import Annotated

import typer

from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.effect import Effect
from quitanda_clients.cli.own_errors import OwnReason, tell_own
from quitanda_clients.cli.source import open_to_read
from quitanda_clients.commands.admin_run import AdminRun, command

app = typer.Typer(no_args_is_help=True)


@app.callback()
def backup() -> None:
    """Look at a backup's file."""


@app.command("inspect")
@command(Effect.READ)
async def inspect(
    run: AdminRun,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The backup's file; - is standard input.")],
) -> int:
    """Check every byte of a backup and say what it holds; asks nobody.

    Exit codes: 0 the backup is whole, 1 it is damaged.
    """
    from quitanda.backup import BackupDamaged  # noqa: PLC0415 - `--help` does not need it
    from quitanda.backup.backup_file import inspect as read_whole  # noqa: PLC0415

    try:
        with open_to_read(path, "FILE") as file:
            header, contents, size = read_whole(file)
    except BackupDamaged as error:
        return tell_own(OwnReason.BACKUP_DAMAGED, f"{path}: {error}", as_json=run.as_json)
    run.output.backup(path, header, contents, size)
    return exit_codes.DONE
