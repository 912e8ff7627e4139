"""What clients tell of a trace: nothing while tracing is off, otherwise the context of each attempt."""

import asyncio
from contextlib import asynccontextmanager

import aiomqtt
import pytest
from collected_spans import parent_of, traced
from fake_gateway import START_SECONDS

from quitanda.errors import Overloaded, Unavailable
from quitanda.mqtt.topics import REQUESTS_FILTER
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_local.topology import BrokerKind


def client_of(transport, portal, broker=None, timeout=10.0):
    address = portal.address if broker is None else broker.address
    return make_shop_client(transport, "ana", portals=[portal.address], broker=address, timeout=timeout)


@asynccontextmanager
async def heard_requests(broker):
    """Listen to the requests as a portal does; gives their user properties, None where there are none."""
    heard = asyncio.Queue()

    async def listen(subscribed):
        protocol = aiomqtt.ProtocolVersion.V5
        async with aiomqtt.Client(broker.address.host, broker.address.port, protocol=protocol) as client:
            await client.subscribe(REQUESTS_FILTER, qos=1)
            subscribed.set()
            async for message in client.messages:
                heard.put_nowait(getattr(message.properties, "UserProperty", None))

    subscribed = asyncio.Event()
    listening = asyncio.create_task(listen(subscribed))
    await asyncio.wait_for(subscribed.wait(), START_SECONDS)
    yield heard
    listening.cancel()


async def test_a_call_over_grpc_without_tracing_has_no_metadata(portal):
    async with client_of(Transport.GRPC, portal) as client:
        await client.create_order()

    assert portal.metadata == [{}]


async def test_each_attempt_over_grpc_names_its_own_span_of_the_one_trace_of_the_call(portal):
    portal.plans.append(Overloaded())
    with traced() as ended:
        async with client_of(Transport.GRPC, portal) as client:
            request_id = (await client.create_order()).request_id
        first, second, call = ended()

    assert [span.name for span in (first, second, call)] == ["attempt", "attempt", "create_order"]
    assert [span.attributes["quitanda.attempt"] for span in (first, second)] == [1, 2]
    assert [span.attributes["quitanda.reason"] for span in (first, second, call)] == ["OVERLOADED", "OK", "OK"]
    assert call.attributes["quitanda.request_id"] == request_id
    assert parent_of(first) == parent_of(second)
    carried = [metadata["traceparent"].split("-")[1:3] for metadata in portal.metadata]
    contexts = [span.get_span_context() for span in (first, second)]
    assert carried == [[f"{context.trace_id:032x}", f"{context.span_id:016x}"] for context in contexts]


async def test_a_call_that_nobody_answers_ends_its_span_with_the_reason(portal):
    await portal.stop()
    with traced() as ended:
        async with client_of(Transport.GRPC, portal, timeout=0.3) as client:
            with pytest.raises(Unavailable):
                await client.create_order()
        *_, call = ended()

    assert (call.name, call.attributes["quitanda.reason"], call.status.is_ok) == ("create_order", "UNAVAILABLE", False)


@pytest.mark.slow
@pytest.mark.parametrize("broker_kind", [BrokerKind.MOSQUITTO])
async def test_a_request_over_mqtt_names_its_span_in_a_user_property_while_tracing_is_on(broker, gateway, portal):
    async with heard_requests(broker) as heard:
        async with client_of(Transport.MQTT, portal, broker) as client:
            await client.create_order()
        untraced = await asyncio.wait_for(heard.get(), START_SECONDS)
        with traced() as ended:
            async with client_of(Transport.MQTT, portal, broker) as client:
                await client.create_order()
            spans = {f"{span.get_span_context().span_id:016x}": span.name for span in ended()}
        ((name, value),) = await asyncio.wait_for(heard.get(), START_SECONDS)

    assert untraced is None
    assert (name, spans[value.split("-")[2]]) == ("traceparent", "attempt")
    assert len(gateway.requests) == 2


@pytest.mark.slow
@pytest.mark.parametrize("broker_kind", [BrokerKind.AMQTT])
async def test_a_broker_that_cannot_carry_the_context_carries_the_request(broker, gateway, portal):
    with traced():
        async with client_of(Transport.MQTT, portal, broker) as client:
            await client.create_order()

    assert len(gateway.requests) == 1
