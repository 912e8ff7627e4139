"""Replicas and portals of the version before and of this one serve together while each is restarted as the other."""

import itertools
import os
import subprocess

import pytest

from quitanda_replica.raft.journal import LOG_PREFIX
from quitanda_replica.state.store import Store
from versions.clients_at_work import clients_at_work
from versions.installed_version import ROOT
from versions.mixed_cluster import change, lead, swap_portals, verify

REPLICAS = ("replica1", "replica2", "replica3")
ORDERS = tuple(itertools.permutations(REPLICAS))
ORDERS_VARIABLE = "QUITANDA_TEST_UPGRADE_ORDERS"
"""`all`: every order in which the replicas can be restarted; otherwise two of them, others with each commit."""
PART = 3

pytestmark = [
    pytest.mark.processes_only(reason="containers have test_rolling_containers.py"),
    pytest.mark.timeout(300),
]


def orders_to_play():
    """Return all orders, or the part whose turn it is."""
    if os.environ.get(ORDERS_VARIABLE) == "all":
        return ORDERS
    counted = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=ROOT, check=False, capture_output=True)
    turn = int(counted.stdout or 0) % PART
    return ORDERS[turn::PART]


def mixture(cluster):
    """Return how many replicas run which version."""
    return tuple(sorted(cluster.version(name).name for name in cluster.replicas))


def requests_served(cluster, seed):
    """Count what the first portals, to which clients go first, have logged of the clients' requests."""
    portals = (cluster.admin_portals[0], cluster.client_portals[0])
    return sum(f"s{seed}-" in line for portal in portals for line in cluster.log(portal))


@pytest.mark.parametrize("order", orders_to_play(), ids="-".join)
async def test_no_client_is_told_a_wrong_thing_while_replicas_go_to_this_version_and_back(
    mixed_cluster, before, now, order
):
    led, served = set(), []
    seed = ORDERS.index(order)
    async with mixed_cluster() as cluster:
        await swap_portals(cluster, before, now)
        async with clients_at_work(cluster, seed) as clients:
            for version, turn in ((now, order), (before, tuple(reversed(order)))):
                for name in turn:
                    await change(cluster, version, name)
                    others = [other for other in turn if cluster.version(other) != version]
                    for leader in (name, *others[:1]):
                        await lead(cluster, leader)
                        led.add((cluster.version(leader).name, mixture(cluster)))
                        await clients.go_on()
                    await verify(cluster)
                served.append(requests_served(cluster, seed))
                await swap_portals(cluster, now, before)

    assert {(leader, mixed) for leader, mixed in led if len(set(mixed)) > 1} == {
        (leader.name, tuple(sorted((majority.name, majority.name, minority.name))))
        for majority, minority in ((before, now), (now, before))
        for leader in (before, now)
    }
    by_version_before, by_both = served
    assert 0 < by_version_before < by_both


async def test_a_lost_disk_is_replaced_by_a_snapshot_of_the_other_version(mixed_cluster, before, now):
    async with mixed_cluster() as cluster:
        await swap_portals(cluster, before, now)
        async with clients_at_work(cluster, seed=17) as clients:
            await change(cluster, now, "replica2")
            for leader, lost in (("replica2", "replica1"), ("replica3", "replica2")):
                await lead(cluster, leader)
                cluster.kill(lost)
                cluster.erase(lost)
                await cluster.restart(lost)
                await clients.go_on()
                await verify(cluster)
        for lost in ("replica1", "replica2"):
            await cluster.shut_down(lost)
            assert cluster.with_disk(lost, first_log_index) > 2, "the log's first entries are on no disk any more"


def first_log_index(folder):
    """Return the index of the oldest entry in a replica's log."""
    store = Store.open(folder)
    try:
        key, _ = next(iter(store.scan(LOG_PREFIX)))
    finally:
        store.close()
    return int.from_bytes(key.removeprefix(LOG_PREFIX))
