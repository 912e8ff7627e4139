"""The life of an order in a running shop: placed by its customer, moved by the shop, expired by the leader's clock."""

import asyncio
import time
from dataclasses import replace

import pytest

from quitanda.codec.queries import FindOrders
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.limits import TIMESTAMP_MS_MAX
from quitanda.domain.model import OrderState
from quitanda.domain.outcomes import Reason
from quitanda.errors import Rejected
from quitanda_clients.results import Consistency

LATE_SECONDS_MAX = 10.0
"""Usually an order expires within two seconds after its deadline; elections and a busy machine take longer."""


@pytest.fixture
async def ana(shop, transport):
    """A customer, over each transport."""
    return await shop.customer(transport)


@pytest.fixture
async def admin(shop):
    return await shop.admin()


def now_ms():
    return time.time_ns() // 1_000_000


async def ordered(ana, product, quantity=3):
    return (await ana.create_order([ItemQuantity(product.product_id, quantity)])).document


async def gone(ana, order_id, seconds=LATE_SECONDS_MAX):
    """Wait until the order is no live one any more; give how long that took."""
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        if order_id not in {each.order_id for each in (await ana.list_orders()).documents}:
            return time.monotonic() - begun
        await asyncio.sleep(0.1)
    raise AssertionError(f"order {order_id} is still there after {seconds} s")


async def test_an_order_is_placed_fulfilled_and_given_back_in_parts(ana, admin, shop, refused):
    product = await shop.product(10)
    order = await ordered(ana, product)

    placed = (await ana.place_order(order.order_id, expected_version=order.version)).document
    assert (placed.state, placed.placed_at_ms > 0) == ("placed", True)
    for change in (ana.cancel_order(order.order_id), ana.set_order_item(order.order_id, product.product_id, 1)):
        with refused(Reason.ORDER_STATE, "order_id") as details:
            await change
        assert details["state"] == "placed"
    fulfilled = (await admin.fulfil_order(order.order_id)).document
    assert (fulfilled.state, await shop.stock(product.product_id)) == ("fulfilled", 7)
    assert (await ana.list_orders()).documents == ()
    (summary,) = (await ana.list_orders(states=["fulfilled", "open"])).documents
    assert (summary.order_id, summary.state, summary.placed_at_ms) == (order.order_id, "fulfilled", placed.placed_at_ms)

    part = [ItemQuantity(product.product_id, 1)]
    assert (await admin.return_order(order.order_id, part, restock=True)).document.state == "fulfilled"
    returned = (await admin.return_order(order.order_id)).document

    assert [(item.returned, item.restocked) for item in returned.items] == [(3, 1)]
    assert (returned.state, await shop.stock(product.product_id)) == ("returned", 8)
    assert (await ana.get_order(order.order_id, include_closed=True)).document == returned


async def test_the_shop_takes_units_out_of_a_placed_order_and_cancels_it_with_the_last_ones(ana, admin, shop):
    product = await shop.product(10)
    order = (await ana.place_order((await ordered(ana, product)).order_id)).document

    lessened = (await admin.cancel_order_items(order.order_id, [ItemQuantity(product.product_id, 1)])).document
    assert ([item.quantity for item in lessened.items], await shop.stock(product.product_id)) == ([2], 8)
    cancelled = (await admin.cancel_order_items(order.order_id)).document

    assert (cancelled.state, await shop.stock(product.product_id)) == ("cancelled", 10)


async def test_a_move_takes_effect_once_however_often_it_is_asked_for(ana, admin, shop):
    product = await shop.product(10)
    order = (await ana.place_order((await ordered(ana, product)).order_id, request_id="place")).document
    assert (await ana.place_order(order.order_id, request_id="place")).document == order
    request_id = shop.new_id()
    part = [ItemQuantity(product.product_id, 1)]
    await admin.fulfil_order(order.order_id)

    first = await admin.return_order(order.order_id, part, restock=True, request_id=request_id)
    again = await admin.return_order(order.order_id, part, restock=True, request_id=request_id)

    assert again == first
    assert await shop.stock(product.product_id) == 8


async def test_an_order_expires_soon_after_its_deadline_and_not_before(ana, shop):
    product = await shop.product(10)
    order = await ordered(ana, product)
    deadline = now_ms() + 2_000
    assert (await ana.set_order_deadline(order.order_id, deadline)).document.expires_at_ms == deadline
    assert (await ana.get_order(order.order_id)).document.state == "open"

    await gone(ana, order.order_id)

    assert now_ms() >= deadline
    assert await shop.stock(product.product_id) == 10
    with pytest.raises(Rejected) as error:
        await ana.place_order(order.order_id)
    assert dict(error.value.refused.details)["state"] == "expired"
    expired = (await ana.get_order(order.order_id, include_closed=True)).document
    assert (expired.state, expired.expires_at_ms) == ("expired", deadline)
    assert expired.state_since_ms >= deadline


