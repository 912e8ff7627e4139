"""State on its way to a replica that is behind the log."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quitanda_replica.raft import snapshot_receiver as installation
from quitanda_replica.raft import snapshot_sender as snapshots
from quitanda_replica.raft.codec import MalformedMessage, encode_pairs
from quitanda_replica.raft.journal import COMMAND, LevelJournal
from quitanda_replica.state.store import Store, StoreFailed


class CrashError(Exception):
    pass


class CrashingStore:
    """A store whose process dies instead of its n-th commit."""

    def __init__(self, store, commits):
        self._store = store
        self._left = commits

    def commit(self):
        if self._left == 0:
            raise CrashError
        self._left -= 1
        self._store.commit()

    def __getattr__(self, name):
        return getattr(self._store, name)


def fill(store, count, last_term=4):
    """A leader's store: `count` documents, a log that ends with an entry of `last_term`, all applied."""
    journal = LevelJournal(store)
    for number in range(count):
        store.put(b"S%05d" % number, b"value %d" % number)
    for term in (1, 2, last_term):
        journal.add(COMMAND + b"x", journal.last_index + 1, term)
    journal.set_applied(journal.last_index)
    store.commit()
    return journal.last_index


def old_state(store):
    journal = LevelJournal(store)
    store.put(b"Sold", b"1")
    store.put(b"S00001", b"old")
    store.commit()
    return journal


def transfer(sender, receiver, store, term=4):
    """Move chunks and acknowledgements until the receiver has everything; return how many chunks it took."""
    sender.start("replica2", term, "a cluster")
    chunks = 0
    while not receiver.complete:
        messages = list(sender.next_messages(term))
        assert messages
        assert len(messages) <= snapshots.CHUNKS_IN_FLIGHT
        for _, message in messages:
            chunks += 1
            reply = receiver.stage_chunk(message, applied_index=1)
            store.commit()
            sender.on_acknowledgement("replica2", reply)
    return chunks


@pytest.fixture
def follower(tmp_path):
    opened = Store.open(tmp_path / "follower")
    yield opened
    opened.close()


@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_snapshot_replaces_the_whole_state_and_the_log(store, follower, count):
    index = fill(store, count)
    old_state(follower)

    transfer(snapshots.SnapshotSender(store, 200, lambda: 0.0), installation.ChunkStaging(follower), follower)

    installation.finish_interrupted_installation(follower)

    assert follower.scan(b"S") == store.scan(b"S")
    assert follower.scan(b"I") == []
    journal = LevelJournal(follower)
    assert (journal.first_index, journal.last_index, journal.applied_index) == (index, index, index)
    assert journal.term_at(index) == 4


def test_a_snapshot_shows_one_moment_whatever_is_written_meanwhile(store, follower):
    fill(store, 300)
    expected = store.scan(b"S")
    sender = snapshots.SnapshotSender(store, 200, lambda: 0.0)
    sender.start("replica2", 4, "a cluster")
    store.put(b"S00000", b"changed")
    store.put(b"S99999", b"new")
    store.commit()

    transfer(sender, installation.ChunkStaging(follower), follower)
    installation.finish_interrupted_installation(follower)

    assert follower.scan(b"S") == expected


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=st.integers(0, 12))
def test_an_installation_that_was_cut_short_is_ended_at_the_next_start(tmp_path_factory, commits):
    folder = tmp_path_factory.mktemp("crash")
    leader, follower = Store.open(folder / "leader"), Store.open(folder / "follower")
    index = fill(leader, 30)
    old_state(follower)
    transfer(snapshots.SnapshotSender(leader, 100, lambda: 0.0), installation.ChunkStaging(follower), follower)

    with suppress(CrashError):
        installation.finish_interrupted_installation(CrashingStore(follower, commits))
    follower.close()
    follower = Store.open(folder / "follower")
    installation.finish_interrupted_installation(follower)

    assert follower.scan(b"I") == []
    assert follower.scan(b"S") == leader.scan(b"S")
    assert LevelJournal(follower).applied_index == index
    leader.close()
    follower.close()


def test_a_state_without_a_received_snapshot_stays_as_it_is(store):
    old_state(store)

    installation.finish_interrupted_installation(store)

    assert store.get(b"Sold") == b"1"


def test_a_snapshot_that_is_not_ahead_is_ignored(store, follower):
    # the log behind it must not be forgotten
    index = fill(store, 3)
    sender = snapshots.SnapshotSender(store, 1000, lambda: 0.0)
    sender.start("replica2", 4, "a cluster")
    (_, message), *_ = sender.next_messages(4)

    assert installation.ChunkStaging(follower).stage_chunk(message, applied_index=index) is None
    assert follower.staged == 0
    sender.close()


def test_a_chunk_out_of_order_or_of_another_transfer_is_ignored(store, follower):
    fill(store, 100)
    sender = snapshots.SnapshotSender(store, 100, lambda: 0.0)
    sender.start("replica2", 4, "a cluster")
    first, second, third = [message for _, message in sender.next_messages(4)][:3]
    receiver = installation.ChunkStaging(follower)

    assert receiver.stage_chunk(second, 1) is None
    assert receiver.stage_chunk(first, 1) is not None
    assert receiver.stage_chunk(third, 1) is None
    assert receiver.stage_chunk(second | {"transfer": 1}, 1) is None
    assert receiver.stage_chunk(second, 1) is not None
    sender.close()


def test_a_chunk_may_hold_replicated_state_alone(store, follower):
    fill(store, 1)
    sender = snapshots.SnapshotSender(store, 100, lambda: 0.0)
    sender.start("replica2", 4, "a cluster")
    (_, message), *_ = sender.next_messages(4)

    with pytest.raises(MalformedMessage):
        installation.ChunkStaging(follower).stage_chunk(message | {"pairs": encode_pairs([(b"Mraft", b"x")])}, 1)
    sender.close()


def test_a_transfer_ends_when_nothing_is_heard_or_the_term_is_over(store):
    fill(store, 100)
    now = 0.0
    sender = snapshots.SnapshotSender(store, 100, lambda: now)
    sender.start("replica2", 4, "a cluster")
    assert sender.floor == 4
    assert list(sender.next_messages(4))

    now = snapshots.STALLED_SECONDS + 1
    assert list(sender.next_messages(4)) == []
    assert sender.floor is None
    sender.start("replica2", 4, "a cluster")
    assert list(sender.next_messages(5)) == []
    assert sender.floor is None


def test_a_damaged_marker_stops_the_start(store):
    store.put(installation.INSTALL_KEY, b"\xa1x")

    with pytest.raises(StoreFailed):
        installation.finish_interrupted_installation(store)
