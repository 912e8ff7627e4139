"""Many buyers, few units: nothing is sold twice, nothing is lost."""

import asyncio

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.outcomes import Reason
from quitanda.errors import Rejected
from quitanda_clients.connecting import Transport

UNITS = 50


async def buyers(shop):
    """Give eight customers: two at each client portal over gRPC, four over MQTT."""
    first, second = shop.cluster.client_portals
    return [
        *[await shop.customer(portal=portal) for portal in (first, first, second, second)],
        *[await shop.customer(Transport.MQTT) for _ in range(4)],
    ]


async def while_stock_lasts(call):
    """Give the call's answer, or None where it was refused because too few units were left."""
    try:
        return await call
    except Rejected as rejected:
        if rejected.refused.reason is not Reason.OUT_OF_STOCK:
            raise
        return None


async def held(clients, product_id):
    """Count the units that the customers' orders hold."""
    units = 0
    for client in clients:
        for summary in (await client.list_orders()).documents:
            order = (await client.get_order(summary.order_id)).document
            units += sum(item.quantity for item in order.items if item.product_id == product_id)
    return units


async def test_eight_customers_share_the_last_units_and_not_one_more(shop):
    product = await shop.product(UNITS)
    clients = await buyers(shop)

    async def buy_until_nothing_is_left(client):
        bought = 0
        while True:
            if not await while_stock_lasts(client.create_order([ItemQuantity(product.product_id, 1)])):
                return bought
            bought += 1

    bought = await asyncio.gather(*(buy_until_nothing_is_left(client) for client in clients))

    assert sum(bought) == UNITS
    assert await shop.stock(product.product_id) == 0
    assert await held(clients, product.product_id) == UNITS


async def test_units_are_neither_lost_nor_made_while_orders_grow_shrink_and_are_cancelled(shop):
    product = await shop.product(UNITS)
    clients = await buyers(shop)
    admins = [await shop.admin(portal) for portal in shop.cluster.admin_portals]

    async def change_of_mind(number, client):
        for turn in range(12):
            units = 1 + (number + turn) % 7
            placed = await while_stock_lasts(client.create_order([ItemQuantity(product.product_id, units)]))
            if placed:
                order_id = placed.document.order_id
                await while_stock_lasts(client.set_order_item(order_id, product.product_id, (number * turn) % 9))
                if turn % 3:
                    await client.cancel_order(order_id)

    async def deliver_and_break(admin):
        adjusted = 0
        for delta in (5, -3, 2, -4, 1, -1) * 4:
            if await while_stock_lasts(admin.adjust_stock(product.product_id, delta)):
                adjusted += delta
        return adjusted

    *adjustments, _ = await asyncio.gather(
        *(deliver_and_break(admin) for admin in admins),
        asyncio.gather(*(change_of_mind(number, client) for number, client in enumerate(clients))),
    )
    on_hand = await shop.stock(product.product_id)

    assert on_hand >= 0
    assert on_hand + await held(clients, product.product_id) == UNITS + sum(adjustments)
