"""What customers do, each operation with its success and its refusals, over each transport."""

import asyncio

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.limits import ITEM_QUANTITY_MAX, ITEMS_PER_ORDER_MAX
from quitanda.domain.outcomes import Reason
from quitanda_clients.results import Consistency

NOWHERE = "018f0000-0000-7000-8000-000000000000"
"""An order's id that no order has."""


@pytest.fixture
async def ana(shop, transport):
    """A customer, over each transport."""
    return await shop.customer(transport)


@pytest.fixture
async def unknown_customer(shop, transport):
    """Somebody who is not registered, over each transport."""
    return await shop.client(shop.new_id("unknown"), transport)


def quantities(order):
    return {item.product_id: item.quantity for item in order.items}


async def test_an_order_is_created_empty_with_an_id_and_its_customer(ana):
    order = (await ana.create_order()).document

    assert order.order_id
    assert order.customer_id == ana.customer_id
    assert order.items == ()


async def test_an_order_with_first_items_takes_them_from_stock_at_todays_price(ana, shop):
    bread, cheese = await shop.products(2)
    items = [ItemQuantity(bread.product_id, 2), ItemQuantity(cheese.product_id, 1), ItemQuantity(bread.product_id, 1)]
    order = (await ana.create_order(items)).document

    assert quantities(order) == {bread.product_id: 3, cheese.product_id: 1}
    assert order.total == 3 * bread.price + cheese.price
    assert await shop.stock(bread.product_id) == bread.quantity - 3


async def test_an_order_beyond_stock_is_refused_and_takes_nothing(ana, shop, refused):
    plenty, few = await shop.product(10), await shop.product(2)
    with refused(Reason.OUT_OF_STOCK, "items[1].quantity") as details:
        await ana.create_order([ItemQuantity(plenty.product_id, 1), ItemQuantity(few.product_id, 3)])

    assert details["available"] == "2"
    assert await shop.stock(plenty.product_id) == 10
    assert (await ana.list_orders()).documents == ()


async def test_an_order_of_an_unknown_product_is_refused(ana, refused):
    with refused(Reason.PRODUCT_NOT_FOUND, "items[0].product_id"):
        await ana.create_order([ItemQuantity("no-such-product", 1)])


async def test_an_unknown_customer_can_do_nothing(unknown_customer, shop, refused):
    product = await shop.product()
    for call in (
        unknown_customer.create_order,
        lambda: unknown_customer.set_order_item(NOWHERE, product.product_id, 1),
        lambda: unknown_customer.set_order_items(NOWHERE, [ItemQuantity(product.product_id, 1)]),
        lambda: unknown_customer.get_order(NOWHERE),
        unknown_customer.list_orders,
        lambda: unknown_customer.cancel_order(NOWHERE),
        lambda: unknown_customer.get_product(product.product_id),
        unknown_customer.list_products,
    ):
        with refused(Reason.CUSTOMER_NOT_FOUND, "customer_id"):
            await call()


async def test_setting_an_item_sets_its_quantity_and_moves_the_stock_by_the_difference(ana, shop):
    product = await shop.product(10)
    order_id = (await ana.create_order()).document.order_id
    left = []
    for quantity in (4, 7, 1, 0):
        order = (await ana.set_order_item(order_id, product.product_id, quantity)).document
        assert quantities(order) == ({product.product_id: quantity} if quantity else {})
        left.append(await shop.stock(product.product_id))

    assert left == [6, 3, 9, 10]


async def test_several_items_are_set_all_or_none(ana, shop, refused):
    bread, cheese = await shop.products(2, quantity=10)
    order_id = (await ana.create_order([ItemQuantity(bread.product_id, 5)])).document.order_id
    order = (
        await ana.set_order_items(order_id, [ItemQuantity(bread.product_id, 2), ItemQuantity(cheese.product_id, 3)])
    ).document

    assert quantities(order) == {bread.product_id: 2, cheese.product_id: 3}

    with refused(Reason.OUT_OF_STOCK, "items[1].quantity"):
        await ana.set_order_items(order_id, [ItemQuantity(bread.product_id, 0), ItemQuantity(cheese.product_id, 11)])

    assert quantities((await ana.get_order(order_id)).document) == {bread.product_id: 2, cheese.product_id: 3}
    assert [await shop.stock(bread.product_id), await shop.stock(cheese.product_id)] == [8, 7]


