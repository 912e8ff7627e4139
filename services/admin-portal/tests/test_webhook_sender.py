"""The sender before a cluster in memory: order, retries, dead letters, repetition, and who holds the lease."""

import json

import pytest
from prometheus_client import CollectorRegistry
from running_broker import eventually

from quitanda.cluster_client import DocumentEvent
from quitanda.domain.commands import RaiseLevel
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.webhook_commands import CreateWebhook, RepeatDeadLetters, TakeSenderLease
from quitanda_admin_portal.webhooks.deliveries import DeliveryOptions
from quitanda_admin_portal.webhooks.https_post import PostFailed
from quitanda_admin_portal.webhooks.metrics import WebhookMetrics
from quitanda_admin_portal.webhooks.sender import SenderOptions, WebhookSender
from quitanda_admin_portal.webhooks.shop_events import ShopEvents

SECONDS = 10.0
QUICK = DeliveryOptions(attempts=3, first_pause_seconds=0.001, pause_seconds_max=0.002, look_seconds=0.01)


class FakePost:
    """Takes messages, except those of the changes in `refused`; `tried` are event ids, `taken` those that arrived."""

    def __init__(self):
        self.refused = set()
        self.tried = []
        self.taken = []

    async def post(self, url, headers, body):
        assert url == "https://receiver.example/"
        told = json.loads(body)
        assert dict(headers)["webhook-id"] == told["event_id"]
        self.tried.append(told["event_id"])
        if told["change_number"] in self.refused:
            raise PostFailed("answered with 500")
        self.taken.append(told["event_id"])


async def until(condition):
    await eventually(condition, "what the sender does")


@pytest.fixture
def post():
    return FakePost()


@pytest.fixture
async def sender(cluster, post):
    for level in range(2, SUPPORTED_LEVEL + 1):
        cluster.does(RaiseLevel(level))
    cluster.does(CreateWebhook("hook", "https://receiver.example/", "order_placed", "a" * 64, 1))
    first = cluster.state.webhook("hook").position + 1
    cluster.events = [DocumentEvent("order_placed", f"o{n}", n, n, 1) for n in range(first, first + 3)]
    made = WebhookSender(
        ShopEvents(cluster),
        post,
        WebhookMetrics(CollectorRegistry()),
        SenderOptions(look_seconds=0.01, renew_seconds=0.02, takeover_seconds=0.2),
        QUICK,
    )
    yield made
    await made.stop(SECONDS)


def names(cluster):
    return [f"hook.{event.number}" for event in cluster.events]


async def test_events_arrive_in_order_and_the_position_follows(cluster, post, sender):
    await sender.start()
    await until(lambda: cluster.state.webhook("hook").delivered == 3)

    assert post.taken == names(cluster)
    assert cluster.state.webhook("hook").position == cluster.events[-1].number
    assert cluster.state.sender_lease().holder == sender.name_of_sender


async def test_a_failing_event_is_tried_so_often_then_dead_and_can_be_repeated(cluster, post, sender):
    first, second, third = names(cluster)
    post.refused = {cluster.events[1].number}
    await sender.start()
    await until(lambda: cluster.state.webhook("hook").delivered == 2)

    (letter,) = cluster.state.webhook("hook").letters
    assert post.tried == [first, second, second, second, third]
    assert (letter.number, letter.attempts, letter.problem) == (cluster.events[1].number, 3, "answered with 500")

    post.refused = set()
    cluster.does(RepeatDeadLetters("hook"))
    await until(lambda: cluster.state.webhook("hook").letters == ())
    assert post.taken == [first, third, second]


async def test_a_sender_takes_the_lease_of_one_that_shows_no_sign_of_life(cluster, sender):
    cluster.does(TakeSenderLease("another", 0, 0))
    await sender.start()
    await until(lambda: cluster.state.webhook("hook").delivered == 3)

    assert (cluster.state.sender_lease().holder, cluster.state.sender_lease().number) == (sender.name_of_sender, 2)


async def test_a_sender_that_lost_the_lease_leaves_the_position_alone(cluster, sender):
    await sender.start()
    await until(lambda: cluster.state.webhook("hook").delivered == 3)
    lease = cluster.state.sender_lease()
    await sender.stop(SECONDS)
    cluster.does(TakeSenderLease("another", lease.number, cluster.state.sender_lease().renewals))
    position = cluster.state.webhook("hook").position

    assert not await ShopEvents(cluster).take_lease(sender.name_of_sender, lease)
    assert cluster.state.webhook("hook").position == position
