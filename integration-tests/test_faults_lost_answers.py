"""A write goes through and its answer is lost: who repeats it gets the first outcome, and it took effect once.

Each story is told for the clients' library and for a client that somebody wrote by hand, over gRPC and over MQTT.
"""

import asyncio
import itertools
import json
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio
import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.outcomes import Reason
from quitanda.errors import Rejected
from quitanda.mqtt.topics import reply_topic, request_topic
from quitanda.operations import TOKEN_FIELD
from quitanda.runtime.addresses import parse_address
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda_clients.connecting import Transport
from quitanda_local.ports import free_ports
from quitanda_local.process import Process, Spawner
from quitanda_local.readiness import grpc_ready
from quitanda_local.waiting import wait_until
from quitanda_testing.lossy_link import HOST, lossy_link
from quitanda_testing.raw_mqtt import raw_client

STOCK = 10
TAKEN = 3
WAIT_SECONDS = 15.0


class Purchase:
    """One order of some units of a new product, under one request id."""

    def __init__(self, shop, product, customer_id):
        self.shop = shop
        self.product_id = product.product_id
        self.customer_id = customer_id
        self.request_id = shop.new_id("request")
        self.items = [ItemQuantity(self.product_id, TAKEN)]

    def by(self, client):
        return client.create_order(self.items, request_id=self.request_id)

    async def took_effect(self):
        """Wait until the units are taken, as everybody else sees it."""

        async def taken():
            return await self.shop.stock(self.product_id) == STOCK - TAKEN

        await wait_until(taken, "the order to take effect", WAIT_SECONDS)

    async def happened_once_as(self, answer):
        """Whoever repeats it hears the same, by whichever way; and nothing more has happened."""
        repeated = [
            await self.by(await self.shop.client(self.customer_id, transport, portal))
            for transport, portal in itertools.product(Transport, self.shop.cluster.client_portals)
        ]
        orders = (await (await self.shop.client(self.customer_id)).list_orders()).documents
        assert repeated == [answer] * len(repeated)
        assert [order.order_id for order in orders] == [answer.document.order_id]
        assert await self.shop.stock(self.product_id) == STOCK - TAKEN


@pytest.fixture
async def purchase(shop):
    return Purchase(shop, await shop.product(STOCK), (await shop.customer()).customer_id)


async def lose_the_answer_of(call, purchase, *links):
    """Let the call's request through and lose what comes back; gives the answer after the connection broke."""
    for link in links:
        link.deaf = True
    answer = asyncio.ensure_future(call)
    await purchase.took_effect()

    async def lost():
        return any(link.lost_bytes for link in links)

    await wait_until(lost, "the answer to be lost", WAIT_SECONDS)
    assert not answer.done()
    for link in links:
        link.cut()
    return await answer


async def test_a_client_whose_answer_was_lost_repeats_and_gets_the_first_outcome(cluster, purchase, transport):
    target = cluster.client_portals[0] if transport is Transport.GRPC else cluster.broker
    async with lossy_link(cluster.address(target)) as link:
        way = parse_address(link.address)
        async with cluster.callers.shop_client(purchase.customer_id, transport, through=way) as client:
            await client.get_product(purchase.product_id)
            answer = await lose_the_answer_of(purchase.by(client), purchase, link)

    await purchase.happened_once_as(answer)


async def test_a_portal_whose_answer_from_the_replicas_was_lost_repeats_and_gets_the_first_outcome(
    cluster, purchase, tmp_path
):
    async with AsyncExitStack() as stack:
        links = {name: await stack.enter_async_context(lossy_link(cluster.address(name))) for name in cluster.replicas}
        way = parse_address(await stack.enter_async_context(portal_behind(links, cluster, tmp_path)))
        client = await stack.enter_async_context(cluster.callers.shop_client(purchase.customer_id, through=way))
        await client.get_product(purchase.product_id)
        answer = await lose_the_answer_of(purchase.by(client), purchase, *links.values())

    await purchase.happened_once_as(answer)


@asynccontextmanager
async def portal_behind(links, cluster, tmp_path):
    """Run one more client portal, which reaches the replicas through these links; gives its address."""
    address = f"{HOST}:{free_ports(1)[0]}"
    spawner = Spawner()
    twin = cluster.client_portals[0]  # whose name and identity it has: it is on this machine, too
    process = Process(twin, tmp_path / "one-more-portal.log", spawner)
    environment = {
        "QUITANDA_NAME": process.name,
        "QUITANDA_LISTEN": address,
        "QUITANDA_REPLICAS": ",".join(f"{name}={link.address}" for name, link in links.items()),
        **({"QUITANDA_IDENTITY": str(cluster.identities.folder(twin))} if cluster.identities else {}),
    }
    process.start([sys.executable, "-m", "quitanda_client_portal"], environment)

    async def ready():
        process.check_alive()
        return await grpc_ready(address, cluster.callers.link(twin)) == ""

    try:
        await wait_until(ready, "one more portal", 30)
        yield address
    finally:
        await process.stop()
        spawner.close()


