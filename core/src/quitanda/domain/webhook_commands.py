"""The commands about webhooks, as `commands` says of all of them."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, TypeAlias

from quitanda.domain.compiled import fast_init
from quitanda.domain.field_types import GENERATED, ChoiceRule, Identifier, TimestampMs
from quitanda.domain.webhook_model import (
    WEBHOOKS_LEVEL,
    Attempts,
    Count,
    DeliveryProblem,
    EventName,
    EventNames,
    WebhookSecret,
    WebhookUrl,
)


@fast_init
@dataclass(frozen=True, slots=True)
class CreateWebhook:
    """Tell an address of the events that happen from now on. The portal derives the id from the request's id."""

    since: ClassVar[int] = WEBHOOKS_LEVEL
    webhook_id: Identifier
    url: WebhookUrl
    events: EventNames
    secret: WebhookSecret = field(metadata=GENERATED)
    created_at_ms: TimestampMs = field(metadata=GENERATED)


@fast_init
@dataclass(frozen=True, slots=True)
class UpdateWebhook:
    """Change what is given. While a webhook is not enabled, nothing is sent, and its position stays."""

    since: ClassVar[int] = WEBHOOKS_LEVEL
    webhook_id: Identifier
    url: WebhookUrl | None = None
    events: EventNames | None = None
    enabled: bool | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class RotateWebhookSecret:
    """Sign with a new secret; deliveries are signed with the one before as well, until the next time."""

    since: ClassVar[int] = WEBHOOKS_LEVEL
    webhook_id: Identifier
    secret: WebhookSecret = field(metadata=GENERATED)


@fast_init
@dataclass(frozen=True, slots=True)
class DeleteWebhook:
    """Forget a webhook with its dead letters."""

    since: ClassVar[int] = WEBHOOKS_LEVEL
    webhook_id: Identifier


@fast_init
@dataclass(frozen=True, slots=True)
class RepeatDeadLetters:
    """Send a dead letter once more, with 0 all of them."""

    since: ClassVar[int] = WEBHOOKS_LEVEL
    webhook_id: Identifier
    letter_id: Count = 0


@fast_init
@dataclass(frozen=True, slots=True)
class SendTestEvent:
    """Let a webhook be told of an event that is only a test."""

    since: ClassVar[int] = WEBHOOKS_LEVEL
    webhook_id: Identifier


@fast_init
@dataclass(frozen=True, slots=True)
class TakeSenderLease:
    """Let a portal be the one that sends, or go on to be it, where the lease is as the portal has seen it.

    No time is part of the decision. A portal asks for the lease of another one when it has seen no sign of life for a
    while; if it is wrong, both send for a moment, and only the new holder moves positions.
    """

    since: ClassVar[int] = WEBHOOKS_LEVEL
    holder: Identifier
    seen_number: Count
    seen_renewals: Count


@fast_init
@dataclass(frozen=True, slots=True)
class RecordDelivery:
    """Write down what became of an event, as the holder of the lease `lease_number`.

    Without `letter_id` everything up to the change `position` was dealt with, of which the last one is the event;
    with one the event is that waiting letter. `result` `none`: there was no event for the webhook up to `position`.
    `missed` counts the changes that the history had forgotten.
    """

    since: ClassVar[int] = WEBHOOKS_LEVEL
    webhook_id: Identifier
    lease_number: Count
    result: Annotated[str, ChoiceRule(("none", "delivered", "dead"))]
    position: Count = 0
    letter_id: Count = 0
    missed: Count = 0
    event: EventName = "test"
    document_id: DeliveryProblem = ""
    revision: Count = 0
    at_ms: TimestampMs = 0
    attempts: Attempts = 0
    problem: DeliveryProblem = ""


SenderCommand: TypeAlias = TakeSenderLease | RecordDelivery
"""The commands of the portals' senders: they are asked for by no caller, so they name no principal."""

WebhookCommand: TypeAlias = (
    CreateWebhook | UpdateWebhook | RotateWebhookSecret | DeleteWebhook | RepeatDeadLetters | SendTestEvent
)
"""The commands of administrators."""
