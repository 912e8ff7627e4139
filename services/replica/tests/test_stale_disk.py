"""A disk from before a restore: same name, same secret, more entries and later terms than the restored cluster has.

Whole replicas as processes. Without the cluster's id the old disk leads, and its state replaces the restored one.
"""

import json
import shutil

import pytest
from replica_processes import Process, Topology
from replica_state import customer

from quitanda.backup.backup_file import BackupFile
from quitanda.domain.commands import Request
from quitanda.v1 import admin_portal_pb2
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.replica_pb2_grpc import ReplicaStub
from quitanda_replica.admin.offline_commands import main as offline_command
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow

STALE = "replica3"


class ProcessCluster:
    """Three replicas as processes, and the data folders that they had."""

    def __init__(self, directory):
        self.topology = Topology(directory, 3)
        self.running = {}
        self._writes = 0

    def start(self, *names):
        """Start processes, and wait until they answer: how long that takes is the machine's affair."""
        names = names or tuple(self.topology.names)
        for name in names:
            self.running[name] = Process(self.topology, name)
        for name in names:
            self.running[name].client.status()
        return self

    def stop(self, *names):
        for name in names or list(self.running):
            process = self.running.pop(name)
            assert process.terminate() == 0, process.log()
            process.close()

    def close(self):
        for process in self.running.values():
            process.close()

    def status(self, name):
        """Give the status of a replica, once it answers."""
        return self.running[name].client.status()

    def leader(self, among=None):
        def leading():
            for name in among or self.running:
                status = self.running[name].client.status_or_none()
                if status is not None and status.role == admin_portal_pb2.REPLICA_ROLE_LEADER:
                    return name
            return None

        return block_until(leading, "a leader", 20)

    def write(self, among=None):
        """Have one more customer created by whoever leads; return its id once that is acknowledged."""
        self._writes += 1
        customer_id = f"customer{self._writes}"

        def done():
            request = Request("test", customer_id, customer(customer_id))
            return isinstance(self.running[self.leader(among)].client.execute(request), list)

        block_until(done, "the write is acknowledged", 20)
        return customer_id

    def folder(self, name):
        return self.topology.directory / name

    def backup(self, file):
        """Write a backup of the leader's state."""
        stub = ReplicaStub(self.running[self.leader()].client.channel)
        with BackupFile(file) as written:
            for part in stub.Backup(pb.BackupRequest(), timeout=10):
                written.take(part)
            written.keep()
        return file

    def rejections(self, name):
        """The peers that the log of a running replica names, at level error, as rejected, and the reasons."""
        lines = [json.loads(line) for line in self.running[name].log().splitlines() if line.startswith("{")]
        errors = [line for line in lines if line["level"] == "error"]
        return [(line["peer"], line["reason"]) for line in errors if line["event"] == "peer_rejected"]


@pytest.fixture
def cluster(tmp_path):
    cluster = ProcessCluster(tmp_path)
    yield cluster
    cluster.close()


def backed_up_and_gone_on(cluster, tmp_path):
    """Run a cluster, back it up, let it go on to later terms, stop it; return the backup."""
    cluster.start()
    cluster.write()
    file = cluster.backup(tmp_path / "backup")
    for _ in range(3):
        leader = cluster.leader()
        cluster.stop(leader)
        cluster.write()
        cluster.start(leader)
        cluster.running[leader].ready()
    cluster.write()
    block_until(lambda: len({cluster.status(name).revision for name in cluster.running}) == 1, "all have everything")
    cluster.stop()
    return file


def restore(cluster, file, *names):
    for name in names:
        shutil.rmtree(cluster.folder(name), ignore_errors=True)
        assert offline_command(["restore", "--from", str(file), "--into", str(cluster.folder(name))]) == 0


def restored_beside_an_old_disk(cluster, tmp_path):
    """Restore a cluster from its backup and start it; return the old disk of STALE."""
    file = backed_up_and_gone_on(cluster, tmp_path)
    old = cluster.folder(STALE).rename(tmp_path / "old disk")
    restore(cluster, file, *cluster.topology.names)
    cluster.start()
    for name in cluster.topology.names:
        cluster.running[name].ready()
    return old


def test_a_disk_from_before_a_restore_is_refused_and_named_and_the_restored_cluster_goes_on(cluster, tmp_path):
    old = restored_beside_an_old_disk(cluster, tmp_path)
    healthy = ["replica1", "replica2"]
    kept = cluster.write()
    block_until(lambda: {cluster.status(name).customers for name in cluster.running} == {2}, "all have it")
    cluster.stop(STALE)
    shutil.rmtree(cluster.folder(STALE))
    old.rename(cluster.folder(STALE))
    before = {name: cluster.status(name) for name in healthy}

    cluster.start(STALE)
    block_until(
        lambda: any("another cluster" in reason for _, reason in cluster.rejections(STALE)), "it says so itself"
    )
    for _ in range(12):
        cluster.write(healthy)

    stale = cluster.status(STALE)
    assert stale.term > before["replica1"].term
    assert not stale.leader
    assert stale.customers == 5
    assert not cluster.running[STALE].client.health("readiness")
    assert [peer.connected for peer in stale.peers] == [False, False]
    assert all("another cluster" in peer.refused for peer in stale.peers)
    for name in healthy:
        block_until(lambda name=name: cluster.status(name).customers == 14, "they have everything")
        assert cluster.status(name).term == before[name].term
        told = [reason for peer, reason in cluster.rejections(name) if peer == STALE]
        assert told
        assert len(told) < 5
        assert "move its data folder away" in told[0]
        (refused,) = [peer for peer in cluster.status(name).peers if peer.name == STALE]
        assert before[name].cluster in refused.refused
        assert not refused.connected
    assert kept


def test_a_replica_that_is_forgotten_while_a_cluster_is_restored_is_named_and_the_others_wait_for_it(cluster, tmp_path):
    file = backed_up_and_gone_on(cluster, tmp_path)
    restore(cluster, file, "replica1", "replica2")
    cluster.start()
    block_until(lambda: any(peer == STALE for peer, _ in cluster.rejections("replica1")), "it is named")
    block_until(lambda: cluster.rejections(STALE), "it says so itself")

    assert "restore the same backup on the replica with the id, too" in cluster.rejections("replica1")[0][1]
    assert {cluster.status(name).customers for name in ("replica1", "replica2")} == {1}
    assert not any(cluster.status(name).leader for name in cluster.running)

    cluster.stop(STALE)
    restore(cluster, file, STALE)
    cluster.start(STALE)
    cluster.write()
    block_until(lambda: {cluster.status(name).customers for name in cluster.running} == {2}, "all have it")
    assert len({cluster.status(name).cluster for name in cluster.running}) == 1