async def test_setting_an_item_beyond_stock_is_refused_with_what_there_is(ana, shop, refused):
    product = await shop.product(5)
    order_id = (await ana.create_order([ItemQuantity(product.product_id, 2)])).document.order_id
    with refused(Reason.OUT_OF_STOCK, "quantity") as details:
        await ana.set_order_item(order_id, product.product_id, 6)

    assert (details["available"], details["held"], details["requested"]) == ("3", "2", "6")


async def test_setting_an_item_of_an_unknown_product_is_refused(ana, refused):
    order_id = (await ana.create_order()).document.order_id
    with refused(Reason.PRODUCT_NOT_FOUND, "product_id"):
        await ana.set_order_item(order_id, "no-such-product", 1)


async def test_an_order_that_does_not_exist_is_refused_by_every_operation(ana, shop, refused):
    product = await shop.product()
    for call in (
        lambda: ana.set_order_item(NOWHERE, product.product_id, 1),
        lambda: ana.set_order_items(NOWHERE, [ItemQuantity(product.product_id, 1)]),
        lambda: ana.get_order(NOWHERE),
        lambda: ana.cancel_order(NOWHERE),
    ):
        with refused(Reason.ORDER_NOT_FOUND, "order_id"):
            await call()


async def test_nobody_sees_or_touches_anothers_order(ana, shop, transport, refused):
    product = await shop.product(10)
    order_id = (await ana.create_order([ItemQuantity(product.product_id, 1)])).document.order_id
    bento = await shop.customer(transport)
    for call in (
        lambda: bento.get_order(order_id),
        lambda: bento.set_order_item(order_id, product.product_id, 2),
        lambda: bento.cancel_order(order_id),
    ):
        with refused(Reason.ORDER_NOT_FOUND, "order_id"):
            await call()

    assert (await bento.list_orders()).documents == ()
    assert quantities((await ana.get_order(order_id)).document) == {product.product_id: 1}


async def test_a_change_based_on_an_old_copy_is_refused(ana, shop, refused):
    product = await shop.product(10)
    old = (await ana.create_order([ItemQuantity(product.product_id, 1)])).document
    new = (await ana.set_order_item(old.order_id, product.product_id, 2, expected_version=old.version)).document
    for call in (
        lambda: ana.set_order_item(old.order_id, product.product_id, 3, expected_version=old.version),
        lambda: ana.set_order_items(old.order_id, [ItemQuantity(product.product_id, 3)], expected_version=old.version),
        lambda: ana.cancel_order(old.order_id, expected_version=old.version),
    ):
        with refused(Reason.VERSION_MISMATCH, "expected_version") as details:
            await call()
        assert details["current"] == str(new.version)


async def test_an_order_of_too_many_products_is_refused(ana, shop, refused):
    full = await shop.products(ITEMS_PER_ORDER_MAX)
    one_more = await shop.product()
    order = (await ana.create_order([ItemQuantity(product.product_id, 1) for product in full])).document

    assert len(order.items) == ITEMS_PER_ORDER_MAX

    with refused(Reason.TOO_MANY_ITEMS, "items"):
        await ana.set_order_items(order.order_id, [ItemQuantity(one_more.product_id, 1)])
    with refused(Reason.INVALID_ARGUMENT, "items"):
        await ana.create_order([ItemQuantity(product.product_id, 1) for product in (*full, one_more)])


@pytest.mark.parametrize("quantity", [-1, ITEM_QUANTITY_MAX + 1])
async def test_a_quantity_out_of_range_is_refused(ana, shop, refused, quantity):
    product = await shop.product()
    order_id = (await ana.create_order()).document.order_id
    with refused(Reason.INVALID_ARGUMENT, "quantity"):
        await ana.set_order_item(order_id, product.product_id, quantity)


