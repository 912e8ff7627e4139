"""Both brokers carry what Quitanda needs: MQTT 3.1.1 with quality of service 1, to real clients."""

import asyncio
import socket
import statistics
import time
from pathlib import Path

import aiomqtt
import pytest

from quitanda.identity.folder import IdentityFolder
from quitanda_local import broker
from quitanda_local.errors import BrokerNotFound
from quitanda_local.ports import free_ports
from quitanda_local.process import Process, Spawner
from quitanda_local.readiness import mqtt_ready
from quitanda_local.topology import BrokerKind
from quitanda_local.waiting import wait_until

NO_DELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
MESSAGES = 100


@pytest.fixture(
    params=[
        pytest.param(
            BrokerKind.MOSQUITTO,
            marks=pytest.mark.skipif(not broker.find_mosquitto(), reason="mosquitto is not installed"),
        ),
        BrokerKind.AMQTT,
    ]
)
async def running(request, tmp_path):
    spawner = Spawner()
    port = free_ports(1)[0]
    process = Process("broker", tmp_path / "broker.log", spawner)
    process.start(broker.prepare(request.param, port, tmp_path / "broker"), {})

    async def ready():
        process.check_alive()
        return not await mqtt_ready(f"127.0.0.1:{port}")

    await wait_until(ready, "the broker to be ready", 10)
    yield request.param, port, process
    stopped = await process.stop()
    spawner.close()
    assert stopped


def client(port, name):
    return aiomqtt.Client(
        "127.0.0.1", port, identifier=name, protocol=aiomqtt.ProtocolVersion.V311, socket_options=NO_DELAY
    )


async def test_messages_of_quality_one_arrive_once_and_in_order(running):
    _, port, process = running
    async with client(port, "subscriber") as subscriber, client(port, "publisher") as publisher:
        await subscriber.subscribe("quitanda/v1/customers/+/requests/+", qos=1)
        for number in range(MESSAGES):
            await publisher.publish(f"quitanda/v1/customers/c{number}/requests/create_order", str(number), qos=1)
        async with asyncio.timeout(10):
            received = [await anext(subscriber.messages) for _ in range(MESSAGES)]

    assert [int(message.payload) for message in received] == list(range(MESSAGES))
    assert str(received[3].topic) == "quitanda/v1/customers/c3/requests/create_order"
    assert process.tail() == [] or not any("rror" in line for line in process.tail())


async def test_a_round_trip_takes_milliseconds_where_clients_send_without_delay(running):
    _, port, _ = running
    async with client(port, "asker") as asker:
        await asker.subscribe("echo", qos=1)
        seconds = []
        for _ in range(21):
            began = time.monotonic()
            await asker.publish("echo", b"x", qos=1)
            async with asyncio.timeout(5):
                await anext(asker.messages)
            seconds.append(time.monotonic() - began)

    assert statistics.median(seconds) < 0.035  # 0.04 and more where an acknowledgement is waited for


async def test_a_shared_subscription_is_served_by_mosquitto_only(running):
    kind, port, _ = running
    async with client(port, "subscriber") as subscriber, client(port, "publisher") as publisher:
        await subscriber.subscribe("$share/portals/requests", qos=1)
        await subscriber.subscribe("end", qos=1)
        await publisher.publish("requests", b"x", qos=1)
        await publisher.publish("end", b"x", qos=1)
        async with asyncio.timeout(5):
            first = await anext(subscriber.messages)

    assert str(first.topic) == ("requests" if kind is BrokerKind.MOSQUITTO else "end")


async def test_a_port_where_nothing_listens_is_not_ready():
    assert await mqtt_ready(f"127.0.0.1:{free_ports(1)[0]}") == "ConnectionRefusedError"


async def test_a_server_that_speaks_something_else_is_not_ready():
    async def answer(reader, writer):
        await reader.readexactly(14)
        writer.write(b"220 ")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        assert "not an MQTT broker" in await mqtt_ready(f"127.0.0.1:{port}")
    finally:
        server.close()


@pytest.mark.skipif(bool(broker.find_mosquitto()), reason="mosquitto is installed")
def test_a_broker_that_is_not_installed_is_refused():
    with pytest.raises(BrokerNotFound, match="--broker amqtt"):
        broker.choose(BrokerKind.MOSQUITTO)


def test_the_best_broker_that_is_installed_is_chosen():
    best = BrokerKind.MOSQUITTO if broker.find_mosquitto() else BrokerKind.AMQTT

    assert broker.choose(None) is best
    assert broker.choose(BrokerKind.AMQTT) is BrokerKind.AMQTT


def test_mosquitto_keeps_its_user_only_where_a_change_would_undo_the_guard():
    assert "user root" in broker.mosquitto_configuration(1, root=True)
    assert "user" not in broker.mosquitto_configuration(1, root=False)


OF_THE_PLACE = ("listener", "persistence", "autosave_interval")


def lines_of(text):
    return [line for line in text.splitlines() if line and line[0] != "#" and not line.startswith(OF_THE_PLACE)]


def in_containers(name):
    return lines_of((Path(__file__).parents[2] / "mosquitto" / name).read_text(encoding="utf-8"))


def test_containers_run_mosquitto_with_the_same_bounds():
    assert in_containers("mosquitto.conf") == lines_of(broker.mosquitto_configuration(1, root=False))


def test_containers_run_mosquitto_with_the_same_lines_where_everybody_has_an_identity():
    folder = IdentityFolder(Path("/identity"))
    here = lines_of(broker.secure_mosquitto_configuration(1, folder, root=False))

    assert in_containers("mosquitto-secure.conf") == here
    assert "allow_anonymous false" in here
    assert "require_certificate true" in here
