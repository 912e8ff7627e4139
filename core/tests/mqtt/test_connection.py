"""The one keeper of MQTT connections, on a real broker that comes and goes."""

import asyncio
import gc
from contextlib import asynccontextmanager

import aiomqtt
import pytest
import structlog
from running_broker import eventually

from quitanda.mqtt.connection import NOT_CONNECTED_YET, ConnectionOptions, MqttConnection
from quitanda.runtime.addresses import Address

ACCEPTED = b"\x20\x02\x00\x00"
"""How a broker accepts a connection of MQTT 3.1.1."""
SUBSCRIBED = b"test/in"
"""The topic of `Kept`, in its request to subscribe."""


class Kept:
    """A connection that runs, and what was told of it."""

    def __init__(self, broker, **options):
        self.task: asyncio.Task[None] | None = None
        self.received = []
        self.changes = []
        self.defects = []
        given = {"topic": "test/in", "client_id": "kept", "reconnect_delay_max": 0.2, **options}
        log = structlog.get_logger("test")
        self.connection = MqttConnection(
            ConnectionOptions(broker=Address(broker.host, broker.port), **given), self.receive, self.changed, log
        )

    def receive(self, message):
        self.received.append(message.payload)
        if self.defects:
            raise self.defects.pop()

    def changed(self):
        self.changes.append(self.connection.connected)

    async def is_connected(self):
        await eventually(lambda: self.connection.connected, "the connection")

    async def is_disconnected(self):
        await eventually(lambda: not self.connection.connected, "the loss of the connection")


@pytest.fixture
def keep(broker):
    @asynccontextmanager
    async def keep(**options):
        kept = Kept(broker, **options)
        kept.task = task = asyncio.create_task(kept.connection.run())
        try:
            yield kept
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return keep


async def send(broker, *payloads):
    async with aiomqtt.Client(broker.host, broker.port) as client:
        for payload in payloads:
            await client.publish("test/in", payload, qos=1)


@pytest.mark.parametrize("mqtt5", [False, True])
async def test_messages_arrive_in_order_and_are_published(broker, keep, mqtt5):
    async with keep(mqtt5=mqtt5) as kept:
        await kept.is_connected()
        await kept.connection.publish("test/in", b"own", timeout=5.0)
        await send(broker, b"first", b"second")
        await eventually(lambda: len(kept.received) == 3, "three messages")

        assert kept.received == [b"own", b"first", b"second"]
        assert (kept.changes, kept.connection.failure) == ([True], "")


async def test_the_connection_comes_back_after_the_broker_and_each_absence_is_told_once(broker, keep):
    with structlog.testing.capture_logs() as lines:
        async with keep() as kept:
            await kept.is_connected()
            broker.stop()
            await kept.is_disconnected()
            await eventually(lambda: len(kept.changes) >= 4, "attempts in vain")
            with pytest.raises(aiomqtt.MqttError):
                await kept.connection.publish("test/in", b"nowhere", timeout=5.0)
            assert kept.connection.failure
            await broker.start()
            await kept.is_connected()
            await send(broker, b"again")
            await eventually(lambda: kept.received == [b"again"], "the message")

    assert [line["event"] for line in lines] == ["mqtt_connected", "mqtt_disconnected", "mqtt_connected"]
    assert kept.changes[:2] == [True, False]


async def test_a_message_that_is_published_while_the_connection_ends_leaves_no_error_in_the_event_loop(broker, keep):
    unexpected = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unexpected.append(context))
    async with keep() as kept:
        await kept.is_connected()
        broker.stop()
        await asyncio.sleep(0)  # the loop's next round begins here, and reads the end of the connection after this task
        with pytest.raises(aiomqtt.MqttError):
            await kept.connection.publish("test/in", b"nowhere", timeout=0.2)
        await kept.is_disconnected()

    assert unexpected == []


async def test_a_broker_that_hangs_up_at_the_subscription_leaves_no_error_in_the_event_loop(broker, keep):
    defects, hung_up = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: defects.append(context))

    async def accept_and_hang_up(reader, writer):
        await reader.read(1)
        writer.write(ACCEPTED)
        await reader.readuntil(SUBSCRIBED)
        writer.close()
        hung_up.append(True)

    broker.stop()
    async with await asyncio.start_server(accept_and_hang_up, broker.host, broker.port):
        async with keep(broker_timeout=0.2) as kept:
            await eventually(lambda: len(hung_up) > 2, "three lost connections")
        assert not any(kept.changes)

    gc.collect()  # the loop is told of a forgotten error when its future is thrown away
    assert defects == []


async def test_a_connection_that_is_given_up_ends_though_the_broker_takes_no_goodbye(broker, keep):
    """The library waits for it, and its error hid that the task was cancelled: the connection was made again."""
    async with keep(broker_timeout=0.2) as kept:
        await kept.is_connected()
        with broker.frozen():
            full = [
                asyncio.create_task(kept.connection.publish("test/in", bytes(2**20), timeout=60.0)) for _ in range(32)
            ]
            await asyncio.wait(full, timeout=0.2)
            kept.task.cancel()
            done, _ = await asyncio.wait([kept.task], timeout=5.0)
            assert done
            assert kept.task.cancelled()
        for each in full:
            each.cancel()
        await asyncio.gather(*full, return_exceptions=True)


async def test_a_broker_that_never_was_there_is_told_once(broker, keep):
    broker.stop()
    with structlog.testing.capture_logs() as lines:
        async with keep() as kept:
            assert kept.connection.failure == NOT_CONNECTED_YET
            await eventually(lambda: len(kept.changes) >= 4, "attempts in vain")

    assert [line["event"] for line in lines] == ["mqtt_disconnected"]


async def test_an_error_of_the_receiver_ends_the_connection_and_a_new_one_is_made(broker, keep):
    with structlog.testing.capture_logs() as lines:
        async with keep() as kept:
            await kept.is_connected()
            kept.defects.append(ZeroDivisionError("a defect"))
            await send(broker, b"first")
            await kept.is_disconnected()
            await kept.is_connected()
            await send(broker, b"second")
            await eventually(lambda: kept.received == [b"first", b"second"], "the second message")

    assert [line["event"] for line in lines] == ["mqtt_connected", "mqtt_connection_failed", "mqtt_connected"]


async def test_after_unsubscribing_nothing_arrives_and_a_lost_connection_is_not_made_again(broker, keep):
    async with keep() as kept:
        await kept.is_connected()
        await kept.connection.unsubscribe()
        await send(broker, b"too late")
        await kept.connection.publish("test/out", b"a last word", timeout=5.0)
        broker.stop()
        await kept.is_disconnected()
        await broker.start()
        await asyncio.wait_for(kept.task, 5.0)

        assert kept.received == []
        assert not kept.connection.connected
