"""quitanda-admin webhook."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from quitanda.domain import refusals
from quitanda.domain.webhook_model import EVENTS
from quitanda.errors import QuitandaError, Rejected
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.repeated_letters import RepeatedLetter
from quitanda_clients.cli.runs import AdminRun, admin_command
from quitanda_clients.i18n.speech import say

if TYPE_CHECKING:  # it loads what only a call needs
    from quitanda.v1.documents_pb2 import Webhook
    from quitanda_clients.client import AdminClient

app = typer.Typer(no_args_is_help=True)

WebhookArgument = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]
EventsHelp = f"Names of events with commas between them: {', '.join(EVENTS)}."


@app.command("create")
@admin_command(Effect.WRITE)
async def create(
    run: AdminRun,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the events are sent; it begins with https://.")],
    events: Annotated[str, typer.Option("--events", metavar="NAMES", help=EventsHelp)],
) -> None:
    """Tell an address of events from now on, and show the secret that signs them; nobody can show it again."""
    async with run.client() as client:
        answer = await client.create_webhook(url, events, request_id=run.request_id)
        run.output.webhook(answer, say("Created the webhook"))


@app.command("list")
@admin_command(Effect.READ)
async def list_webhooks(run: AdminRun) -> None:
    """List the webhooks, and how far each has got."""
    async with run.client() as client:
        run.output.webhooks(await client.list_webhooks())


@app.command("show")
@admin_command(Effect.READ)
async def show(run: AdminRun, webhook_id: WebhookArgument) -> None:
    """Show one webhook."""
    async with run.client() as client:
        answer = await client.list_webhooks()
        found = _find(answer.webhooks, webhook_id)
        del answer.webhooks[:]
        answer.webhooks.append(found)
        run.output.webhooks(answer)


@app.command("update")
@admin_command(Effect.WRITE)
async def update(
    run: AdminRun,
    webhook_id: WebhookArgument,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The new address.")] = None,
    events: Annotated[str | None, typer.Option("--events", metavar="NAMES", help=EventsHelp)] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether events are sent; they wait otherwise.")
    ] = None,
) -> None:
    """Change a webhook; what you leave out stays as it is."""
    async with run.client() as client:
        answer = await client.update_webhook(
            webhook_id, url=url, events=events, enabled=enabled, request_id=run.request_id
        )
        run.output.webhook(answer, say("Changed the webhook"))


@app.command("rotate-secret")
@admin_command(Effect.WRITE)
async def rotate_secret(run: AdminRun, webhook_id: WebhookArgument) -> None:
    """Sign with a new secret, and show it; the one before signs as well until the next time."""
    async with run.client() as client:
        answer = await client.rotate_webhook_secret(webhook_id, request_id=run.request_id)
        run.output.webhook(answer, say("Gave a new secret to the webhook"))


@app.command("delete")
@admin_command(Effect.WRITE)
async def delete(run: AdminRun, webhook_id: WebhookArgument) -> None:
    """Forget a webhook with its dead letters."""
    async with run.client() as client:
        answer = await client.delete_webhook(webhook_id, request_id=run.request_id)
        run.output.webhook(answer, say("Deleted the webhook {webhook_id}", webhook_id=webhook_id))


@app.command("dead-letters")
@admin_command(Effect.READ)
async def dead_letters(run: AdminRun, webhook_id: WebhookArgument) -> None:
    """List the events that were given up, and those that wait to be sent once more."""
    async with run.client() as client:
        run.output.dead_letters(_find((await client.list_webhooks()).webhooks, webhook_id))


@app.command("repeat")
@admin_command(Effect.WRITES)
async def repeat(
    run: AdminRun,
    webhook_id: WebhookArgument,
    letters: Annotated[
        list[int] | None, typer.Argument(metavar="LETTER...", min=1, help="The letters, as `dead-letters` names them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Repeat all dead letters.")] = False,
) -> int:
    """Send dead letters once more, those that are named or all of them; each is answered by itself."""
    if bool(letters) == every:
        raise typer.BadParameter(say("give the numbers of letters, or --all"), param_hint="LETTER...")
    async with run.client() as client:
        if every:
            answer = await client.repeat_dead_letters(webhook_id)
            run.output.webhook(answer, say("Repeats dead letters of the webhook"))
            return exit_codes.DONE
        numbers = list(dict.fromkeys(letters or ()))
        answers = await asyncio.gather(*(_repeat(client, webhook_id, number) for number in numbers))
    run.output.repeated(webhook_id, answers)
    return max(answer.exit_code for answer in answers)


async def _repeat(client: "AdminClient", webhook_id: str, letter_id: int) -> RepeatedLetter:
    try:
        await client.repeat_dead_letters(webhook_id, letter_id)
    except QuitandaError as error:
        return RepeatedLetter(letter_id, error)
    return RepeatedLetter(letter_id)


@app.command("test")
@admin_command(Effect.WRITE)
async def send_test(run: AdminRun, webhook_id: WebhookArgument) -> None:
    """Send an event that is only a test; `dead-letters` shows it until it arrived, and why it did not."""
    async with run.client() as client:
        answer = await client.send_test_event(webhook_id, request_id=run.request_id)
        run.output.webhook(answer, say("Sends a test to the webhook"))


def _find(webhooks: Iterable["Webhook"], webhook_id: str) -> "Webhook":
    for webhook in webhooks:
        if webhook.webhook_id == webhook_id:
            return webhook
    raise Rejected(refusals.webhook_not_found(webhook_id))
