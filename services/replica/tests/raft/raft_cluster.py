"""Several replicas' Raft in one process: real stores, real TCP, links that can be cut, and a small state machine."""

import socket
import threading
import time

from quitanda.errors import QuitandaError
from quitanda_replica.raft import RaftNode, RaftOptions, Role
from quitanda_replica.raft.tcp import TcpNetwork
from quitanda_replica.state.store import Store

SECRET = "a secret of the tests"
QUICK = {
    "election_timeout_min_seconds": 0.25,
    "election_timeout_max_seconds": 0.5,
    "heartbeat_seconds": 0.05,
    "connect_retry_seconds": 0.05,
}
"""Half of the usual times, so that many elections fit into a test run."""
NAMES = ("replica1", "replica2", "replica3")


class ListMachine:
    """Keeps every payload under the entry's index; answers with the index and says what it was told."""

    def __init__(self, store):
        self.store = store
        self.applied = []
        self.committed_index = 0
        self.commits = []
        self.installed_index = 0

    def apply(self, index, payload):
        if payload.startswith(b"raise"):
            raise RuntimeError("the rules are broken")
        self.applied.append(index)
        self.store.put(b"S%020d" % index, payload)
        return b"%d" % index

    def committed(self, index):
        self.committed_index = index
        self.commits.append(index)

    def check_snapshot(self, pairs):
        """Accept every snapshot."""

    def installed(self, index):
        self.installed_index = index


class CuttableNetwork:
    """The real network, whose links a test may cut: nothing goes out to, nor comes in from, the peers in `cut`.

    While `awake` is not set, the replica stands still, like a process that is stopped.
    """

    def __init__(self, options):
        self._real = TcpNetwork(options, time.monotonic)
        self._receiver = None
        self.cut = frozenset()
        self.awake = threading.Event()
        self.awake.set()

    def open(self, receiver):
        self._receiver = receiver
        self._real.open(self)

    def poll(self, timeout):
        assert self.awake.wait(30)
        self._real.poll(timeout)

    def send(self, peer, message):
        if peer not in self.cut:
            self._real.send(peer, message)

    def wake(self):
        self._real.wake()

    def close(self):
        self._real.close()

    def greeting_to(self, peer):
        return self._receiver.greeting_to(peer)

    def check_greeting(self, peer, greeting):
        return self._receiver.check_greeting(peer, greeting)

    def connected(self, peer):
        self._receiver.connected(peer)

    def disconnected(self, peer):
        self._receiver.disconnected(peer)

    def received(self, peer, message):
        if peer not in self.cut:
            self._receiver.received(peer, message)


class Replica:
    def __init__(self, folder, options, network_type=CuttableNetwork):
        self.name = options.name
        self.store = Store.open(folder)
        self.machine = ListMachine(self.store)
        self.network = network_type(options)
        self.node = RaftNode(options, self.store, self.machine, network=self.network)
        self.node.start()

    def state(self):
        with self.store.snapshot() as snapshot:
            return [value for _, value in snapshot.scan(b"S")]

    def close(self):
        assert self.node.close(5)
        self.store.close()


class RaftCluster:
    def __init__(self, folder, names=NAMES, **settings):
        self._folder = folder
        self.addresses = dict(zip(names, free_addresses(len(names)), strict=True))
        self._settings = {"secret": SECRET, "bootstrap": True, "on_fatal": self._note_fatal} | QUICK | settings
        self.fatal = []
        self.running = {}

    def _note_fatal(self, error):
        self.fatal.append(error)

    def start(self, *names, network_type=CuttableNetwork, **settings):
        for name in names or self.addresses:
            options = RaftOptions(name=name, addresses=self.addresses, **(self._settings | settings))
            self.running[name] = Replica(self._folder / name, options, network_type)
        return self

    def stop(self, name):
        self.running.pop(name).close()

    def close(self):
        for name in list(self.running):
            self.stop(name)

    def __getitem__(self, name):
        return self.running[name]

    def leader(self, among=None):
        """Wait for a leader that can answer; return it."""

        def find():
            for replica in list(self.running.values()):
                if replica.node.status().role is Role.LEADER and (among is None or replica.name in among):
                    return replica
            return None

        return wait_for(find)

    def followers(self):
        leader = self.leader()
        return [replica for replica in self.running.values() if replica is not leader]

    def submit(self, payload, timeout=5.0):
        """Submit to whoever leads until it is acknowledged; for payloads that may stand twice."""

        def attempt():
            try:
                return self.leader().node.submit(payload).result(timeout)
            except QuitandaError:
                return None

        return wait_for(attempt, timeout)

    def cut(self, *names):
        """Cut the links between `names` and all others."""
        for replica in self.running.values():
            inside = replica.name in names
            replica.network.cut = frozenset(other for other in self.addresses if (other in names) != inside)

    def heal(self):
        for replica in self.running.values():
            replica.network.cut = frozenset()

    def wait_equal(self, timeout=10.0):
        """Wait until all running replicas hold the same state and log end; return the state."""

        def equal():
            ends = {(r.node.status().applied_index, r.node.status().last_log_index) for r in self.running.values()}
            return len(ends) == 1 and len({*ends.pop()}) == 1

        wait_for(equal, timeout)
        states = [replica.state() for replica in self.running.values()]
        assert all(state == states[0] for state in states)
        return states[0]


def free_addresses(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


def wait_for(condition, timeout=10.0):
    """Return what `condition` returns as soon as that is true; fail at the deadline."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not (outcome := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {condition}"
        pause.wait(0.005)
    return outcome
