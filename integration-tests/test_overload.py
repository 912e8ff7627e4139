"""More calls than the portals can answer: each is answered in time or refused at once, and none becomes unknown."""

import asyncio
import uuid
from collections import Counter

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench.cases import CHANGES, OVERLOADS
from bench.generator import measure
from bench.load import BEGIN_PER_SECOND
from bench.measurement import UNKNOWN
from bench.peers.system import System
from bench.workload import ITEMS, PlacedOrder, Workload
from quitanda.domain.commands import ItemQuantity
from quitanda.errors import Overloaded
from quitanda.rpc_status import from_rpc_error
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub

pytestmark = pytest.mark.alone

CALLERS = 400
"""Calls at a time at one portal, half as many again as it admits at first."""
DEADLINE = 4.0
SECONDS = 6.0
AFTERWARDS = 10.0

ORDERS = 16
COUNTED_SECONDS = 4.0
HEALTH_SECONDS = 5.0
"""The deadline of a health check."""
UNKNOWN_SHARE_MAX = 0.05
"""Of the calls that ended. On a quiet machine there is none; where a portal gets no processor for two seconds, callers
give up before it has seen their calls."""
SPEED_SHARE_MIN = 0.4
"""Of the answers in a second with 64 callers. On a quiet machine about 1; other processes may come and go between."""
MEMORY_GROWTH_MAX = 100_000_000


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

    token = cluster.callers.token_of(customer_id)
    async with cluster.callers.channel(cluster.address(cluster.client_portals[0]), token) as channel:
        portal = ClientPortalStub(channel)
        orders = [
            (await portal.CreateOrder(pb.CreateOrderRequest(customer_id=customer_id), timeout=10)).order.order_id
            for _ in range(8)
        ]
        async with asyncio.TaskGroup() as group:
            for number in range(CALLERS):
                group.create_task(keep_calling(portal, orders[number % len(orders)]))
        assert ended.keys() <= {"OK", "OVERLOADED"}, ended
        assert ended["OK"] > 0
        assert hints
        assert min(hints) > 0
        await asyncio.wait_for(call(portal, orders[0], 1), AFTERWARDS)


class RunningSystem(System):
    """The cluster of the tests, as the load generators know systems."""

    name = title = "the tests' cluster"
    cases = (CHANGES, *OVERLOADS)

    def __init__(self, cluster, workload):
        self.portals = tuple(cluster.address(name) for name in cluster.client_portals)
        self.workload = workload

    @classmethod
    def missing(cls):
        """Nothing: it runs."""
        return ""

    async def start(self, folder):
        """Others started it."""

    async def stop(self):
        """Others stop it."""

    async def processes(self):
        """Nobody asks for their processor time here."""
        return {}


async def placed_orders(shop):
    """Place orders of several customers at one portal, as the load generator needs them."""
    products = [product.product_id for product in await shop.products(ITEMS, quantity=100_000_000)]

    async def place():
        customer = await shop.customer()
        order = (await customer.create_order([ItemQuantity(product, 1) for product in products])).document
        return PlacedOrder(order.customer_id, order.order_id, tuple(products))

    return Workload(tuple(products), tuple([await place() for _ in range(ORDERS)]))


async def ask_for_health(cluster, portal, until):
    """Ask a portal again and again whether it is ready; each answer must come in time."""
    async with cluster.callers.channel(cluster.address(portal)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while not until.done():
            answer = await stub.Check(health_pb2.HealthCheckRequest(service="readiness"), timeout=HEALTH_SECONDS)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            await asyncio.wait([until], timeout=0.2)


def memory_of(cluster):
    """Bytes in memory of the client portals and the replicas."""
    names = (*cluster.client_portals, *cluster.replicas)
    return {name: psutil.Process(cluster.process(name).pid).memory_info().rss for name in names}


@pytest.mark.processes_only(reason="it measures the memory of processes")
@pytest.mark.parametrize("case", OVERLOADS[:1], ids=lambda case: case.name)
async def test_thousands_of_callers_leave_the_speed_the_health_and_the_memory_as_they_are(open_cluster, shops, case):
    """In the open mode, which the load generators speak."""
    async with shops(open_cluster) as shop:
        system = RunningSystem(open_cluster, await placed_orders(shop))
    before = await measure(system, CHANGES, seconds=COUNTED_SECONDS, warm_up=1.0)
    memory = memory_of(open_cluster)

    all_have_begun = case.in_flight / BEGIN_PER_SECOND + 2 * case.deadline
    during = asyncio.create_task(measure(system, case, seconds=COUNTED_SECONDS, warm_up=all_have_begun))
    await asyncio.gather(*(ask_for_health(open_cluster, portal, during) for portal in open_cluster.client_portals))
    overloaded = await during
    after = await measure(system, CHANGES, seconds=COUNTED_SECONDS, warm_up=2.0)

    ended = Counter(overloaded.statuses)
    assert ended["OVERLOADED"] > 0
    assert ended.keys() <= {"OK", "OVERLOADED", "UNAVAILABLE", *UNKNOWN}, ended
    assert overloaded.unknown <= UNKNOWN_SHARE_MAX * ended.total(), ended
    assert overloaded.calls_s >= SPEED_SHARE_MIN * before.calls_s
    assert after.calls_s >= SPEED_SHARE_MIN * before.calls_s
    assert all(now - memory[name] < MEMORY_GROWTH_MAX for name, now in memory_of(open_cluster).items())
