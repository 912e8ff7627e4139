"""The leader dies, freezes or is cut off: nothing that was acknowledged is lost, nothing old is shown."""

import asyncio

import pytest

from quitanda.errors import OutcomeUnknown, Unavailable

WRITERS = 4
WRITES_AFTERWARDS = 10


@pytest.fixture(params=["kill", "pause", "partition"])
def fault(request, healthy_cluster):
    """Give what happens to a replica."""

    async def happen(name):
        match request.param:
            case "kill":
                healthy_cluster.kill(name)
            case "pause":
                healthy_cluster.pause(name)
            case "partition":
                await healthy_cluster.partition(name)

    return happen


async def test_what_was_acknowledged_is_there_and_happened_once_whatever_befalls_the_leader(
    shop, healthy_cluster, fault
):
    product = await shop.product(0)
    admins = [await shop.admin(portal) for portal in healthy_cluster.admin_portals] * (WRITERS // 2)
    failed = asyncio.Event()

    async def add_units(admin):
        """Add one unit at a time until some time after the fault; give the units that were acknowledged."""
        units = afterwards = 0
        while afterwards < WRITES_AFTERWARDS:
            afterwards += failed.is_set()
            await once(admin, shop.new_id())
            units += 1
        return units

    async def once(admin, request_id):
        """Repeat one write, with its id, until it is answered."""
        while True:
            try:
                return await admin.adjust_stock(product.product_id, 1, request_id=request_id)
            except (OutcomeUnknown, Unavailable):
                continue

    async def fail():
        leader = await healthy_cluster.wait_for_leader()
        await fault(leader)
        await healthy_cluster.wait_for_leader(excluding=[leader])
        failed.set()

    *units, _ = await asyncio.gather(*(add_units(admin) for admin in admins), fail())

    assert await shop.stock(product.product_id) == sum(units)


async def test_a_leader_that_was_cut_off_shows_nothing_old(shop, healthy_cluster):
    product = await shop.product(0)
    writer, reader = [await shop.admin(portal) for portal in healthy_cluster.admin_portals]
    leader = await healthy_cluster.wait_for_leader()
    await healthy_cluster.partition(leader)
    for units in range(1, 21):
        await writer.adjust_stock(product.product_id, 1)
        assert (await reader.get_product(product.product_id)).document.quantity == units
