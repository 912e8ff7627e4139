"""Callers who watch a running shop: nothing that is theirs is missed, whichever process dies."""

import asyncio
from contextlib import aclosing

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Reason
from quitanda.v1.admin_portal_pb2 import WatchRequest
from quitanda_testing.raw_grpc import raw_portal

SECONDS = 30.0


async def until(stream, seen):
    """Hear a stream until something of it was seen; give all that was heard."""
    heard = []
    async with asyncio.timeout(SECONDS):
        async for part in stream:
            heard.append(part)
            if seen(part):
                return heard
    raise AssertionError("the stream ended")


def states_of(parts, order_id):
    changes = [change for part in parts for change in part.changes]
    return [change.document.state for change in changes if change.document_id == order_id and change.document]


async def test_a_customer_hears_of_her_order_as_it_is_placed_and_fulfilled_and_nobody_else_does(shop, transport):
    ana, bia, admin = await shop.customer(transport), await shop.customer(transport), await shop.admin()
    product = await shop.product(10)
    begin = (await ana.list_orders()).revision

    order = (await ana.create_order([ItemQuantity(product.product_id, 2)])).document
    await ana.place_order(order.order_id)
    async with aclosing(ana.watch((Kind.ORDER,), after_revision=begin)) as watch:
        heard = await until(watch, lambda part: "placed" in states_of([part], order.order_id))
        await admin.fulfil_order(order.order_id)
        heard += await until(watch, lambda part: "fulfilled" in states_of([part], order.order_id))
    last = heard[-1].revision
    async with aclosing(bia.watch((Kind.ORDER,), after_revision=begin)) as watch:
        of_bia = await until(watch, lambda part: part.revision >= last)
    async with aclosing(admin.watch((Kind.ORDER,), after_revision=begin)) as watch:
        of_shop = await until(watch, lambda part: part.revision >= last)

    assert states_of(heard, order.order_id)[-2:] == ["placed", "fulfilled"]
    assert [change.document.customer_id for part in heard for change in part.changes if change.document] == [
        ana.customer_id
    ] * len([change for part in heard for change in part.changes])
    assert [change for part in of_bia for change in part.changes] == []
    assert states_of(of_shop, order.order_id)[-1] == "fulfilled"


async def test_a_watch_goes_on_at_the_other_portal_and_misses_nothing(healthy_cluster, shop):
    admin = await shop.admin()
    product = await shop.product(0)
    begin = (await admin.list_products()).revision
    quantities = []

    async def watch():
        async with aclosing(admin.watch((Kind.PRODUCT,), after_revision=begin)) as parts:
            async for part in parts:
                quantities.extend(
                    change.document.quantity for change in part.changes if change.document_id == product.product_id
                )

    watching = asyncio.create_task(watch())
    for portal in (*healthy_cluster.admin_portals, healthy_cluster.admin_portals[0]):
        for _ in range(5):
            await admin.adjust_stock(product.product_id, 1)
        healthy_cluster.kill(portal)
        for _ in range(5):
            await admin.adjust_stock(product.product_id, 1)
        await healthy_cluster.restart(portal)
    async with asyncio.timeout(SECONDS):
        while (not quantities or quantities[-1] < 30) and not watching.done():  # noqa: ASYNC110 - or it has ended
            await asyncio.sleep(0.05)
    watching.cancel()

    # A portal that has just begun does not remember the time before: then, and only then, the list begins anew.
    ended = await asyncio.gather(watching, return_exceptions=True)
    reasons = [error.refused.reason for error in ended if hasattr(error, "refused")]
    assert quantities == sorted(quantities)
    assert reasons == [Reason.REVISION_GONE] if reasons else quantities[-1] == 30


async def test_a_list_that_is_followed_ends_as_the_shop_whatever_dies_meanwhile(healthy_cluster, shop):
    admin = await shop.admin()
    product = await shop.product(0)
    seen = {}

    async def follow():
        async with aclosing(admin.follow_products()) as followed:
            async for each in followed:
                seen.update(each.products)

    following = asyncio.create_task(follow())
    victims = (
        await healthy_cluster.leader(),
        healthy_cluster.admin_portals[0],
        healthy_cluster.broker,
        healthy_cluster.admin_portals[1],
    )
    done = 0
    for victim in victims:
        healthy_cluster.kill(victim)
        for _ in range(5):
            await admin.adjust_stock(product.product_id, 1)
            done += 1
        await healthy_cluster.restart(victim)
    async with asyncio.timeout(SECONDS):
        while product.product_id not in seen or seen[product.product_id].quantity < done:
            assert not following.done(), following
            await asyncio.sleep(0.05)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)

    assert seen[product.product_id].quantity == done == await shop.stock(product.product_id)


async def test_a_portal_remembers_what_changed_before_a_watch_and_refuses_a_revision_of_the_distant_past(cluster):
    async with raw_portal(cluster, cluster.admin_portals[0], "quitanda.v1.AdminPortal") as portal:
        future = await portal.call("Watch", WatchRequest(kinds=["product"], after_revision=10**15))

    assert future.verdict == ("REVISION_GONE", "after_revision", "")