async def test_an_order_that_was_placed_in_time_does_not_expire_and_one_that_expired_is_in_no_cache(ana, shop):
    product = await shop.product(10)
    kept, lost = await ordered(ana, product), await ordered(ana, product)
    deadline = now_ms() + 1_500
    for order in (kept, lost):
        await ana.set_order_deadline(order.order_id, deadline)
        await ana.get_order(order.order_id, consistency=Consistency.CACHED)
    await ana.place_order(kept.order_id)

    await gone(ana, lost.order_id)

    assert [each.order_id for each in (await ana.list_orders()).documents] == [kept.order_id]
    with pytest.raises(Rejected):
        await ana.get_order(lost.order_id, consistency=Consistency.CACHED)


async def test_orders_expire_though_the_leader_dies_and_the_replicas_agree(shop, healthy_cluster):
    ana, product = await shop.customer(), await shop.product(50)
    orders = [await ordered(ana, product, 1) for _ in range(20)]
    deadline = now_ms() + 3_000
    for order in orders:
        await ana.set_order_deadline(order.order_id, deadline)
    healthy_cluster.kill(await healthy_cluster.wait_for_leader())

    for order in orders:
        await gone(ana, order.order_id, 3 * LATE_SECONDS_MAX)

    assert await shop.stock(product.product_id) == 50


async def test_who_gets_the_id_of_a_deleted_customer_sees_none_of_her_orders(ana, admin, shop, transport, refused):
    product = await shop.product(10)
    fulfilled, opened = await ordered(ana, product, 2), await ordered(ana, product, 3)
    await ana.place_order(fulfilled.order_id)
    await admin.fulfil_order(fulfilled.order_id)
    await admin.delete_customer(ana.customer_id, cascade=True)
    assert await shop.stock(product.product_id) == 8

    await admin.create_customer(ana.customer_id, "Another Ana")
    another = await shop.client(ana.customer_id, transport)

    for order in (fulfilled, opened):
        with refused(Reason.ORDER_NOT_FOUND, "order_id"):
            await another.get_order(order.order_id, include_closed=True)
    every_state = [state.value for state in OrderState]
    assert (await another.list_orders(states=every_state)).documents == ()
    kept = [(await admin.get_order(each.order_id, include_closed=True)).document for each in (fulfilled, opened)]
    assert [(each.customer_id, each.state) for each in kept] == [("", "fulfilled"), ("", "cancelled")]


async def test_a_deadline_in_the_past_is_refused_and_the_last_time_that_there_is_is_not(ana, shop, refused):
    order = await ordered(ana, await shop.product(10))

    with refused(Reason.INVALID_ARGUMENT, "expires_at_ms") as details:
        await ana.set_order_deadline(order.order_id, now_ms() - 60_000)

    assert details["problem"] == "passed"
    assert (await ana.set_order_deadline(order.order_id, TIMESTAMP_MS_MAX)).document.expires_at_ms == TIMESTAMP_MS_MAX
    assert (await ana.set_order_deadline(order.order_id, 0)).document.expires_at_ms == 0


async def test_the_shop_finds_orders_of_all_customers_by_state_customer_product_and_time(ana, admin, shop, transport):
    bia = await shop.customer(transport)
    product, begun = await shop.product(100), now_ms()
    opened, placed, fulfilled = [(await ordered(ana, product)).order_id for _ in range(3)]
    cancelled = (await ordered(bia, product)).order_id
    await ana.place_order(placed)
    await ana.place_order(fulfilled)
    await admin.fulfil_order(fulfilled)
    await bia.cancel_order(cancelled)
    ended = now_ms() + 1

    async def found(**asked):
        query = FindOrders(**{"product_id": product.product_id} | asked)
        return [each.order_id for each in (await admin.find_orders(query)).documents]

    assert await found() == [opened, placed, fulfilled, cancelled]
    assert await found(newest_first=True) == [cancelled, fulfilled, placed, opened]
    assert await found(states=("open", "cancelled")) == [opened, cancelled]
    assert await found(customer_id=ana.customer_id, states=("placed", "fulfilled")) == [placed, fulfilled]
    assert await found(product_id="", customer_id=bia.customer_id) == [cancelled]
    assert await found(created_from_ms=begun, created_before_ms=ended) == [opened, placed, fulfilled, cancelled]
    assert await found(created_before_ms=begun) == []
    assert (await admin.get_order(cancelled, include_closed=True)).document.state == "cancelled"


async def test_a_list_of_the_shop_goes_on_at_its_snapshot_while_orders_move(ana, admin, shop, refused):
    product = await shop.product(100)
    orders = [(await ordered(ana, product)).order_id for _ in range(3)]
    query = FindOrders(("open",), product_id=product.product_id, page_size=1)

    first = await admin.found_orders_page(query)
    for each in orders:
        await ana.place_order(each)
    second = await admin.found_orders_page(replace(query, page_token=first.next_page_token))

    assert [each.order_id for each in (*first.documents, *second.documents)] == orders[:2]
    assert second.revision == first.revision
    with refused(Reason.INVALID_ARGUMENT, "page_token"):
        await admin.found_orders_page(replace(query, newest_first=True, page_token=first.next_page_token))
