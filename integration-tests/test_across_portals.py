"""What is written through one portal is seen through every other, at once."""

import asyncio
import itertools

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.outcomes import Reason
from quitanda_clients.connecting import Transport
from quitanda_clients.results import Consistency

TIMES = 1_000


@pytest.fixture
async def admins(shop):
    return [await shop.admin(portal) for portal in shop.cluster.admin_portals]


async def test_a_write_through_one_portal_is_read_through_the_other_without_a_pause_a_thousand_times(admins, shop):
    product = await shop.product(0)
    stale = 0
    for turn, (writer, reader) in zip(range(TIMES), itertools.cycle([admins, admins[::-1]]), strict=False):
        written = await writer.adjust_stock(product.product_id, 1)
        read = await reader.get_product(product.product_id)
        stale += read.document != written.document or read.document.quantity != turn + 1

    assert stale == 0


async def test_stock_that_an_order_took_is_seen_at_once_through_all_portals(admins, shop, transport):
    product = await shop.product(1_000)
    buyer = await shop.customer(transport)
    others = [await shop.client(buyer.customer_id, portal=portal) for portal in shop.cluster.client_portals]
    order_id = (await buyer.create_order()).document.order_id
    for quantity in range(1, 101):
        await buyer.set_order_item(order_id, product.product_id, quantity)
        seen = await asyncio.gather(*(reader.get_product(product.product_id) for reader in (*admins, *others)))
        orders = await asyncio.gather(*(other.get_order(order_id) for other in others))

        assert {answer.document.quantity for answer in seen} == {1_000 - quantity}
        assert {answer.document.items[0].quantity for answer in orders} == {quantity}


async def test_a_deletion_is_seen_at_once_through_all_portals(admins, shop, refused):
    clients = [await shop.customer(portal=portal) for portal in shop.cluster.client_portals]
    for _ in range(20):
        product = await shop.product()
        for client in clients:
            await client.get_product(product.product_id)
        await admins[0].delete_product(product.product_id)
        for reader in (*clients, *admins):
            with refused(Reason.PRODUCT_NOT_FOUND, "product_id"):
                await reader.get_product(product.product_id)


async def test_cached_reads_of_one_client_never_go_back_and_see_its_own_writes(admins, shop, transport):
    product = await shop.product(1_000)
    client = await shop.customer(transport)
    order_id = (await client.create_order()).document.order_id
    for quantity in range(1, 201):
        await client.set_order_item(order_id, product.product_id, quantity)
        seen = await client.get_product(product.product_id, consistency=Consistency.CACHED)

        assert seen.document.quantity <= 1_000 - quantity
        if quantity % 10 == 0:
            await admins[0].update_product(product.product_id, price=quantity)


async def test_all_customers_of_one_broker_get_their_own_answers(shop):
    product = await shop.product(10_000)
    clients = [await shop.customer(Transport.MQTT) for _ in range(10)]

    async def orders(client, units):
        placed = await asyncio.gather(
            *(client.create_order([ItemQuantity(product.product_id, units)]) for _ in range(20))
        )
        return {(answer.document.customer_id, answer.document.items[0].quantity) for answer in placed}

    answered = await asyncio.gather(*(orders(client, units) for units, client in enumerate(clients, start=1)))

    assert answered == [{(client.customer_id, units)} for units, client in enumerate(clients, start=1)]
    assert await shop.stock(product.product_id) == 10_000 - 20 * sum(range(1, 11))
