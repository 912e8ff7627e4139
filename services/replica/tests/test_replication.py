"""The applier under real Raft: three replicas, one log, one state; also where it comes as a snapshot."""

import shutil

import pytest
from replica_state import ListSink, customer, entry, order, product

from quitanda.domain.commands import Request
from quitanda.errors import NotLeader, OutcomeUnknown, Unavailable
from quitanda.v1 import replica_pb2 as pb
from quitanda_local import ports
from quitanda_replica.raft import RaftNode, RaftOptions, Role
from quitanda_replica.state import digest
from quitanda_replica.state.applier import Applier
from quitanda_replica.state.store import Store
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow

SECONDS = 5.0


class Node:
    """Store, applier and Raft of one replica; keeps little log, so that who is behind needs a snapshot."""

    def __init__(self, path, name, addresses, fatal, bootstrap):
        self.store = Store.open(path)
        self.sink = ListSink()
        self.installed = 0
        self.machine = Applier(self.store, self.sink, on_installed=self._count)
        options = RaftOptions(
            name=name,
            addresses=addresses,
            secret="a secret of the tests",
            bootstrap=bootstrap,
            log_entries_max=40,
            snapshot_chunk_bytes=2_000,
            on_fatal=fatal.append,
        )
        self.raft = RaftNode(options, self.store, self.machine)
        self.raft.start()

    def _count(self):
        self.installed += 1

    def digest(self):
        with self.store.snapshot() as snapshot:
            return digest.verify(snapshot)

    def close(self):
        self.raft.close(SECONDS)
        self.store.close()


class Nodes:
    def __init__(self, directory):
        self.directory = directory
        self.fatal = []
        names = ["replica1", "replica2", "replica3"]
        free = ports.free_ports(len(names))
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in zip(names, free, strict=True)}
        self.running = {name: self._open(name, bootstrap=True) for name in names}

    def _open(self, name, *, bootstrap=False):
        return Node(self.directory / name, name, self.addresses, self.fatal, bootstrap)

    def stop(self, name):
        self.running.pop(name).close()

    def start(self, name):
        self.running[name] = self._open(name)

    def start_with_a_blank_disk(self, name):
        shutil.rmtree(self.directory / name)
        self.start(name)

    def leader(self):
        def leading():
            return next((n for n, node in self.running.items() if node.raft.status().role is Role.LEADER), None)

        return block_until(leading, "a leader")

    def submit(self, *requests):
        """The outcomes, whatever it takes; repeating is safe, as the requests have ids."""

        def done():
            try:
                return self.running[self.leader()].raft.submit(entry(*requests)).result(SECONDS)
            except (NotLeader, Unavailable, OutcomeUnknown):
                return None

        return pb.ExecuteResponse.FromString(block_until(done, "an answer")).outcomes

    def agree(self):
        """One digest of all, each checked against everything, once all have applied the same."""
        block_until(lambda: len({n.raft.status().applied_index for n in self.running.values()}) == 1, "one index")
        (common,) = {node.digest() for node in self.running.values()}
        return common

    def close(self):
        for name in list(self.running):
            self.stop(name)


@pytest.fixture
def nodes(tmp_path):
    made = Nodes(tmp_path)
    yield made
    made.close()
    assert made.fatal == []


def test_a_replica_with_a_blank_disk_gets_the_whole_state_and_the_same_digest(nodes):
    away = next(name for name in nodes.running if name != nodes.leader())
    nodes.submit(Request("", "c", customer()), Request("", "p", product(quantity=1_000)))
    nodes.stop(away)
    for number in range(120):
        nodes.submit(Request("ana", f"o{number}", order(f"o{number}", pen=1)))
    nodes.start_with_a_blank_disk(away)
    nodes.agree()
    newcomer = nodes.running[away]
    nodes.submit(Request("ana", "last", order("last", pen=1)))
    nodes.agree()

    assert newcomer.installed == 1
    ((installed_at, last_changed),) = newcomer.sink.restarts
    assert installed_at >= last_changed > 0
    # the feed of the newcomer goes on where the snapshot ended, with the chain unbroken
    first_after = newcomer.sink.entries[0]
    assert first_after.previous_revision == last_changed


def test_a_repeated_request_is_known_to_a_leader_that_got_the_state_as_a_snapshot(nodes):
    request = Request("", "first", customer())
    (first,) = nodes.submit(request)
    away = next(name for name in nodes.running if name != nodes.leader())
    nodes.stop(away)
    for number in range(120):
        nodes.submit(Request("", f"c{number}", customer(f"c{number}")))
    nodes.start(away)
    nodes.agree()
    for name in [name for name in nodes.running if name != away]:
        block_until(lambda: nodes.running[nodes.leader()].raft.status().peers, "the leader has company")
        if nodes.leader() == name:
            nodes.running[name].raft.transfer_leadership(SECONDS)

    (again,) = nodes.submit(request)

    assert again == first
    nodes.agree()


def test_entries_are_applied_once_although_the_log_is_read_again_after_a_restart(nodes):
    nodes.submit(Request("", "c", customer()), Request("", "p", product(quantity=10)))
    for number in range(5):
        nodes.submit(Request("ana", f"o{number}", order(f"o{number}", pen=1)))
    before = nodes.agree()
    for name in list(nodes.addresses):
        nodes.stop(name)
    for name in nodes.addresses:
        nodes.start(name)
    nodes.leader()

    assert nodes.agree() == before
