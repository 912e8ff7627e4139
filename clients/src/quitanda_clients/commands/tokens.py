"""quitanda-admin token."""

import time
from typing import Annotated

import typer

from quitanda.domain.limits import CREDENTIAL_ID_LENGTH, TOKEN_ALPHABET
from quitanda.domain.model import CallerRole
from quitanda_clients.cli import options
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.runs import AdminRun, admin_command
from quitanda_clients.cli.streams import print_error
from quitanda_clients.cli.values import moment
from quitanda_clients.i18n.speech import say
from quitanda_clients.paging import LISTED_MAX

app = typer.Typer(no_args_is_help=True)


def credential_id(text: str) -> str:
    """Take what may be a credential's id; never repeat what may be a token."""
    if text.startswith("qt1_"):
        raise typer.BadParameter(
            say(
                "this is a token, not its id: give only the part between qt1_ and the next _. Every user of this "
                "machine may have seen the token: revoke it"
            )
        )
    if len(text) != CREDENTIAL_ID_LENGTH or not set(text) <= set(TOKEN_ALPHABET):
        raise typer.BadParameter(
            say("'{typed}' is no credential's id; `quitanda-admin token list` shows the ids", typed=text)
        )
    return text


CredentialArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        parser=credential_id,
        help="The credential's id: the part of a token between qt1_ and the secret.",
    ),
]


@app.command("create")
@admin_command(Effect.WRITE)
async def create(
    run: AdminRun,
    role: Annotated[CallerRole, typer.Option("--role", help="What its holder may do.")],
    label: Annotated[str, typer.Option("--label", metavar="TEXT", help="What people call it.")],
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="CID", help="Whose it is, for --role customer.")
    ] = None,
    expires: Annotated[
        int | None,
        typer.Option(
            "--expires",
            metavar="TIME",
            parser=moment,
            help="When it ends: 2027-01-31, or 2027-01-31T18:00, in UTC. (Default: never.)",
        ),
    ] = None,
) -> None:
    """Let somebody in, and show the token; nobody can show it again."""
    if role is CallerRole.CUSTOMER and customer is None:
        raise typer.BadParameter(say("give --customer CID: it says whose token this is"), param_hint="--customer")
    if role is not CallerRole.CUSTOMER and customer is not None:
        raise typer.BadParameter(
            say("leave it out: a token of the role {role} is no customer's", role=say(role.value)),
            param_hint="--customer",
        )
    async with run.client() as client:
        result = await client.create_credential(
            role.value, label, customer_id=customer, expires_at_ms=expires or 0, request_id=run.request_id
        )
        if expires is not None and expires <= time.time() * 1_000:
            print_error(say("By this machine's clock the token is not valid any more: its time of --expires is over."))
        run.output.document(result, say("Created the credential"))


@app.command("list")
@admin_command(Effect.READ)
async def list_credentials(
    run: AdminRun,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="CID", help="List this customer's credentials instead.")
    ] = None,
    limit: options.LimitOption = None,
) -> None:
    """List the credentials of staff and programs, ordered by id; secrets are shown to nobody."""
    if customer == "":
        raise typer.BadParameter(say("the customer's id is empty"), param_hint="--customer")
    async with run.client() as client:
        listing = await client.list_credentials(limit or LISTED_MAX, customer_id=customer or "")
        run.output.listing("credentials", listing)


@app.command("rotate")
@admin_command(Effect.WRITE)
async def rotate(
    run: AdminRun, credential_id: CredentialArgument, expected_version: options.ExpectedVersionOption = None
) -> None:
    """Give a credential a new token, and show it; the one before is valid until the next time."""
    async with run.client() as client:
        result = await client.rotate_credential(
            credential_id, expected_version=expected_version, request_id=run.request_id
        )
        run.output.document(result, say("Rotated the token of the credential"))


@app.command("revoke")
@admin_command(Effect.WRITE)
async def revoke(
    run: AdminRun, credential_id: CredentialArgument, expected_version: options.ExpectedVersionOption = None
) -> None:
    """Remove a credential: nothing that its holder asks for takes effect from then on."""
    async with run.client() as client:
        result = await client.revoke_credential(
            credential_id, expected_version=expected_version, request_id=run.request_id
        )
        run.output.deleted("credential", credential_id, result)