async def repeated_until_answered(channel, request):
    """Send the request again while its connection is found broken, which may take a try to find."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                return await ClientPortalStub(channel).CreateOrder(request, wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise


async def test_a_hand_written_grpc_client_repeats_a_write_that_broke_off_and_gets_the_first_outcome(cluster, purchase):
    first, second = cluster.client_portals
    token = cluster.callers.token_of(purchase.customer_id)
    request = pb.CreateOrderRequest(
        request_id=purchase.request_id,
        customer_id=purchase.customer_id,
        items=[pb.ItemQuantity(product_id=purchase.product_id, quantity=TAKEN)],
    )
    async with (
        lossy_link(cluster.address(first)) as link,
        cluster.callers.channel(link.address, token) as lossy,
        cluster.callers.channel(cluster.address(second), token) as other,
    ):
        await lossy.channel_ready()
        with pytest.raises(grpc.aio.AioRpcError):
            await lose_the_answer_of(ClientPortalStub(lossy).CreateOrder(request), purchase, link)
        answers = [await repeated_until_answered(channel, request) for channel in (lossy, other, lossy)]

    assert answers[0] == answers[1] == answers[2]
    client = await purchase.shop.client(purchase.customer_id)
    answer = await purchase.by(client)
    assert (answer.document.order_id, answer.revision) == (answers[0].order.order_id, answers[0].revision)
    await purchase.happened_once_as(answer)


async def test_a_hand_written_mqtt_client_that_listens_late_and_publishes_again_gets_the_first_outcome(
    cluster, purchase
):
    token = cluster.callers.token_of(purchase.customer_id)
    topic = request_topic(purchase.customer_id, "create_order")
    request = {
        "request_id": purchase.request_id,
        "reply_to": "by-hand",
        "items": [{"product_id": purchase.product_id, "quantity": TAKEN}],
        **({TOKEN_FIELD: token} if token else {}),
    }
    payload = json.dumps(request).encode()
    async with raw_client(cluster, purchase.customer_id) as client:
        await client.publish(topic, payload, qos=1)
        await purchase.took_effect()
        await client.subscribe(reply_topic(purchase.customer_id, "by-hand"), qos=1)
        for _ in range(3):
            await client.publish(topic, payload, qos=1)
        async with asyncio.timeout(WAIT_SECONDS):
            replies = [json.loads((await anext(client.messages)).payload) for _ in range(3)]

    assert replies[0] == replies[1] == replies[2]
    assert replies[0]["request_id"] == purchase.request_id
    answer = await purchase.by(await purchase.shop.client(purchase.customer_id))
    assert (answer.document.order_id, answer.revision) == (replies[0]["result"]["order_id"], replies[0]["revision"])
    await purchase.happened_once_as(answer)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(Transport, Transport)))
async def test_of_two_sessions_with_one_request_id_the_second_gets_the_first_ones_outcome_or_is_refused(
    shop, purchase, refused, first, second
):
    one = await shop.client(purchase.customer_id, first)
    other = await shop.client(purchase.customer_id, second)
    answer = await purchase.by(one)

    assert await purchase.by(other) == answer
    with refused(Reason.REQUEST_ID_REUSED, "request_id"):
        await other.create_order([ItemQuantity(purchase.product_id, TAKEN + 1)], request_id=purchase.request_id)
    with refused(Reason.REQUEST_ID_REUSED, "request_id"):
        await other.cancel_order(answer.document.order_id, request_id=purchase.request_id)

    await purchase.happened_once_as(answer)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(Transport, Transport)))
async def test_of_two_sessions_that_use_one_request_id_at_the_same_time_one_wins_and_the_other_is_refused(
    shop, purchase, first, second
):
    sessions = [await shop.client(purchase.customer_id, transport) for transport in (first, second)]
    ended = await asyncio.gather(
        *(
            session.create_order([ItemQuantity(purchase.product_id, units)], request_id=purchase.request_id)
            for units, session in enumerate(sessions, start=1)
        ),
        return_exceptions=True,
    )
    (won,) = [answer for answer in ended if not isinstance(answer, Exception)]
    (lost,) = [error for error in ended if isinstance(error, Rejected)]

    assert lost.refused.reason is Reason.REQUEST_ID_REUSED
    assert await shop.stock(purchase.product_id) == STOCK - won.document.items[0].quantity
