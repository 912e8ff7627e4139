"""A process comes back with another network address: whoever needs it finds it there within seconds."""

import time

import pytest

from quitanda_clients.connecting import Transport
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.cluster import Fault
from quitanda_testing.cluster.fault_targets import EVERY_KIND, REPLICAS, victim
from quitanda_testing.scraping import cache_serves
from quitanda_testing.workload.traffic import traffic

pytestmark = pytest.mark.needs(Fault.ANOTHER_ADDRESS)

FOUND_SECONDS = 8.0
"""Until everybody has noticed, looked the name up again, and connected; from when the process is ready."""

ELECTED_SECONDS = 8.0


@pytest.mark.parametrize("kind", EVERY_KIND)
async def test_a_process_that_comes_back_with_another_address_is_found_within_seconds(healthy_cluster, shop, kind):
    async with traffic(healthy_cluster, timeout=6.0) as busy:
        grpc_clients = busy.over(Transport.GRPC)
        name = await victim(healthy_cluster, kind)
        since = time.monotonic()
        await healthy_cluster.move(name)
        await healthy_cluster.wait_until_ready(name)
        begun = time.monotonic()
        await found(healthy_cluster, shop, name, kind)
        seconds = time.monotonic() - begun
        await busy.goes_on()

        assert seconds < FOUND_SECONDS
        assert busy.longest_pause(since, grpc_clients) < ELECTED_SECONDS
        assert [worker.times.unanswered for worker in grpc_clients if worker.times.unanswered] == []
        assert await busy.violations() == ()


async def found(cluster, shop, name, kind):
    """Wait until everybody who needs this process has found it."""
    if kind in REPLICAS:
        for portal in cluster.admin_portals:
            await portal_sees(await shop.admin(portal), name)
        await leads(shop, cluster, name)
    elif kind == "broker":
        product = await shop.product()
        for portal in cluster.admin_portals:
            await cache_serves(cluster, portal, await shop.admin(portal), product.product_id)
        customer = await shop.customer()
        await (await shop.client(customer.customer_id, Transport.MQTT)).list_orders()
    elif name in cluster.admin_portals:
        await (await shop.admin(name)).cluster_status()
    else:
        await (await shop.customer(portal=name)).list_orders()


async def portal_sees(admin, name):
    async def seen():
        return any(status.name == name and status.reachable for status in await admin.cluster_status())

    await wait_until(seen, f"a portal to see {name}", 30)


async def leads(shop, cluster, name):
    """Let the replica lead: then every portal must find it, and the other replicas have."""
    admin = await shop.admin()
    if await cluster.leader() != name:
        leader = await cluster.wait_for_leader()
        await cluster.wait_for_revision((await cluster.status(leader)).revision, [name])
        await admin.transfer_leadership(name)
    for portal in cluster.admin_portals:
        await (await shop.admin(portal)).list_products(limit=1)
