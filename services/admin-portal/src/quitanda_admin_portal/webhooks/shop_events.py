"""What a sender asks of the replicas: webhooks, events and documents, and to write down what became of an event."""

import time
from dataclasses import replace
from typing import Final
from uuid import uuid4

from quitanda.cluster_client import (
    ClusterClient,
    EventsPage,
    Found,
    Get,
    ReadEvents,
    ReadWebhooks,
    Result,
    WebhooksRead,
)
from quitanda.domain.commands import Command, Request
from quitanda.domain.model import Document
from quitanda.domain.outcomes import Outcome, Reason, Refused
from quitanda.domain.webhook_commands import RecordDelivery, TakeSenderLease
from quitanda.domain.webhook_model import SenderLease, Webhook
from quitanda.errors import InternalError, Rejected

CALL_SECONDS: Final = 10.0
"""How long one question or command may take."""

_NANOSECONDS_PER_MILLISECOND: Final = 1_000_000
_OVER: Final = frozenset({Reason.LEASE_LOST, Reason.WEBHOOK_NOT_FOUND})
"""By what a sender is told that it is not to send any more."""


class ShopEvents:
    """Asks a cluster. Every method raises Unavailable, Overloaded and InternalError as the cluster client does."""

    def __init__(self, cluster: ClusterClient) -> None:
        self._cluster = cluster

    async def webhooks(self) -> tuple[int, WebhooksRead]:
        """Read all webhooks, and which portal sends; the number is the revision at which that was so."""
        answer = await self._cluster.read((ReadWebhooks(),), CALL_SECONDS)
        found = answer.results[0]
        if not isinstance(found, WebhooksRead):
            raise InternalError(f"webhooks were answered with a {type(found).__name__}")
        return answer.revision, found

    async def webhook(self, webhook_id: str) -> Webhook:
        """Read one webhook. Raises Rejected where there is none."""
        _, found = await self.webhooks()
        for webhook in found.webhooks:
            if webhook.webhook_id == webhook_id:
                return webhook
        raise Rejected(Refused(Reason.WEBHOOK_NOT_FOUND))

    async def read(self, after_number: int, events: str, limit: int) -> EventsPage:
        """Read what happened after a change."""
        page = await self._read(ReadEvents(after_number, events, limit))
        if not isinstance(page, EventsPage):
            raise InternalError(f"events were answered with a {type(page).__name__}")
        return page

    async def document(self, item: Get) -> Document | None:
        """Read a document; None where there is none."""
        found = await self._read(item)
        return found.document if isinstance(found, Found) else None

    async def take_lease(self, holder: str, seen: SenderLease) -> bool:
        """Ask for the lease, or renew it; False where somebody else was faster. Raises OutcomeUnknown, too."""
        outcome = await self._execute(TakeSenderLease(holder, seen.number, seen.renewals))
        return not isinstance(outcome, Refused)

    async def record(self, command: RecordDelivery, lease_number: int) -> bool:
        """Write down what became of an event; False where another portal sends. Raises OutcomeUnknown, too."""
        outcome = await self._execute(replace(command, lease_number=lease_number))
        if isinstance(outcome, Refused) and outcome.reason not in _OVER:
            raise Rejected(outcome)
        return not isinstance(outcome, Refused)

    async def _read(self, item: Get | ReadEvents) -> Result:
        return (await self._cluster.read((item,), CALL_SECONDS)).results[0]

    async def _execute(self, command: Command) -> Outcome:
        now_ms = time.time_ns() // _NANOSECONDS_PER_MILLISECOND
        request = Request("", uuid4().hex, command, None, now_ms)
        return (await self._cluster.execute(request, CALL_SECONDS)).outcome
