"""The cluster's secret is changed while everything runs: three rounds of restarts, of one replica at a time."""

import pytest
from replica_processes import SECRET, Process, Topology
from replica_state import customer

from quitanda.domain.commands import Request
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow

NEW_SECRET = "the next secret of the tests"
ROUNDS = (
    {"QUITANDA_CLUSTER_SECRET": SECRET, "QUITANDA_CLUSTER_SECRET_ACCEPTED": NEW_SECRET},
    {"QUITANDA_CLUSTER_SECRET": NEW_SECRET, "QUITANDA_CLUSTER_SECRET_ACCEPTED": SECRET},
    {"QUITANDA_CLUSTER_SECRET": NEW_SECRET, "QUITANDA_CLUSTER_SECRET_ACCEPTED": ""},
)


class Replicas:
    """Three replicas, each in a process of its own."""

    def __init__(self, directory):
        self.topology = Topology(directory, 3)
        self.processes = {name: Process(self.topology, name) for name in self.topology.names}

    def restart(self, name, **changes):
        assert self.processes[name].terminate() == 0
        self.processes[name].close()
        self.processes[name] = Process(self.topology, name, **changes)

    def peers_of(self, name):
        """The peers with which the replica is connected; None while it does not answer."""
        status = self.processes[name].client.status_or_none()
        return None if status is None else {peer.name for peer in status.peers if peer.connected}

    def all_connected(self):
        names = set(self.topology.names)
        return all(self.peers_of(name) == names - {name} for name in names)

    def write(self, customer_id):
        request = Request("test", customer_id, customer(customer_id))
        block_until(
            lambda: any(isinstance(process.client.execute(request), list) for process in self.processes.values()),
            "the write is acknowledged",
            20,
        )

    def close(self):
        for process in self.processes.values():
            process.close()


@pytest.fixture
def replicas(tmp_path):
    made = Replicas(tmp_path)
    yield made
    made.close()


def test_the_secret_is_changed_in_three_rounds_and_each_replica_finds_the_others_at_every_step(replicas):
    block_until(replicas.all_connected, "all are connected", 20)
    for number, changes in enumerate(ROUNDS, start=1):
        for name in replicas.topology.names:
            replicas.restart(name, **changes)
            block_until(replicas.all_connected, f"{name} finds the others in round {number}", 20)
            replicas.write(f"{name}-{number}")
    assert all("second_secret_accepted" not in process.log() for process in replicas.processes.values())


def test_a_replica_that_skips_the_rounds_stays_outside_and_disturbs_nobody(replicas):
    block_until(replicas.all_connected, "all are connected", 20)

    replicas.restart("replica3", QUITANDA_CLUSTER_SECRET=NEW_SECRET)
    block_until(lambda: replicas.peers_of("replica3") is not None, "replica3 answers", 20)
    replicas.write("by-two-of-three")

    assert replicas.peers_of("replica3") == set()
    assert replicas.peers_of("replica1") == {"replica2"}
