"""The rules for webhooks, and for the portal that sends. Each function decides one command, whose fields are valid.

The sender's commands name no principal, so the rules believe them no more than they must. A position moves only
forwards, only for the holder of the lease, and never beyond the last change: no event can be skipped that has not
happened yet. Whether an event has arrived, only the sender can know.
"""

from dataclasses import replace
from typing import Final

from quitanda.domain import refusals
from quitanda.domain.limits import DEAD_LETTERS_MAX, WEBHOOKS_MAX
from quitanda.domain.outcomes import Done, Problem, Refused
from quitanda.domain.state import Decision, Rules, StateView
from quitanda.domain.value_checks import out_of_range
from quitanda.domain.webhook_commands import (
    CreateWebhook,
    DeleteWebhook,
    RecordDelivery,
    RepeatDeadLetters,
    RotateWebhookSecret,
    SendTestEvent,
    TakeSenderLease,
    UpdateWebhook,
)
from quitanda.domain.webhook_model import (
    TEST_EVENT,
    DeadLetter,
    SenderLease,
    Webhook,
    WebhookChange,
    WebhookRemoval,
    event_names,
)


def create(view: StateView, command: CreateWebhook) -> Decision:
    """Create a webhook that begins after the last change that there is."""
    if view.webhook(command.webhook_id) is not None:
        return Decision(refusals.webhook_exists(command.webhook_id))
    if len(view.webhook_ids(WEBHOOKS_MAX)) == WEBHOOKS_MAX:
        return Decision(refusals.too_many_webhooks(WEBHOOKS_MAX))
    return _changed(
        Webhook(
            command.webhook_id,
            command.url,
            _in_order(command.events),
            enabled=True,
            created_at_ms=command.created_at_ms,
            position=view.last_version,
            secret=command.secret,
            version=view.last_version + 1,
        )
    )


def update(view: StateView, command: UpdateWebhook) -> Decision:
    """Change what is given."""
    webhook = _find(view, command.webhook_id)
    if isinstance(webhook, Refused):
        return Decision(webhook)
    changed = replace(
        webhook,
        url=webhook.url if command.url is None else command.url,
        events=webhook.events if command.events is None else _in_order(command.events),
        enabled=webhook.enabled if command.enabled is None else command.enabled,
    )
    return Decision(Done(None)) if changed == webhook else _changed(replace(changed, version=view.last_version + 1))


def rotate(view: StateView, command: RotateWebhookSecret) -> Decision:
    """Give a webhook a new secret, and keep the one before."""
    webhook = _find(view, command.webhook_id)
    if isinstance(webhook, Refused):
        return Decision(webhook)
    version = view.last_version + 1
    return _changed(replace(webhook, secret=command.secret, previous_secret=webhook.secret, version=version))


def delete(view: StateView, command: DeleteWebhook) -> Decision:
    """Forget a webhook."""
    webhook = _find(view, command.webhook_id)
    return Decision(webhook) if isinstance(webhook, Refused) else _changed(WebhookRemoval(webhook.webhook_id))


def repeat(view: StateView, command: RepeatDeadLetters) -> Decision:
    """Let one dead letter, or all, be sent once more; where all are asked for, there may be none."""
    webhook = _find(view, command.webhook_id)
    if isinstance(webhook, Refused):
        return Decision(webhook)
    wanted = command.letter_id
    if wanted and all(letter.letter_id != wanted for letter in webhook.letters):
        return Decision(refusals.dead_letter_not_found(webhook.webhook_id, wanted))
    letters = [replace(each, waiting=each.waiting or wanted in (0, each.letter_id)) for each in webhook.letters]
    return _changed(replace(webhook, letters=tuple(letters)))


def send_test(view: StateView, command: SendTestEvent) -> Decision:
    """Let a test wait among the letters to be sent."""
    webhook = _find(view, command.webhook_id)
    if isinstance(webhook, Refused):
        return Decision(webhook)
    letter = DeadLetter(webhook.last_letter + 1, TEST_EVENT, "", 0, 0, view.clock_ms, 0, "", waiting=True)
    return _changed(_with_letter(webhook, letter))


