"""Searches in a running shop: through each portal and both transports, right after the writes that they must show."""

import pytest

from quitanda.codec.document_filters import DocumentFilter
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Reason
from quitanda_clients.connecting import Transport


@pytest.fixture
def word(shop):
    """A word that no other scenario's documents have."""
    return shop.new_id("word").replace("-", "")


async def ids(search):
    return [each.product_id for each in (await search).documents]


async def test_every_write_is_found_through_the_other_portal_at_once(cluster, shop, word):
    first, second = [await shop.admin(portal) for portal in cluster.admin_portals]
    product_id = shop.new_id("product")

    await first.create_product(product_id, f"Pão {word}", 250, 5, reorder_level=3)
    assert await ids(second.find_products(f"PAO {word}")) == [product_id]
    assert await ids(second.find_products(word, low=True)) == []
    await second.adjust_stock(product_id, -2)
    assert await ids(first.find_products(word, low=True)) == [product_id]
    await first.update_product(product_id, reorder_level=0)
    assert await ids(second.find_products(word, low=True)) == []
    await second.update_product(product_id, name="Bolo")
    assert await ids(first.find_products(word)) == []
    await first.delete_product(product_id)
    assert await ids(second.find_products(product_id)) == []


async def test_an_order_that_takes_the_last_units_leaves_nothing_in_stock(shop, word):
    admin = await shop.admin()
    product = (await admin.create_product(shop.new_id("product"), f"Café {word}", 900, 2, reorder_level=1)).document
    in_stock = []
    for transport in (Transport.GRPC, Transport.MQTT):
        client = await shop.customer(transport)
        await client.create_order([ItemQuantity(product.product_id, 1)])
        in_stock.append(await ids(client.find_products(f"cafe {word}", price_from=900, price_to=900, in_stock=True)))

    assert in_stock == [[product.product_id], []]
    assert await ids(admin.find_products(word, low=True)) == [product.product_id]


async def test_all_pages_of_a_search_show_one_snapshot_and_belong_to_it_alone(shop, word, refused):
    admin = await shop.admin()
    for number in range(3):
        await admin.create_product(f"{word}-{number}", "Chá", 100, 1)
    page = await admin.found_page(Kind.PRODUCT, DocumentFilter(f"cha {word}"), 2)
    await admin.update_product(f"{word}-2", name="Mate")
    found, token = list(page.documents), page.next_page_token
    while token:  # a page may be empty where the shop has many products
        rest = await admin.found_page(Kind.PRODUCT, DocumentFilter(f"cha {word}"), 2, token)
        found, token = found + list(rest.documents), rest.next_page_token

    assert [each.product_id for each in found] == [f"{word}-{number}" for number in range(3)]
    with refused(Reason.INVALID_ARGUMENT, "page_token"):
        await admin.found_page(Kind.PRODUCT, DocumentFilter("cha"), 2, page.next_page_token)


async def test_customers_are_found_by_their_names(shop, word):
    admin = await shop.admin()
    customer_ids = [shop.new_id("customer") for _ in range(3)]
    for customer_id, name in zip(customer_ids, (f"Inês {word}", "Bia", f"{word} d'Inês"), strict=True):
        await admin.create_customer(customer_id, name)

    found = (await admin.find_customers(f"ines {word}")).documents
    assert [each.customer_id for each in found] == sorted([customer_ids[0], customer_ids[2]])
