"""The verbs of a local cluster, over processes that only pretend to be replicas and portals."""

import time

import psutil
import pytest

from quitanda_local.errors import (
    DeadlineExceeded,
    NotRunning,
    PortInUse,
    ProcessDied,
    ReplicasDiverged,
)
from quitanda_local.observed_cluster import Digest, agreement
from quitanda_local.process import Spawner
from quitanda_local.topology import fixed
from quitanda_testing.cluster.cluster import Fault, FaultNotPossible, PortKind
from quitanda_testing.cluster.process_cluster import ProcessCluster

pytestmark = pytest.mark.slow


def starts(replica, directory):
    return (directory / "data" / replica / "starts").read_text(encoding="ascii").split()


async def test_a_started_cluster_runs_every_process_and_a_stopped_one_none(cluster):
    await cluster.start()
    names = cluster.everything
    pids = [cluster.process(name).pid for name in names]

    assert names == (cluster.broker, *cluster.replicas, *cluster.admin_portals, *cluster.client_portals)
    assert len(names) == 8
    assert all(cluster.running(name) for name in names)

    assert await cluster.stop() == ()
    assert not any(cluster.running(name) for name in names)
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_the_verbs_of_a_failure(running):

    assert await running.cluster.wait_for_leader() == "replica1"

    running.cluster.kill("replica1")

    assert await running.cluster.leader() is None

    running.state(leader="replica2", term=2)

    assert await running.cluster.wait_for_leader(excluding={"replica1"}) == "replica2"

    running.cluster.pause("replica3")

    assert set(await running.cluster.digests()) == {"replica2"}

    running.cluster.resume("replica3")
    await running.cluster.restart("replica1")

    assert await running.cluster.wait_until_replicas_agree(5) == Digest(7, "d7")
    assert starts("replica1", running.directory)[:1] == ["bootstrap=true"]
    assert starts("replica1", running.directory)[-1] == "bootstrap=false"


async def test_a_mended_cluster_is_whole_again(running):
    running.cluster.kill("replica1")
    running.cluster.kill("broker")
    running.cluster.pause("client-portal-1")
    await running.cluster.mend()

    assert all(running.cluster.running(service.name) for service in running.cluster.topology.services)
    await running.cluster.wait_until_ready("replica1", "broker", "client-portal-1", timeout=1)


async def test_a_cluster_without_a_relay_cannot_be_partitioned(running):
    with pytest.raises(NotRunning, match="partitions=True"):
        await running.cluster.partition("replica1")


def test_each_process_is_reached_at_the_ports_that_it_has_and_at_no_other(tmp_path):
    cluster = ProcessCluster(tmp_path, fixed())

    assert {name: cluster.ports(name) for name in ("broker", "replica2", "admin-portal-1")} == {
        "broker": (PortKind.SERVICE,),
        "replica2": (PortKind.SERVICE, PortKind.RAFT, PortKind.METRICS),
        "admin-portal-1": (PortKind.SERVICE, PortKind.METRICS),
    }
    assert cluster.address("replica2") == "127.0.0.1:7012"
    assert cluster.address("replica2", PortKind.RAFT) == "127.0.0.1:7022"
    assert cluster.address("admin-portal-1", PortKind.METRICS) == "127.0.0.1:7201"
    assert ProcessCluster(tmp_path, fixed(course=True)).address("client-portal-2", PortKind.COURSE) == "127.0.0.1:7104"
    with pytest.raises(KeyError, match="broker has no raft port"):
        cluster.address("broker", PortKind.RAFT)


async def test_a_process_has_another_instance_id_after_each_start_and_one_log_for_all(running):
    cluster = running.cluster
    logged, first = len(cluster.log("replica2")), cluster.instance_id("replica2")
    cluster.pause("replica2")
    cluster.resume("replica2")

    assert cluster.instance_id("replica2") == first

    cluster.kill("replica2")
    with pytest.raises(NotRunning, match="replica2"):
        cluster.instance_id("replica2")
    await cluster.restart("replica2")

    assert cluster.instance_id("replica2") != first
    assert cluster.log("replica2")[logged:] == ("serving",)


async def test_a_fault_that_processes_cannot_have_is_refused_by_its_name(running):
    cluster = running.cluster

    assert cluster.faults == frozenset()
    for fault, attempt in (
        (Fault.DISCONNECTION, cluster.disconnect("broker")),
        (Fault.DISCONNECTION, cluster.reconnect("broker")),
        (Fault.BAD_NETWORK, cluster.worsen_network("replica1", loss=0.1)),
        (Fault.BAD_DISK, cluster.fill_disk("replica1")),
        (Fault.BAD_DISK, cluster.make_disk_read_only("replica1")),
        (Fault.BAD_DISK, cluster.repair_disk("replica1")),
        (Fault.ANOTHER_ADDRESS, cluster.move("replica1")),
    ):
        with pytest.raises(FaultNotPossible, match=f"ProcessCluster cannot have {fault}"):
            await attempt


