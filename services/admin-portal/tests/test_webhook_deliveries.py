"""The deliveries of one webhook: pauses, letters that are sent once, and changes that the history has forgotten."""

import asyncio
import contextlib
import json
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from running_broker import eventually
from structlog.testing import capture_logs
from tenacity import RetryCallState

from quitanda.cluster_client import DocumentEvent
from quitanda.domain.commands import CancelOrder, CreateCustomer, CreateOrder, RaiseLevel
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.webhook_commands import CreateWebhook, SendTestEvent, TakeSenderLease
from quitanda_admin_portal.webhooks.deliveries import Deliveries, DeliveryOptions, WebhookGone, growing_pause
from quitanda_admin_portal.webhooks.metrics import WebhookMetrics
from quitanda_admin_portal.webhooks.shop_events import ShopEvents

OPTIONS = DeliveryOptions(
    attempts=3, first_pause_seconds=0.001, pause_seconds_max=0.002, look_seconds=0.01, changes_skipped_max=5
)
CHANGES = 10
"""Changes that happened after the webhook was created."""


class BodiesTaken:
    """A post that every receiver takes; `urls` and `bodies` are where they got what."""

    def __init__(self):
        self.urls = []
        self.bodies = []

    async def post(self, url, headers, body):
        assert headers
        self.urls.append(url)
        self.bodies.append(json.loads(body))


class OneWebhook:
    """The deliveries of a webhook that its portal sees as it was when `see` was called last."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.post = BodiesTaken()
        self.first = self.hook.position + 1
        self.see()
        metrics = WebhookMetrics(CollectorRegistry())
        self.deliveries = Deliveries(lambda: self.seen, 1, ShopEvents(cluster), self.post, metrics, OPTIONS)

    @property
    def hook(self):
        return self.cluster.state.webhook("hook")

    def see(self):
        self.seen = self.hook

    def happened(self, *numbers, event="order_placed", document_id="o1"):
        self.cluster.events += [DocumentEvent(event, document_id, self.first + n, 1, 1) for n in numbers]

    @property
    def looks(self):
        return sum(1 for reads in self.cluster.reads if hasattr(reads[0], "after_number"))

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.deliveries.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
def shop(cluster):
    for level in range(2, SUPPORTED_LEVEL + 1):
        cluster.does(RaiseLevel(level))
    cluster.does(CreateWebhook("hook", "https://receiver.example/", "order_placed,order_cancelled", "a" * 64, 1))
    cluster.does(TakeSenderLease("portal", 0, 0))
    made = OneWebhook(cluster)
    for number in range(CHANGES):
        cluster.does(CreateCustomer(f"customer{number}", "Rui"))
    return made


async def until(condition):
    await eventually(condition, "what the deliveries do")


@pytest.mark.parametrize(("attempt", "longest"), [(1, 1.0), (2, 2.0), (4, 8.0), (6, 32.0), (7, 60.0), (9, 60.0)])
def test_the_pauses_between_attempts_double_up_to_a_bound_and_have_a_random_part(attempt, longest):
    state = RetryCallState(None, None, (), {})
    state.attempt_number = attempt
    pauses = [growing_pause(DeliveryOptions())(state) for _ in range(200)]

    assert longest / 2 < max(pauses) <= longest
    assert len(set(pauses)) > 100


async def test_a_letter_is_sent_once_although_the_portal_still_sees_it_waiting(shop):
    shop.cluster.does(SendTestEvent("hook"))
    shop.see()
    async with shop.running():
        await until(lambda: shop.hook.letters == ())
        looks = shop.looks
        await until(lambda: shop.looks > looks + 2)

    assert [body["event_id"] for body in shop.post.bodies] == ["hook.test.1"]


async def test_changes_that_the_history_has_forgotten_are_counted_and_told_before_anything_is_sent(shop):
    shop.cluster.history_first = shop.first + 4
    shop.happened(2, 6)
    with capture_logs() as logs:
        async with shop.running():
            await until(lambda: shop.hook.delivered == 1)

    assert (shop.hook.missed, shop.hook.position) == (4, shop.first + 6)
    assert [body["change_number"] for body in shop.post.bodies] == [shop.first + 6]
    missed = [request.command for request in shop.cluster.requests if getattr(request.command, "missed", 0)]
    assert [(command.result, command.position) for command in missed] == [("none", shop.first + 3)]
    (told,) = [line for line in logs if line["event"] == "webhook_events_missed"]
    assert (told["webhook_id"], told["changes"]) == ("hook", 4)
    assert "quitanda-admin export" in told["next_step"]


async def test_a_history_that_has_forgotten_all_is_missed_once_and_later_events_come(shop):
    shop.cluster.history_first = shop.first + CHANGES
    async with shop.running():
        await until(lambda: shop.hook.missed == CHANGES)
        looks = shop.looks
        await until(lambda: shop.looks > looks + 2)
        shop.cluster.does(CreateCustomer("another", "Rui"))
        shop.happened(CHANGES)
        await until(lambda: shop.hook.delivered == 1)

    assert (shop.hook.missed, shop.hook.position) == (CHANGES, shop.first + CHANGES)


async def test_the_position_follows_where_nothing_is_for_the_webhook(shop):
    shop.happened(4, event="product_low")
    async with shop.running():
        await until(lambda: shop.hook.position == shop.first + 4)

    assert (shop.hook.missed, shop.hook.delivered, shop.post.bodies) == (0, 0, [])


async def test_who_has_lost_the_lease_stops_after_the_event_that_it_was_sending(shop):
    shop.cluster.does(TakeSenderLease("another", 1, 0))
    shop.happened(0, 1)
    with pytest.raises(WebhookGone):
        await asyncio.wait_for(shop.deliveries.run(), 10.0)

    assert [body["change_number"] for body in shop.post.bodies] == [shop.first]
    assert shop.hook.position == shop.first - 1


async def test_a_cancelled_order_is_shown_as_it_is_kept(shop):
    shop.cluster.does(CreateOrder("ana", "o1", 1), "ana")
    shop.cluster.does(CancelOrder("ana", "o1"), "ana")
    shop.happened(0, event="order_cancelled")
    async with shop.running():
        await until(lambda: shop.hook.delivered == 1)

    assert shop.post.bodies[0]["document"]["state"] == "cancelled"


async def test_a_new_address_gets_the_next_event(shop):
    shop.happened(0)
    async with shop.running():
        await until(lambda: shop.hook.delivered == 1)
        shop.seen = replace(shop.seen, url="https://new.example/")
        shop.happened(1)
        await until(lambda: shop.hook.delivered == 2)

    assert shop.post.urls == ["https://receiver.example/", "https://new.example/"]
