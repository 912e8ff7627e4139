"""Replicas together: what callers are promised, whatever happens to the others."""

import threading
import time

import pytest
from raft_cluster import CuttableNetwork, RaftCluster, wait_for

from quitanda.errors import NotLeader, OutcomeUnknown, Overloaded, Unavailable
from quitanda_replica.raft import Role
from quitanda_replica.state.store import StoreFailed

pytestmark = pytest.mark.slow


def test_a_command_is_answered_by_the_leader_and_reaches_every_replica(cluster):
    leader = cluster.start().leader()

    answer = leader.node.submit(b"first").result(5)

    assert int(answer) == leader.machine.applied[-1]
    assert cluster.wait_equal() == [b"first"]
    for replica in cluster.running.values():
        wait_for(lambda each=replica: each.machine.committed_index >= int(answer))


def test_an_answered_command_is_durable_and_visible_to_snapshots_at_once(cluster):
    leader = cluster.start().leader()

    leader.node.submit(b"first").result(5)

    assert leader.state() == [b"first"]


def test_a_follower_refuses_with_the_leaders_name(cluster):
    leader = cluster.start().leader()
    follower = cluster.followers()[0]
    wait_for(lambda: follower.node.status().leader == leader.name)

    with pytest.raises(NotLeader) as refused_write:
        follower.node.submit(b"x")
    with pytest.raises(NotLeader) as refused_read:
        follower.node.read_point(1)

    assert refused_write.value.leader == refused_read.value.leader == leader.name


def test_a_single_replica_is_its_own_majority(tmp_path):
    cluster = RaftCluster(tmp_path, names=("replica1",)).start()

    assert cluster.submit(b"alone")
    assert cluster["replica1"].node.read_point(1) >= 3

    cluster.close()
    assert cluster.fatal == []


def test_a_restart_applies_nothing_twice_and_goes_on(cluster):
    cluster.start()
    for number in range(20):
        cluster.submit(b"%d" % number)
    cluster.wait_equal()
    cluster.close()

    cluster.start()
    cluster.submit(b"after")

    assert cluster.wait_equal() == [b"%d" % number for number in range(20)] + [b"after"]
    assert len(cluster.leader().machine.applied) == 1


def test_when_the_leader_goes_another_one_leads_soon_and_nothing_is_lost(cluster):
    cluster.start()
    cluster.submit(b"before")
    first = cluster.leader()
    started = time.monotonic()
    cluster.stop(first.name)

    second = cluster.leader()
    elected = time.monotonic() - started
    cluster.submit(b"after")

    assert second.name != first.name
    assert elected < 3
    assert cluster.wait_equal() == [b"before", b"after"]


def test_commands_of_a_leader_that_is_cut_off_end_as_unknown_and_do_not_hang(cluster):
    leader = cluster.start().leader()
    cluster.submit(b"before")
    cluster.cut(leader.name)

    pending = leader.node.submit(b"lost?")
    with pytest.raises(OutcomeUnknown, match="leadership ended"):
        pending.result(5)

    with pytest.raises(Unavailable):
        wait_for(lambda: leader.node.status().role is not Role.LEADER) and leader.node.submit(b"too late")


def test_a_suffix_that_was_never_committed_is_replaced_by_the_new_leaders_entries(cluster):
    old = cluster.start().leader()
    cluster.submit(b"before")
    cluster.cut(old.name)
    lost = [old.node.submit(b"lost %d" % number) for number in range(50)]
    others = [replica.name for replica in cluster.running.values() if replica is not old]
    new = cluster.leader(among=others)
    kept = [new.node.submit(b"kept %d" % number) for number in range(50)]
    for proposal in kept:
        proposal.result(5)
    cluster.heal()

    state = cluster.wait_equal()

    assert state == [b"before"] + [b"kept %d" % number for number in range(50)]
    for proposal in lost:
        with pytest.raises(OutcomeUnknown, match="leadership ended"):
            proposal.result(0)


def test_a_follower_that_was_away_catches_up_from_the_log(cluster):
    cluster.start()
    away = cluster.followers()[0].name
    cluster.stop(away)
    for number in range(50):
        cluster.submit(b"%d" % number)
    cluster.start(away)

    assert len(cluster.wait_equal()) == 50
    assert cluster[away].machine.installed_index == 0