def test_a_cluster_with_a_relay_can_cut_one_way(tmp_path):
    assert ProcessCluster(tmp_path, fixed(), partitions=True).faults == {Fault.ONE_WAY_CUT}


async def test_disks_of_processes_that_do_not_run_can_be_changed_and_erased(running):
    cluster = running.cluster
    with pytest.raises(NotRunning, match="replica2 runs"):
        cluster.with_disk("replica2", lambda folder: folder)
    cluster.kill("replica2")
    cluster.kill(cluster.broker)

    assert cluster.with_disk("replica2", lambda folder: [path.name for path in folder.iterdir()]) == ["starts"]
    await cluster.shut_down("admin-portal-1")
    with pytest.raises(KeyError, match="admin-portal-1 keeps nothing"):
        cluster.erase("admin-portal-1")
    cluster.erase("replica2")
    cluster.erase(cluster.broker)

    assert not cluster.with_disk("replica2", lambda folder: folder.exists())
    await cluster.mend()


async def test_a_replica_whose_disk_was_erased_may_not_found_a_cluster(running):
    with pytest.raises(NotRunning, match="kill it or shut it down"):
        running.cluster.erase("replica2")
    assert await running.cluster.shut_down("replica2")
    running.cluster.erase("replica2")
    await running.cluster.restart("replica2")

    assert starts("replica2", running.directory) == ["bootstrap=false"]


async def test_waits_say_what_they_waited_for(running):
    running.state(leader="", revisions={"replica1": 9, "replica2": 8, "replica3": 9})

    with pytest.raises(DeadlineExceeded, match="a leader other than replica1"):
        await running.cluster.wait_for_leader(excluding=["replica1"], timeout=0.1)
    with pytest.raises(DeadlineExceeded, match=r"revision 9 on .*last seen: .*'replica2': 8"):
        await running.cluster.wait_for_revision(9, timeout=0.1)
    with pytest.raises(DeadlineExceeded, match="all replicas to agree"):
        await running.cluster.wait_until_replicas_agree(0.1)
    await running.cluster.wait_for_revision(9, ["replica1", "replica3"], timeout=1)


async def test_replicas_that_differ_are_reported_at_once(running):
    running.state(digests={"replica3": "other"})
    patience = 120.0
    began = time.monotonic()

    with pytest.raises(ReplicasDiverged, match="replica1 and replica3 differ at revision 7"):
        await running.cluster.wait_until_replicas_agree(patience)
    assert time.monotonic() - began < patience / 2


async def test_a_process_that_dies_at_the_start_is_named_at_once_and_nothing_is_left(cluster, state):
    state(leader="replica1", broken=["client-portal-2"])

    with pytest.raises(ProcessDied, match=r"client-portal-2 ended with exit code 3(.|\n)*broken on purpose"):
        await cluster.start()
    assert not any(cluster.running(service.name) for service in cluster.topology.services)


async def test_a_port_in_use_stops_the_start_before_anything_runs(running):
    second = ProcessCluster(running.directory / "other", running.cluster.topology)
    try:
        with pytest.raises(PortInUse, match="in use by process"):
            await second.start()
    finally:
        second.close()


async def test_a_process_that_is_not_ready_in_time_is_named_with_its_log(running):
    running.state(leader="replica1", unready=["admin-portal-1"])

    with pytest.raises(
        DeadlineExceeded, match=r"admin-portal-1 at .* to be ready; last seen: NOT_SERVING(.|\n)*serving"
    ):
        await running.cluster.wait_until_ready("admin-portal-1", "replica1", timeout=0.3)


def test_replicas_agree_only_when_all_stand_at_one_revision_with_one_digest():
    one, two = Digest(1, "a"), Digest(2, "b")

    assert agreement({"r1": one, "r2": one, "r3": one}, 3) == one
    assert agreement({"r1": one, "r2": one}, 3) is None
    assert agreement({"r1": one, "r2": two, "r3": one}, 3) is None
    assert agreement({"r1": Digest(1, ""), "r2": Digest(1, ""), "r3": Digest(1, "")}, 3) is None
    with pytest.raises(ReplicasDiverged):
        agreement({"r1": one, "r2": two, "r3": Digest(2, "c")}, 3)


def test_the_spawner_of_a_cluster_can_be_closed_without_a_start():
    Spawner().close()
