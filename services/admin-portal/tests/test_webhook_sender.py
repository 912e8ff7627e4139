"""The sender before a cluster in memory: order, retries, dead letters, repetition, and who holds the lease."""

import contextlib
import json

import pytest
from fake_cluster import DirectReader, FakeFeed
from prometheus_client import CollectorRegistry
from running_broker import eventually

from quitanda.cluster_client import DocumentEvent
from quitanda.domain.commands import CreateCustomer, RaiseLevel
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.webhook_commands import CreateWebhook, RepeatDeadLetters, TakeSenderLease, UpdateWebhook
from quitanda_admin_portal.webhooks.deliveries import DeliveryOptions
from quitanda_admin_portal.webhooks.feed_silence import FeedSilence
from quitanda_admin_portal.webhooks.https_post import PostFailed
from quitanda_admin_portal.webhooks.metrics import WebhookMetrics
from quitanda_admin_portal.webhooks.sender import SenderOptions, WebhookSender
from quitanda_admin_portal.webhooks.shop_events import ShopEvents

SECONDS = 10.0
OPTIONS = SenderOptions(look_seconds=0.01, renew_seconds=0.02, takeover_seconds=0.2)
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


class CountedQuestions:
    """Asks a function whether the shop is quiet, and counts how often it is asked."""

    def __init__(self, is_quiet):
        self.count = 0
        self._is_quiet = is_quiet

    def __call__(self, revision):
        self.count += 1
        return self._is_quiet(revision)


async def until(condition):
    await eventually(condition, "what the sender does")


@pytest.fixture
def post():
    return FakePost()


def raised(cluster):
    for level in range(2, SUPPORTED_LEVEL + 1):
        cluster.does(RaiseLevel(level))


def created(cluster):
    """Create a webhook, and let three events happen."""
    if cluster.state.level < SUPPORTED_LEVEL:
        raised(cluster)
    cluster.does(CreateWebhook("hook", "https://receiver.example/", "order_placed", "a" * 64, 1))
    for number in range(3):
        cluster.does(CreateCustomer(f"customer{number}", "Rui"))
    first = cluster.state.webhook("hook").position + 1
    cluster.events = [DocumentEvent("order_placed", f"o{n}", n, n, 1) for n in range(first, first + 3)]


def make_sender(cluster, post, **others):
    metrics = WebhookMetrics(CollectorRegistry())
    return WebhookSender(ShopEvents(cluster), post, metrics, OPTIONS, QUICK, **others)


@contextlib.asynccontextmanager
async def running(sender):
    await sender.start()
    try:
        yield sender
    finally:
        await sender.stop(SECONDS)


@pytest.fixture
async def sender(cluster, post):
    created(cluster)
    made = make_sender(cluster, post)
    yield made
    await made.stop(SECONDS)


async def until_looked(cluster):
    """Wait until the sender has read the webhooks twice more: once, it may have been reading before."""
    looks = len(cluster.reads)
    await until(lambda: len(cluster.reads) >= looks + 2)


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


async def test_a_sender_leaves_the_lease_to_one_that_shows_signs_of_life(cluster, post):
    created(cluster)
    cluster.does(TakeSenderLease("another", 0, 0))
    now = [0.0]
    async with running(make_sender(cluster, post, clock=lambda: now[0])):
        for renewals in range(3):  # each time almost too late
            await until_looked(cluster)
            now[0] += OPTIONS.takeover_seconds * 0.9
            await until_looked(cluster)
            cluster.does(TakeSenderLease("another", 1, renewals))

    assert (cluster.state.sender_lease().holder, post.tried) == ("another", [])


async def test_a_webhook_that_is_not_enabled_waits_until_it_is(cluster, post, sender):
    cluster.does(UpdateWebhook("hook", enabled=False))
    await sender.start()
    await until(lambda: cluster.state.sender_lease().number == 1)
    await until_looked(cluster)
    assert post.tried == []

    cluster.does(UpdateWebhook("hook", enabled=True))
    await until(lambda: cluster.state.webhook("hook").delivered == 3)
    assert post.taken == names(cluster)


async def test_a_sender_without_webhooks_asks_only_when_the_feed_tells_of_something(cluster, post):
    raised(cluster)
    reader = DirectReader(cluster)
    feed = FakeFeed(cluster, reader)
    quiet = CountedQuestions(FeedSilence(reader).is_quiet)
    async with running(make_sender(cluster, post, is_quiet=quiet)):
        await until(lambda: quiet.count > 3)
        asked = len(cluster.reads)
        await until(lambda: quiet.count > 8)
        assert len(cluster.reads) == asked

        created(cluster)
        await until(lambda: quiet.count > 12)
        assert len(cluster.reads) == asked  # the feed has not told yet

        feed.beat()
        await until(lambda: cluster.state.webhook("hook").delivered == 3)


async def test_a_sender_that_does_not_hear_the_feed_finds_a_new_webhook_all_the_same(cluster, post):
    raised(cluster)
    reader = DirectReader(cluster)
    FakeFeed(cluster, reader)
    quiet = CountedQuestions(FeedSilence(reader).is_quiet)
    async with running(make_sender(cluster, post, is_quiet=quiet)):
        await until(lambda: quiet.count > 3)
        reader.hears_the_feed = False
        created(cluster)
        await until(lambda: cluster.state.webhook("hook").delivered == 3)


async def test_a_sender_does_not_rely_on_the_feed_alone_for_long(cluster, post):
    raised(cluster)
    now = [0.0]
    quiet = CountedQuestions(lambda _: True)
    async with running(make_sender(cluster, post, clock=lambda: now[0], is_quiet=quiet)):
        await until(lambda: quiet.count > 3)
        created(cluster)
        now[0] += OPTIONS.idle_seconds_max
        await until(lambda: cluster.state.webhook("hook").delivered == 3)


def test_the_feed_is_not_believed_about_another_history(cluster):
    raised(cluster)
    reader = DirectReader(cluster)
    feed = FakeFeed(cluster, reader)
    silence = FeedSilence(reader)
    assert [silence.is_quiet(cluster.revision) for _ in range(3)] == [False, True, True]

    feed.recent.history += 1
    assert [silence.is_quiet(cluster.revision) for _ in range(2)] == [False, True]
    assert not silence.is_quiet(cluster.revision - 1)


async def test_a_sender_that_lost_the_lease_leaves_the_position_alone(cluster, sender):
    await sender.start()
    await until(lambda: cluster.state.webhook("hook").delivered == 3)
    lease = cluster.state.sender_lease()
    await sender.stop(SECONDS)
    cluster.does(TakeSenderLease("another", lease.number, cluster.state.sender_lease().renewals))
    position = cluster.state.webhook("hook").position

    assert not await ShopEvents(cluster).take_lease(sender.name_of_sender, lease)
    assert cluster.state.webhook("hook").position == position
