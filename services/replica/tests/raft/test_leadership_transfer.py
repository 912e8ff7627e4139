"""Transfers of the leadership that overlap: whose target, whose end."""

import threading
import time

import pytest
from raft_cluster import wait_for

from quitanda.errors import Overloaded
from quitanda_replica.raft import Role
from quitanda_replica.raft.leadership import LeadershipTransfers

LONG, SHORT = 10.0, 0.05


class Leading:
    """A replica whose leadership ends when the test says so."""

    def __init__(self):
        self.moved = False
        self.transfers = LeadershipTransfers(lambda: self.moved, lambda: None, time.monotonic)

    def move(self):
        self.moved = True
        self.transfers.notify()

    def start(self, to, timeout=LONG):
        call = Call(lambda: self.transfers.run(to, timeout))
        wait_for(lambda: self.transfers.current is not None)
        return call


class Call(threading.Thread):
    """A call in a thread of its own, and what it returned."""

    def __init__(self, action):
        super().__init__(daemon=True)
        self._action = action
        self.outcome = None
        self.start()

    def run(self):
        self.outcome = self._action()

    def result(self):
        self.join(5)
        assert not self.is_alive()
        return self.outcome


@pytest.fixture
def leading():
    return Leading()


def test_a_transfer_is_wanted_until_another_replica_leads(leading):
    call = leading.start("replica2")
    assert leading.transfers.current.to == "replica2"

    leading.move()

    assert call.result()
    assert leading.transfers.current is None


def test_a_transfer_that_fails_is_not_wanted_any_more(leading):
    assert not leading.transfers.run("replica2", SHORT)

    assert leading.transfers.current is None


def test_one_to_another_replica_is_refused_and_leaves_the_one_under_way_alone(leading):
    call = leading.start("replica2")
    under_way = leading.transfers.current

    with pytest.raises(Overloaded, match="handed over already, to replica2"):
        leading.transfers.run("replica3", LONG)

    assert leading.transfers.current is under_way
    leading.move()
    assert call.result()


@pytest.mark.parametrize("to", ["replica2", ""], ids=["the same", "any"])
def test_who_wants_the_same_or_any_replica_to_lead_waits_for_the_one_under_way(leading, to):
    first = leading.start("replica2")
    under_way = leading.transfers.current
    second = Call(lambda: leading.transfers.run(to, LONG))

    assert not leading.transfers.run(to, SHORT)  # who has waited long enough ends nothing but his own waiting
    assert leading.transfers.current is under_way
    leading.move()

    assert first.result()
    assert second.result()


def test_when_the_transfer_under_way_fails_a_waiting_caller_begins_its_own(leading):
    first = leading.start("replica2", timeout=0.2)
    second = Call(lambda: leading.transfers.run("", LONG))

    assert not first.result()
    wait_for(lambda: leading.transfers.current is not None and leading.transfers.current.to == "")
    leading.move()

    assert second.result()


def test_the_leadership_goes_to_the_target_that_was_not_refused(cluster):
    leader = cluster.start().leader()
    cluster.submit(b"before")
    first, second = (replica.name for replica in cluster.followers())
    cluster[first].network.awake.clear()  # the target stands still, so the transfer to it stays under way
    call = Call(lambda: leader.node.transfer_leadership(LONG, first))
    wait_for(lambda: call.outcome is None and refuses_writes(leader))

    with pytest.raises(Overloaded):
        leader.node.transfer_leadership(LONG, second)
    assert refuses_writes(leader)
    cluster[first].network.awake.set()

    assert call.result()
    assert cluster.leader().name == first
    assert leader.node.status().role is not Role.LEADER


def test_a_transfer_that_fails_lets_writes_in_again(cluster):
    leader = cluster.start().leader()
    cluster.submit(b"before")
    away = cluster.followers()[0]
    cluster.cut(away.name)

    assert not leader.node.transfer_leadership(0.3, away.name)

    wait_for(lambda: not refuses_writes(leader))
    cluster.heal()


def refuses_writes(replica):
    try:
        replica.node.submit(b"x").result(0.001)
    except Exception as error:  # noqa: BLE001 - whichever it is
        return "hands its leadership over" in str(error)
    return False
