"""Two replicas of three are missing, or the leader stands still: nothing is lost, nothing old is shown."""

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial

import grpc.aio
import pytest

from quitanda.codec.documents import decode_document
from quitanda.codec.protobuf import encode_request
from quitanda.domain.commands import AdjustStock, Request
from quitanda.domain.model import Kind, Product
from quitanda.errors import OutcomeUnknown, Unavailable
from quitanda.rpc_status import from_rpc_error
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.admin_portal_pb2 import REPLICA_ROLE_LEADER
from quitanda.v1.replica_pb2_grpc import ReplicaStub
from quitanda_clients.results import Consistency
from quitanda_local.waiting import wait_until
from quitanda_testing.workload.clients import until_answered

PATIENCE = 1.5
"""Seconds for each call while nobody can answer."""

PATIENT = 30.0
"""Seconds for a call that waits until somebody can answer."""

LATE_SECONDS = 1.0
GLANCE_SECONDS = 0.2
EARLY = 40
"""Calls that are under way while the replicas die, one begun right after the other."""

BETWEEN_SECONDS = 0.001
CALLS = EARLY + 6


@pytest.fixture
async def impatient(shop):
    """An administrator at each portal, who waits for PATIENCE only."""
    async with AsyncExitStack() as stack:
        admins = [shop.cluster.callers.admin_client(name, timeout=PATIENCE) for name in shop.cluster.admin_portals]
        yield [await stack.enter_async_context(admin) for admin in admins]


async def ending(call):
    """Give how a call ended (its error, or None) and after how many seconds."""
    begun = time.monotonic()
    try:
        await call
    except (Unavailable, OutcomeUnknown) as error:
        return error, time.monotonic() - begun
    return None, time.monotonic() - begun


@pytest.mark.parametrize("survivor", ["leader", "follower"])
async def test_without_a_majority_every_call_ends_and_says_truly_what_became_of_it(
    healthy_cluster, shop, impatient, survivor
):
    product = await shop.product(0)
    leader = await healthy_cluster.wait_for_leader()
    alive = leader if survivor == "leader" else next(name for name in healthy_cluster.replicas if name != leader)
    dead = [name for name in healthy_cluster.replicas if name != alive]
    writers = [impatient[number % 2] for number in range(CALLS)]
    ids = [shop.new_id("request") for _ in writers]

    def write(number):
        return writers[number].adjust_stock(product.product_id, 1, request_id=ids[number])

    early = []
    for number in range(EARLY):
        early.append(asyncio.create_task(ending(write(number))))
        await asyncio.sleep(BETWEEN_SECONDS)
    await healthy_cluster.crash(*dead)
    writes = await asyncio.gather(*early, *(ending(write(number)) for number in range(EARLY, CALLS)))
    reads = await asyncio.gather(
        *(
            ending(admin.get_product(product.product_id, consistency=consistency))
            for admin in impatient
            for consistency in Consistency
        )
    )
    late_writes = [error for error, _ in writes[EARLY:]]

    assert all(isinstance(error, Unavailable | OutcomeUnknown) for error in late_writes)
    assert all(isinstance(error, Unavailable) for error, _ in reads)
    assert max(seconds for _, seconds in (*writes, *reads)) < PATIENCE + LATE_SECONDS

    await healthy_cluster.restart(dead[0], wait=False)
    await until_answered(lambda: impatient[0].get_product(product.product_id))
    for number, (error, _) in enumerate(writes):
        if isinstance(error, OutcomeUnknown):
            await until_answered(partial(write, number))
    acknowledged = sum(not isinstance(error, Unavailable) for error, _ in writes)

    assert await shop.stock(product.product_id) == acknowledged


async def test_service_comes_back_by_itself_with_the_second_replica_for_calls_that_wait(healthy_cluster, shop):
    product = await shop.product(0)
    leader = await healthy_cluster.wait_for_leader()
    followers = [name for name in healthy_cluster.replicas if name != leader]
    callers = healthy_cluster.callers
    async with AsyncExitStack() as stack:
        admins = [await stack.enter_async_context(callers.admin_client(timeout=PATIENT)) for _ in range(6)]
        await healthy_cluster.crash(*followers)
        calls = [asyncio.create_task(admin.adjust_stock(product.product_id, 1)) for admin in admins]
        await healthy_cluster.restart(followers[1], wait=False)
        answers = await asyncio.gather(*calls)

    assert sorted(answer.document.quantity for answer in answers) == [1, 2, 3, 4, 5, 6]
    assert await shop.stock(product.product_id) == 6