def test_a_follower_that_was_away_longer_than_the_log_catches_up_by_a_snapshot(tmp_path):
    cluster = RaftCluster(tmp_path, log_entries_max=20, snapshot_chunk_bytes=200).start()
    cluster.submit(b"seen by all")
    cluster.wait_equal()
    away = cluster.followers()[0].name
    cluster.stop(away)
    for number in range(100):
        cluster.submit(b"%d" % number)
    cluster.start(away)

    assert len(cluster.wait_equal()) == 101
    assert cluster[away].machine.installed_index > 0
    cluster.submit(b"and goes on")
    assert cluster.wait_equal()[-1] == b"and goes on"
    cluster.close()
    cluster.start()
    assert len(cluster.wait_equal()) == 102
    cluster.close()
    assert cluster.fatal == []


def test_a_snapshot_arrives_while_the_others_go_on_writing(tmp_path):
    cluster = RaftCluster(tmp_path, log_entries_max=20, snapshot_chunk_bytes=100).start()
    cluster.wait_equal()
    away = cluster.followers()[0].name
    cluster.stop(away)
    for number in range(100):
        cluster.submit(b"%d" % number)
    leader = cluster.leader()
    cluster.start(away)
    written = 100
    while cluster[away].machine.installed_index == 0:
        leader.node.submit(b"%d" % written).result(5)
        written += 1
        assert written < 20_000

    assert cluster.wait_equal() == [b"%d" % number for number in range(written)]
    cluster.close()
    assert cluster.fatal == []


def test_an_empty_disk_without_the_bootstrap_flag_catches_up_before_it_votes(cluster, tmp_path):
    cluster.start()
    for number in range(20):
        cluster.submit(b"%d" % number)
    cluster.wait_equal()
    lost, other = (replica.name for replica in cluster.followers())
    cluster.stop(lost)
    (tmp_path / lost).rename(tmp_path / "old disk")
    cluster.stop(other)

    cluster.start(lost, bootstrap=False)
    wait_for(lambda: len(cluster[lost].state()) == 20)

    assert not cluster[lost].node.status().voting
    cluster.start(other)
    wait_for(lambda: cluster[lost].node.status().voting)
    cluster.stop(cluster.leader().name)
    cluster.submit(b"with the vote of the new disk")
    assert len(cluster.wait_equal()) == 21


def test_a_lost_disk_does_not_vote_though_the_bootstrap_flag_was_left_on(cluster, tmp_path):
    cluster.start()
    for number in range(20):
        cluster.submit(b"%d" % number)
    cluster.wait_equal()
    lost, other = (replica.name for replica in cluster.followers())
    leader = cluster.leader().name
    cluster.stop(lost)
    (tmp_path / lost).rename(tmp_path / "old disk")
    cluster.stop(leader)

    cluster.start(lost, bootstrap=True)  # with the vote of `other` alone it could begin anew and forget everything
    wait_for(lambda: cluster[lost].node.status().peers == (other,))
    wait_for(lambda: not cluster[other].node.status().leader)
    threading.Event().wait(1.0)  # longer than any election timeout: `other` asked, and nobody was willing

    assert not cluster[lost].node.status().voting
    assert cluster[lost].state() == []
    cluster.start(leader)
    wait_for(lambda: cluster[lost].node.status().voting)
    assert len(cluster.wait_equal()) == 20


def test_a_leader_with_only_a_learner_beside_it_steps_down_rejects_and_serves_again(cluster, tmp_path):
    leader = cluster.start().leader()
    cluster.submit(b"before")
    cluster.wait_equal()
    lost, gone = (replica.name for replica in cluster.followers())
    cluster.stop(lost)
    (tmp_path / lost).rename(tmp_path / "old disk")
    cluster[gone].network.cut = frozenset({lost})  # so that the learner cannot ask all others, and gets no vote
    cluster.start(lost)
    cluster.stop(gone)
    wait_for(lambda: cluster[lost].node.status().applied_index == leader.node.status().applied_index)

    wait_for(lambda: leader.node.status().role is not Role.LEADER, 4)

    with pytest.raises(NotLeader):
        leader.node.submit(b"x")
    assert not cluster[lost].node.status().voting
    cluster.start(gone)
    wait_for(lambda: cluster[lost].node.status().voting)
    cluster.submit(b"after")
    assert cluster.wait_equal() == [b"before", b"after"]


