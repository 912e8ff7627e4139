"""What the state keeps of webhooks: where the shop sends its events, and how far each of them has got.

They are no documents: the feed does not tell of them, and the history does only where an administrator changes one,
since their position moves with each delivery.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, TypeAlias

from quitanda.domain.compiled import fast_init
from quitanda.domain.field_types import (
    UNRECORDED,
    WITHHELD,
    ChoiceRule,
    CodeRule,
    Identifier,
    NumberRule,
    TextRule,
    TimestampMs,
)
from quitanda.domain.limits import (
    DELIVERY_ATTEMPTS_MAX,
    DELIVERY_PROBLEM_LENGTH_MAX,
    SECRET_HASH_LENGTH,
    VERSION_MAX,
    WEBHOOK_EVENTS_LENGTH_MAX,
    WEBHOOK_URL_LENGTH_MAX,
)

WEBHOOKS_LEVEL: Final = 4
"""The level of rules with which webhooks came."""

EVENTS: Final = (
    "order_created",
    "order_placed",
    "order_fulfilled",
    "order_returned",
    "order_cancelled",
    "order_expired",
    "product_created",
    "product_deleted",
    "product_low",
    "product_restocked",
)
"""What a webhook can be told of; `webhook_events` says which changes are which event."""

TEST_EVENT: Final = "test"
"""What an administrator lets a webhook be told, to see whether it works."""

_URL: Final = re.compile(
    r"https?://([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?([/?][!$-;=?-Z_a-z~]*)?"
)

WebhookUrl: TypeAlias = Annotated[str, TextRule(WEBHOOK_URL_LENGTH_MAX)]
EventNames: TypeAlias = Annotated[str, TextRule(WEBHOOK_EVENTS_LENGTH_MAX)]
"""Names of EVENTS with commas between them, each once."""
WebhookSecret: TypeAlias = Annotated[str, CodeRule("0123456789abcdef", SECRET_HASH_LENGTH)]
"""32 random bytes in hexadecimal: the key of the signatures."""
EventName: TypeAlias = Annotated[str, ChoiceRule((*EVENTS, TEST_EVENT))]
Count: TypeAlias = Annotated[int, NumberRule(VERSION_MAX)]
"""A number that only grows."""
Attempts: TypeAlias = Annotated[int, NumberRule(DELIVERY_ATTEMPTS_MAX)]
DeliveryProblem: TypeAlias = Annotated[str, TextRule(DELIVERY_PROBLEM_LENGTH_MAX, free=True)]


@fast_init
@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was given up, or, where it is `waiting`, that is to be sent apart from the others.

    `number` is that of the change that was the event; 0 for a test. `at_ms` is when a portal received the request that
    made the change.
    """

    letter_id: Count
    event: EventName
    document_id: str
    number: Count
    revision: Count
    at_ms: TimestampMs
    attempts: Attempts
    problem: DeliveryProblem
    waiting: bool


@fast_init
@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that the shop tells of events.

    `secret` signs each delivery; so does `previous_secret`, if there is one. `position` is the number of the last
    change that was dealt with. `missed` counts the changes that the history forgot before they were looked at,
    `dropped` the dead letters that were too many to be kept, `last_letter` the letters that there have been. `version`
    is the number of the last change that an administrator made of it, as a document's is.
    """

    webhook_id: Identifier
    url: WebhookUrl
    events: EventNames
    enabled: bool
    created_at_ms: TimestampMs
    position: Count = field(metadata=UNRECORDED)
    secret: WebhookSecret = field(default="", repr=False, metadata=WITHHELD)
    previous_secret: str = field(default="", repr=False, metadata=WITHHELD)
    delivered: Count = field(default=0, metadata=UNRECORDED)
    missed: Count = field(default=0, metadata=UNRECORDED)
    dropped: Count = field(default=0, metadata=UNRECORDED)
    last_letter: Count = field(default=0, metadata=UNRECORDED)
    letters: tuple[DeadLetter, ...] = field(default=(), metadata=UNRECORDED)
    version: Count = 0


@fast_init
@dataclass(frozen=True, slots=True)
class SenderLease:
    """Which portal sends: `holder` is the sender's own name, `number` counts the holders, `renewals` its signs of life.

    Only who names the current `number` moves a position. So an earlier sender can at worst send an event twice.
    """

    holder: str = ""
    number: Count = 0
    renewals: Count = 0


@fast_init
@dataclass(frozen=True, slots=True)
class WebhookRemoval:
    """There is no such webhook any more."""

    webhook_id: Identifier


WebhookChange: TypeAlias = Webhook | WebhookRemoval | SenderLease
"""What a decision changes beside documents: the value replaces the one of its id; there is one lease."""


def is_webhook_url(url: str) -> bool:
    """Whether a text is the address of a webhook: http or https, a host, maybe a port, and a path in ASCII.

    Neither a name nor a password may stand in it: the signature proves who sends.
    """
    return _URL.fullmatch(url) is not None


def event_names(events: str) -> Sequence[str]:
    """List the names in a text with commas between them; blanks beside the commas do not count."""
    return [name.strip(" ") for name in events.split(",")]
