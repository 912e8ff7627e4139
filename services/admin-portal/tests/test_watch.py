"""The shop watches over real gRPC: products and orders of everybody."""

import asyncio
import time

import grpc
import pytest
from fake_cluster import FakeFeed

from quitanda import error_status, rpc_status
from quitanda.domain.commands import AdjustStock, CreateOrder, ItemQuantity, UpdateProduct
from quitanda.v1 import admin_portal_pb2 as pb

SECONDS = 10.0


@pytest.fixture
def feed(portal, cluster):
    return FakeFeed(cluster, portal.reader)


async def read_to_the_end(call):
    while await call.read() is not grpc.aio.EOF:
        pass


async def heard(call):
    return await asyncio.wait_for(call.read(), SECONDS)


async def failed(call):
    """Read a call to its end; give what it failed with."""
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await asyncio.wait_for(read_to_the_end(call), SECONDS)
    return error_status.describe(rpc_status.from_rpc_error(ended.value))


async def test_changes_come_as_they_happen_and_from_a_revision_on(portal, cluster, feed):
    begin = cluster.revision
    call = portal.stub.Watch(pb.WatchRequest(kinds=["product", "order"]))
    assert (await heard(call)).revision == begin

    cluster.does(UpdateProduct("caneta", price=275))
    feed.changed(cluster.state.product("caneta"))
    (change,) = (await heard(call)).changes
    assert (change.product.product_id, change.product.price_minor_units) == ("caneta", 275)

    order = cluster.does(CreateOrder("ana", "order-1", 1, (ItemQuantity("caneta", 2),)), "ana")
    revision = feed.changed(order, cluster.state.product("caneta"))
    told = await heard(call)
    assert told.revision == revision
    assert [change.WhichOneof("what") for change in told.changes] == ["order", "product"]
    call.cancel()

    again = portal.stub.Watch(pb.WatchRequest(kinds=["order"], after_revision=begin))
    assert [(await heard(again)).revision, (await heard(again)).changes[0].order.customer_id] == [begin, "ana"]
    again.cancel()


async def test_a_revision_that_is_gone_is_refused_by_its_reason_and_the_oldest_that_is_remembered(portal, feed):
    failure = await failed(portal.stub.Watch(pb.WatchRequest(kinds=["product"], after_revision=0)))

    assert (failure.reason, failure.field) == ("REVISION_GONE", "after_revision")
    assert failure.details == {"oldest": str(feed.recent.since)}
    assert str(feed.recent.since) in failure.message


async def test_who_watches_nothing_is_told_so(portal, feed):  # noqa: ARG001 - there is a feed
    failure = await failed(portal.stub.Watch(pb.WatchRequest()))

    assert (failure.reason, failure.field, failure.details["problem"]) == ("INVALID_ARGUMENT", "kinds", "missing")


async def test_a_caller_who_does_not_read_costs_no_memory_and_is_told_to_begin_anew(portal, cluster):
    feed = FakeFeed(cluster, portal.reader, bytes_max=200_000)
    call = portal.stub.Watch(pb.WatchRequest(kinds=["product"]))
    await heard(call)
    description = "x" * 1_900
    # more than the connection's windows take, so the portal cannot write while nobody reads
    for number in range(4_000):
        cluster.does(UpdateProduct("caneta", description=f"{number} {description}"))
        feed.changed(cluster.state.product("caneta"))
        if number % 10 == 0:
            await asyncio.sleep(0.001)

    assert (await failed(call)).reason == "REVISION_GONE"
    sizes = [entry.size for entry in feed.recent.after(feed.recent.since)]
    assert sum(sizes) <= 200_000


async def test_a_portal_that_stops_does_not_wait_for_those_who_watch(portal, feed):  # noqa: ARG001 - there is a feed
    call = portal.stub.Watch(pb.WatchRequest(kinds=["product"]))
    await heard(call)
    begun = time.monotonic()
    stopping = asyncio.create_task(portal.servers.stop(SECONDS))

    assert (await failed(call)).reason == "UNAVAILABLE"
    await stopping
    assert time.monotonic() - begun < SECONDS / 2


async def test_who_watches_is_counted_until_the_watch_ends(portal, cluster, feed):
    call = portal.stub.Watch(pb.WatchRequest(kinds=["product"]))
    await heard(call)
    assert portal.registry.get_sample_value("quitanda_watches") == 1.0

    call.cancel()
    async with asyncio.timeout(SECONDS):
        while portal.registry.get_sample_value("quitanda_watches"):
            cluster.does(AdjustStock("caneta", 1))
            feed.changed(cluster.state.product("caneta"))
            await asyncio.sleep(0.01)
