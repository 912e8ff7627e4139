"""What administrators do to a cluster that works: hand over, back up, restore, verify, replace a disk."""

import asyncio
import json
import os
import shutil
import statistics
import sys
import time
from contextlib import AsyncExitStack

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.identity.folder import IdentityFile
from quitanda_local.errors import ProcessDied, RestoreFailed
from quitanda_local.waiting import wait_until
from quitanda_replica.state.store import Store
from quitanda_testing.workload.traffic import traffic

HANDED_OVER_SECONDS = 0.3
"""By how much a write may take longer because the leadership is handed over meanwhile."""

CHECKED_SECONDS = 60.0
"""Within this a replica has read its whole state, however much the tests before have left in it."""


async def admin(cluster, *arguments):
    """Run quitanda-admin; give exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quitanda_clients.admin", *map(str, arguments)),
        env=os.environ | cluster.callers.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    return process.returncode, stdout.decode(), stderr.decode()


def take_over_tokens(of_the_shop, of_the_restored, customer_id):
    """Call with the tokens that the backup knows: the new folder's administrator is none in a shop that has one."""
    if of_the_shop.secure:
        shutil.copy(of_the_shop.file(IdentityFile.CREDENTIAL), of_the_restored.file(IdentityFile.CREDENTIAL))
        of_the_restored.learn(customer_id, of_the_shop.token_of(customer_id))


async def test_the_leadership_goes_to_the_replica_that_is_named_while_nobody_is_refused(healthy_cluster):
    async with traffic(healthy_cluster) as busy:
        for name in healthy_cluster.replicas:
            code, stdout, stderr = await admin(healthy_cluster, "cluster", "transfer-leader", "--to", name, "--json")

            assert (code, stderr) == (0, "")
            assert json.loads(stdout)["leader"] == name
            assert await healthy_cluster.leader() == name
        assert busy.unanswered == []
        assert await busy.violations() == ()


async def test_the_leadership_does_not_go_to_who_does_not_exist_or_is_not_there(healthy_cluster):
    code, _, stderr = await admin(healthy_cluster, "cluster", "transfer-leader", "--to", "replica9")
    assert code == 1
    assert "INVALID_ARGUMENT" in stderr

    leader = await healthy_cluster.wait_for_leader()
    gone = next(name for name in healthy_cluster.replicas if name != leader)
    healthy_cluster.kill(gone)
    code, _, stderr = await admin(healthy_cluster, "--timeout", "1", "cluster", "transfer-leader", "--to", gone)
    assert code == 3
    assert "Not available" in stderr
    assert await healthy_cluster.leader() == leader


async def test_a_write_takes_hardly_longer_while_the_leader_is_shut_down(healthy_cluster, shop):
    product = await shop.product()
    client = await shop.admin()
    stop, taken = asyncio.Event(), []

    async def write():
        while not stop.is_set():
            begun = time.monotonic()
            await client.adjust_stock(product.product_id, 1)
            taken.append(time.monotonic() - begun)

    leader = await healthy_cluster.wait_for_leader()
    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        await healthy_cluster.wait_for_revision((await healthy_cluster.status(leader)).revision + 50)
        before = list(taken)
        assert await healthy_cluster.shut_down(leader)
        successor = await healthy_cluster.wait_for_leader(excluding=[leader])
        await healthy_cluster.wait_for_revision((await healthy_cluster.status(successor)).revision + 50, [successor])
        stop.set()

    assert max(taken) < statistics.quantiles(before, n=10)[-1] + HANDED_OVER_SECONDS


async def test_a_backup_taken_under_load_begins_a_new_cluster_that_remembers_and_goes_on(
    healthy_cluster, shop, tmp_path, new_cluster
):
    file = tmp_path / "shop.backup"
    product = await shop.product(quantity=50)
    async with traffic(healthy_cluster) as busy:
        customer = await shop.customer()
        items = [ItemQuantity(product.product_id, 2)]
        placed = await customer.create_order(items, request_id="placed-before")
        code, stdout, stderr = await admin(healthy_cluster, "cluster", "backup", file, "--json")
        assert (code, stderr) == (0, "")
        taken = json.loads(stdout)
        assert taken["revision"] >= placed.revision
        assert await busy.violations() == ()
    customer_id = placed.document.customer_id

    code, stdout, _ = await admin(healthy_cluster, "backup", "inspect", file, "--json")
    assert code == 0
    assert json.loads(stdout)["state_digest"] == taken["state_digest"]
    code, _, stderr = await admin(healthy_cluster, "cluster", "backup", file)
    assert code == 2
    assert "--force" in stderr
    assert (await admin(healthy_cluster, "cluster", "backup", file.with_name("another"), "--force"))[0] == 0

    async with new_cluster() as restored, AsyncExitStack() as clients:
        await restored.restore(file)
        await restored.start()
        take_over_tokens(healthy_cluster.callers, restored.callers, customer_id)

        agreed = await restored.wait_until_replicas_agree()
        assert agreed.value == taken["state_digest"]
        shopper = await clients.enter_async_context(restored.callers.shop_client(customer_id))
        assert (await shopper.get_order(placed.document.order_id)).document == placed.document
        again = await shopper.create_order(items, request_id="placed-before")
        assert (again.document, again.revision) == (placed.document, placed.revision)
        later = await shopper.create_order(items)
        assert later.revision > taken["revision"]
        keeper = await clients.enter_async_context(restored.callers.admin_client())
        assert (await keeper.get_product(product.product_id)).document.quantity == 46
        await restored.wait_until_replicas_agree()

        leader = await restored.wait_for_leader()
        lost = next(name for name in restored.replicas if name != leader)
        restored.kill(lost)
        restored.erase(lost)
        await restored.restart(lost)
        await restored.wait_until_replicas_agree()


