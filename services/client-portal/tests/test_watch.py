"""Customers watch over real gRPC: products, and their own orders."""

import asyncio

import grpc
import pytest
from fake_cluster import FakeFeed

from quitanda import error_status
from quitanda.domain.commands import CancelOrder, CreateOrder, ItemQuantity
from quitanda.domain.model import Kind
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub

SECONDS = 10.0


@pytest.fixture
async def silent_portal(portals):
    async with portals() as portal:
        yield portal


@pytest.fixture
def feed(silent_portal, cluster):
    """What the portal hears."""
    return FakeFeed(cluster, silent_portal.reader)


@pytest.fixture
async def stub(silent_portal, feed):  # noqa: ARG001 - there is a feed
    async with grpc.aio.insecure_channel(f"127.0.0.1:{silent_portal.port}") as channel:
        yield ClientPortalStub(channel)


async def read_to_the_end(call):
    while await call.read() is not grpc.aio.EOF:
        pass


async def heard(call):
    return await asyncio.wait_for(call.read(), SECONDS)


async def failure_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await asyncio.wait_for(read_to_the_end(call), SECONDS)
    return error_status.describe(error_status.from_rpc_error(ended.value))


async def test_a_customer_hears_of_her_own_orders_alone(stub, feed, cluster):
    begin = cluster.revision
    for customer_id, order_id in (("bia", "order-1"), ("ana", "order-2")):
        order = cluster.does(CreateOrder(customer_id, order_id, 1, (ItemQuantity("caneta", 1),)), customer_id)
        feed.changed(order, cluster.state.product("caneta"))

    call = stub.Watch(pb.WatchForCustomerRequest(customer_id="ana", kinds=["order"], after_revision=begin))
    assert (await heard(call)).revision == begin
    told = await heard(call)
    assert (told.revision, [change.order.order_id for change in told.changes]) == (cluster.revision, ["order-2"])
    call.cancel()


async def test_below_the_level_at_which_closed_orders_are_kept_a_cancelled_order_lets_customers_begin_anew(
    stub, feed, cluster
):
    order = cluster.does(CreateOrder("bia", "order-1", 1, ()), "bia")
    feed.changed(order)
    begin = cluster.revision
    cluster.does(CancelOrder("bia", "order-1"), "bia")
    feed.changed((Kind.ORDER, "order-1"))

    call = stub.Watch(pb.WatchForCustomerRequest(customer_id="ana", kinds=["order"], after_revision=begin))
    assert (await failure_of(call)).reason == "REVISION_GONE"


async def test_a_customer_who_is_not_registered_watches_nothing(stub):
    call = stub.Watch(pb.WatchForCustomerRequest(customer_id="eva", kinds=["product"]))

    assert (await failure_of(call)).reason == "CUSTOMER_NOT_FOUND"
