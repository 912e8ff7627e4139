"""Fields that the shop does not know, in orders and in their items, over each transport and at every portal."""

import asyncio

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.limits import EXTRA_BYTES_MAX
from quitanda.domain.outcomes import Reason
from quitanda_clients.results import Consistency

NOTES = (("entrega", '{"rua":"São João","nº":12.50}'), ("nota", '"sem pressa"'))
GIFT = (("cartão", '["Feliz aniversário",null]'), ("embrulho", "true"))


@pytest.fixture
async def ana(shop, transport):
    """A customer, over each transport."""
    return await shop.customer(transport)


async def seen_at_every_portal(shop, order, revision):
    """Read the order at each client portal, from its cache and past it."""
    names = shop.cluster.client_portals
    clients = await asyncio.gather(*(shop.client(order.customer_id, portal=name) for name in names))
    answers = await asyncio.gather(
        *(
            client.get_order(order.order_id, consistency=consistency, min_revision=revision)
            for client in clients
            for consistency in Consistency
        )
    )
    return [answer.document for answer in answers]


async def test_an_order_and_its_items_keep_them_exactly(ana, shop):
    bread, cheese = await shop.products(2)
    placed = await ana.create_order(
        [ItemQuantity(bread.product_id, 2, GIFT), ItemQuantity(cheese.product_id, 1)], extra=NOTES
    )
    order = placed.document

    assert (order.extra, [item.extra for item in order.items]) == (NOTES, [GIFT, ()])
    assert all(seen == order for seen in await seen_at_every_portal(shop, order, placed.revision))


async def test_they_change_by_name_and_stay_through_changes_of_everything_else(ana, shop):
    bread, cheese = await shop.products(2)
    order = (await ana.create_order([ItemQuantity(bread.product_id, 2, GIFT)], extra=NOTES)).document
    await (await shop.admin()).update_product(bread.product_id, name="Broa", price=999)

    raised = (await ana.set_order_item(order.order_id, bread.product_id, 3)).document
    added = (await ana.set_order_item(order.order_id, cheese.product_id, 1, extra=(("fatiado", "true"),))).document
    told = await ana.set_order_items(
        order.order_id,
        [ItemQuantity(bread.product_id, 1, (("cartão", "null"),))],
        extra=(("nota", "null"), ("prazo", '"sábado"')),
    )

    assert (raised.items[0].name, raised.items[0].extra, raised.extra) == ("Broa", GIFT, NOTES)
    assert [item.extra for item in added.items] == [GIFT, (("fatiado", "true"),)]
    assert told.document.extra == (NOTES[0], ("prazo", '"sábado"'))
    assert [item.extra for item in told.document.items] == [(("embrulho", "true"),), (("fatiado", "true"),)]
    assert all(seen == told.document for seen in await seen_at_every_portal(shop, told.document, told.revision))


async def test_alone_they_change_the_order_and_take_nothing(ana, shop):
    product = await shop.product(10)
    order = (await ana.create_order([ItemQuantity(product.product_id, 4)])).document

    changed = (await ana.set_order_items(order.order_id, extra=NOTES)).document
    same = (await ana.set_order_items(order.order_id, extra=NOTES, expected_version=changed.version)).document

    assert (changed.extra, changed.items) == (NOTES, order.items)
    assert changed.version > order.version
    assert same == changed
    assert await shop.stock(product.product_id) == 6


async def test_an_item_goes_with_its_fields_and_comes_back_without(ana, shop):
    product = await shop.product(10)
    order = (await ana.create_order([ItemQuantity(product.product_id, 4, GIFT)], extra=NOTES)).document

    gone = (await ana.set_order_item(order.order_id, product.product_id, 0)).document
    back = (await ana.set_order_item(order.order_id, product.product_id, 1)).document

    assert (gone.items, gone.extra) == ((), NOTES)
    assert back.items[0].extra == ()


async def test_taking_a_product_out_of_all_orders_leaves_the_other_fields(ana, shop):
    gone, kept = await shop.products(2)
    items = [ItemQuantity(gone.product_id, 1, GIFT), ItemQuantity(kept.product_id, 1, GIFT)]
    order = (await ana.create_order(items, extra=NOTES)).document

    await (await shop.admin()).delete_product(gone.product_id, cascade=True)
    left = (await ana.get_order(order.order_id)).document

    assert (left.extra, left.items) == (NOTES, order.items[1:])


async def test_one_bound_holds_for_an_order_and_its_items_together(ana, shop, refused):
    bread, cheese = await shop.products(2)
    half = f'"{"x" * (EXTRA_BYTES_MAX // 2)}"'
    items = [ItemQuantity(bread.product_id, 1, (("a", half),)), ItemQuantity(cheese.product_id, 1)]
    order = (await ana.create_order(items)).document

    with refused(Reason.INVALID_ARGUMENT, "extra") as details:
        await ana.set_order_items(order.order_id, extra=(("a", half),))
    with refused(Reason.INVALID_ARGUMENT, "extra"):
        await ana.set_order_item(order.order_id, cheese.product_id, 1, extra=(("a", half),))

    assert (details["problem"], details["limit"]) == ("too_large", str(EXTRA_BYTES_MAX))
    assert (await ana.get_order(order.order_id)).document == order


async def test_the_same_request_with_other_fields_is_another_request(ana, shop, refused):
    product = await shop.product(10)
    items = [ItemQuantity(product.product_id, 1, GIFT)]

    first = await ana.create_order(items, extra=NOTES, request_id="once")
    again = await ana.create_order(items, extra=NOTES, request_id="once")
    with refused(Reason.REQUEST_ID_REUSED, "request_id"):
        await ana.create_order(items, extra=NOTES[:1], request_id="once")

    assert again == first
    assert await shop.stock(product.product_id) == 9
