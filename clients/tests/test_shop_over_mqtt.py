import asyncio
import logging

import pytest
from fake_gateway import Gateway, LateReply, Loss, Silence

from quitanda.domain.commands import ItemQuantity
from quitanda.errors import OutcomeUnknown, Overloaded, Rejected, Unavailable
from quitanda.runtime.addresses import Address
from quitanda_clients.client import ShopClient
from quitanda_clients.transports.mqtt import REPLY_SECONDS_MAX, MqttTransport
from quitanda_local.topology import BrokerKind

pytestmark = pytest.mark.slow


def shop_client(customer_id, address, timeout):
    return ShopClient(customer_id, MqttTransport(customer_id, address, timeout=timeout))


def client_of(broker, customer_id="ana", timeout=10.0):
    return shop_client(customer_id, broker.address, timeout)


@pytest.mark.parametrize("broker_kind", list(BrokerKind))
@pytest.mark.parametrize("plan", [Silence(), Loss(), OutcomeUnknown(), Overloaded()])
async def test_a_request_without_an_answer_is_repeated_with_the_same_request_id(broker, gateway, plan, shop):
    gateway.plans.append(plan)
    async with client_of(broker, timeout=1.0) as client:
        order = (await client.create_order()).document

    assert list(shop.orders) == [order.order_id]
    first, second = ((operation, fields) for _, operation, fields in gateway.requests)
    assert first == second


async def test_a_request_without_an_answer_is_repeated_soon_though_much_time_is_left(broker, gateway):
    gateway.plans.append(Loss())
    async with client_of(broker, timeout=60.0) as client:
        async with asyncio.timeout(REPLY_SECONDS_MAX + 15.0):
            await client.list_orders()

    assert len(gateway.requests) == 2


async def test_a_write_without_an_answer_ends_unknown_and_a_read_unavailable(broker, gateway):
    gateway.plans.extend([Loss()] * 100)
    async with client_of(broker, timeout=2.0) as client:
        with pytest.raises(OutcomeUnknown):
            await client.create_order()
        with pytest.raises(Unavailable):
            await client.list_orders()


async def test_a_write_that_every_portal_turned_away_is_unavailable(broker, gateway):
    """So much time that no machine is too busy to turn a request away within the part of it that one try may take."""
    gateway.plans.extend([Unavailable()] * 100)
    async with client_of(broker, timeout=4.0) as client:
        with pytest.raises(Unavailable):
            await client.create_order()


async def test_without_a_broker_a_write_is_unavailable_because_it_was_never_sent():
    async with shop_client("ana", Address("127.0.0.1", 1), 0.5) as client:
        with pytest.raises(Unavailable, match="no connection to the broker"):
            await client.create_order()


@pytest.mark.parametrize("broker_kind", list(BrokerKind))
async def test_the_loss_of_the_broker_is_outlived_and_the_request_is_carried_out_once(broker, portal, shop):
    gateway = Gateway(broker.address, portal)
    await gateway.start()
    gateway.plans.append(Silence())
    async with client_of(broker, timeout=20.0) as client:
        call = asyncio.create_task(client.create_order())
        await portal.called()
        await broker.kill()
        await broker.start()
        order = (await call).document
    await gateway.stop()

    assert list(shop.orders) == [order.order_id]


@pytest.mark.parametrize(
    "reply",
    [
        *(b"{", b"\xff", b"[]", b"", b'{"request_id": []}', b'{"request_id": "another"}'),
        *(b"[" * 500_000, b'{"request_id": 1e99999999999999999999}', b'{"request_id": ' + b"9" * 5_000 + b"}"),
    ],
    ids=lambda reply: reply[:40].decode(errors="replace"),
)
async def test_a_reply_that_cannot_be_read_is_passed_over(broker, gateway, reply, caplog):
    caplog.set_level(logging.ERROR)
    gateway.plans.append(reply)
    async with client_of(broker, timeout=1.0) as client:
        order = await client.create_order()

    assert order.document.customer_id == "ana"
    assert len(gateway.requests) == 2


async def test_a_late_reply_does_not_answer_another_request_under_the_same_id(broker, gateway):
    async with client_of(broker, timeout=2.0) as client:
        gateway.plans.extend([Loss()] * 100)
        with pytest.raises(OutcomeUnknown):
            await client.create_order([ItemQuantity("nothing", 1)], request_id="once")
        gateway.plans.clear()
        gateway.plans.append(LateReply())
        order = (await client.create_order(request_id="once")).document

    assert order.items == ()


async def test_an_id_that_makes_no_topic_is_refused_before_anything_is_sent(broker):
    async with client_of(broker, customer_id="ana/+") as client:
        with pytest.raises(Rejected) as rejected:
            await client.create_order()

    assert rejected.value.refused.field == "customer_id"


async def test_an_extra_field_that_is_no_json_is_refused_before_anything_is_sent(broker):
    broken = (("nota", "sem aspas"),)
    async with client_of(broker) as client:
        with pytest.raises(Rejected) as of_order:
            await client.create_order(extra=broken)
        with pytest.raises(Rejected) as of_item:
            await client.set_order_items("o1", [ItemQuantity("caneta", 1, broken)])

    assert (of_order.value.refused.field, of_item.value.refused.field) == ("extra.nota", "items[0].extra.nota")


async def test_calls_in_flight_end_unknown_when_the_client_is_closed(broker, gateway):
    gateway.plans.append(Loss())
    client = client_of(broker)
    call = asyncio.create_task(client.create_order())
    await gateway.asked()
    await client.close()

    with pytest.raises(OutcomeUnknown):
        await call
    with pytest.raises(Unavailable, match="closed"):
        await client.list_orders()


@pytest.mark.usefixtures("gateway")
async def test_two_clients_of_one_customer_hear_only_their_own_replies(broker):
    async with client_of(broker) as one, client_of(broker) as other:
        answers = await asyncio.gather(*(client.create_order() for client in (one, other) for _ in range(10)))

    assert len({answer.document.order_id for answer in answers}) == 20


async def test_an_address_that_cannot_be_looked_up_is_told_and_the_session_closes_quietly():
    async with shop_client("ana", Address("x" * 64 + ".example", 1883), 0.5) as client:
        with pytest.raises(Unavailable) as caught:
            await client.list_orders()

    assert "label" in str(caught.value)
