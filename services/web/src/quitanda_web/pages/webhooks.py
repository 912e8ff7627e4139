"""Webhooks, for administrators: which addresses are told of events, and what could not be delivered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.responses import Response

from quitanda.domain import refusals
from quitanda.domain.webhook_commands import (
    CreateWebhook,
    DeleteWebhook,
    RepeatDeadLetters,
    RotateWebhookSecret,
    SendTestEvent,
    UpdateWebhook,
)
from quitanda.domain.webhook_model import EVENTS
from quitanda.errors import Rejected
from quitanda_clients.form_fields import read_number
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_web.forms import CommandForm, FormView, read_request_id
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go, path_of

CREATE: Final = CommandForm("create_webhook", CreateWebhook, ("url",))
UPDATE: Final = CommandForm("update_webhook", UpdateWebhook, ("enabled",))
ROTATE: Final = CommandForm("rotate_webhook_secret", RotateWebhookSecret)
REPEAT: Final = CommandForm("repeat_dead_letters", RepeatDeadLetters)
TEST: Final = CommandForm("send_test_event", SendTestEvent)
DELETE: Final = CommandForm("delete_webhook", DeleteWebhook)

EVENT_NAMES: Final[Mapping[str, str]] = {
    "order_created": N_("An order is begun"),
    "order_placed": N_("An order is placed"),
    "order_fulfilled": N_("An order is fulfilled"),
    "order_returned": N_("An order is given back"),
    "order_cancelled": N_("An order is cancelled"),
    "order_expired": N_("An order expires"),
    "product_created": N_("A product is added"),
    "product_deleted": N_("A product is deleted"),
    "product_low": N_("A product runs low"),
    "product_restocked": N_("A product is low no longer"),
    "test": N_("A test"),
}
LETTER: Final = "letter_id"
_EVENT: Final = "event_"
_WEBHOOKS: Final = "/office/webhooks"
_WEBHOOK: Final = "/office/webhooks/{webhook_id}"


async def show_webhooks(visit: Visit) -> Response:
    """List the webhooks, and how far each has got."""
    answer = await visit.office.list_webhooks()
    chosen = {event for event in EVENTS if visit.typed.get(_EVENT + event)}
    return visit.render(
        "office_webhooks.html",
        webhooks=answer.webhooks,
        form=CREATE.view(visit, _WEBHOOKS, {}) if visit.may(CreateWebhook) else None,
        events=[(_EVENT + event, visit.gettext(EVENT_NAMES[event]), event in chosen) for event in EVENTS],
    )


async def create_webhook(visit: Visit) -> Response:
    """Tell an address of events from now on. The page shows the secret that signs them, once."""
    url = CREATE.read(visit)["url"]
    events = ",".join(event for event in EVENTS if visit.typed.get(_EVENT + event))
    answer = await visit.office.create_webhook(url, events, request_id=read_request_id(visit))
    return _shown_once(visit, answer)


async def show_webhook(visit: Visit) -> Response:
    """One webhook with its dead letters, and what may be done about them."""
    webhook = await _find(visit)

    def view(form: CommandForm, **hidden: str) -> FormView | None:
        if not visit.may(form.command):
            return None
        return form.view(visit, path_of("office", "webhooks", webhook.webhook_id, form.name), {}, None, **hidden)

    return visit.render(
        "office_webhook.html",
        webhook=webhook,
        events=[visit.gettext(EVENT_NAMES.get(event, event)) for event in webhook.events.split(",")],
        letters=[
            (each, visit.gettext(EVENT_NAMES.get(each.event, each.event)), view(REPEAT, letter_id=str(each.letter_id)))
            for each in webhook.letters
        ],
        repeat_all=view(REPEAT, letter_id="0"),
        enable=view(UPDATE, enabled="" if webhook.enabled else "on"),
        rotate=view(ROTATE),
        test=view(TEST),
        delete=path_of("office", "webhooks", webhook.webhook_id, DELETE.name) if visit.may(DeleteWebhook) else "",
    )


async def _find(visit: Visit) -> Any:
    webhook_id = visit.parameter("webhook_id")
    listed = (await visit.office.list_webhooks()).webhooks
    found = next((each for each in listed if each.webhook_id == webhook_id), None)
    if found is None:
        raise Rejected(refusals.webhook_not_found(webhook_id))
    return found


async def update_webhook(visit: Visit) -> Response:
    """Let events wait, or send them again."""
    return await _done(visit, "saved", visit.office.update_webhook, enabled=UPDATE.read(visit)["enabled"])


async def rotate_secret(visit: Visit) -> Response:
    """Sign with a new secret, and show it; the one before signs as well until the next time."""
    answer = await visit.office.rotate_webhook_secret(visit.parameter("webhook_id"), request_id=read_request_id(visit))
    return _shown_once(visit, answer)


async def repeat_letters(visit: Visit) -> Response:
    """Send a dead letter once more, or all of them."""
    letter = read_number(visit.typed.get(LETTER, ""), LETTER)
    return await _done(visit, "repeated", visit.office.repeat_dead_letters, letter_id=letter)


async def send_test(visit: Visit) -> Response:
    """Send an event that is only a test."""
    return await _done(visit, "tested", visit.office.send_test_event)


async def show_delete(visit: Visit) -> Response:
    """Ask whether a webhook is to be deleted: that cannot be undone."""
    visit.require(DeleteWebhook)
    webhook = await _find(visit)
    at = ("office", "webhooks", webhook.webhook_id)
    return visit.render(
        "confirm.html",
        title=visit.gettext("Delete the webhook %(url)s?") % {"url": webhook.url},
        texts=(
            visit.gettext("Its address hears of nothing any longer, and its dead letters are lost."),
            visit.gettext("This cannot be undone."),
        ),
        form=DELETE.view(visit, path_of(*at, DELETE.name), {}),
        button=visit.gettext("Delete it"),
        back=path_of(*at),
    )


async def delete_webhook(visit: Visit) -> Response:
    """Forget a webhook with its dead letters."""
    await visit.office.delete_webhook(visit.parameter("webhook_id"), request_id=read_request_id(visit))
    return go(_WEBHOOKS, done="deleted")


async def _done(visit: Visit, done: str, change: Callable[..., Awaitable[Any]], **fields: Any) -> Response:
    webhook_id = visit.parameter("webhook_id")
    await change(webhook_id, **fields, request_id=read_request_id(visit))
    return go(path_of("office", "webhooks", webhook_id), done=done)


def _shown_once(visit: Visit, answer: Any) -> Response:
    return visit.render("office_webhook_secret.html", webhook=answer.webhook, secret=answer.secret)


PAGES: Final = (
    WebPage("office_webhooks", _WEBHOOKS, Who.STAFF, show_webhooks, (Action(CREATE.name, _WEBHOOKS, create_webhook),)),
    WebPage(
        "office_webhook",
        _WEBHOOK,
        Who.STAFF,
        show_webhook,
        tuple(
            Action(form.name, f"{_WEBHOOK}/{form.name}", do)
            for form, do in (
                (UPDATE, update_webhook),
                (ROTATE, rotate_secret),
                (REPEAT, repeat_letters),
                (TEST, send_test),
            )
        ),
    ),
    WebPage(
        "office_delete_webhook",
        f"{_WEBHOOK}/{DELETE.name}",
        Who.STAFF,
        show_delete,
        (Action(DELETE.name, f"{_WEBHOOK}/{DELETE.name}", delete_webhook),),
    ),
)
