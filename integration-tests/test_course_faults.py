"""The course's contract while replicas die: replies stay replies, and a number says what is certain."""

import asyncio
import itertools

import grpc
from compat.compat_portals import course_shop
from compat.compat_shop import expect_done, order_document
from compat.documented import DONE, verdict

pytest_plugins = ("compat.fixtures",)

BEFORE_AND_AFTER = 25
"""Orders placed before the leader dies, and at least so many after there is another."""

UNCERTAIN = {"OUTCOME_UNKNOWN", "INTERNAL"}
NOTHING_HAPPENED = {"UNAVAILABLE", "OVERLOADED"}
IMPATIENT_SECONDS = 1.5


async def placed(client, oid, cid, pid):
    """Place an order as a careful client does that has no request ids; say whether it took more than one call."""
    for tries in itertools.count(1):
        told = verdict(await client.create_order(oid, cid, order_document(oid, cid, (pid, 1))))
        if told == DONE or (told == "ORDER_EXISTS" and tries > 1):
            return tries > 1
        assert told in UNCERTAIN | NOTHING_HAPPENED
    return None


async def test_a_leader_dies_and_nothing_is_lost_or_done_twice_or_shown_too_late(course, shop, healthy_cluster):
    pid, cid = await course.product(10_000), await course.client()
    leader, fallen, followed = await healthy_cluster.wait_for_leader(), asyncio.Event(), asyncio.Event()
    orders = []

    async def place_orders(client):
        for done in itertools.count(1):
            oid = client.new_id("order")
            await placed(client, oid, cid, pid)
            orders.append(oid)
            assert (await client.shown_order(oid))["CID"] == cid
            if done == BEFORE_AND_AFTER:
                fallen.set()
            if followed.is_set() and done >= 2 * BEFORE_AND_AFTER:
                return

    async def kill_the_leader():
        await fallen.wait()
        healthy_cluster.kill(leader)
        await healthy_cluster.wait_for_leader(excluding=[leader])
        followed.set()

    async with course_shop(shop) as another:
        await asyncio.gather(place_orders(course), place_orders(another), kill_the_leader())

    assert sorted(order.OID for order in await course.retrieve_client_orders(cid)) == sorted(orders)
    assert await course.stock(pid) == 10_000 - len(orders)


async def test_without_a_majority_writes_are_replied_to_and_reads_end_in_a_status(course, healthy_cluster):
    pid, cid = await course.product(10), await course.client()
    oid = await course.order(cid, (pid, 1))
    gone_cid, gone_pid = await course.client(), await course.product(1)
    for name in healthy_cluster.replicas[:2]:
        healthy_cluster.kill(name)
    course.timeout = IMPATIENT_SECONDS
    new = course.new_id("new")

    replies = await asyncio.gather(
        course.create_client(new, {"name": "Ana"}),
        course.update_client(cid, {"name": "Ana"}),
        course.delete_client(gone_cid),
        course.create_product(new, {"name": "Tea", "quantity": 1, "price": 1}),
        course.update_product(pid, {"quantity": 1}),
        course.delete_product(gone_pid),
        course.create_order(new, cid, order_document(new, cid, (pid, 1))),
        course.update_order(oid, cid, order_document(oid, cid, (pid, 2))),
        course.update_order(oid, cid, {}),
        course.delete_order(oid),
    )
    assert {verdict(reply) for reply in replies} <= UNCERTAIN | NOTHING_HAPPENED

    reads = await asyncio.gather(
        status_of(course.retrieve_client(cid)),
        status_of(course.retrieve_product(pid)),
        status_of(course.retrieve_order(oid)),
        status_of(course.retrieve_client_orders(cid)),
    )
    assert set(reads) <= {"UNAVAILABLE", "DEADLINE_EXCEEDED"}

    await healthy_cluster.mend()
    course.timeout = 20.0
    expect_done(await course.update_client(cid, {"name": "Bia"}))
    assert (await course.shown_client(cid))["name"] == "Bia"


async def test_malformed_data_is_refused_also_while_nobody_could_serve_it(course, healthy_cluster):
    for name in healthy_cluster.replicas[:2]:
        healthy_cluster.kill(name)
    course.timeout = IMPATIENT_SECONDS

    assert verdict(await course.create_client(course.new_id("new"), "no JSON")) == "INVALID_ARGUMENT"
    assert verdict(await course.create_order("0", "0", {})) == "INVALID_ARGUMENT"


async def test_a_portal_of_each_kind_dies_and_the_others_serve_everything(course, shop, healthy_cluster):
    cid, pid = await course.client(), await course.product(10)
    oid = await course.order(cid, (pid, 1))
    (dead_admin, *admin_portals), (dead_client, *client_portals) = (
        healthy_cluster.admin_portals,
        healthy_cluster.client_portals,
    )
    for name in (dead_admin, dead_client):
        healthy_cluster.kill(name)

    for read, its_id in ((course.retrieve_client, cid), (course.retrieve_order, oid)):
        told = [await status_of(read(its_id)) for _ in range(4)]
        assert sorted(told) == ["OK", "OK", "UNAVAILABLE", "UNAVAILABLE"]
    async with course_shop(shop, admin_portals=admin_portals, client_portals=client_portals) as left:
        expect_done(await left.update_order(oid, cid, order_document(oid, cid, (pid, 4))))
        assert await left.stock(pid) == 6

    await healthy_cluster.mend()
    async with course_shop(shop) as another:
        for _ in range(2):
            assert await another.units(oid) == {pid: 4}
            assert await another.stock(pid) == 6


async def status_of(call):
    """Give the name of the status that a call ends with."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"
