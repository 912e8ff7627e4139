"""A cluster in the open mode, which one must ask for: its callers prove nothing, and all promises hold."""

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda_clients.connecting import Transport
from quitanda_testing.scraping import cache_serves
from quitanda_testing.workload.traffic import traffic

pytestmark = pytest.mark.processes_only(reason="containers have no open mode")


@pytest.fixture
async def open_shop(open_cluster, shops):
    async with shops(open_cluster) as shop:
        yield shop


async def test_nobody_needs_a_token_and_nobody_is_given_one(open_shop, transport):
    admin = await open_shop.admin()
    created = await admin.create_customer(open_shop.new_id("customer"), "Ana")
    product = await open_shop.product(quantity=10)
    async with open_shop.cluster.callers.shop_client(created.document.customer_id, transport, token="") as client:
        placed = await client.create_order([ItemQuantity(product.product_id, 2)])

        assert (await client.get_order(placed.document.order_id)).document == placed.document
    assert created.token == ""
    assert await open_shop.stock(product.product_id) == 8


async def test_a_leader_is_killed_and_what_customers_of_both_transports_are_told_can_be_explained(open_cluster):
    async with traffic(open_cluster) as busy:
        leader = await open_cluster.wait_for_leader()
        open_cluster.kill(leader)
        await busy.goes_on()
        await open_cluster.restart(leader)
        await busy.goes_on()

        assert await busy.violations() == ()
    await open_cluster.wait_until_replicas_agree()


async def test_the_feed_fills_the_caches_by_its_key_alone(open_cluster, open_shop):
    product = await open_shop.product()
    for portal in open_cluster.admin_portals:
        await cache_serves(open_cluster, portal, await open_shop.admin(portal), product.product_id)
    for portal in open_cluster.client_portals:
        client = await open_shop.customer(Transport.GRPC, portal)
        await cache_serves(open_cluster, portal, client, product.product_id)