async def test_a_backup_is_not_restored_over_data(healthy_cluster, tmp_path, new_cluster):
    file = tmp_path / "shop.backup"
    assert (await admin(healthy_cluster, "cluster", "backup", file))[0] == 0
    async with new_cluster() as cluster:
        await cluster.restore(file)
        before = cluster.with_disk("replica1", names_in)

        with pytest.raises(RestoreFailed, match="not empty"):
            await cluster.restore(file)

        assert cluster.with_disk("replica1", names_in) == before


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


async def test_verify_compares_all_replicas_and_says_who_is_missing(healthy_cluster, shop):
    await shop.product()
    code, stdout, _ = await admin(healthy_cluster, "cluster", "verify")
    assert code == 0
    assert stdout.count("matches its digest") == 3
    assert "All replicas agree at revision" in stdout

    healthy_cluster.kill(healthy_cluster.replicas[0])
    await healthy_cluster.wait_for_leader(excluding=[healthy_cluster.replicas[0]])
    code, stdout, _ = await admin(healthy_cluster, "cluster", "verify", "--json")

    assert code == 3
    told = {replica["name"]: replica for replica in json.loads(stdout)["replicas"]}
    assert not told[healthy_cluster.replicas[0]]["reachable"]
    assert len({told[name]["compared_digest"] for name in healthy_cluster.replicas[1:]}) == 1


async def test_a_lost_disk_is_rebuilt_though_the_bootstrap_flag_was_left_on(new_cluster):
    async with new_cluster(QUITANDA_BOOTSTRAP="true") as cluster, AsyncExitStack() as clients:
        await cluster.start()
        keeper = await clients.enter_async_context(cluster.callers.admin_client())
        await keeper.create_product("pen", "Pen", 250, 10)
        leader = await cluster.wait_for_leader()
        lost, other = (name for name in cluster.replicas if name != leader)
        cluster.kill(lost)
        cluster.erase(lost)
        cluster.kill(other)
        await cluster.restart(lost, wait=False)
        await cluster.restart(other)
        await cluster.wait_until_ready(lost)

        await cluster.wait_until_replicas_agree()
        cluster.kill(leader)  # from now on nothing happens without the new disk
        await cluster.wait_for_leader(excluding=[leader])
        assert (await keeper.adjust_stock("pen", 1)).document.quantity == 11


@pytest.mark.parametrize("damage", ["a record of the log", "a document"])
async def test_a_replica_with_damaged_data_does_not_start_says_why_and_is_rebuilt_from_the_others(
    healthy_cluster, shop, damage
):
    await shop.products(5)
    leader = await healthy_cluster.wait_for_leader()
    damaged = next(name for name in healthy_cluster.replicas if name != leader)
    await healthy_cluster.shut_down(damaged)
    healthy_cluster.with_disk(damaged, change_a_document if damage == "a document" else change_the_log)

    async def ended():
        return not healthy_cluster.running(damaged)

    # It may be ready before it has read the damaged document: the state is checked beside its work.
    await healthy_cluster.restart(damaged, wait=False)
    await wait_until(ended, f"{damaged} to stop", CHECKED_SECONDS)
    with pytest.raises(ProcessDied, match=r"move the (data )?folder away"):
        await healthy_cluster.wait_until_ready(damaged)

    await shop.product()  # the others go on
    healthy_cluster.erase(damaged)
    await healthy_cluster.restart(damaged)
    await healthy_cluster.wait_until_replicas_agree()


def change_the_log(folder):
    """Change one byte in the middle of the newest write-ahead file."""
    (newest, *_) = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 0xFF
    newest.write_bytes(data)


def change_a_document(folder):
    """Change one letter, as a disk may, and nothing that belongs to it."""
    store = Store.open(folder)
    ((key, value),) = store.scan(b"Sp", limit=1)
    store.put(key, value[:-10] + bytes([value[-10] ^ 1]) + value[-9:])
    store.commit()
    store.close()
