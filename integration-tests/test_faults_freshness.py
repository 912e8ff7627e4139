"""No stale read: not while leaders die, not while the broker comes and goes, not from a portal that stood still."""

import asyncio

from bounded_staleness import one_writer

from quitanda_testing.workload.traffic import traffic

FROZEN_SECONDS = 2.0
BURST = 30


async def test_no_default_read_through_any_portal_is_stale_while_leaders_are_killed(healthy_cluster):
    async with traffic(healthy_cluster, grpc=6, mqtt=1, clerks=2, one_portal_each=True) as busy:
        for _ in range(2):
            leader = await healthy_cluster.wait_for_leader()
            healthy_cluster.kill(leader)
            await healthy_cluster.wait_for_leader(excluding=[leader])
            await busy.goes_on()
            await healthy_cluster.restart(leader)
            await busy.goes_on()

        assert await busy.violations() == ()


async def test_cached_reads_of_a_session_never_go_back_while_leader_and_broker_come_and_go(healthy_cluster, shop):
    portals = (*healthy_cluster.admin_portals, *healthy_cluster.client_portals)
    async with one_writer(shop, readers_through=[portals] * 4) as (written, _):
        healthy_cluster.kill(healthy_cluster.broker)
        await written.grows()
        await healthy_cluster.restart(healthy_cluster.broker)
        await written.grows(50)
        leader = await healthy_cluster.wait_for_leader()
        healthy_cluster.kill(leader)
        await written.grows()
        await healthy_cluster.restart(leader)
        await written.grows()


async def test_a_portal_that_stood_still_shows_nothing_older_than_a_second_when_it_goes_on(healthy_cluster, shop):
    portal = healthy_cluster.client_portals[0]
    async with one_writer(shop, readers_through=[[portal]] * 3, session=False) as (
        written,
        readers,
    ):
        for _ in range(2):
            healthy_cluster.pause(portal)
            await written.passes(FROZEN_SECONDS)
            # These wait in its socket, so that it finds them before it can hear of anything that happened meanwhile.
            waiting = [asyncio.create_task(reader.read()) for reader in readers * (BURST // len(readers))]
            await written.grows(1)
            healthy_cluster.resume(portal)
            await asyncio.gather(*waiting)
            await written.grows()
