"""What does not exist or belongs to somebody else, over both transports: refused by its field, and nothing changes."""

import asyncio
import base64

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.outcomes import Reason

pytest_plugins = ("bad_input_fixtures",)
pytestmark = pytest.mark.usefixtures("unharmed")


async def test_unknown_customers_products_and_orders_are_named(shop, transport, refused, documents_unchanged):
    customer = await shop.customer(transport)
    nobody = await shop.client(shop.new_id(), transport)
    product = await shop.product(10)
    order = (await customer.create_order([ItemQuantity(product.product_id, 2)])).document
    there, nothing = ItemQuantity(product.product_id, 1), ItemQuantity(shop.new_id(), 1)
    calls = [
        (Reason.CUSTOMER_NOT_FOUND, "customer_id", nobody.create_order),
        (Reason.CUSTOMER_NOT_FOUND, "customer_id", lambda: nobody.create_order([there])),
        (Reason.CUSTOMER_NOT_FOUND, "customer_id", lambda: nobody.set_order_item(order.order_id, "p", 1)),
        (Reason.CUSTOMER_NOT_FOUND, "customer_id", lambda: nobody.set_order_items(order.order_id, [there])),
        (Reason.CUSTOMER_NOT_FOUND, "customer_id", lambda: nobody.cancel_order(order.order_id)),
        (Reason.CUSTOMER_NOT_FOUND, "customer_id", lambda: nobody.get_order(order.order_id)),
        (Reason.CUSTOMER_NOT_FOUND, "customer_id", nobody.list_orders),
        (Reason.CUSTOMER_NOT_FOUND, "customer_id", lambda: nobody.get_product(product.product_id)),
        (Reason.CUSTOMER_NOT_FOUND, "customer_id", nobody.list_products),
        (Reason.PRODUCT_NOT_FOUND, "items[1].product_id", lambda: customer.create_order([there, nothing])),
        (Reason.PRODUCT_NOT_FOUND, "product_id", lambda: customer.set_order_item(order.order_id, "nothing", 1)),
        (
            Reason.PRODUCT_NOT_FOUND,
            "items[1].product_id",
            lambda: customer.set_order_items(order.order_id, [there, nothing]),
        ),
        (Reason.PRODUCT_NOT_FOUND, "product_id", lambda: customer.get_product("nothing")),
        (Reason.ORDER_NOT_FOUND, "order_id", lambda: customer.set_order_item("nothing", product.product_id, 1)),
        (Reason.ORDER_NOT_FOUND, "order_id", lambda: customer.set_order_items("nothing", [there])),
        (Reason.ORDER_NOT_FOUND, "order_id", lambda: customer.cancel_order("nothing")),
        (Reason.ORDER_NOT_FOUND, "order_id", lambda: customer.get_order("nothing")),
        (Reason.OUT_OF_STOCK, "quantity", lambda: customer.set_order_item(order.order_id, product.product_id, 11)),
        (Reason.OUT_OF_STOCK, "items[0].quantity", lambda: customer.create_order([ItemQuantity(there.product_id, 9)])),
        (
            Reason.VERSION_MISMATCH,
            "expected_version",
            lambda: customer.cancel_order(order.order_id, expected_version=order.version + 1),
        ),
    ]
    async with documents_unchanged(customer):
        for reason, field, call in calls:
            with refused(reason, field):
                await call()


async def test_an_order_of_another_customer_is_not_there(shop, transport, refused, documents_unchanged):
    owner, other = await shop.customer(transport), await shop.customer(transport)
    product = await shop.product(10)
    order = (await owner.create_order([ItemQuantity(product.product_id, 2)])).document
    async with documents_unchanged(owner, other):
        for call in (
            lambda: other.get_order(order.order_id),
            lambda: other.set_order_item(order.order_id, product.product_id, 0),
            lambda: other.set_order_items(order.order_id, [ItemQuantity(product.product_id, 5)]),
            lambda: other.cancel_order(order.order_id),
            lambda: other.cancel_order(order.order_id, expected_version=order.version),
        ):
            with refused(Reason.ORDER_NOT_FOUND, "order_id"):
                await call()


async def test_a_page_token_of_another_list_or_changed_by_hand_is_refused(shop, transport, refused, state_unchanged):
    owner, other = await shop.customer(transport), await shop.customer(transport)
    await shop.products(2)
    for _ in range(2):
        await owner.create_order()
    orders, products = await owner.orders_page(1), await owner.products_page(1)
    good = orders.next_page_token
    spoilt = (good[:-1], good + good, good[::-1], good.swapcase(), base64.b64encode(good.encode()).decode())
    async with state_unchanged():
        for call in (
            lambda: other.orders_page(1, good),
            lambda: owner.products_page(1, good),
            lambda: owner.orders_page(1, products.next_page_token),
            *((lambda token=token: owner.orders_page(1, token)) for token in spoilt),
        ):
            with refused(Reason.INVALID_ARGUMENT, "page_token"):
                await call()
    assert len((await owner.orders_page(1, good)).documents) == 1


async def test_unknown_things_of_administrators_are_named(shop, refused, documents_unchanged):
    admin, nothing = await shop.admin(), shop.new_id()
    async with documents_unchanged():
        for field, reason, calls in (
            (
                "customer_id",
                Reason.CUSTOMER_NOT_FOUND,
                (
                    lambda: admin.get_customer(nothing),
                    lambda: admin.update_customer(nothing, name="A"),
                    lambda: admin.delete_customer(nothing),
                ),
            ),
            (
                "product_id",
                Reason.PRODUCT_NOT_FOUND,
                (
                    lambda: admin.get_product(nothing),
                    lambda: admin.update_product(nothing, name="A"),
                    lambda: admin.delete_product(nothing),
                    lambda: admin.adjust_stock(nothing, 1),
                ),
            ),
        ):
            for call in calls:
                with refused(reason, field):
                    await call()


async def test_others_are_served_while_one_sends_nothing_but_refusals(shop, transport, refused):
    good, bad = await shop.customer(transport), await shop.customer(transport)
    product = await shop.product(1_000)

    async def refused_calls():
        for _ in range(50):
            with refused(Reason.INVALID_ARGUMENT, "items[0].quantity"):
                await bad.create_order([ItemQuantity(product.product_id, -1)])
            with refused(Reason.ORDER_NOT_FOUND, "order_id"):
                await bad.cancel_order("nothing")

    async def good_calls():
        for _ in range(20):
            await good.create_order([ItemQuantity(product.product_id, 1)])

    await asyncio.gather(refused_calls(), good_calls(), refused_calls())
    assert await shop.stock(product.product_id) == 980
    assert (await bad.list_orders()).documents == ()