def take_lease(view: StateView, command: TakeSenderLease) -> Decision:
    """Give the lease to who asks, or renew it, where it is as the portal has seen it."""
    lease = view.sender_lease()
    if (lease.number, lease.renewals) != (command.seen_number, command.seen_renewals):
        return Decision(refusals.lease_lost(lease.number))
    if lease.holder == command.holder:
        return _changed(replace(lease, renewals=lease.renewals + 1))
    return _changed(SenderLease(command.holder, lease.number + 1))


def record(view: StateView, command: RecordDelivery) -> Decision:
    """Write down what became of an event; what was written down before changes nothing."""
    lease = view.sender_lease()
    if not lease.number or lease.number != command.lease_number:
        return Decision(refusals.lease_lost(lease.number))
    webhook = _find(view, command.webhook_id)
    if isinstance(webhook, Refused):
        return Decision(webhook)
    if command.position > view.last_version:
        return Decision(out_of_range("position", Problem.TOO_LARGE, command.position, view.last_version))
    moved = max(0, command.position - webhook.position)
    if moved and command.missed > moved:
        return Decision(out_of_range("missed", Problem.TOO_LARGE, command.missed, moved))
    recorded = _letter_sent(webhook, command) if command.letter_id else _event_sent(webhook, command)
    return Decision(Done(None)) if recorded == webhook else _changed(recorded)


def _event_sent(webhook: Webhook, command: RecordDelivery) -> Webhook:
    if command.position <= webhook.position:
        return webhook
    moved = replace(
        webhook,
        position=command.position,
        missed=webhook.missed + command.missed,
        delivered=webhook.delivered + (command.result == _DELIVERED),
    )
    if command.result != _DEAD:
        return moved
    letter = DeadLetter(
        webhook.last_letter + 1,
        command.event,
        command.document_id,
        command.position,
        command.revision,
        command.at_ms,
        command.attempts,
        command.problem,
        waiting=False,
    )
    return _with_letter(moved, letter)


def _letter_sent(webhook: Webhook, command: RecordDelivery) -> Webhook:
    """Remove a letter that arrived; another one is dead again. One that is not waiting was dealt with before."""
    letters: list[DeadLetter] = []
    delivered = webhook.delivered
    for letter in webhook.letters:
        if letter.letter_id != command.letter_id or not letter.waiting:
            letters.append(letter)
        elif command.result == _DELIVERED:
            delivered += 1
        else:
            attempts = letter.attempts + command.attempts
            letters.append(replace(letter, waiting=False, attempts=attempts, problem=command.problem))
    return replace(webhook, letters=tuple(letters), delivered=delivered)


def _with_letter(webhook: Webhook, letter: DeadLetter) -> Webhook:
    """Add a letter; beyond the bound the oldest one is dropped, and counted."""
    letters = (*webhook.letters, letter)
    kept = letters[-DEAD_LETTERS_MAX:]
    dropped = webhook.dropped + len(letters) - len(kept)
    return replace(webhook, letters=kept, dropped=dropped, last_letter=letter.letter_id)


def _find(view: StateView, webhook_id: str) -> Webhook | Refused:
    return view.webhook(webhook_id) or refusals.webhook_not_found(webhook_id)


def _changed(*changes: WebhookChange) -> Decision:
    return Decision(Done(None), webhooks=changes)


def _in_order(events: str) -> str:
    """Write names of events in the order of the alphabet, so that the same events are the same text."""
    return ",".join(sorted(event_names(events)))


_DELIVERED: Final = "delivered"
_DEAD: Final = "dead"

RULES: Final[Rules] = {
    CreateWebhook: create,
    UpdateWebhook: update,
    RotateWebhookSecret: rotate,
    DeleteWebhook: delete,
    RepeatDeadLetters: repeat,
    SendTestEvent: send_test,
    TakeSenderLease: take_lease,
    RecordDelivery: record,
}
