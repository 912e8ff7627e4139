"""quitanda-admin cluster."""

import os
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from quitanda.backup.destination import STANDARD_OUTPUT, is_plain
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.effect import Effect
from quitanda_clients.cli.own_errors import OwnReason, tell_own
from quitanda_clients.commands.admin_run import AdminRun, command

if TYPE_CHECKING:
    from quitanda.backup.backup_file import BackupFile
    from quitanda.v1.admin_portal_pb2 import VerifyClusterResponse

BACKUP_SECONDS: Final = 3_600.0
"""How long a backup may take once it has begun; --timeout is for the beginning."""
VERIFY_SECONDS: Final = 300.0

app = typer.Typer(no_args_is_help=True)


@app.callback()
def cluster() -> None:
    """Look after the replicas."""


@app.command("status")
@command(Effect.READ)
async def status(run: AdminRun) -> int:
    """Say in one line whether all is well, and show the replicas as a portal sees them.

    Exit codes: 0 all is well; 1 something is not (who leads, a majority, the states' digests, a replica that is missing
    or far behind); 3 no portal could say it.
    """
    from quitanda_clients.commands.cluster_health import judge  # noqa: PLC0415 - `--help` does not need it

    async with run.client() as client:
        replicas = await client.cluster_status()
    health = judge(replicas)
    run.output.replicas(replicas, health)
    return exit_codes.DONE if health.well else exit_codes.REFUSED


@app.command("transfer-leader")
@command(Effect.READ)
async def transfer_leader(
    run: AdminRun,
    to: Annotated[
        str, typer.Option("--to", metavar="REPLICA", help="Who shall lead. (Default: another one that is ready.)")
    ] = "",
) -> None:
    """Let another replica lead; clients notice a pause of a fraction of a second."""
    async with run.client() as client:
        now = await client.transfer_leadership(to)
        run.output.leadership(now.leader, now.term)


@app.command("backup")
@command(Effect.READ)
async def backup(
    run: AdminRun,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write; - is standard output.", dir_okay=False)
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
) -> int:
    """Write everything that the shop holds, as of one moment, into a file; the shop goes on meanwhile.

    A plain file is there whole or not at all. A FIFO or a device is written straight through; of a symbolic link the
    target is meant.
    """
    from quitanda.backup import BackupDamaged  # noqa: PLC0415 - `--help` does not need it
    from quitanda.backup.backup_file import BackupFile  # noqa: PLC0415

    _check_target(path, force=force)
    try:
        with BackupFile(path, replace=force) as file:
            await _receive(run, file)
            size = file.keep()
            if str(path) != STANDARD_OUTPUT and file.header is not None and file.contents is not None:
                run.output.backup(path, file.header, file.contents, size)
    except (OSError, BackupDamaged) as error:
        return tell_own(OwnReason.NO_BACKUP, f"{path} was not written: {_reason(error)}", as_json=run.as_json)
    return exit_codes.DONE


@app.command("verify")
@command(Effect.READ)
async def verify(run: AdminRun) -> int:
    """Let every replica read its whole state from disk, and compare all of them.

    Exit codes: 0 all is well; 1 something differs; 3 not all could be compared.
    """
    async with run.client(VERIFY_SECONDS) as client:
        answer = await client.verify_cluster()
    run.output.verification(answer)
    return _verdict(answer)


async def _receive(run: AdminRun, file: "BackupFile") -> None:
    from quitanda_clients.cli.progress import shown_progress  # noqa: PLC0415

    async with run.client() as client, aclosing(client.backup(BACKUP_SECONDS)) as parts:
        file.take(await anext(parts))
        expected = 0 if file.header is None else file.header.keys_expected
        with shown_progress(expected, quiet=run.as_json, doing="backing up", unit="keys") as settled:
            async for part in parts:
                file.take(part)
                settled(min(file.keys, expected))


def _check_target(path: Path, *, force: bool) -> None:
    if not is_plain(path):
        return
    if path.exists() and not force:
        raise typer.BadParameter(f"{path} exists; give another name, or --force", param_hint="FILE")
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}", param_hint="FILE")


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _verdict(answer: "VerifyClusterResponse") -> int:
    replicas = answer.replicas
    compared = {replica.compared_digest for replica in replicas if replica.compared_digest}
    damaged = any(
        replica.reachable and (replica.error or replica.computed_digest != replica.kept_digest) for replica in replicas
    )
    if damaged or len(compared) > 1:
        return exit_codes.REFUSED
    whole = all(replica.reachable and replica.compared_digest for replica in replicas)
    return exit_codes.DONE if whole else exit_codes.UNAVAILABLE
