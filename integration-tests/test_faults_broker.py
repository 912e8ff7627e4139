"""The broker dies and comes back: gRPC goes on, MQTT goes on afterwards, caches rest in between."""

import asyncio
import time

import pytest

from quitanda_clients.connecting import Transport
from quitanda_clients.results import Consistency
from quitanda_testing.scraping import HITS, cache_serves, figure
from quitanda_testing.workload.traffic import traffic

UNDISTURBED_SECONDS = 2.0
"""The longest that a gRPC client may wait for an answer while the broker comes and goes, on a busy machine."""

AGE_MAX = 1.0


@pytest.fixture
async def readers(shop):
    """A reader at each of the four portals, by the portal's name."""
    customer = await shop.customer()
    cluster = shop.cluster
    return {
        **{portal: await shop.admin(portal) for portal in cluster.admin_portals},
        **{portal: await shop.client(customer.customer_id, portal=portal) for portal in cluster.client_portals},
    }


async def test_the_broker_is_killed_and_comes_back_and_everybody_goes_on(healthy_cluster):
    async with traffic(healthy_cluster, timeout=4.0) as busy:
        grpc_clients = busy.over(Transport.GRPC)
        since = time.monotonic()
        healthy_cluster.kill(healthy_cluster.broker)
        await busy.goes_on(clients=grpc_clients)
        await healthy_cluster.restart(healthy_cluster.broker)
        await busy.goes_on()

        assert busy.longest_pause(since, grpc_clients) < UNDISTURBED_SECONDS
        assert [worker.times.unanswered for worker in grpc_clients if worker.times.unanswered] == []
        assert await busy.violations() == ()


async def test_without_the_broker_no_read_is_stale_and_no_cache_is_used_until_it_is_back(
    healthy_cluster, shop, readers
):
    product = await shop.product(0)
    admin = await shop.admin()
    for portal, reader in readers.items():
        await cache_serves(healthy_cluster, portal, reader, product.product_id)
    healthy_cluster.kill(healthy_cluster.broker)
    quantity = 0
    killed_at = time.monotonic()
    while time.monotonic() < killed_at + 2 * AGE_MAX:
        quantity += 1
        revision = (await admin.adjust_stock(product.product_id, 1)).revision
        fresh, cached = await asyncio.gather(
            everywhere(readers, product.product_id, Consistency.LINEARIZABLE, 0),
            everywhere(readers, product.product_id, Consistency.CACHED, revision),
        )
        assert fresh | cached == {quantity}

    counted = {portal: await figure(healthy_cluster, portal, HITS) for portal in readers}
    for _ in range(10):
        assert await everywhere(readers, product.product_id, Consistency.CACHED, 0) == {quantity}
    assert {portal: await figure(healthy_cluster, portal, HITS) for portal in readers} == counted

    await healthy_cluster.restart(healthy_cluster.broker)
    for portal, reader in readers.items():
        await cache_serves(healthy_cluster, portal, reader, product.product_id)
    await admin.adjust_stock(product.product_id, 1)
    assert await everywhere(readers, product.product_id, Consistency.LINEARIZABLE, 0) == {quantity + 1}


async def everywhere(readers, product_id, consistency, min_revision):
    """Read through all portals at once; gives the different quantities that were seen."""
    answers = await asyncio.gather(
        *(
            reader.get_product(product_id, consistency=consistency, min_revision=min_revision)
            for reader in readers.values()
        )
    )
    return {answer.document.quantity for answer in answers}
