"""What scenarios say to a cluster happens, whatever it is made of."""

import asyncio

import pytest

from quitanda.runtime.addresses import parse_address
from quitanda_local.errors import DeadlineExceeded, NotRunning
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.cluster import Cluster, Fault, PortKind
from quitanda_testing.cluster.process_health import instance_ids

NOTHING_HAPPENS_SECONDS = 1.5
"""How long something that must not happen is watched for."""

VERBS = {
    Fault.DISCONNECTION: Cluster.disconnect,
    Fault.BAD_NETWORK: Cluster.worsen_network,
    Fault.BAD_DISK: Cluster.fill_disk,
    Fault.ANOTHER_ADDRESS: Cluster.move,
    Fault.CLOCK_JUMP: Cluster.set_clock,
}
"""What makes each fault that not every cluster can have; the base refuses them all."""


async def accepts(address):
    """Say whether somebody listens there."""
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.close()
    return True


async def test_every_process_is_reached_at_every_door_that_it_has(cluster):
    ports = {name: cluster.ports(name) for name in cluster.everything}
    reached = {
        name: tuple([port for port in found if await accepts(parse_address(cluster.address(name, port)))])
        for name, found in ports.items()
    }

    assert reached == ports
    assert {ports[name] for name in cluster.replicas} == {(PortKind.SERVICE, PortKind.RAFT, PortKind.METRICS)}
    assert ports[cluster.broker] == (PortKind.SERVICE,)
    with pytest.raises(KeyError):
        cluster.address(cluster.broker, PortKind.RAFT)


@pytest.mark.parametrize("kind", ["replicas", "admin_portals", "client_portals"])
async def test_a_process_that_was_killed_lives_again_at_the_same_address_with_its_log(healthy_cluster, kind):
    name = getattr(healthy_cluster, kind)[0]
    address, first, logged = healthy_cluster.address(name), healthy_cluster.instance_id(name), healthy_cluster.log(name)
    healthy_cluster.kill(name)

    assert not healthy_cluster.running(name)
    with pytest.raises(NotRunning):
        healthy_cluster.instance_id(name)
    with pytest.raises(NotRunning):
        healthy_cluster.kill(name)

    await healthy_cluster.restart(name)

    assert healthy_cluster.running(name)
    assert healthy_cluster.address(name) == address
    assert healthy_cluster.instance_id(name) != first
    assert healthy_cluster.log(name)[: len(logged)] == logged
    assert len(healthy_cluster.log(name)) > len(logged)


async def test_a_process_that_stands_still_runs_and_answers_nothing_until_it_goes_on_with_the_same_life(
    healthy_cluster,
):
    before = instance_ids(healthy_cluster)
    leader = await healthy_cluster.wait_for_leader()
    healthy_cluster.pause(leader)

    assert healthy_cluster.running(leader)
    assert await healthy_cluster.status(leader) is None
    with pytest.raises(DeadlineExceeded):
        await healthy_cluster.wait_until_ready(leader, timeout=0.2)

    healthy_cluster.resume(leader)
    await healthy_cluster.wait_until_ready(leader)

    assert instance_ids(healthy_cluster) == before


async def test_processes_that_stand_still_can_be_killed_and_shut_down(healthy_cluster):
    one, other, _ = healthy_cluster.replicas
    healthy_cluster.pause(one)
    healthy_cluster.kill(one)
    healthy_cluster.pause(other)
    by_itself = await healthy_cluster.shut_down(other)

    assert by_itself
    assert not healthy_cluster.running(one)
    assert not healthy_cluster.running(other)


async def test_a_crash_ends_all_that_it_names(healthy_cluster):
    await healthy_cluster.crash(*healthy_cluster.everything)

    assert instance_ids(healthy_cluster) == {}
    assert await healthy_cluster.leader() is None
    assert await healthy_cluster.digests() == {}


async def test_who_is_cut_off_is_so_also_after_a_new_start_until_everything_is_healed(healthy_cluster, shop):
    leader = await healthy_cluster.wait_for_leader()
    await healthy_cluster.partition(leader)
    successor = await healthy_cluster.wait_for_leader(excluding=[leader])
    await healthy_cluster.restart(leader, wait=False)
    await shop.product()
    revision = (await healthy_cluster.status(successor)).revision

    with pytest.raises(DeadlineExceeded):
        await healthy_cluster.wait_for_revision(revision, [leader], timeout=NOTHING_HAPPENS_SECONDS)

    await healthy_cluster.heal()
    await healthy_cluster.wait_for_revision(revision, [leader])


async def test_partitions_add_up_until_everything_is_healed(healthy_cluster):
    one, other, _ = healthy_cluster.replicas
    await healthy_cluster.partition(one)
    await healthy_cluster.partition(other)

    async def nobody_leads():
        return await healthy_cluster.leader() is None

    await wait_until(nobody_leads, "the last leader to give up", 15)
    await healthy_cluster.heal()
    await healthy_cluster.wait_for_leader()


@pytest.mark.needs(Fault.ONE_WAY_CUT)
async def test_a_replica_that_is_deaf_to_all_others_falls_behind(healthy_cluster, shop):
    leader = await healthy_cluster.wait_for_leader()
    deaf, hearing = (name for name in healthy_cluster.replicas if name != leader)
    await healthy_cluster.cut(deaf, leader, hearing)
    product = await shop.product()
    admin = await shop.admin()
    revision = (await admin.adjust_stock(product.product_id, 1)).revision
    others = [name for name in healthy_cluster.replicas if name != deaf]
    await healthy_cluster.wait_for_revision(revision, others)

    with pytest.raises(DeadlineExceeded):
        await healthy_cluster.wait_for_revision(revision, [deaf], timeout=NOTHING_HAPPENS_SECONDS)

    await healthy_cluster.heal()
    await healthy_cluster.wait_for_revision(revision, [deaf])


@pytest.mark.needs(Fault.ANOTHER_ADDRESS)
async def test_a_process_that_moves_has_a_new_life_and_is_found_again(healthy_cluster, shop):
    leader = await healthy_cluster.wait_for_leader()
    before = healthy_cluster.instance_id(leader)
    await healthy_cluster.move(leader)
    await healthy_cluster.wait_until_ready(leader)

    assert healthy_cluster.instance_id(leader) != before
    await shop.product()
    await healthy_cluster.wait_until_replicas_agree()


async def test_a_cluster_makes_itself_each_fault_that_it_says_it_can_have(cluster):
    left_to_the_base = {fault for fault, verb in VERBS.items() if getattr(type(cluster), verb.__name__) is verb}

    assert left_to_the_base & cluster.faults == set()


async def test_the_disk_of_a_process_that_runs_is_not_touched(cluster):
    for name in (cluster.replicas[0], cluster.broker):
        with pytest.raises(NotRunning, match=name):
            cluster.erase(name)


async def test_what_is_done_to_a_disk_stays_there(healthy_cluster):
    replica = healthy_cluster.replicas[0]
    await healthy_cluster.shut_down(replica)
    healthy_cluster.with_disk(replica, lambda folder: (folder / "CURRENT").rename(folder / "PRESENT"))
    found = healthy_cluster.with_disk(replica, lambda folder: sorted(path.name for path in folder.iterdir()))
    healthy_cluster.erase(replica)

    assert "PRESENT" in found
    assert "CURRENT" not in found
    assert healthy_cluster.with_disk(replica, lambda folder: list(folder.glob("*"))) == []
