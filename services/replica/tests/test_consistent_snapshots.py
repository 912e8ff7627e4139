"""Nobody reads a state that is just being replaced."""

import pytest

from quitanda.errors import Unavailable
from quitanda_replica.integrity.verification import StateCheck
from quitanda_replica.raft.snapshot_receiver import INSTALL_KEY
from quitanda_replica.reads.snapshots import ConsistentSnapshots
from quitanda_replica.state.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path)
    yield store
    store.close()


def test_a_whole_state_is_shown_as_it_is(store):
    store.put(b"Sdocument", b"1")
    store.commit()

    snapshot = ConsistentSnapshots(store).snapshot()

    assert snapshot.get(b"Sdocument") == b"1"
    snapshot.close()


def test_while_a_state_is_being_replaced_readers_are_sent_away(store):
    store.put(INSTALL_KEY, b"a marker")
    store.commit()

    with pytest.raises(Unavailable, match="taking over its state"):
        ConsistentSnapshots(store).snapshot()


def test_a_state_that_is_being_replaced_is_not_taken_for_a_corrupt_one(store):
    fatal = []
    store.put(INSTALL_KEY, b"a marker")
    store.commit()
    check = StateCheck(ConsistentSnapshots(store), fatal.append)

    check.begin()
    check.thread.join(10)

    assert (fatal, check.passed()) == ([], False)