async def test_a_leader_that_stood_still_and_goes_on_neither_shows_old_data_nor_makes_its_own_history(
    healthy_cluster, shop
):
    product = await shop.product(0)
    admin = await shop.admin()
    leader = await healthy_cluster.wait_for_leader()
    async with healthy_cluster.callers.channel_of_portal(healthy_cluster.address(leader)) as channel:
        replica = ReplicaStub(channel)
        assert (await read(replica, product.product_id)).quantity == 0

        healthy_cluster.pause(leader)
        # These wait in its socket, so that it finds them before it can hear of any other leader.
        reads = [asyncio.create_task(read(replica, product.product_id)) for _ in range(10)]
        ids = [shop.new_id("request") for _ in range(5)]
        principal = healthy_cluster.callers.principal
        writes = [
            asyncio.create_task(write(replica, product.product_id, request_id, 100, principal)) for request_id in ids
        ]
        await healthy_cluster.wait_for_leader(excluding=[leader])
        for _ in range(20):
            await admin.adjust_stock(product.product_id, 1)
        healthy_cluster.resume(leader)
        seen = await asyncio.gather(*reads)
        errors = await asyncio.gather(*writes)

    assert [document for document in seen if document is not None and document.quantity < 20] == []

    unknown = [request_id for request_id, error in zip(ids, errors, strict=True) if isinstance(error, OutcomeUnknown)]
    for request_id in unknown:
        await admin.adjust_stock(product.product_id, 100, request_id=request_id)
    done = sum(not isinstance(error, Unavailable) for error in errors)

    assert await shop.stock(product.product_id) == 20 + 100 * done

    await healthy_cluster.wait_until_replicas_agree()


async def test_a_leader_that_is_cut_off_shows_nothing_old_as_long_as_it_believes_to_lead(healthy_cluster, shop):
    product = await shop.product(0)
    leader = await healthy_cluster.wait_for_leader()
    delivered, stale = 0, []
    await healthy_cluster.partition(leader)
    successor = await healthy_cluster.wait_for_leader(excluding=[leader])
    # Both are asked themselves: portals would leave the old one before it can be wrong.
    async with (
        healthy_cluster.callers.channel_of_portal(healthy_cluster.address(leader)) as old,
        healthy_cluster.callers.channel_of_portal(healthy_cluster.address(successor)) as new,
    ):

        async def gives_up():
            nonlocal delivered
            new_id, principal = shop.new_id("request"), healthy_cluster.callers.principal
            delivered += await write(ReplicaStub(new), product.product_id, new_id, 1, principal) is None
            document = await read(ReplicaStub(old), product.product_id, timeout=GLANCE_SECONDS)
            if document is not None and document.quantity < delivered:
                stale.append((document.quantity, delivered))
            return (await healthy_cluster.status(leader)).role != REPLICA_ROLE_LEADER

        await wait_until(gives_up, "the leader that is cut off to give up", 15)

    assert delivered
    assert stale == []


async def read(replica, product_id, timeout=10):
    """Ask one replica for the product; None where it does not answer."""
    item = pb.ReadItem(get=pb.GetItem(kind=pb.DOCUMENT_KIND_PRODUCT, id=product_id))
    try:
        response = await replica.Read(pb.ReadRequest(reads=[item]), timeout=timeout)
    except grpc.aio.AioRpcError as error:
        assert isinstance(from_rpc_error(error), Unavailable | OutcomeUnknown)  # noqa: PT017 - it is right not to answer
        return None
    product = decode_document(Kind.PRODUCT, response.results[0].document)
    assert isinstance(product, Product)
    return product


async def write(replica, product_id, request_id, units, principal):
    """Ask one replica to deliver units; gives the error, or None where it says that it did."""
    request = encode_request(Request("", request_id, AdjustStock(product_id, units), principal))
    try:
        await replica.Execute(pb.ExecuteRequest(requests=[request]), timeout=10)
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error)
    return None
