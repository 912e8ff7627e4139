"""No stale read: not while leaders die, not while the broker comes and goes, not from a portal that stood still."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from chronicle import Chronicle, Reader, Writer

from quitanda_clients.answers import Consistency

FROZEN_SECONDS = 2.0
BURST = 30


@asynccontextmanager
async def one_writer(shop, *, readers_through, consistency, session=True):
    """Let one writer deliver units through an admin portal, and readers read them; gives chronicle and readers.

    `readers_through` names, for each reader, the portals that it asks in turn.

    Afterwards no reader may have seen anything stale, and each must have read something.
    """
    product = await shop.product(0)
    chronicle = Chronicle()
    writer = Writer(await shop.admin(shop.cluster.admin_portals[0]), product.product_id, chronicle)
    customer = await shop.customer()

    async def client(portal):
        if portal in shop.cluster.admin_portals:
            return await shop.admin(portal)
        return await shop.client(customer.customer_id, portal=portal)

    readers = [
        Reader([await client(portal) for portal in portals], product.product_id, chronicle, consistency, session)
        for portals in readers_through
    ]
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        stack.callback(stop.set)
        for worker in (writer, *readers):
            group.create_task(worker.work_until(stop))
        await chronicle.grows()
        yield chronicle, readers
        reads = [reader.reads for reader in readers]
        await chronicle.grows()
    assert all(reader.reads > before for reader, before in zip(readers, reads, strict=True))
    assert [reader.stale for reader in readers if reader.stale] == []


async def test_no_default_read_through_any_portal_is_stale_while_leaders_are_killed(mended, shop):
    _, *others = (*mended.admin_portals, *mended.client_portals)
    async with one_writer(
        shop, readers_through=[[portal] for portal in others * 2], consistency=Consistency.LINEARIZABLE, session=False
    ) as (
        chronicle,
        _,
    ):
        for _ in range(2):
            leader = await mended.wait_for_leader()
            mended.kill(leader)
            await mended.wait_for_leader(excluding=[leader])
            await chronicle.grows()
            await mended.restart(leader)
            await chronicle.grows()


async def test_cached_reads_of_a_session_never_go_back_while_leader_and_broker_come_and_go(mended, shop):
    portals = (*mended.admin_portals, *mended.client_portals)
    async with one_writer(shop, readers_through=[portals] * 4, consistency=Consistency.CACHED) as (chronicle, _):
        mended.kill(mended.broker)
        await chronicle.grows()
        await mended.restart(mended.broker)
        await chronicle.grows(50)
        leader = await mended.wait_for_leader()
        mended.kill(leader)
        await chronicle.grows()
        await mended.restart(leader)
        await chronicle.grows()


async def test_a_portal_that_stood_still_shows_nothing_older_than_a_second_when_it_goes_on(mended, shop):
    portal = mended.client_portals[0]
    async with one_writer(shop, readers_through=[[portal]] * 3, consistency=Consistency.CACHED, session=False) as (
        chronicle,
        readers,
    ):
        for _ in range(2):
            mended.pause(portal)
            await chronicle.passes(FROZEN_SECONDS)
            # These wait at its door, so that it finds them before it can hear of anything that happened meanwhile.
            waiting = [asyncio.create_task(reader.read()) for reader in readers * (BURST // len(readers))]
            await chronicle.grows(1)
            mended.resume(portal)
            await asyncio.gather(*waiting)
            await chronicle.grows()
