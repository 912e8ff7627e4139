"""A crowd that connects and says nothing takes no descriptor that the replica needs for its disk."""

import socket
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from replica_processes import HOST, Process, Topology
from replica_state import customer

from quitanda.domain.commands import Request
from quitanda.runtime.addresses import Address
from quitanda_local import ports
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow

DESCRIPTORS = 1024
"""What many systems allow a process."""
LIMITED = ("sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$@"', "sh")
CROWD = 1200
WRITES = 50


class Replica:
    """One replica with few descriptors, and where it listens."""

    def __init__(self, directory):
        topology = Topology(directory, 1)
        metrics = Address(HOST, ports.free_ports(1)[0])
        self.process = Process(topology, "replica1", starter=LIMITED, QUITANDA_METRICS_LISTEN=str(metrics))
        self.ports = {"gRPC": topology.grpc["replica1"], "Raft": topology.raft["replica1"], "metrics": metrics}
        self.process.ready()

    def descriptors(self):
        return len(list((Path("/proc") / str(self.process.pid) / "fd").iterdir()))

    def write(self, name):
        return isinstance(self.process.client.execute(Request("test", name, customer(name))), list)

    def figures(self):
        with urllib.request.urlopen(f"http://{self.ports['metrics']}/metrics", timeout=5) as answer:
            return answer.read()


@pytest.fixture
def replica(tmp_path):
    made = Replica(tmp_path)
    yield made
    made.process.close()


@pytest.fixture
def crowd():
    """Gives a way to connect many times to an address; all of that is closed at the end."""
    held = []

    def connect(address):
        for _ in range(CROWD):
            with suppress(OSError):
                held.append(socket.create_connection((address.host, address.port), timeout=2))

    yield connect
    for each in held:
        each.close()


@pytest.mark.parametrize("crowded", [("gRPC",), ("metrics",), ("gRPC", "Raft", "metrics")], ids="+".join)
def test_a_crowd_that_says_nothing_does_not_stop_a_replica(replica, crowd, crowded):
    assert replica.write("before")

    for port in crowded:
        crowd(replica.ports[port])
    assert all(replica.write(f"while-{number}") for number in range(WRITES))

    assert replica.descriptors() < DESCRIPTORS * 3 // 4, "there is room for what the disk needs"
    assert b"quitanda_raft_leader" in replica.figures(), "who asks for the figures gets them"
    assert replica.process.terminate() == 0


def test_a_crowd_at_the_grpc_port_is_gone_after_the_time_for_the_handshake(replica, crowd):
    crowd(replica.ports["gRPC"])

    block_until(lambda: replica.descriptors() < DESCRIPTORS // 8, "the crowd is gone", 30)
