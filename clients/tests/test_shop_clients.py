"""What holds for customers' clients whichever way their requests travel."""

import asyncio

import pytest

from quitanda.codec.documents import OrderSummary
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import Order, OrderItem, Product
from quitanda.domain.outcomes import Problem, Reason, invalid, refused
from quitanda.errors import Rejected
from quitanda.operations import PortalKind, document_operations_of
from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_clients.results import Consistency, DocumentResult

PLACED_MS = 1_700_000_000_000


@pytest.fixture(params=list(Transport))
def way(request):
    return request.param


@pytest.fixture
def open_shop(request, way, portal, shop):
    """Opens a customer's client that goes this way."""
    shop.products["caneta"] = Product("caneta", "Caneta", "azul", 250, 40, (("cor", '"azul"'),), 1)
    shop.products["caderno"] = Product("caderno", "Caderno", "", 1_290, 7, (), 2)
    shop.revision = 2
    broker = request.getfixturevalue("broker").address if way is Transport.MQTT else portal.address
    if way is Transport.MQTT:
        request.getfixturevalue("gateway")

    def open_client(customer_id="ana", timeout=10.0):
        return make_shop_client(way, customer_id, portals=[portal.address], broker=broker, timeout=timeout)

    return open_client


async def test_an_order_is_placed_changed_listed_and_cancelled(open_shop):
    pen, notebook = OrderItem("caneta", "Caneta", 250, 3), OrderItem("caderno", "Caderno", 1_290, 1)
    async with open_shop() as client:
        placed = await client.create_order([ItemQuantity("caneta", 3)])
        changed = await client.set_order_item("o1", "caderno", 1)
        fetched = await client.get_order("o1", consistency=Consistency.CACHED)
        listed = await client.list_orders()
        several = await client.set_order_items("o1", [ItemQuantity("caneta", 0), ItemQuantity("caderno", 2)])
        cancelled = await client.cancel_order("o1", expected_version=several.document.version)
        remaining = await client.list_orders()

    assert placed == DocumentResult(Order("o1", "ana", PLACED_MS, (pen,), 3), 3)
    assert changed == DocumentResult(Order("o1", "ana", PLACED_MS, (pen, notebook), 4), 4)
    assert fetched == changed
    assert listed.documents == (OrderSummary("o1", PLACED_MS, 2, 2_040, 4),)
    assert [(item.product_id, item.quantity) for item in several.document.items] == [("caderno", 2)]
    assert cancelled.document == several.document
    assert client.revision == 6
    assert remaining.documents == ()


async def test_an_order_and_its_items_take_fields_that_the_shop_does_not_know(open_shop):
    async with open_shop() as client:
        placed = await client.create_order(
            [ItemQuantity("caneta", 3, (("gravura", '"Zé"'), ("peso", "0.50")))], extra=(("a", "[1]"), ("nota", '"é"'))
        )
        counted = await client.set_order_item("o1", "caneta", 4, extra=(("peso", "null"), ("z", "1.10")))
        told = await client.set_order_items("o1", extra=(("a", "null"), ("b", "true")))
        both = await client.set_order_items("o1", [ItemQuantity("caderno", 1, (("c", "{}"),))], extra=(("b", "1E+3"),))
        fetched = await client.get_order("o1")

    assert placed.document.extra == (("a", "[1]"), ("nota", '"é"'))
    assert placed.document.items[0].extra == (("gravura", '"Zé"'), ("peso", "0.50"))
    assert (counted.document.extra, counted.document.items[0].quantity) == (placed.document.extra, 4)
    assert counted.document.items[0].extra == (("gravura", '"Zé"'), ("z", "1.10"))
    assert told.document.extra == (("b", "true"), ("nota", '"é"'))
    assert told.document.items == counted.document.items
    assert [item.extra for item in both.document.items] == [counted.document.items[0].extra, (("c", "{}"),)]
    assert both.document.extra == (("b", "1E+3"), ("nota", '"é"'))
    assert fetched.document == both.document


async def test_products_are_shown_and_listed(open_shop, shop):
    async with open_shop() as client:
        shown = await client.get_product("caneta")
        listed = await client.list_products()

    assert shown == DocumentResult(shop.products["caneta"], 2)
    assert listed.documents == (shop.products["caderno"], shop.products["caneta"])


async def test_a_list_is_fetched_page_by_page(open_shop, shop, portal):
    shop.orders = {f"o{n:04}": Order(f"o{n:04}", "ana", n, (), n) for n in range(1_100)}
    async with open_shop() as client:
        listed = await client.list_orders()

    assert [order.order_id for order in listed.documents] == list(shop.orders)
    assert [request.page_token for request in portal.requests("ListOrders")] == ["", "500", "1000"]


async def test_a_refusal_is_raised_with_its_reason_field_and_facts(open_shop):
    async with open_shop() as client:
        await client.create_order()
        with pytest.raises(Rejected) as unknown_order:
            await client.get_order("o9")
        with pytest.raises(Rejected) as negative:
            await client.set_order_item("o1", "caneta", -5)

    assert unknown_order.value.refused == refused(Reason.ORDER_NOT_FOUND, order_id="o9")
    assert negative.value.refused == invalid("items[0].quantity", Problem.NEGATIVE, value=-5)


async def test_a_repeated_request_id_takes_effect_once(open_shop, shop):
    async with open_shop() as client:
        first = await client.create_order(request_id="r1")
        second = await client.create_order(request_id="r1")

    assert first == second
    assert len(shop.orders) == 1


async def test_one_client_serves_many_calls_at_the_same_time(open_shop, shop):
    async with open_shop() as client, asyncio.TaskGroup() as calls:
        for _ in range(100):
            calls.create_task(client.create_order())

    assert len(shop.orders) == 100


async def test_texts_in_every_language_come_back_as_they_are(open_shop, shop):
    name = 'Maçã "ñ" 日本 😀'
    shop.products["maca"] = Product("maca", name, "linha 1\nlinha 2", 1, 1, (("nota", '"é"'),), 9)
    async with open_shop() as client:
        shown = await client.get_product("maca")

    assert shown.document == shop.products["maca"]


@pytest.mark.parametrize(("portal_kind", "client"), [(PortalKind.ADMIN, AdminClient), (PortalKind.CLIENT, ShopClient)])
def test_every_operation_on_documents_is_a_method_of_the_client(portal_kind, client):
    assert [name for name in document_operations_of(portal_kind) if not callable(getattr(client, name, None))] == []
