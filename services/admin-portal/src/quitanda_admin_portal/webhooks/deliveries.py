"""The deliveries of one webhook: one event after the other, in the order in which the changes happened.

An event that the receiver does not take is tried again, after pauses that grow; meanwhile the later ones wait. After
the last attempt it becomes a dead letter, and the next one is sent. What became of an event is written into the state
before the next one is sent. So after whatever failure, an event may be sent again, and none is left out.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from tenacity.wait import wait_base

from quitanda.cluster_client import DocumentEvent, Get
from quitanda.domain.limits import DELIVERY_PROBLEM_LENGTH_MAX
from quitanda.domain.model import Document, Kind
from quitanda.domain.webhook_commands import RecordDelivery
from quitanda.domain.webhook_model import DeadLetter, Webhook
from quitanda_admin_portal.webhooks.https_post import HttpsPost, PostFailed
from quitanda_admin_portal.webhooks.messages import WebhookMessage, event_id, headers
from quitanda_admin_portal.webhooks.metrics import WebhookMetrics
from quitanda_admin_portal.webhooks.shop_events import ShopEvents

EVENTS_READ: Final = 50
"""Events that are read at once."""

_DELIVERED: Final = "delivered"
_DEAD: Final = "dead"
_NONE: Final = "none"

_AFTER_MISSED: Final = "read what the shop has now (quitanda-admin export); the webhook goes on with later events"

_log = structlog.get_logger(__name__)


class WebhookGone(Exception):
    """The webhook is deleted or not enabled any more, or another portal sends: there is nothing to be done."""


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How often an event is tried, and the pauses in seconds: they double from the first on, and have a random part."""

    attempts: int = 10
    first_pause_seconds: float = 1.0
    pause_seconds_max: float = 60.0
    look_seconds: float = 0.5
    """How long nothing is done where nothing has happened."""
    changes_skipped_max: int = 10_000
    """After so many changes without an event for the webhook its position is written: they are not read again."""


def growing_pause(options: DeliveryOptions) -> wait_base:
    """Give the pause after an attempt: random, of up to a length that doubles with each attempt up to a bound."""
    return wait_random_exponential(options.first_pause_seconds, max=options.pause_seconds_max)


class Deliveries:
    """Delivers the events of one webhook; `current` gives the webhook as it is now, or raises WebhookGone."""

    def __init__(
        self,
        current: Callable[[], Webhook],
        lease_number: int,
        events: ShopEvents,
        post: HttpsPost,
        metrics: WebhookMetrics,
        options: DeliveryOptions,
    ) -> None:
        self._current = current
        self._lease_number = lease_number
        self._events = events
        self._post = post
        self._metrics = metrics
        self._options = options
        self._repeated: set[tuple[int, int]] = set()
        """Letters that were sent, with their attempts before: what `current` gives may not show it yet."""

    async def run(self) -> None:
        """Deliver until the webhook is gone, which raises WebhookGone. Raises QuitandaError, to be begun anew."""
        webhook = await self._events.webhook(self._current().webhook_id)
        recorded = position = webhook.position
        while True:
            webhook = self._current()
            for letter in webhook.letters:
                await self._repeat(letter)
            page = await self._events.read(position, webhook.events, EVENTS_READ)
            if page.missed:
                recorded = position + page.missed
                await self._tell_missed(webhook.webhook_id, recorded, page.missed)
            for event in page.events:
                await self._deliver(event)
                recorded = event.number
            position = page.up_to
            if position - recorded >= self._options.changes_skipped_max:
                await self._record(RecordDelivery(webhook.webhook_id, 0, _NONE, position=position))
                recorded = position
            if not page.events:
                self._metrics.waiting(webhook.webhook_id, 0.0)
                await asyncio.sleep(self._options.look_seconds)

    async def _tell_missed(self, webhook_id: str, position: int, missed: int) -> None:
        """Write down, before anything else is sent, that the history has forgotten the changes up to `position`."""
        _log.warning("webhook_events_missed", webhook_id=webhook_id, changes=missed, next_step=_AFTER_MISSED)
        await self._record(RecordDelivery(webhook_id, 0, _NONE, position=position, missed=missed))

    async def _deliver(self, event: DocumentEvent) -> None:
        """Send an event until the receiver takes it, or it is given up; write down which."""
        webhook = self._current()
        message = WebhookMessage(
            event_id(webhook, event.number), event.event, event.document_id, event.number, event.revision, event.at_ms
        )
        record = RecordDelivery(webhook.webhook_id, 0, _DELIVERED, position=event.number)
        attempts = 0

        async def attempt() -> None:
            nonlocal attempts
            attempts += 1
            await self._attempt(message)

        try:
            await self._retrying(message)(attempt)
        except PostFailed as error:
            problem = str(error)[:DELIVERY_PROBLEM_LENGTH_MAX]
            record = RecordDelivery(
                webhook.webhook_id,
                0,
                _DEAD,
                position=event.number,
                event=event.event,
                document_id=event.document_id,
                revision=event.revision,
                at_ms=event.at_ms,
                attempts=attempts,
                problem=problem,
            )
            self._metrics.count(_DEAD)
            _log.warning("webhook_event_given_up", event_id=message.event_id, attempts=attempts, problem=problem)
        await self._record(record)

    def _retrying(self, message: WebhookMessage) -> AsyncRetrying:
        def tell(state: RetryCallState) -> None:
            error = None if state.outcome is None else state.outcome.exception()
            _log.info(
                "webhook_delivery_failed", event_id=message.event_id, attempt=state.attempt_number, problem=str(error)
            )

        return AsyncRetrying(
            retry=retry_if_exception_type(PostFailed),
            stop=stop_after_attempt(self._options.attempts),
            wait=growing_pause(self._options),
            before_sleep=tell,
            reraise=True,
        )

    async def _repeat(self, letter: DeadLetter) -> None:
        """Send a letter that waits, once: somebody looks on, and can ask for it again."""
        if not letter.waiting or (letter.letter_id, letter.attempts) in self._repeated:
            return
        self._repeated.add((letter.letter_id, letter.attempts))
        webhook = self._current()
        name = event_id(webhook, letter.number, letter.letter_id)
        message = WebhookMessage(name, letter.event, letter.document_id, letter.number, letter.revision, letter.at_ms)
        result, problem = _DELIVERED, ""
        try:
            await self._attempt(message)
        except PostFailed as error:
            result, problem = _DEAD, str(error)[:DELIVERY_PROBLEM_LENGTH_MAX]
            _log.info("webhook_letter_failed", event_id=name, problem=problem)
        await self._record(
            RecordDelivery(webhook.webhook_id, 0, result, letter_id=letter.letter_id, attempts=1, problem=problem)
        )

    async def _attempt(self, message: WebhookMessage) -> None:
        """Send a message once, to the webhook and with the secrets and the document as they are now."""
        webhook = self._current()
        self._metrics.waiting(webhook.webhook_id, max(0.0, time.time() - message.at_ms / 1_000))
        body = message.body(await self._document(message))
        try:
            await self._post.post(webhook.url, headers(webhook, message.event_id, body, int(time.time())), body)
        except PostFailed:
            self._metrics.count("failed")
            raise
        self._metrics.count(_DELIVERED)

    async def _document(self, message: WebhookMessage) -> Document | None:
        if message.kind is None:
            return None
        return await self._events.document(
            Get(message.kind, message.document_id, include_closed=message.kind is Kind.ORDER)
        )

    async def _record(self, command: RecordDelivery) -> None:
        """Write down what became of an event; WebhookGone where that is not this portal's business any more."""
        if not await self._events.record(command, self._lease_number):
            raise WebhookGone
