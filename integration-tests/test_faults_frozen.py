"""A follower, a portal or the broker stands still, or the broker ends in order: nobody else does."""

import time

import pytest

from quitanda_clients.connecting import Transport
from quitanda_clients.results import Consistency
from quitanda_testing.cluster.fault_targets import victim
from quitanda_testing.scraping import cache_serves
from quitanda_testing.workload.traffic import traffic

UNDISTURBED_SECONDS = 2.0
"""The longest that a client may wait for an answer while somebody stands still whom it does not need."""

GIVEN_UP_SECONDS = 15.0
"""Until the broker has given up a client that is silent (about ten), and the request was sent again."""


async def test_a_follower_that_stands_still_delays_nobody_and_catches_up_when_it_goes_on(healthy_cluster):
    async with traffic(healthy_cluster) as busy:
        follower = await victim(healthy_cluster, "follower")
        since = time.monotonic()
        healthy_cluster.pause(follower)
        await busy.goes_on(20)
        pause = busy.longest_pause(since)
        healthy_cluster.resume(follower)
        leader = await healthy_cluster.wait_for_leader()
        await healthy_cluster.wait_for_revision((await healthy_cluster.status(leader)).revision, [follower])

        assert pause < UNDISTURBED_SECONDS
        assert busy.unanswered == []
        assert await busy.violations() == ()


async def test_a_client_portal_that_stands_still_delays_customers_over_mqtt_until_the_broker_gives_it_up(
    healthy_cluster,
):
    if not healthy_cluster.shares_mqtt:
        pytest.skip("this broker cannot share requests among the portals: one takes them all")
    async with traffic(healthy_cluster, grpc=1, mqtt=3) as busy:
        over_mqtt = busy.over(Transport.MQTT)
        since = time.monotonic()
        healthy_cluster.pause(healthy_cluster.client_portals[0])
        await busy.goes_on(clients=over_mqtt)
        pause = busy.longest_pause(since, over_mqtt)
        healthy_cluster.resume(healthy_cluster.client_portals[0])
        await busy.goes_on()

        assert pause < GIVEN_UP_SECONDS
        assert await busy.violations() == ()


async def test_a_broker_that_stands_still_delays_only_those_who_ask_through_it(healthy_cluster):
    async with traffic(healthy_cluster, timeout=4.0) as busy:
        grpc_clients = busy.over(Transport.GRPC)
        since = time.monotonic()
        healthy_cluster.pause(healthy_cluster.broker)
        await busy.goes_on(20, clients=grpc_clients)
        pause = busy.longest_pause(since, grpc_clients)
        healthy_cluster.resume(healthy_cluster.broker)
        await busy.goes_on()

        assert pause < UNDISTURBED_SECONDS
        assert [worker.times.unanswered for worker in grpc_clients if worker.times.unanswered] == []
        assert await busy.violations() == ()


async def test_a_broker_that_was_shut_down_and_comes_back_empty_serves_its_clients_and_the_caches(
    healthy_cluster, shop
):
    product = await shop.product(0)
    admin = await shop.admin()
    customer = await shop.customer()
    readers = {
        **{portal: await shop.admin(portal) for portal in healthy_cluster.admin_portals},
        **{portal: await shop.client(customer.customer_id, portal=portal) for portal in healthy_cluster.client_portals},
    }
    for portal, reader in readers.items():
        await cache_serves(healthy_cluster, portal, reader, product.product_id)
    async with traffic(healthy_cluster, timeout=4.0) as busy:
        ended_by_itself = await healthy_cluster.shut_down(healthy_cluster.broker)
        healthy_cluster.erase(healthy_cluster.broker)
        revision = (await admin.adjust_stock(product.product_id, 1)).revision
        await healthy_cluster.restart(healthy_cluster.broker)
        await busy.goes_on()
        seen = [
            (await reader.get_product(product.product_id, consistency=consistency, min_revision=revision)).document
            for reader in readers.values()
            for consistency in Consistency
        ]
        for portal, reader in readers.items():
            await cache_serves(healthy_cluster, portal, reader, product.product_id)

        assert ended_by_itself
        assert {document.quantity for document in seen} == {1}
        assert await busy.violations() == ()
