"""What a replica reads of its disk until it leads is the same for a few documents and for many."""

import pytest
from replica_state import ReplicaState, product

from quitanda_local import ports
from quitanda_replica.admin.replica_status import StatusReport
from quitanda_replica.feed.queue import FeedPosition, FeedQueue
from quitanda_replica.raft import RaftNode, RaftOptions, Role
from quitanda_replica.raft.journal import APPLIED_KEY, NO_OP, log_key, read_applied
from quitanda_replica.raft.learner import JOINED_KEY
from quitanda_replica.state import keys
from quitanda_replica.state.applier import Applier
from quitanda_replica.state.store import Store, StoreSnapshot
from quitanda_testing.blocking_wait import block_until

TERM = 1


class WatchedStore(Store):
    """Remembers which keys were read, in it and in its snapshots."""

    read: set[bytes]

    def get(self, key):
        self.read.add(key)
        return super().get(key)

    def scan(self, prefix, after=None, limit=None):
        pairs = super().scan(prefix, after, limit)
        self.read.update(key for key, _ in pairs)
        return pairs

    def snapshot(self):
        snapshot = super().snapshot()
        return WatchedSnapshot(snapshot, self.read)


class WatchedSnapshot:
    def __init__(self, snapshot: StoreSnapshot, read):
        self._snapshot = snapshot
        self._read = read
        self.close = snapshot.close

    def get(self, key):
        self._read.add(key)
        return self._snapshot.get(key)

    def iterate(self, prefix, after=None):
        for key, value in self._snapshot.iterate(prefix, after):
            self._read.add(key)
            yield key, value

    def scan(self, prefix, after=None, limit=None):
        pairs = self._snapshot.scan(prefix, after, limit)
        self._read.update(key for key, _ in pairs)
        return pairs


def fill(folder, documents):
    """Make the folder of a replica whose one entry created so many products."""
    state = ReplicaState(folder)
    state.do(*(product(f"p{number}") for number in range(documents)))
    state.store.put(log_key(state.index), TERM.to_bytes(8, "big") + NO_OP)
    state.store.put(APPLIED_KEY, state.index.to_bytes(8, "big"))
    state.store.put(JOINED_KEY, b"1")
    state.store.commit()
    state.close()


def read_until_it_leads(folder):
    """Start what a replica starts, without the check of the whole state beside it; give the keys that were read."""
    store = WatchedStore.open(folder)
    store.read = set()
    machine = Applier(store, FeedQueue(FeedPosition(0, 0)))
    (port,) = ports.free_ports(1)
    options = RaftOptions("replica1", {"replica1": f"127.0.0.1:{port}"}, "a secret of the tests", bootstrap=True)
    raft = RaftNode(options, store, machine)
    machine.started(read_applied(store.get(APPLIED_KEY)))
    status = StatusReport("replica1", ["replica1"], store, lambda state: read_applied(state.get(APPLIED_KEY)), raft)
    try:
        raft.start()
        block_until(lambda: raft.status().role is Role.LEADER and status.ready(), "it leads", 30)
        assert status.read().products > 0
    finally:
        raft.close(10)
        store.close()
    return store.read


@pytest.mark.parametrize("documents", [1, 1_000])
def test_a_start_reads_no_document_however_many_there_are(tmp_path, documents):
    fill(tmp_path, documents)

    of_the_state = {key for key in read_until_it_leads(tmp_path) if key.startswith(keys.STATE)}

    assert of_the_state == {keys.COUNTERS, keys.DIGEST}
