"""More calls than the portals can answer: each is answered in time or refused at once, and none becomes unknown."""

import asyncio
import uuid
from collections import Counter

import grpc

from quitanda.error_status import from_rpc_error
from quitanda.errors import Overloaded
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub

CALLERS = 400
"""At each of two portals 200 calls at a time, three times as many as it admits at first."""
DEADLINE = 4.0
SECONDS = 6.0
AFTERWARDS = 10.0


async def test_calls_beyond_what_is_possible_are_refused_with_a_hint_and_none_is_unknown(cluster, shop):
    product = await shop.product(quantity=1_000_000)
    customer_id = shop.new_id("customer")
    await (await shop.admin()).create_customer(customer_id, "Ana")
    ended, hints = Counter(), []
    loop = asyncio.get_running_loop()
    until = loop.time() + SECONDS

    async def call(portal, order_id, turn):
        request = pb.SetOrderItemRequest(
            request_id=str(uuid.uuid4()),
            customer_id=customer_id,
            order_id=order_id,
            product_id=product.product_id,
            quantity=1 + turn % 3,
        )
        await portal.SetOrderItem(request, timeout=DEADLINE)

    async def keep_calling(portal, order_id):
        turn = 0
        while loop.time() < until:
            turn += 1
            try:
                await call(portal, order_id, turn)
                ended["OK"] += 1
            except grpc.aio.AioRpcError as error:
                failure = from_rpc_error(error)
                ended[failure.reason] += 1
                if isinstance(failure, Overloaded):
                    hints.append(failure.retry_after)
                    await asyncio.sleep(failure.retry_after)

    channels = [grpc.aio.insecure_channel(cluster.address(name)) for name in cluster.client_portals]
    try:
        portals = [ClientPortalStub(channel) for channel in channels]
        orders = [
            (await portals[0].CreateOrder(pb.CreateOrderRequest(customer_id=customer_id), timeout=10)).order.order_id
            for _ in range(8)
        ]
        async with asyncio.TaskGroup() as group:
            for number in range(CALLERS):
                group.create_task(keep_calling(portals[number % len(portals)], orders[number % len(orders)]))
        assert ended.keys() <= {"OK", "OVERLOADED"}, ended
        assert ended["OK"] > 0
        assert hints
        assert min(hints) > 0
        await asyncio.wait_for(call(portals[0], orders[0], 1), AFTERWARDS)
    finally:
        for channel in channels:
            await channel.close()
