"""quitanda-admin cluster and quitanda-admin backup."""

from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.local_errors import LocalReason, print_local_error
from quitanda_clients.cli.runs import AdminRun, admin_command
from quitanda_clients.cli.streams import check_to_write, open_to_read, reason_of
from quitanda_clients.i18n.speech import say

if TYPE_CHECKING:
    from quitanda.backup.backup_file import BackupFile
    from quitanda.v1.admin_portal_pb2 import VerifyClusterResponse

BACKUP_SECONDS: Final = 3_600.0
"""How long a backup may take once it has begun; --timeout limits the time until it begins."""
VERIFY_SECONDS: Final = 300.0

app = typer.Typer(no_args_is_help=True)
backup_app = typer.Typer(no_args_is_help=True)


@app.command("status")
@admin_command(Effect.READ)
async def status(run: AdminRun) -> int:
    """Say in one line whether all is well, and show the replicas as a portal sees them.

    Exit codes: 0 all is well; 1 something is wrong (the leader, the majority, the digests of the states, or a replica
    that is missing or far behind); 3 no portal could answer.
    """
    from quitanda_clients.commands.cluster_health import judge  # noqa: PLC0415 - `--help` does not need it

    async with run.client() as client:
        replicas = await client.cluster_status()
    health = judge(replicas)
    run.output.replicas(replicas, health)
    return exit_codes.DONE if health.well else exit_codes.REFUSED


@app.command("transfer-leader")
@admin_command(Effect.READ)
async def transfer_leader(
    run: AdminRun,
    to: Annotated[
        str, typer.Option("--to", metavar="REPLICA", help="The replica that shall lead. (Default: another ready one.)")
    ] = "",
) -> None:
    """Make another replica the leader; clients notice a pause of a fraction of a second."""
    async with run.client() as client:
        leadership = await client.transfer_leadership(to)
        run.output.leadership(leadership.leader, leadership.term)


@app.command("raise-level")
@admin_command(Effect.READ)
async def raise_level(
    run: AdminRun,
    to: Annotated[
        int | None,
        typer.Option("--to", metavar="LEVEL", min=2, help="The level. (Default: the highest that the leader knows.)"),
    ] = None,
) -> None:
    """Raise the level of rules that all replicas decide by, after an upgrade of every replica.

    There is no way back: replicas of an older version cannot join the cluster any more. The cluster refuses the command
    unless every replica answers and supports the level.
    """
    async with run.client() as client:
        run.output.level(await client.raise_level(to or 0))


@app.command("backup")
@admin_command(Effect.READ)
async def backup(
    run: AdminRun,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write; - is standard output.", dir_okay=False)
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> int:
    """Write all data of the shop, as of one moment, into a file; the shop continues to work.

    The command writes a plain file completely or not at all. It writes directly to a FIFO or a device; for a symbolic
    link it writes the target.
    """
    from quitanda.backup import BackupDamaged  # noqa: PLC0415 - `--help` does not need it
    from quitanda.backup.backup_file import BackupFile  # noqa: PLC0415
    from quitanda.backup.destination import STANDARD_OUTPUT  # noqa: PLC0415

    check_to_write(path, "FILE", replace=force)
    try:
        with BackupFile(path, replace=force) as file:
            await _receive(run, file)
            size = file.keep()
            if str(path) != STANDARD_OUTPUT and file.header is not None and file.contents is not None:
                run.output.backup(path, file.header, file.contents, size)
    except (OSError, BackupDamaged) as error:
        message = say("{file} was not written: {problem}", file=path, problem=reason_of(error))
        return print_local_error(LocalReason.NO_BACKUP, message, as_json=run.as_json)
    return exit_codes.DONE


@app.command("verify")
@admin_command(Effect.READ)
async def verify(run: AdminRun) -> int:
    """Let every replica read its whole state from disk, and compare all of them.

    Exit codes: 0 all is well; 1 something differs; 3 not all replicas could be compared.
    """
    async with run.client(VERIFY_SECONDS) as client:
        answer = await client.verify_cluster()
    run.output.verification(answer)
    return _verdict(answer)


@backup_app.callback()
def _backup_group() -> None:
    """Inspect a backup file."""


@backup_app.command("inspect")
@admin_command(Effect.READ)
async def inspect(
    run: AdminRun,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The backup file; - is standard input.")],
) -> int:
    """Check every byte of a backup and show what it holds; needs no cluster.

    Exit codes: 0 the backup is complete, 1 it is damaged.
    """
    from quitanda.backup import BackupDamaged  # noqa: PLC0415 - `--help` does not need it
    from quitanda.backup.backup_file import inspect as read_whole  # noqa: PLC0415

    try:
        with open_to_read(path, "FILE") as file:
            header, contents, size = read_whole(file)
    except BackupDamaged as error:
        return print_local_error(LocalReason.BACKUP_DAMAGED, f"{path}: {exception_text(error)}", as_json=run.as_json)
    run.output.backup(path, header, contents, size)
    return exit_codes.DONE


async def _receive(run: AdminRun, file: "BackupFile") -> None:
    from quitanda_clients.cli.progress import shown_progress  # noqa: PLC0415

    async with run.client() as client, aclosing(client.backup(BACKUP_SECONDS)) as parts:
        file.take(await anext(parts))
        expected = 0 if file.header is None else file.header.keys_expected
        with shown_progress(expected, quiet=run.as_json, doing=say("backing up"), unit="key") as done:
            async for part in parts:
                file.take(part)
                done(min(file.keys, expected))


def _verdict(answer: "VerifyClusterResponse") -> int:
    replicas = answer.replicas
    compared = {replica.compared_digest for replica in replicas if replica.compared_digest}
    damaged = any(
        replica.reachable and (replica.error or replica.computed_digest != replica.kept_digest) for replica in replicas
    )
    if damaged or len(compared) > 1:
        return exit_codes.REFUSED
    complete = all(replica.reachable and replica.compared_digest for replica in replicas)
    return exit_codes.DONE if complete else exit_codes.UNAVAILABLE
