"""Unauthenticated connections at every port: no process stops, and no client notices."""

import asyncio
import random
import time

from quitanda.mqtt.topics import FEED_TOPIC, request_topic
from quitanda.runtime.addresses import parse_address
from quitanda_testing.cluster.process_health import instance_ids
from quitanda_testing.malformed_traffic import openings, say, silent_connections
from quitanda_testing.raw_mqtt import raw_client
from quitanda_testing.scraping import cache_serves
from quitanda_testing.workload.traffic import traffic

SILENT_AT_EACH_PORT = 20
"""More than the Raft port holds of those who have not said who they are."""

UNDISTURBED_SECONDS = 3.0


def every_door(cluster):
    addresses = (
        parse_address(cluster.address(name, kind)) for name in cluster.everything for kind in cluster.ports(name)
    )
    return [(address.host, address.port) for address in addresses]


async def test_malformed_bytes_at_every_port_stop_no_process_and_fail_no_client(healthy_cluster):
    dice = random.Random(1)
    before = instance_ids(healthy_cluster)
    addresses = every_door(healthy_cluster)
    async with traffic(healthy_cluster) as busy:
        since = time.monotonic()
        async with silent_connections(addresses, SILENT_AT_EACH_PORT):
            for opening in openings(dice):
                await asyncio.gather(
                    *(say(host, port, opening, abruptly=dice.random() < 0.5) for host, port in addresses)
                )
            await busy.goes_on()
        await busy.goes_on()

        assert busy.unanswered == []
        assert busy.longest_pause(since) < UNDISTURBED_SECONDS
        assert await busy.violations() == ()
    assert instance_ids(healthy_cluster) == before


async def test_messages_that_nobody_can_read_on_every_topic_stop_no_process_and_fail_no_client(healthy_cluster, shop):
    """Published by those who may, where the broker asks who they are: a replica, and the customer herself."""
    dice = random.Random(3)
    before = instance_ids(healthy_cluster)
    customer_id = shop.new_id()
    topics = [request_topic(customer_id, operation) for operation in ("create_order", "x" * 200)]
    async with (
        traffic(healthy_cluster) as busy,
        raw_client(healthy_cluster, healthy_cluster.replicas[0]) as replica,
        raw_client(healthy_cluster, customer_id) as customer,
    ):
        since = time.monotonic()
        for _ in range(50):
            for publisher, topic in ((replica, FEED_TOPIC), *((customer, each) for each in topics)):
                await publisher.publish(topic, dice.randbytes(dice.randint(0, 2_000)), qos=dice.randint(0, 1))
        await replica.publish(FEED_TOPIC, b'{"term":1,"revision":-1,"previous_revision":0,"changes":[]}', qos=1)
        await busy.goes_on()
        product = await shop.product()
        for portal in healthy_cluster.admin_portals:
            await cache_serves(healthy_cluster, portal, await shop.admin(portal), product.product_id)

        assert busy.unanswered == []
        assert busy.longest_pause(since) < UNDISTURBED_SECONDS
        assert await busy.violations() == ()
    assert instance_ids(healthy_cluster) == before
