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
from quitanda_replica.raft.snapshot_receiver import ALIVE_SECONDS, Installation, SnapshotIntake, SnapshotReceiver
from quitanda_replica.state.store import Store, StoreFailed


class Leader:
    """A leader's store and its transfer to one follower."""

    def __init__(self, store, count):
        self.index = fill(store, count)
        self._sender = snapshots.SnapshotSender(store, 200, lambda: 0.0)
        self._sender.begin("replica2", 4, "a cluster")

    def messages(self):
        return [message for _, message in self._sender.due(4)]

    def told(self, reply):
        self._sender.taken("replica2", reply)

    @property
    def done(self):
        return self._sender.floor is None

    def close(self):
        self._sender.close()


class Follower:
    """An intake over a real store, whose disk may be made to look busy."""

    def __init__(self, store):
        self.store = store
        self.busy = False
        self.promised = []
        self.now = 0.0
        self.intake = SnapshotIntake(
            self, lambda _, message: self.promised.append(message), SnapshotReceiver, Installation
        )

    @property
    def congested(self):
        return self.busy

    def __getattr__(self, name):
        return getattr(self.store, name)

    def round(self, leader):
        """One round of both; return the installation when it is through."""
        for message in leader.messages():
            self.intake.take("replica1", message, applied_index=1)
        done = self.intake.stage(self.now)
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
    wait_for(lambda: follower.round(leader) or follower.intake.installing)


def test_the_leader_keeps_its_log_until_the_snapshot_is_installed_and_not_only_received(follower, leader, store):
    receive_all(follower, leader)
    assert not leader.done

    done = wait_for(lambda: follower.round(leader))
    assert not leader.done
    follower.intake.finished()
    follower.round(leader)

    assert (done.index, done.term, done.obsolete) == (leader.index, 4, False)
    assert leader.done
    assert not follower.intake.installing
    assert follower.store.scan(b"S") == store.scan(b"S")


def test_a_busy_disk_is_neither_given_more_steps_nor_more_chunks(follower, leader):
    follower.busy = True
    for _ in range(5):
        follower.round(leader)
    received = len(follower.store.scan(b"I"))
    assert received == snapshots.CHUNKS_UNDER_WAY

    follower.busy = False
    receive_all(follower, leader)
    follower.busy = True
    before = follower.store.scan(b"S")
    assert follower.round(leader) is None
    assert follower.store.scan(b"S") == before
    assert not follower.intake.has_work


def test_a_receiver_that_installs_says_now_and_then_that_it_lives(follower, leader):
    receive_all(follower, leader)
    follower.busy = True
    heard = []
    leader.told = heard.append

    for follower.now in (0.0, ALIVE_SECONDS / 2, ALIVE_SECONDS, ALIVE_SECONDS * 1.5, ALIVE_SECONDS * 2):
        follower.round(leader)

    assert len(heard) == 2
    assert {message["type"] for message in heard} == {"snapshot_taken"}


def test_what_an_earlier_transfer_left_behind_is_removed_with_the_installation(follower, leader):
    for number in range(200):
        follower.store.put(installation.CHUNK_PREFIX + number.to_bytes(8, "big"), b"left")
    follower.store.commit()

    receive_all(follower, leader)
    wait_for(lambda: follower.round(leader))

    assert follower.store.scan(b"I") == []
    assert LevelJournal(follower.store).applied_index == leader.index


def test_an_obsolete_snapshot_is_cleaned_up_and_changes_nothing(follower):
    store = follower.store
    state, applied = store.scan(b"S"), LevelJournal(store).applied_index
    store.put(installation.CHUNK_PREFIX + bytes(8), encode_pairs([(b"Sold", b"older")]))
    store.put(installation.INSTALL_KEY, msgpack.packb([applied, 1, 1, 0]))
    store.commit()

    assert Installation(store, store.get(installation.INSTALL_KEY)).obsolete
    installation.install(store)

    assert store.scan(b"S") == state
    assert store.scan(b"I") == []
    assert store.get(installation.INSTALL_KEY) is None


def test_a_missing_chunk_stops_the_replica(follower, leader):
    receive_all(follower, leader)
    follower.store.delete(installation.CHUNK_PREFIX + (3).to_bytes(8, "big"))

    with pytest.raises(StoreFailed):
        wait_for(lambda: follower.round(leader))


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
