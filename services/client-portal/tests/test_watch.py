"""Customers watch over real gRPC, and over MQTT through a real broker: products, and their own orders."""

import asyncio

import grpc
import pytest
from callers import MqttCaller
from fake_cluster import FakeFeed

from quitanda import error_status, rpc_status
from quitanda.domain.commands import CancelOrder, CreateCustomer, CreateOrder, DeleteCustomer, ItemQuantity
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
    return error_status.describe(rpc_status.from_rpc_error(ended.value))


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


async def test_who_got_the_id_of_a_deleted_customer_hears_nothing_of_her_orders(stub, feed, cluster):
    begin = cluster.revision
    feed.changed(cluster.does(CreateOrder("ana", "order-1", 1, ()), "ana"))
    cluster.does(DeleteCustomer("ana", cascade=True))
    feed.changed((Kind.CUSTOMER, "ana"), (Kind.ORDER, "order-1"))
    deleted = cluster.revision
    feed.changed(cluster.does(CreateCustomer("ana", "Another Ana")))

    hers = stub.Watch(pb.WatchForCustomerRequest(customer_id="ana", kinds=["order"], after_revision=begin))
    assert (await failure_of(hers)).reason == "REVISION_GONE"
    own = stub.Watch(pb.WatchForCustomerRequest(customer_id="ana", kinds=["order"], after_revision=deleted))
    feed.changed(cluster.does(CreateOrder("ana", "order-2", 1, ()), "ana"))
    assert (await heard(own)).revision == deleted
    assert [change.order.order_id for change in (await heard(own)).changes] == ["order-2"]
    own.cancel()


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


@pytest.fixture
async def over_mqtt(portals, broker, cluster):
    """A portal with a feed, and a client of the broker."""
    async with portals(broker) as portal:
        caller = MqttCaller(broker.port)
        await caller.open()
        yield caller, FakeFeed(cluster, portal.reader), portal
        await caller.close()


def request(request_id, **fields):
    return {"request_id": request_id, "reply_to": MqttCaller.SESSION, **fields}


async def test_over_mqtt_one_request_is_answered_by_each_change_and_no_reply_can_be_missed(over_mqtt, cluster):
    caller, feed, _ = over_mqtt
    begin = cluster.revision
    await caller.send("watch", "ana", request("w1", kinds=["order"], after_revision=begin))
    first = await caller.reply("w1")
    assert (first["revision"], first["result"]) == (begin, {"after_revision": begin, "changes": [], "ends": False})

    for customer_id, order_id in (("bia", "order-1"), ("ana", "order-2")):
        order = cluster.does(CreateOrder(customer_id, order_id, 1, (ItemQuantity("caneta", 1),)), customer_id)
        feed.changed(order)
    told = await caller.reply("w1")
    assert [change["order"]["order_id"] for change in told["result"]["changes"]] == ["order-2"]
    cluster.does(CancelOrder("ana", "order-2"), "ana")
    feed.changed((Kind.ORDER, "order-2"))
    ended = await caller.reply("w1")

    assert told["result"]["after_revision"] == begin
    assert (ended["error"]["reason"], ended["request_id"]) == ("REVISION_GONE", "w1")  # cancelled, below level 4
    assert {topic.split("/")[3] for topic, _ in caller.received} == {"ana"}


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({}, "kinds", "missing"),
        ({"kinds": "order"}, "kinds", "wrong_type"),
        ({"kinds": ["customer"]}, "kinds[0]", "unknown_value"),
        ({"kinds": ["order"], "after_revision": -1}, "after_revision", "negative"),
        ({"kinds": ["order"], "after_revision": "1"}, "after_revision", "wrong_type"),
        ({"kinds": ["order"], "customer_id": "bia"}, "customer_id", "unknown_value"),
        ({"kinds": ["order"], "page_size": 1}, "page_size", "unknown_field"),
    ],
)
async def test_over_mqtt_a_bad_field_is_refused_by_its_name(over_mqtt, fields, field, problem):
    caller, _, _ = over_mqtt
    await caller.send("watch", "ana", request("w1", **fields))
    error = (await caller.reply("w1"))["error"]

    assert (error["reason"], error["field"], error["details"]["problem"]) == ("INVALID_ARGUMENT", field, problem)


async def test_a_portal_that_stops_says_so_to_who_watches_over_mqtt(over_mqtt):
    caller, _, portal = over_mqtt
    await caller.send("watch", "ana", request("w1", kinds=["order"]))
    await caller.reply("w1")
    await portal.servers.stop(SECONDS)

    assert (await caller.reply("w1"))["error"]["reason"] == "UNAVAILABLE"
