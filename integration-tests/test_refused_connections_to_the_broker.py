"""What a connection to the broker says that is refused for its certificate, and that a renewed one is taken up."""

import asyncio
import gc
import socket
import subprocess
from contextlib import asynccontextmanager, contextmanager

import pytest
from mqtt_users import SecureBroker

from quitanda.mqtt.connection import ConnectionOptions, MqttConnection
from quitanda.mqtt.topics import FEED_TOPIC, random_client_id
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_local.broker import find_mosquitto, prepare
from quitanda_local.ports import free_ports
from quitanda_local.topology import BrokerKind
from quitanda_local.waiting import wait_until
from quitanda_replica.feed.mqtt_publisher import MqttPublisher
from quitanda_testing.identity_folders import HOUR, CertificateAuthority, write_file, write_identity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed"),
    # paho leaves the socket of a handshake that failed to the garbage collector
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
]

PORTAL = "portal/client-portal-1"
REPLICA = "replica/replica1"
DEADLINE = 15.0
EXPIRED = {"begins": -2 * HOUR, "ends": -HOUR}
NOT_YET = {"begins": HOUR, "ends": 2 * HOUR}


@pytest.fixture(autouse=True)
def _collect_sockets():
    yield
    gc.collect()


@pytest.fixture
def broker(tmp_path):
    with SecureBroker(tmp_path, BrokerKind.MOSQUITTO).running() as running:
        yield running


@pytest.fixture
def folder(broker, tmp_path):
    return write_identity(tmp_path / "portal", PORTAL, broker.processes)


@asynccontextmanager
async def connection(port, identity, host="localhost"):
    options = ConnectionOptions(
        broker=Address(host, port), topic=FEED_TOPIC, client_id=random_client_id("test"), identity=identity
    )
    made = MqttConnection(options, lambda _: None)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextmanager
def listening(port, folder, directory):
    """A broker of which nobody knows yet whether anybody can greet it."""
    with (directory / "broker.log").open("wb") as log:
        process = subprocess.Popen(prepare(BrokerKind.MOSQUITTO, port, directory, folder), stdout=log, stderr=log)
    try:
        asyncio.run(until(lambda: accepts(port), "the broker to listen"))
        yield
    finally:
        process.kill()
        process.wait(DEADLINE)


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def reason_at(port, identity, said):
    """Connect until the reason is told."""

    async def connect():
        async with connection(port, identity) as portal:
            await until(lambda: said in portal.failure, f"the reason {said!r}")

    asyncio.run(connect())


async def until(condition, what):
    async def holds():
        return condition()

    await wait_until(holds, what, DEADLINE)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (EXPIRED, "this process's own certificate has expired (the clock here says"),
        (NOT_YET, "this process's own certificate is not valid yet (the clock here says"),
        ({"self_signed": True}, "this process's own certificate is signed by itself"),
    ],
)
async def test_a_certificate_that_the_broker_refuses_is_told_and_the_renewed_one_is_taken_up(
    broker, folder, given, said
):
    write_file(folder / "process.pem", broker.processes.issue(PORTAL, **given))

    async with connection(broker.port, LinkIdentity(folder)) as portal:
        await until(lambda: said in portal.failure, f"the reason, not {portal.failure!r}")

        write_file(folder / "process.pem", broker.processes.issue(PORTAL))
        await until(lambda: portal.connected, "the connection with the renewed certificate")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (EXPIRED, "its certificate has expired (the clock here says"),
        (NOT_YET, "its certificate is not valid yet (the clock here says"),
        ({"names": ("elsewhere",)}, "its certificate is of another name"),
    ],
)
def test_a_broker_whose_certificate_is_not_right_is_refused(tmp_path, given, said):
    broker = SecureBroker(tmp_path, BrokerKind.MOSQUITTO)
    write_file(tmp_path / "identity" / "process.pem", broker.processes.issue("broker", **given))
    folder = write_identity(tmp_path / "portal", PORTAL, broker.processes)

    with listening(broker.port, broker.folder, tmp_path):
        reason_at(broker.port, LinkIdentity(folder), said)


async def test_a_broker_of_another_authority_is_refused(broker, folder):
    write_file(folder / "ca.pem", CertificateAuthority("Another").pem)

    async with connection(broker.port, LinkIdentity(folder)) as portal:
        await until(lambda: "its certificate is " in portal.failure, "the reason")

    assert "authority that is not in ca.pem" in portal.failure


def test_a_caller_without_tls_is_told_what_to_set(broker):
    reason_at(broker.port, None, "set QUITANDA_IDENTITY")


def test_a_broker_without_tls_is_told(tmp_path):
    port = free_ports(1)[0]
    with listening(port, None, tmp_path):
        reason_at(port, LinkIdentity(write_identity(tmp_path / "portal", PORTAL)), "it does not speak TLS")


def test_the_feeds_publisher_takes_up_a_renewed_certificate(broker, tmp_path):
    folder = write_identity(tmp_path / "replica", REPLICA, broker.processes)
    write_file(folder / "process.pem", broker.processes.issue(REPLICA, **EXPIRED))
    link = MqttPublisher(Address("localhost", broker.port), "replica1", FEED_TOPIC, LinkIdentity(folder))
    link.start()
    try:
        assert not link.publish(b"nobody takes this")
        write_file(folder / "process.pem", broker.processes.issue(REPLICA))

        asyncio.run(until(lambda: link.publish(b"somebody takes this"), "the publisher to be connected"))
    finally:
        link.close(DEADLINE)
