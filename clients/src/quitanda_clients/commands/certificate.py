"""quitanda-shop certificate: the certificate by which the broker knows a customer, for any client of MQTT."""

from pathlib import Path
from typing import Annotated

import typer

from quitanda.identity.folder import IdentityFile, IdentityFolder
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.local_errors import LocalReason, print_local_error
from quitanda_clients.cli.runs import ShopRun, shop_command
from quitanda_clients.cli.streams import reason_of
from quitanda_clients.i18n.speech import say
from quitanda_clients.tokens import IDENTITY_VARIABLE


@shop_command(Effect.READ)
async def certificate(
    run: ShopRun,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write into.", file_okay=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace the files if they exist.")] = False,
) -> int:
    """Get a certificate for the MQTT broker, valid for a day; the key is made here and goes nowhere.

    The command writes process.pem, the key and its certificate in one file that only you can read, and ca.pem, by which
    the broker's own certificate is checked. --transport mqtt needs none of this: it gets its certificates by itself.
    """
    # `--help` needs none of it
    from quitanda_clients.broker_certificate import end_of, new_certificate, portal_asker, write_files  # noqa: PLC0415

    identity = run.identity
    if identity is None:
        raise typer.BadParameter(
            say("names no folder, and the broker asks nobody for a certificate"), param_hint=IDENTITY_VARIABLE
        )
    _check_target(identity, out, force=force)
    made = await new_certificate(portal_asker(run.customer_id, run.portals))
    folder = IdentityFolder(out)
    try:
        write_files(folder, made, identity.ca(), replace=force)
    except OSError as error:
        message = say("{file} was not written: {problem}", file=error.filename or out, problem=reason_of(error))
        return print_local_error(LocalReason.NO_CERTIFICATE, message, as_json=run.as_json)
    run.output.certificate(folder.file(IdentityFile.PROCESS), folder.file(IdentityFile.CA), end_of(made))
    return exit_codes.DONE


def _check_target(identity: IdentityFolder, out: Path, *, force: bool) -> None:
    """Refuse a folder with such files before a portal is asked; the folder's own CA may be there."""
    own = out.absolute() == identity.path.absolute()
    for file in (
        out / name for name in (IdentityFile.PROCESS, IdentityFile.CA) if name is IdentityFile.PROCESS or not own
    ):
        if file.exists() and not force:
            raise typer.BadParameter(
                say("{file} exists; name another folder, or give --force", file=file), param_hint="--out"
            )
