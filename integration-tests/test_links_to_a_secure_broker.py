"""The product's own connections at a broker with identities: gateways, the feed's publisher, and its subscribers."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from mqtt_users import SecureBroker
from prometheus_client import CollectorRegistry

from quitanda.mqtt.connection import ConnectionOptions, MqttConnection
from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.feed_message import FeedMessage, encode_feed
from quitanda.mqtt.topics import FEED_TOPIC, random_client_id, reply_topic, request_topic, shared_requests_filter
from quitanda.portal.mqtt_gateway import GatewayMetrics, GatewayOptions, MqttGateway
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_local.broker import find_mosquitto
from quitanda_local.topology import BrokerKind
from quitanda_local.waiting import wait_until
from quitanda_replica.feed.mqtt_publisher import MqttPublisher
from quitanda_testing.identity_folders import write_identity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed"),
    pytest.mark.processes_only(reason="nothing in it is a cluster"),
]

GROUP = "a-group-that-nobody-else-knows"
REQUESTS = 50
DEADLINE = 10.0
NOT_AUTHORIZED = 0x87
GUESSES = ("client-portals", "portals", "quitanda", "", "+", "#", GROUP.upper(), "client-portal-1")
CONTAINERS = Path(__file__).resolve().parents[1] / "deploy" / "mosquitto" / "mosquitto-secure.conf"
KEY = FeedKey.derive("a feed key of the tests")


class Echo:
    """Answers each request with its request id, and remembers whom it answered."""

    def __init__(self):
        self.answered = []

    async def answer(self, request, _timeout):
        self.answered.append(request.customer_id)
        return json.dumps({"request_id": request.request_id}).encode()

    def refuse_early(self, _request):
        return None

    def overload(self, _request):
        raise AssertionError("nothing waits long here")


@pytest.fixture
def broker(tmp_path):
    with SecureBroker(tmp_path, BrokerKind.MOSQUITTO).running() as running:
        yield running


@pytest.fixture
def identity_of(broker, tmp_path):
    def make(name):
        folder = write_identity(tmp_path / name.replace("/", "-"), name, broker.processes)
        return LinkIdentity(folder)

    return make


@asynccontextmanager
async def gateway(broker, identity):
    handler = Echo()
    options = GatewayOptions(
        broker=Address("localhost", broker.port),
        requests_filter=shared_requests_filter(GROUP),
        client_id=random_client_id("portal"),
        request_timeout=5.0,
        identity=identity,
    )
    serving = MqttGateway(options, handler, GatewayMetrics(CollectorRegistry()))
    await serving.start()
    try:
        await wait_until(_now(lambda: serving.connected), "the gateway to be connected", DEADLINE)
        yield handler
    finally:
        await serving.stop(1.0)


@asynccontextmanager
async def listener(broker, identity, topic):
    """Hear a topic as a portal does."""
    heard = []
    options = ConnectionOptions(
        broker=Address("localhost", broker.port), topic=topic, client_id=random_client_id("ear"), identity=identity
    )
    connection = MqttConnection(options, lambda message: heard.append(message.payload))
    task = asyncio.create_task(connection.run())
    try:
        await wait_until(_now(lambda: connection.connected), "the listener to be connected", DEADLINE)
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _now(condition):
    async def holds():
        return condition()

    return holds


async def test_fifty_of_fifty_requests_are_answered_while_others_guess_the_group_and_take_client_ids(
    broker, identity_of
):
    async with AsyncExitStack() as portals:
        portal1 = await portals.enter_async_context(gateway(broker, identity_of("portal/client-portal-1")))
        portal2 = await portals.enter_async_context(gateway(broker, identity_of("portal/client-portal-2")))
        with ExitStack() as users:
            ana = users.enter_context(broker.customer("ana"))
            ana.subscribe(reply_topic("ana", "s1"))
            for group in GUESSES:
                thief = users.enter_context(broker.customer("eve", client_id=f"portal-{group}"))
                if not {"", "+", "#"} & {group}:
                    thief.subscribe(shared_requests_filter(group))
                thief.subscribe(reply_topic("+", "+"), request_topic("+", "+"))

            def ask_all():
                for number in range(REQUESTS):
                    payload = json.dumps({"request_id": f"r{number}", "reply_to": "s1"})
                    assert ana.publish(request_topic("ana", "list_orders"), payload) == 0
                for number in range(REQUESTS):
                    ana.wait_for(reply_topic("ana", "s1"), json.dumps({"request_id": f"r{number}"}).encode())

            await asyncio.to_thread(ask_all)

    assert len(portal1.answered) + len(portal2.answered) == REQUESTS
    assert portal1.answered
    assert portal2.answered


async def test_the_feed_goes_from_replicas_to_portals_and_nobody_else_writes_or_hears_it(broker, identity_of):
    publisher = MqttPublisher(
        Address("localhost", broker.port), "replica1", FEED_TOPIC, identity_of("replica/replica1")
    )
    publisher.start()
    try:
        await wait_until(_now(lambda: publisher.connected), "the publisher to be connected", DEADLINE)
        async with (
            listener(broker, identity_of("portal/admin-portal-1"), FEED_TOPIC) as admin,
            listener(broker, identity_of("portal/client-portal-1"), FEED_TOPIC) as client,
        ):
            with (
                broker.customer("eve") as eve,
                broker.process("portal/client-portal-2") as portal,
                broker.process("replica/replica9") as unknown,
            ):
                await asyncio.to_thread(eve.subscribe, FEED_TOPIC)
                assert await asyncio.to_thread(eve.publish, FEED_TOPIC, b"forged") == NOT_AUTHORIZED
                # a portal has the feed's key, and its certificate still does not let it publish
                sealed = KEY.seal(encode_feed(FeedMessage(9, 9, 9, ())))
                for user in (portal, unknown):
                    assert await asyncio.to_thread(user.publish, FEED_TOPIC, sealed) == NOT_AUTHORIZED
                message = KEY.seal(encode_feed(FeedMessage(1, 7, 7, ())))
                assert publisher.publish(message)
                await wait_until(_now(lambda: admin and client), "both portals to hear the feed", DEADLINE)

            assert admin == client == [message]
            assert eve.inbox == []
    finally:
        publisher.close(1.0)


@contextmanager
def as_in_containers(tmp_path):
    """Run mosquitto by the file of the containers, with this machine's paths; give the command of its health check."""
    made = SecureBroker(tmp_path, BrokerKind.MOSQUITTO)
    text = CONTAINERS.read_text(encoding="utf-8")
    (check,) = re.findall(r"^# (mosquitto_sub .*)$", text, re.MULTILINE)
    for there, here in (
        ("listener 8883 0.0.0.0", f"listener {made.port} 127.0.0.1"),
        ("/identity/", f"{made.folder.path}/"),
        ("/tmp/health.sock", str(tmp_path / "health.sock")),
    ):
        assert there in text
        text, check = text.replace(there, here), check.replace(there, here)
    file = tmp_path / "mosquitto.conf"
    file.write_text(text + ("user root\n" if os.geteuid() == 0 else ""), encoding="utf-8")
    with made.running([find_mosquitto(), "-c", str(file)]) as broker:
        yield broker, check


@pytest.mark.skipif(not shutil.which("mosquitto_sub"), reason="Mosquitto's clients are not installed")
def test_the_configuration_for_containers_serves_and_its_health_check_tells_a_living_broker_from_a_dead_one(tmp_path):
    def healthy():
        return subprocess.run(["sh", "-c", check], capture_output=True, check=False).returncode == 0

    with as_in_containers(tmp_path) as (broker, check):
        assert healthy()
        with broker.process("replica/replica1") as replica, broker.process("portal/client-portal-1") as portal:
            portal.subscribe(FEED_TOPIC)
            replica.publish(FEED_TOPIC, b"heard")
            portal.wait_for(FEED_TOPIC, b"heard")
    assert not healthy()