def test_learners_do_not_make_a_leader_among_themselves(cluster):
    cluster.start(bootstrap=False)
    wait_for(lambda: all(len(replica.node.status().peers) == 2 for replica in cluster.running.values()))

    threading.Event().wait(1.0)  # longer than any election timeout: nothing may happen

    assert all(replica.node.status().term == 0 for replica in cluster.running.values())


def test_a_read_point_covers_every_acknowledged_write(cluster):
    leader = cluster.start().leader()
    for number in range(30):
        index = int(leader.node.submit(b"%d" % number).result(5))

        assert leader.node.read_point(5) >= index
        assert len(leader.state()) == number + 1


def test_many_readers_at_once_are_all_answered(cluster):
    leader = cluster.start().leader()
    cluster.submit(b"x")
    points = []

    readers = [
        threading.Thread(target=lambda: points.extend(leader.node.read_point(5) for _ in range(20))) for _ in range(10)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    assert len(points) == 200


def test_a_leader_that_is_cut_off_gives_no_read_point(cluster):
    leader = cluster.start().leader()
    cluster.submit(b"x")
    cluster.cut(leader.name)

    with pytest.raises(Unavailable):
        leader.node.read_point(0.3)


def test_a_replica_that_stood_still_does_not_depose_the_leader_when_it_goes_on(tmp_path):
    cluster = RaftCluster(tmp_path, connection_timeout_seconds=0.5).start()
    cluster.submit(b"before")
    leader, sleeper = cluster.leader(), cluster.followers()[0]
    term = leader.node.status().term

    for pause in (0.4, 1.2):  # shorter and longer than connections to it are kept
        sleeper.network.awake.clear()
        threading.Event().wait(pause)
        sleeper.network.awake.set()
        cluster.submit(b"while it sleeps")
        cluster.wait_equal()

    assert leader.node.status().role is Role.LEADER
    assert leader.node.status().term == term
    cluster.close()
    assert cluster.fatal == []


def test_leadership_is_handed_over_on_request(cluster):
    leader = cluster.start().leader()
    cluster.submit(b"before")

    assert leader.node.transfer_leadership(3)

    assert leader.node.status().role is not Role.LEADER
    cluster.submit(b"after")
    assert cluster.leader() is not leader
    assert cluster.wait_equal() == [b"before", b"after"]


def test_a_leader_without_a_peer_to_transfer_to_leads_on(tmp_path):
    cluster = RaftCluster(tmp_path, names=("replica1",)).start()
    leader = cluster.leader()

    assert not leader.node.transfer_leadership(0.2)

    assert cluster.submit(b"still here")
    cluster.close()
    assert cluster.fatal == []


def test_who_has_an_answer_sees_its_entry_in_the_status(cluster):
    leader = cluster.start().leader()
    cluster.submit(b"x")

    for number in range(100):
        before = leader.node.status().applied_index
        leader.node.submit(b"%d" % number).result(5.0)
        assert leader.node.status().applied_index > before


def test_closing_answers_every_waiting_caller(cluster):
    leader = cluster.start().leader()
    cluster.submit(b"x")
    cluster.cut(leader.name)
    pending = leader.node.submit(b"pending")
    wait_for(lambda: leader.node.figures().queued == 0)  # it is appended, so nobody knows what becomes of it

    patience = 120.0
    started = time.monotonic()
    cluster.stop(leader.name)

    with pytest.raises(OutcomeUnknown, match="leadership ended"):
        pending.result(0)
    with pytest.raises(Unavailable):
        leader.node.submit(b"after the end")
    with pytest.raises(Unavailable):
        leader.node.read_point(patience)
    assert time.monotonic() - started < patience / 2  # nobody waits his time out


def test_more_commands_than_may_wait_are_refused_at_once(tmp_path):
    cluster = RaftCluster(tmp_path, pending_proposals_max=10).start()
    leader = cluster.leader()
    cluster.cut(leader.name)

    pending = [leader.node.submit(b"x") for _ in range(10)]
    with pytest.raises(Overloaded):
        leader.node.submit(b"one too many")

    for proposal in pending:
        with pytest.raises((OutcomeUnknown, Unavailable)):
            proposal.result(5)
    cluster.heal()
    assert cluster.submit(b"room again")
    cluster.close()
    assert cluster.fatal == []


def test_more_bytes_than_may_wait_are_refused_at_once(tmp_path):
    cluster = RaftCluster(tmp_path, entry_bytes_max=1000, pending_bytes_max=1500).start()
    leader = cluster.leader()
    cluster.cut(leader.name)

    leader.node.submit(b"x" * 1000)
    with pytest.raises(Overloaded):
        leader.node.submit(b"x" * 1000)
    with pytest.raises(ValueError, match="longer than 1000"):
        leader.node.submit(b"x" * 1001)
    cluster.close()
    assert cluster.fatal == []


def test_large_entries_travel_whole(tmp_path):
    cluster = RaftCluster(tmp_path, entry_bytes_max=300_000).start()
    sizes = [299_999, 300_000, 65_536, 1, 262_144]

    for size in sizes:
        cluster.submit(b"%d" % size + b"x" * (size - len(b"%d" % size)))

    assert [len(value) for value in cluster.wait_equal()] == sizes
    cluster.close()
    assert cluster.fatal == []


def test_an_exception_of_the_state_machine_stops_the_replica(tmp_path):
    cluster = RaftCluster(tmp_path).start()
    leader = cluster.leader()

    pending = leader.node.submit(b"raise")
    wait_for(lambda: cluster.fatal)

    assert str(cluster.fatal[0]) == "the rules are broken"
    with pytest.raises(OutcomeUnknown, match="leadership ended"):
        pending.result(5)
    with pytest.raises(Unavailable):
        wait_for(lambda: leader.node.submit(b"x") and None)
    # the next leader meets the same entry
    wait_for(lambda: len(cluster.fatal) >= 2)
    cluster.close()


def test_a_disk_that_fails_stops_the_replica(tmp_path):
    cluster = RaftCluster(tmp_path, names=("replica1",)).start()
    cluster.submit(b"before")
    cluster["replica1"].store.close()

    pending = cluster["replica1"].node.submit(b"x")

    wait_for(lambda: cluster.fatal)
    assert isinstance(cluster.fatal[0], StoreFailed)
    with pytest.raises(OutcomeUnknown, match="leadership ended"):
        pending.result(5)
    cluster.close()


class DeafNetwork(CuttableNetwork):
    """Hears nothing of the cluster's beginning while `deaf` is set."""

    def __init__(self, options):
        super().__init__(options)
        self.deaf = threading.Event()

    def received(self, peer, message):
        if not (self.deaf.is_set() and message["type"] in {"rejoin_answer", "cluster_record"}):
            super().received(peer, message)


def test_one_disk_may_be_lost_while_the_cluster_begins(tmp_path):
    """Two replicas have begun the cluster and written; the third, which was there, does not count yet."""
    cluster = RaftCluster(tmp_path)
    cluster.start("replica3", network_type=DeafNetwork)
    cluster["replica3"].network.deaf.set()
    cluster.start("replica1", "replica2")
    try:
        cluster.submit(b"by the two that count")
        wait_for(lambda: cluster["replica3"].state() == [b"by the two that count"])
        assert not cluster["replica3"].node.status().voting
        cluster.stop("replica2")
        (tmp_path / "replica2").rename(tmp_path / "lost disk")
        cluster.start("replica2")

        cluster["replica3"].network.deaf.clear()
        wait_for(lambda: cluster["replica3"].node.status().voting)
        cluster.submit(b"by the two that are left")

        wait_for(lambda: cluster["replica2"].node.status().voting)
        assert cluster.wait_equal() == [b"by the two that count", b"by the two that are left"]
        assert len({replica.node.status().cluster for replica in cluster.running.values()}) == 1
        assert cluster.fatal == []
    finally:
        cluster.close()
