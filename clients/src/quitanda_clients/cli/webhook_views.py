"""How webhooks and their dead letters look in tables and in CSV."""

from typing import TYPE_CHECKING, Final

from quitanda_clients.cli.streams import print_error
from quitanda_clients.cli.table_layout import Column, show_fields
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say, say_second

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from quitanda.v1.documents_pb2 import DeadLetter, Webhook

WEBHOOKS: Final = (
    Column("webhook"),
    Column("url", folds=True),
    Column("events", folds=True),
    Column("enabled"),
    Column("delivered", "right", spare=1),
    Column("dead letters", "right"),
    Column("dropped", "right", spare=2),
    Column("missed", "right", spare=3),
    Column("position", "right", spare=4),
)
DEAD_LETTERS: Final = (
    Column("letter", "right"),
    Column("event"),
    Column("document", folds=True),
    Column("when", spare=1),
    Column("attempts", "right", spare=2),
    Column("waits"),
    Column("problem", folds=True),
)
AFTER_MISSED: Final = N_(
    "The history had forgotten the changes that are counted as missed before the webhook was told of them. Read what "
    "the shop has now (quitanda-admin export); the webhook goes on with later events."
)
_NOTHING: Final = "-"


def cells_of_webhook(webhook: "Webhook") -> tuple[str, ...]:
    """Give the cells of a webhook, by WEBHOOKS."""
    return (
        webhook.webhook_id,
        webhook.url,
        webhook.events,
        _yes(webhook.enabled),
        str(webhook.delivered),
        str(len(webhook.letters)),
        str(webhook.dropped),
        str(webhook.missed),
        str(webhook.position),
    )


def cells_of_letter(letter: "DeadLetter") -> tuple[str, ...]:
    """Give the cells of a dead letter, by DEAD_LETTERS."""
    return (
        str(letter.letter_id),
        letter.event,
        letter.document_id or _NOTHING,
        say_second(letter.at_ms) if letter.at_ms else _NOTHING,
        str(letter.attempts),
        _yes(letter.waiting),
        letter.problem or _NOTHING,
    )


def show_webhook(console: "Console", webhook: "Webhook") -> None:
    """Print the fields of one webhook."""
    labels = [each.said for each in WEBHOOKS]
    show_fields(console, list(zip(labels, cells_of_webhook(webhook), strict=True)), labels[:3])
    tell_missed([webhook])


def tell_missed(webhooks: "Iterable[Webhook]") -> None:
    """Say on stderr what to do where a webhook was not told of everything."""
    if any(each.missed for each in webhooks):
        print_error(say(AFTER_MISSED))


def _yes(flag: bool) -> str:
    return say("yes") if flag else say("no")
