"""Replacing the state step by step: at the disk's pace, with the leader heard in between, in bounded memory."""

import msgpack
import pytest
from raft_cluster import wait_for
from test_snapshot_sender import fill, old_state

from quitanda_replica.raft import snapshot_receiver as installation
from quitanda_replica.raft import snapshot_sender as snapshots
from quitanda_replica.raft.codec import encode_pairs
from quitanda_replica.raft.journal import LevelJournal
from quitanda_replica.raft.message_filter import DROPPED, filter_heartbeat
from quitanda_replica.raft.snapshot_receiver import (
    KEEPALIVE_SECONDS,
    SnapshotInstallation,
    SnapshotReceiver,
)
from quitanda_replica.state.store import Store, StoreFailed


class Leader:
    """A leader's store and its transfer to one follower."""

    def __init__(self, store, count):
        self.index = fill(store, count)
        self.now = 0.0
        self._sender = snapshots.SnapshotSender(store, 200, lambda: self.now)
        self._sender.start("replica2", 4, "a cluster")

    def messages(self):
        return [message for _, message in self._sender.next_messages(4)]

    def told(self, reply):
        self._sender.on_acknowledgement("replica2", reply)

    @property
    def traffic(self):
        return self._sender.traffic

    @property
    def done(self):
        return self._sender.floor is None

    def close(self):
        self._sender.close()


class Follower:
    """A receiver over a real store, whose disk may be made to look busy."""

    def __init__(self, store):
        self.store = store
        self.busy = False
        self.promised = []
        self.now = 0.0
        self.receiver = SnapshotReceiver(self, lambda _, message: self.promised.append(message))

    @property
    def congested(self):
        return self.busy

    def __getattr__(self, name):
        return getattr(self.store, name)

    def step(self, leader):
        """One step of both; return the installation when it is through."""
        for message in leader.messages():
            self.receiver.on_chunk("replica1", message, applied_index=1)
        done = self.receiver.step(self.now)
        self.store.commit()
        promised, self.promised = self.promised, []
        for reply in promised:
            leader.told(reply)
        return done


@pytest.fixture
def leader(store):
    made = Leader(store, 100)
    yield made
    made.close()


@pytest.fixture
def follower(tmp_path):
    opened = Store.open(tmp_path / "follower")
    old_state(opened)
    yield Follower(opened)
    opened.close()


def receive_all(follower, leader):
    wait_for(lambda: follower.step(leader) or follower.receiver.installing)


def test_the_leader_keeps_its_log_until_the_snapshot_is_installed_and_not_only_received(follower, leader, store):
    receive_all(follower, leader)
    assert not leader.done

    done = wait_for(lambda: follower.step(leader))
    assert not leader.done
    follower.receiver.finish()
    follower.step(leader)

    assert (done.index, done.term, done.obsolete) == (leader.index, 4, False)
    assert leader.done
    assert not follower.receiver.installing
    assert follower.store.scan(b"S") == store.scan(b"S")


def test_a_snapshot_is_counted_by_both_sides_once_it_is_installed(follower, leader):
    receive_all(follower, leader)
    received = follower.receiver.traffic
    sent = leader.traffic
    assert received.bytes == sent.bytes > 0
    assert (received.snapshots, sent.snapshots) == (0, 0)

    follower.now = 3.5
    wait_for(lambda: follower.step(leader))
    follower.receiver.finish()
    leader.now = 4.0
    follower.step(leader)

    assert (received.snapshots, received.seconds) == (1, 3.5)
    assert (sent.snapshots, sent.seconds) == (1, 4.0)


def test_a_busy_disk_is_neither_given_more_steps_nor_more_chunks(follower, leader):
    follower.busy = True
    for _ in range(5):
        follower.step(leader)
    received = len(follower.store.scan(b"I"))
    assert received == snapshots.CHUNKS_IN_FLIGHT

    follower.busy = False
    receive_all(follower, leader)
    follower.busy = True
    before = follower.store.scan(b"S")
    assert follower.step(leader) is None
    assert follower.store.scan(b"S") == before
    assert not follower.receiver.has_work


def test_a_receiver_that_installs_says_now_and_then_that_it_lives(follower, leader):
    receive_all(follower, leader)
    follower.busy = True
    heard = []
    leader.told = heard.append

    for follower.now in (0.0, KEEPALIVE_SECONDS / 2, KEEPALIVE_SECONDS, KEEPALIVE_SECONDS * 1.5, KEEPALIVE_SECONDS * 2):
        follower.step(leader)

    assert len(heard) == 2
    assert {message["type"] for message in heard} == {"snapshot_taken"}


def test_what_an_earlier_transfer_left_behind_is_removed_with_the_installation(follower, leader):
    for number in range(200):
        follower.store.put(installation.CHUNK_PREFIX + number.to_bytes(8, "big"), b"left")
    follower.store.commit()

    receive_all(follower, leader)
    wait_for(lambda: follower.step(leader))

    assert follower.store.scan(b"I") == []
    assert LevelJournal(follower.store).applied_index == leader.index


def test_an_obsolete_snapshot_is_cleaned_up_and_changes_nothing(follower):
    store = follower.store
    state, applied = store.scan(b"S"), LevelJournal(store).applied_index
    store.put(installation.CHUNK_PREFIX + bytes(8), encode_pairs([(b"Sold", b"older")]))
    store.put(installation.INSTALL_KEY, msgpack.packb([applied, 1, 1, 0]))
    store.commit()

    assert SnapshotInstallation(store, store.get(installation.INSTALL_KEY)).obsolete
    installation.finish_interrupted_installation(store)

    assert store.scan(b"S") == state
    assert store.scan(b"I") == []
    assert store.get(installation.INSTALL_KEY) is None


def test_a_missing_chunk_stops_the_replica(follower, leader):
    receive_all(follower, leader)
    follower.store.delete(installation.CHUNK_PREFIX + (3).to_bytes(8, "big"))

    with pytest.raises(StoreFailed):
        wait_for(lambda: follower.step(leader))


def test_while_the_state_is_replaced_a_leader_is_heard_and_nothing_else_of_its_message():
    message = {
        "type": "append_entries",
        "term": 9,
        "commit_index": 70,
        "prevLogIdx": 60,
        "prevLogTerm": 9,
        "entries": [[b"\x00x", 61, 9]],
    }

    message_filter = filter_heartbeat(9, 5, message)

    assert message_filter.deliver == {"type": "append_entries", "term": 9, "commit_index": 0, "serialized": None}
    # neither a success, nor a wish: the leader would send its log again and again
    assert (message_filter.reply["success"], message_filter.reply["reset"]) == (False, False)
    assert filter_heartbeat(10, 5, message) == DROPPED
