"""The part of an admin portal that sends to webhooks: one portal at a time, by a lease in the replicated state.

Every portal looks at the webhooks now and then; where there are none, only when the change feed says that something
happened in the shop, or says nothing. The holder of the lease renews it, and delivers. Another portal takes
the lease when it has seen no renewal for a while. Time decides only when it asks: the rules give the lease to one of
those who ask, and let its holder alone move positions (`quitanda.domain.webhooks`).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import structlog

from quitanda.domain.webhook_model import SenderLease, Webhook
from quitanda.errors import QuitandaError
from quitanda.runtime.background_task import start_background_task
from quitanda_admin_portal.webhooks.deliveries import Deliveries, DeliveryOptions, WebhookGone
from quitanda_admin_portal.webhooks.https_post import HttpsPost
from quitanda_admin_portal.webhooks.metrics import WebhookMetrics
from quitanda_admin_portal.webhooks.shop_events import ShopEvents

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SenderOptions:
    """How often the sender looks at the webhooks, renews its lease, and takes one that was not renewed; in seconds."""

    look_seconds: float = 1.0
    idle_seconds_max: float = 60.0
    """How long it relies on the change feed alone where there are no webhooks."""
    renew_seconds: float = 3.0
    takeover_seconds: float = 10.0


class WebhookSender:
    """A `lifecycle.Part`. `name_of_sender` is who holds the lease; a sender never takes up the name of another one.

    `is_quiet` says of a revision that nothing has happened in the shop after it; where that is not known it says no.
    """

    def __init__(
        self,
        events: ShopEvents,
        post: HttpsPost,
        metrics: WebhookMetrics,
        options: SenderOptions | None = None,
        delivery: DeliveryOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
        is_quiet: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self.name_of_sender = uuid4().hex
        self._events = events
        self._post = post
        self._metrics = metrics
        self._options = options or SenderOptions()
        self._delivery = delivery or DeliveryOptions()
        self._clock = clock
        self._is_quiet = is_quiet
        self._none_at: int | None = None
        """The revision at which there were no webhooks; None where there were some, or where it is not known."""
        self._looked_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._webhooks: dict[str, Webhook] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._seen = SenderLease()
        self._seen_at = 0.0
        self._renewed_at = 0.0
        self._told = ""

    @property
    def name(self) -> str:
        """What the logs call it."""
        return "webhooks"

    async def start(self) -> None:
        """Begin to look at the webhooks."""
        self._task = start_background_task(self._run, "webhooks")

    async def stop(self, timeout: float) -> None:
        """End what is under way: what is not written down yet is sent again by the next sender."""
        tasks = [*self._tasks.values(), *([] if self._task is None else [self._task])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)

    async def _run(self) -> None:
        while True:
            try:
                if not self._is_idle():
                    await self._look()
                self._told = ""
            except QuitandaError as error:  # what is under way goes on: the state says whether it counts
                if str(error) != self._told:
                    self._told = str(error)
                    _log.warning("webhooks_not_read", error=str(error))
            await asyncio.sleep(self._options.look_seconds)

    def _is_idle(self) -> bool:
        """Whether there were no webhooks, and nothing has happened since."""
        recently = self._clock() - self._looked_at < self._options.idle_seconds_max
        return self._none_at is not None and recently and self._is_quiet(self._none_at)

    async def _look(self) -> None:
        """Read the webhooks, ask for the lease where that is due, and let each enabled webhook have its deliveries."""
        self._none_at, self._looked_at = None, self._clock()
        revision, found = await self._events.webhooks()
        self._none_at = None if found.webhooks else revision
        lease = found.lease
        self._webhooks = {each.webhook_id: each for each in found.webhooks}
        holds = bool(self._webhooks) and await self._hold(lease)
        self._metrics.show(found.webhooks, sender=holds)
        if not holds:
            self._end(tuple(self._tasks))
            return
        number = lease.number if lease.holder == self.name_of_sender else lease.number + 1
        enabled = {each.webhook_id for each in found.webhooks if each.enabled}
        self._end(tuple(self._tasks.keys() - enabled))
        for webhook_id in sorted(enabled - self._tasks.keys()):
            self._tasks[webhook_id] = asyncio.create_task(self._deliver(webhook_id, number))

    async def _hold(self, lease: SenderLease) -> bool:
        """Whether this portal sends: it asks for the lease, or renews it, where that is due."""
        now = self._clock()
        if lease != self._seen:
            self._seen, self._seen_at = lease, now
        mine = lease.holder == self.name_of_sender
        if mine and now - self._renewed_at < self._options.renew_seconds:
            return True
        if not mine and lease.number and now - self._seen_at < self._options.takeover_seconds:
            return False
        if not mine:
            self._end(tuple(self._tasks))  # of an earlier lease, whose number does not count any more
        taken = await self._events.take_lease(self.name_of_sender, lease)
        if taken:
            self._renewed_at = now
            if not mine:
                _log.info(
                    "webhook_sender_changed",
                    number=lease.number + 1,
                    holder=self.name_of_sender,
                    before=lease.holder,
                )
        return taken

    async def _deliver(self, webhook_id: str, lease_number: int) -> None:
        """Deliver until the webhook is gone or another portal sends; begin anew after an error."""
        current = partial(self._current, webhook_id)
        deliveries = Deliveries(current, lease_number, self._events, self._post, self._metrics, self._delivery)
        try:
            while True:
                try:
                    await deliveries.run()
                except QuitandaError as error:
                    _log.warning("webhook_delivery_interrupted", webhook_id=webhook_id, error=str(error))
                    await asyncio.sleep(self._options.look_seconds)
        except WebhookGone:
            return
        finally:
            if self._tasks.get(webhook_id) is asyncio.current_task():
                del self._tasks[webhook_id]

    def _current(self, webhook_id: str) -> Webhook:
        webhook = self._webhooks.get(webhook_id)
        if webhook is None or not webhook.enabled:
            raise WebhookGone
        return webhook

    def _end(self, webhook_ids: tuple[str, ...]) -> None:
        for webhook_id in webhook_ids:
            self._tasks.pop(webhook_id).cancel()
