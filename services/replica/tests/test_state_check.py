"""The state is compared with its digest beside the replica's work, and only what has passed may lead."""

import threading

import pytest
from raft_cluster import wait_for
from test_digest import fill

from quitanda_replica.integrity.verification import StateCheck
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path)
    yield store
    store.close()


class HeldSnapshots:
    """Gives snapshots whose walk stops in the middle until it may go on: each has its event, or all have the last."""

    def __init__(self, store, *may_go_on):
        self._store = store
        self._may_go_on = may_go_on
        self.held = 0

    def snapshot(self):
        may_go_on = self._may_go_on[min(self.held, len(self._may_go_on) - 1)]
        self.held += 1
        return HeldSnapshot(self._store.snapshot(), may_go_on)


class HeldSnapshot:
    def __init__(self, snapshot, may_go_on):
        self._snapshot = snapshot
        self._may_go_on = may_go_on
        self.get, self.scan, self.close = snapshot.get, snapshot.scan, snapshot.close

    def iterate(self, prefix, after=None):
        for number, pair in enumerate(self._snapshot.iterate(prefix, after)):
            if number == 1:
                assert self._may_go_on.wait(30)
            yield pair


def test_a_state_has_passed_when_all_of_it_was_read_and_not_before(store):
    fill(store, 10)
    may_go_on, fatal = threading.Event(), []
    check = StateCheck(HeldSnapshots(store, may_go_on), fatal.append)
    assert not check.passed()

    check.begin()
    assert not check.passed()

    may_go_on.set()
    wait_for(check.passed)
    assert fatal == []


def test_a_state_that_does_not_match_stops_the_replica_and_never_passes(store):
    fill(store, 10)
    store.put(keys.STATE + b"o000003", b"another value")
    store.commit()
    fatal = []
    check = StateCheck(store, fatal.append)

    check.begin()
    wait_for(lambda: fatal)

    assert [type(error) for error in fatal] == [StateCorrupt]
    assert not check.passed()


def test_a_state_that_replaced_another_must_pass_again(store):
    fill(store, 10)
    may_go_on = threading.Event()
    check = StateCheck(HeldSnapshots(store, may_go_on), pytest.fail)
    may_go_on.set()
    check.begin()
    wait_for(check.passed)

    may_go_on.clear()
    check.begin()
    assert not check.passed()

    may_go_on.set()
    wait_for(check.passed)


def test_a_check_of_a_state_that_was_replaced_meanwhile_counts_for_nothing(store):
    fill(store, 10)
    first_may_go_on, second_may_go_on = threading.Event(), threading.Event()
    snapshots = HeldSnapshots(store, first_may_go_on, second_may_go_on)
    check = StateCheck(snapshots, pytest.fail)
    check.begin()
    first = check.thread
    wait_for(lambda: snapshots.held)
    check.begin()

    first_may_go_on.set()
    first.join(10)

    assert not check.passed()
    second_may_go_on.set()
    wait_for(check.passed)


def test_a_replica_that_stops_does_not_wait_for_the_rest_of_the_check(store):
    fill(store, 5_000)
    may_go_on, fatal = threading.Event(), []
    check = StateCheck(HeldSnapshots(store, may_go_on), fatal.append)
    check.begin()
    threading.Timer(0.1, may_go_on.set).start()

    check.close(10)

    assert (check.thread.is_alive(), check.passed(), fatal) == (False, False, [])
