"""Data folders and a backup that commit 9cd34e3 wrote: this version reads them, answers from them and goes on."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quitanda_local.errors import LevelTooLow
from quitanda_local.ports import free_ports
from quitanda_local.topology import PORTS_NEEDED, on_ports
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.process_cluster import ProcessCluster
from versions.contract_calls import ContractCalls
from versions.old_data import load
from versions.shop_story import read_everything

CLUSTER_ID_SECONDS = 15
EVERY_COMMAND = {
    "AdminPortal.CreateCustomer",
    "AdminPortal.UpdateCustomer",
    "AdminPortal.DeleteCustomer",
    "AdminPortal.CreateProduct",
    "AdminPortal.UpdateProduct",
    "AdminPortal.DeleteProduct",
    "AdminPortal.AdjustStock",
    "ClientPortal.CreateOrder",
    "ClientPortal.SetOrderItem",
    "ClientPortal.SetOrderItems",
    "ClientPortal.CancelOrder",
}
pytestmark = [
    pytest.mark.processes_only(reason="the data are folders of this machine, and what reads them is the same"),
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="module")
def old():
    return load("9cd34e3")


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def cluster(data):
    cluster = ProcessCluster(data, on_ports(free_ports(PORTS_NEEDED)))
    yield cluster
    cluster.close()


@asynccontextmanager
async def started(cluster):
    """Start everything, and give calls of the contract."""
    await cluster.start()
    try:
        async with ContractCalls(
            {
                "AdminPortal": cluster.address(cluster.admin_portals[0]),
                "ClientPortal": cluster.address(cluster.client_portals[0]),
            }
        ) as calls:
            yield calls
        assert await cluster.stop() == ()
    finally:
        await cluster.stop()


async def one_cluster_id(cluster):
    """Wait until all replicas tell the same cluster's id, and return it."""

    async def shared():
        statuses = [await cluster.status(name) for name in cluster.replicas]
        ids = {status.cluster for status in statuses if status is not None}
        return ids.pop() if len(ids) == 1 and None not in statuses else None

    return await wait_until(shared, "one cluster id", CLUSTER_ID_SECONDS)


def orders_of(old):
    """Return the ids of the orders by the requests that created them."""
    return {
        exchange.request["request_id"]: exchange.answer["order"]["order_id"]
        for exchange in old.writes
        if exchange.method == "ClientPortal.CreateOrder" and exchange.answer is not None
    }


def without_revision(exchange):
    """Drop which log entry answered a read: every new leader adds one."""
    answer = exchange.answer
    kept = None if answer is None else {name: value for name, value in answer.items() if name != "revision"}
    return exchange.method, exchange.request, kept, exchange.refusal


async def assert_everything_is_as_recorded(calls, old):
    present = await read_everything(calls, orders_of(old))
    assert [without_revision(read) for read in present] == [without_revision(read) for read in old.reads]


async def assert_repeated_requests_are_answered_as_recorded(calls, old):
    for recorded in old.writes:
        assert await calls.call(recorded.method, recorded.request) == recorded


async def assert_every_state_matches_its_digest(calls, digest):
    verified = (await calls.call("AdminPortal.VerifyCluster", {})).answer["replicas"]
    told = {(replica["computed_digest"], replica["kept_digest"]) for replica in verified}
    assert (len(verified), told) == (3, {(digest, digest)})


async def assert_the_shop_goes_on(calls, number):
    """Create, order and read, as on any day."""
    product = f"novo-{number}"
    created = await calls.call(
        "AdminPortal.CreateProduct",
        {"request_id": product, "product_id": product, "name": "Novo", "price_minor_units": 1999, "quantity": 3},
    )
    order = {"request_id": f"pedido-{number}", "customer_id": "ana", "items": [{"product_id": product, "quantity": 2}]}
    placed = await calls.call("ClientPortal.CreateOrder", order)
    read = await calls.call("AdminPortal.GetProduct", {"product_id": product})
    assert created.refusal is None
    assert placed.answer["order"]["total_minor_units"] == "3998"
    assert read.answer["product"]["quantity"] == "1"


def test_the_fixture_holds_every_command_done_and_refused(old):
    done = {exchange.method for exchange in old.writes if exchange.answer is not None}
    refused = {exchange.method for exchange in old.writes if exchange.refusal is not None}

    assert done == refused == EVERY_COMMAND


async def test_replicas_take_over_old_data_folders_with_every_document_and_every_outcome(cluster, data, old):
    old.unpack(data)
    async with started(cluster) as calls:
        agreed = await cluster.wait_until_replicas_agree()
        await one_cluster_id(cluster)

        assert agreed.value == old.state.digest  # the replica that was behind has applied every old command by now
        await assert_everything_is_as_recorded(calls, old)
        await assert_repeated_requests_are_answered_as_recorded(calls, old)
        await assert_every_state_matches_its_digest(calls, old.state.digest)
        await assert_the_shop_goes_on(calls, 1)

        cluster.kill("replica1")
        cluster.erase("replica1")
        await cluster.restart("replica1")
        await assert_the_shop_goes_on(calls, 2)
        await cluster.wait_until_replicas_agree()
        await assert_everything_is_as_recorded_but_for_new_orders(calls, old)


async def assert_everything_is_as_recorded_but_for_new_orders(calls, old):
    """Compare single documents: what was placed since is in lists only."""
    present = await read_everything(calls, orders_of(old))
    single = [
        (without_revision(now), without_revision(then))
        for now, then in zip(present, old.reads, strict=True)
        if ".Get" in then.method
    ]
    assert single
    assert [now for now, _ in single] == [then for _, then in single]


async def test_a_blank_replica_gets_a_snapshot_from_an_old_data_folder(cluster, data, old):
    old.unpack(data)
    cluster.erase("replica2")
    async with started(cluster) as calls:
        agreed = await cluster.wait_until_replicas_agree()
        await one_cluster_id(cluster)

        assert agreed.value == old.state.digest
        await assert_every_state_matches_its_digest(calls, old.state.digest)
        await assert_everything_is_as_recorded(calls, old)


async def test_an_old_backup_is_inspected_and_restored_with_every_document_and_every_outcome(cluster, old):
    inspected = await asyncio.to_thread(
        subprocess.run,
        [Path(sys.executable).with_name("quitanda-admin"), "--json", "backup", "inspect", str(old.backup)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert old.state.digest in inspected.stdout

    await cluster.restore(old.backup)
    async with started(cluster) as calls:
        agreed = await cluster.wait_until_replicas_agree()

        assert agreed.value == old.state.digest
        await assert_everything_is_as_recorded(calls, old)
        await assert_repeated_requests_are_answered_as_recorded(calls, old)
        await assert_the_shop_goes_on(calls, 1)


async def test_data_from_before_tokens_are_served_with_identities_once_their_level_is_raised(data, old):
    old.unpack(data)

    @asynccontextmanager
    async def administered(*, identities):
        cluster = ProcessCluster(data, on_ports(free_ports(PORTS_NEEDED)), identities=identities)
        try:
            async with cluster, cluster.callers.admin_client() as admin:
                yield admin
        finally:
            cluster.close()

    with pytest.raises(LevelTooLow, match=r"IDENTITY=off.*raise-level"):
        async with administered(identities=True):
            pass
    async with administered(identities=False) as admin:
        before = (await admin.list_customers()).documents
        await admin.raise_level()
    async with administered(identities=True) as admin:
        after = (await admin.list_customers()).documents

    assert after == before != ()