async def test_a_cancelled_order_is_shown_as_it_was_gone_and_its_units_are_back(ana, shop, refused):
    product = await shop.product(10)
    order = (await ana.create_order([ItemQuantity(product.product_id, 4)])).document
    cancelled = (await ana.cancel_order(order.order_id)).document

    assert quantities(cancelled) == {product.product_id: 4}
    assert await shop.stock(product.product_id) == 10
    with refused(Reason.ORDER_NOT_FOUND, "order_id"):
        await ana.get_order(order.order_id)


async def test_orders_are_listed_oldest_first_with_their_totals_page_by_page(ana, shop):
    product = await shop.product(100, price=199)
    orders = [
        (await ana.create_order([ItemQuantity(product.product_id, quantity)])).document for quantity in (1, 2, 3, 4, 5)
    ]
    first = await ana.orders_page(3)
    rest = await ana.orders_page(3, first.next_page_token)
    listed = [*first.documents, *rest.documents]

    assert [summary.order_id for summary in listed] == [order.order_id for order in orders]
    assert [summary.total for summary in listed] == [199 * quantity for quantity in (1, 2, 3, 4, 5)]
    assert rest.next_page_token == ""


async def test_a_page_token_that_was_never_given_out_is_refused(ana, refused):
    with refused(Reason.INVALID_ARGUMENT, "page_token"):
        await ana.orders_page(3, "not-a-token")


async def test_a_customer_sees_the_products(ana, shop, refused):
    product = await shop.product(7, price=1999)
    for consistency in Consistency:
        seen = (await ana.get_product(product.product_id, consistency=consistency)).document
        assert (seen.name, seen.price, seen.quantity) == (product.name, 1999, 7)

    assert product.product_id in {listed.product_id for listed in (await ana.list_products()).documents}
    with refused(Reason.PRODUCT_NOT_FOUND, "product_id"):
        await ana.get_product("no-such-product")


async def test_a_request_that_is_repeated_takes_effect_once(ana, shop, transport, refused):
    product = await shop.product(10)
    items = [ItemQuantity(product.product_id, 3)]
    anas = [ana, *[await shop.client(ana.customer_id, transport) for _ in range(4)]]
    answers = await asyncio.gather(*(one.create_order(items, request_id="only-once") for one in anas))

    assert len({answer.document.order_id for answer in answers}) == 1
    assert len({answer.revision for answer in answers}) == 1
    assert await shop.stock(product.product_id) == 7
    for one in anas:
        with refused(Reason.REQUEST_ID_REUSED, "request_id"):
            await one.create_order([ItemQuantity(product.product_id, 4)], request_id="only-once")


async def test_a_refusal_is_remembered_too(ana, shop, refused):
    product = await shop.product(1)
    items = [ItemQuantity(product.product_id, 2)]
    with refused(Reason.OUT_OF_STOCK, "items[0].quantity"):
        await ana.create_order(items, request_id="refused-once")
    await (await shop.admin()).adjust_stock(product.product_id, 10)
    with refused(Reason.OUT_OF_STOCK, "items[0].quantity"):
        await ana.create_order(items, request_id="refused-once")

    assert (await ana.create_order(items, request_id="asked-anew")).document.items


async def test_two_customers_may_use_the_same_request_id(ana, shop, transport):
    bento = await shop.customer(transport)
    orders = [(await client.create_order(request_id="mine")).document for client in (ana, bento)]

    assert orders[0].order_id != orders[1].order_id


async def test_an_items_price_is_frozen_until_its_quantity_is_raised(ana, shop):
    product = await shop.product(10, price=100)
    order_id = (await ana.create_order([ItemQuantity(product.product_id, 2)])).document.order_id
    await (await shop.admin()).update_product(product.product_id, price=300)
    lowered = (await ana.set_order_item(order_id, product.product_id, 1)).document
    raised = (await ana.set_order_item(order_id, product.product_id, 2)).document

    assert [lowered.total, raised.total] == [100, 600]
