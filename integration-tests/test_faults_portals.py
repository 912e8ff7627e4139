"""Portals die in the middle of requests, or stand still: their clients go on at the others."""

import time

import pytest

from quitanda_clients.connecting import Transport
from quitanda_clients.retry import ATTEMPT_SHARE
from quitanda_testing.workload.traffic import traffic

TIMEOUT = 5.0
"""Seconds for a call in all; a client leaves a silent portal, or repeats over MQTT, after a part of it."""

MOVED_ON_SECONDS = TIMEOUT * ATTEMPT_SHARE + 2.0


def customers_over_mqtt(cluster):
    """None where the broker cannot share requests among the portals: then one portal takes them all."""
    return 2 if cluster.shares_mqtt else 0


@pytest.mark.parametrize("kind", ["client_portals", "admin_portals"])
async def test_clients_of_portals_that_are_killed_one_after_the_other_go_on_at_the_other_one(healthy_cluster, kind):
    async with traffic(healthy_cluster, timeout=TIMEOUT, mqtt=customers_over_mqtt(healthy_cluster)) as busy:
        since = time.monotonic()
        for portal in getattr(healthy_cluster, kind):
            healthy_cluster.kill(portal)
            await busy.goes_on()
            await healthy_cluster.restart(portal)
            await busy.goes_on()

        assert busy.longest_pause(since) < MOVED_ON_SECONDS
        assert busy.unanswered == []
        assert await busy.violations() == ()


@pytest.mark.parametrize("kind", ["client_portals", "admin_portals"])
async def test_a_portal_that_is_shut_down_finishes_what_it_took_and_loses_no_client(healthy_cluster, kind):
    async with traffic(healthy_cluster, timeout=TIMEOUT, mqtt=customers_over_mqtt(healthy_cluster)) as busy:
        since = time.monotonic()
        portal, _ = getattr(healthy_cluster, kind)
        ended_by_itself = await healthy_cluster.shut_down(portal)
        await busy.goes_on()
        pause = busy.longest_pause(since)

        assert ended_by_itself
        assert pause < MOVED_ON_SECONDS
        assert busy.unanswered == []
        assert await busy.violations() == ()


async def test_clients_leave_a_portal_that_stands_still_and_what_it_had_taken_counts_once_when_it_goes_on(
    healthy_cluster,
):
    async with traffic(healthy_cluster, timeout=TIMEOUT, mqtt=customers_over_mqtt(healthy_cluster)) as busy:
        grpc_clients = busy.over(Transport.GRPC)
        since = time.monotonic()
        portals = (healthy_cluster.client_portals[0], healthy_cluster.admin_portals[0])
        for portal in portals:
            healthy_cluster.pause(portal)
        # The broker goes on to give the silent portal its share of the requests over MQTT: those take another try.
        await busy.goes_on(2)
        pause = busy.longest_pause(since, grpc_clients)
        for portal in portals:
            healthy_cluster.resume(portal)
        await healthy_cluster.wait_until_ready(*portals)
        await busy.goes_on()

        assert pause < MOVED_ON_SECONDS
        assert [worker.times.unanswered for worker in grpc_clients if worker.times.unanswered] == []
        assert await busy.violations() == ()
