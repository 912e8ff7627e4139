"""Course clients and others buy the last units at the same time: exactly what there is gets sold."""

import asyncio
import itertools
from contextlib import AsyncExitStack

import pytest
from compat.compat_portals import course_shop
from compat.compat_shop import order_document
from compat.documented import DONE, verdict

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.outcomes import Reason
from quitanda.errors import Rejected
from quitanda_clients.connecting import Transport

pytest_plugins = ("compat.fixtures",)

UNITS = 60
COURSE_CLIENTS = 4


@pytest.fixture
async def course_clients(shop):
    """Course clients that share nothing, not even a connection."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(course_shop(shop)) for _ in range(COURSE_CLIENTS)]


async def others(shop, cid):
    """Give connections of Quitanda's own for one customer: over gRPC at each portal, and over MQTT."""
    over_grpc = [await shop.client(cid, portal=portal) for portal in shop.cluster.client_portals]
    return [*over_grpc, await shop.client(cid, Transport.MQTT), await shop.client(cid, Transport.MQTT)]


async def sold_to(course_client, cid, pid):
    """Buy one unit after the other until there are none; give how many, or fail for any other refusal."""
    for bought in itertools.count():
        oid = course_client.new_id("order")
        reply = await course_client.create_order(oid, cid, order_document(oid, cid, (pid, 1)))
        if verdict(reply) != DONE:
            assert verdict(reply) == "OUT_OF_STOCK"
            return bought
    return None


async def sold_natively(client, pid):
    """Do the same through Quitanda's own contract."""
    for bought in itertools.count():
        try:
            await client.create_order([ItemQuantity(pid, 1)])
        except Rejected as rejected:
            assert rejected.refused.reason is Reason.OUT_OF_STOCK  # noqa: PT017 - any other one is a failure
            return bought
    return None


async def test_the_last_units_are_sold_once_whoever_asks_for_them_and_however(course, shop, course_clients):
    pid, cid = await course.product(UNITS), await course.client()
    natives = await others(shop, cid)

    sold = await asyncio.gather(
        *(sold_to(course_client, cid, pid) for course_client in course_clients),
        *(sold_natively(client, pid) for client in natives),
    )

    assert sum(sold) == UNITS
    assert await course.stock(pid) == 0
    orders = await course.retrieve_client_orders(cid)
    assert len(orders) == UNITS
    assert (await asyncio.gather(*(course.units(order.OID) for order in orders))) == [{pid: 1}] * UNITS


async def test_units_are_neither_lost_nor_made_while_orders_grow_shrink_and_are_deleted(course, shop, course_clients):
    pid = await course.product(UNITS)
    cids = [await course.client() for _ in course_clients]
    native_cid = await course.client()

    async def change_of_mind(number, course_client, cid):
        for turn in range(10):
            oid = course_client.new_id("order")
            units = 1 + (number + turn) % 7
            placed = verdict(
                await course_client.create_order(oid, cid, order_document(oid, cid, (pid, units), (pid, units)))
            )
            assert placed in {DONE, "OUT_OF_STOCK"}
            if placed == DONE:
                changed = await course_client.update_order(
                    oid, cid, order_document(oid, cid, (pid, (number * turn) % 11))
                )
                assert verdict(changed) in {DONE, "OUT_OF_STOCK"}
                if turn % 3:
                    assert verdict(await course_client.delete_order(oid)) == DONE

    async def native_change_of_mind(client):
        for turn in range(10):
            try:
                order = (await client.create_order([ItemQuantity(pid, 1 + turn % 5)])).document
                await client.set_order_item(order.order_id, pid, turn % 8)
            except Rejected as rejected:
                assert rejected.refused.reason is Reason.OUT_OF_STOCK  # noqa: PT017 - any other one is a failure

    await asyncio.gather(
        *(change_of_mind(*each) for each in zip(itertools.count(), course_clients, cids, strict=False)),
        *(native_change_of_mind(client) for client in await others(shop, native_cid)),
    )
    orders = [order for cid in (*cids, native_cid) for order in await course.retrieve_client_orders(cid)]
    held = sum([(await course.units(order.OID)).get(pid, 0) for order in orders])

    assert await course.stock(pid) + held == UNITS


async def test_of_many_who_choose_the_same_oid_one_gets_it(course, shop, course_clients):
    pid = await course.product(100)
    cids = [await course.client() for _ in course_clients]
    for _ in range(10):
        oid = shop.new_id("order")
        replies = await asyncio.gather(
            *(
                course_client.create_order(oid, cid, order_document(oid, cid, (pid, 1)))
                for course_client, cid in zip(course_clients, cids, strict=True)
            )
        )
        assert sorted(map(verdict, replies)) == [DONE, *["ORDER_EXISTS"] * (COURSE_CLIENTS - 1)]
        assert (await course.shown_order(oid))["CID"] == cids[[verdict(reply) for reply in replies].index(DONE)]

    assert await course.stock(pid) == 90


async def test_of_many_who_delete_one_order_one_does_and_its_units_come_back_once(course, course_clients):
    pid, cid = await course.product(100), await course.client()
    for _ in range(10):
        oid = await course.order(cid, (pid, 7))
        replies = await asyncio.gather(*(course_client.delete_order(oid) for course_client in course_clients))
        assert sorted(map(verdict, replies)) == [DONE, *["ORDER_NOT_FOUND"] * (COURSE_CLIENTS - 1)]
        assert await course.stock(pid) == 100


async def test_an_order_and_the_end_of_its_client_or_its_product_never_both_happen(course, course_clients):
    buyer, clerk = course_clients[:2]
    for _ in range(15):
        pid, cid, oid = await course.product(5), await course.client(), course.new_id("order")
        placed, deleted = await asyncio.gather(
            buyer.create_order(oid, cid, order_document(oid, cid, (pid, 1))), clerk.delete_client(cid)
        )
        assert (verdict(placed), verdict(deleted)) in {(DONE, "CUSTOMER_HAS_ORDERS"), ("CUSTOMER_NOT_FOUND", DONE)}

        pid, cid, oid = await course.product(5), await course.client(), course.new_id("order")
        placed, deleted = await asyncio.gather(
            buyer.create_order(oid, cid, order_document(oid, cid, (pid, 1))), clerk.delete_product(pid)
        )
        assert (verdict(placed), verdict(deleted)) in {(DONE, "PRODUCT_IN_USE"), ("PRODUCT_NOT_FOUND", DONE)}
