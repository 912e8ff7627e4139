"""password set and remove, of both programs. No option takes a password: every user of a machine sees those."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from quitanda.domain.model import Credential
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.runs import AdminRun, ShopRun, admin_command, shop_command
from quitanda_clients.cli.streams import print_error, printable
from quitanda_clients.commands.tokens import credential_id
from quitanda_clients.connecting import Transport
from quitanda_clients.i18n.speech import say

of_staff = typer.Typer(no_args_is_help=True)
of_customers = typer.Typer(no_args_is_help=True)

STANDARD_INPUT: Final = Path("-")
_BYTES_MAX: Final = 4_096

FileOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Read the password from this file, or with - from the standard input. (Default: ask on the terminal.)",
    ),
]
CurrentOption = Annotated[
    bool,
    typer.Option("--current", help="Ask for the password until now as well: a token from signing in needs it."),
]
WhoseOption = Annotated[
    str | None,
    typer.Option(
        "--credential", metavar="ID", parser=credential_id, help="Whose password, for administrators. (Default: yours.)"
    ),
]


@of_staff.command("set")
@admin_command(Effect.WRITE)
async def set_of_staff(
    run: AdminRun, file: FileOption = None, current: CurrentOption = False, credential: WhoseOption = None
) -> None:
    """Set the password with which you sign in on the page; your token stays valid, and sessions end."""
    chosen, proof, whose = _new_password(file), _current(current=current), credential or ""
    async with run.client() as client:
        result = await client.set_password(chosen, current=proof, credential_id=whose, request_id=run.request_id)
    run.output.document(result, say("Set the password of the credential"))
    _say_how_to_sign_in(run, result.document)


@of_staff.command("remove")
@admin_command(Effect.WRITE)
async def remove_of_staff(run: AdminRun, current: CurrentOption = False, credential: WhoseOption = None) -> None:
    """Let nobody sign in with the password any more; sessions end."""
    proof, whose = _current(current=current), credential or ""
    async with run.client() as client:
        result = await client.set_password("", current=proof, credential_id=whose, request_id=run.request_id)
    run.output.document(result, say("Removed the password of the credential"))


@of_customers.command("set")
@shop_command(Effect.WRITE)
async def set_of_customer(run: ShopRun, file: FileOption = None, current: CurrentOption = False) -> None:
    """Set the password with which you sign in on the page; your token stays valid, and sessions end."""
    _check_transport(run)
    chosen, proof = _new_password(file), _current(current=current)
    async with run.client() as client:
        result = await client.set_password(chosen, current=proof, request_id=run.request_id)
    run.output.document(result, say("Set the password of the credential"))
    _say_how_to_sign_in(run, result.document)


@of_customers.command("remove")
@shop_command(Effect.WRITE)
async def remove_of_customer(run: ShopRun, current: CurrentOption = False) -> None:
    """Let nobody sign in with the password any more; sessions end."""
    _check_transport(run)
    proof = _current(current=current)
    async with run.client() as client:
        result = await client.set_password("", current=proof, request_id=run.request_id)
    run.output.document(result, say("Removed the password of the credential"))


def _say_how_to_sign_in(run: AdminRun | ShopRun, credential: Credential) -> None:
    """Tell the name that belongs to the password: of a credential people see the id first, which is none."""
    name = printable(credential.customer_id or credential.label.strip(" "))
    if run.as_json or not name:
        return
    if credential.customer_id:
        print_error(say("On the page sign in as a customer: with the id {name} and this password.", name=name))
    else:
        print_error(say("On the page sign in as staff: with the name {name} and this password.", name=name))


def _check_transport(run: ShopRun) -> None:
    if run.transport is not Transport.GRPC:
        raise typer.BadParameter(say("passwords go over gRPC only; leave it out"), param_hint="--transport")


def _new_password(file: Path | None) -> str:
    """Read the password, or ask for it twice without showing it. Raises BadParameter where there is none."""
    if file is None:
        _check_terminal()
        print_error(say("At least 12 characters; they are not shown as you type."))
        chosen = _ask(say("New password"))
        if _ask(say("New password once more")) != chosen:
            raise typer.BadParameter(say("you typed two different passwords; nothing is sent"))
        return chosen
    try:
        if file == STANDARD_INPUT:
            text = sys.stdin.buffer.read(_BYTES_MAX).decode()
        else:
            with file.open("rb") as opened:
                text = opened.read(_BYTES_MAX).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or say("it is not text")
        raise typer.BadParameter(
            say("{file} cannot be read: {problem}", file=file, problem=reason), param_hint="--password-file"
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise typer.BadParameter(say("{file} is empty", file=file), param_hint="--password-file")
    return text


def _current(*, current: bool) -> str:
    return _ask(say("Password until now")) if current else ""


def _ask(question: str) -> str:
    _check_terminal()
    return str(typer.prompt(question, hide_input=True, err=True))


def _check_terminal() -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            say("there is no terminal to ask on; name a file, or - for the standard input"),
            param_hint="--password-file",
        )
