"""The course's contract, one call right after the other: nothing old is ever shown, and long answers come whole."""

import asyncio
import json

import pytest
from compat.compat_shop import NO_CLIENT, NO_ORDER, NO_PRODUCT, order_document
from compat.documented import DONE, verdict

pytest_plugins = ("compat.fixtures",)

TIMES = 1_000
MANY_ORDERS = 525
"""More than one page of Quitanda's own lists."""

AT_ONCE = 25


@pytest.mark.timeout(300)
async def test_a_thousand_creates_updates_and_reads_in_a_row_show_nothing_old(course):
    pid, cid = await course.product(1_000_000), await course.client()
    stale = []
    for number in range(1, TIMES + 1):
        oid = course.new_id("order")
        created = await course.create_order(oid, cid, order_document(oid, cid, (pid, 1), number=number))
        updated = await course.update_order(oid, cid, order_document(oid, cid, (pid, 2), number=-number))
        found = await course.retrieve_order(oid)
        assert (verdict(created), verdict(updated)) == (DONE, DONE)
        if json.loads(found.data).get("number") != -number:
            stale.append((number, found))

    assert stale == []
    assert await course.stock(pid) == 1_000_000 - 2 * TIMES


async def test_whoever_is_created_is_seen_and_who_is_deleted_is_not_time_and_again(course):
    for _ in range(40):
        cid = await course.client()
        pid = await course.product(5)
        oid = await course.order(cid, (pid, 5))
        assert await course.stock(pid) == 0
        assert verdict(await course.delete_order(oid)) == DONE
        assert await course.retrieve_order(oid) == NO_ORDER
        assert verdict(await course.delete_product(pid)) == DONE
        assert await course.retrieve_product(pid) == NO_PRODUCT
        assert verdict(await course.delete_client(cid)) == DONE
        assert await course.retrieve_client(cid) == NO_CLIENT


async def test_stock_is_exhausted_to_the_last_unit_and_comes_back(course):
    pid, cid = await course.product(25), await course.client()
    orders = [await course.order(cid, (pid, 1)) for _ in range(25)]
    refused = course.new_id("order")
    for _ in range(2):
        reply = await course.create_order(refused, cid, order_document(refused, cid, (pid, 1)))
        assert verdict(reply) == "OUT_OF_STOCK"
        reply = await course.update_order(orders[0], cid, order_document(orders[0], cid, (pid, 2)))
        assert verdict(reply) == "OUT_OF_STOCK"
        assert await course.stock(pid) == 0
    for returned, oid in enumerate(orders, start=1):
        assert verdict(await course.delete_order(oid)) == DONE
        assert await course.stock(pid) == returned


async def test_every_order_of_a_long_stream_comes_once_and_in_the_order_of_the_ids(course):
    cid, pid = await course.client(), await course.product(MANY_ORDERS)
    placed = []
    for _ in range(MANY_ORDERS // AT_ONCE):
        placed += await asyncio.gather(*(course.order(cid, (pid, 1), note="gift") for _ in range(AT_ONCE)))
    for _ in range(2):
        streamed = await course.retrieve_client_orders(cid)
        assert [order.OID for order in streamed] == sorted(placed)
        assert {json.loads(order.data)["note"] for order in streamed} == {"gift"}
