"""How disks get their cluster's id: one for each cluster, whatever is lost or said again in between."""

import logging

import pytest
from manual_clock import ManualClock

from quitanda_replica.raft import RaftOptions
from quitanda_replica.raft.cluster_identity import NEW_CLUSTER, ClusterRecord, load_record
from quitanda_replica.raft.journal import FIRST_INDEX
from quitanda_replica.raft.learner import JOINED_KEY, ORIGIN_KEY, LearnerGate, encode_log_origin
from quitanda_replica.raft.membership import REJECTED_SECONDS, REPEAT_SECONDS, RejectedPeers
from quitanda_replica.state.store import Store

NAMES = ("replica1", "replica2", "replica3")
ADDRESSES = {name: f"127.0.0.1:{number}" for number, name in enumerate(NAMES, start=1)}
TERM = 3


class NewReplicas:
    """Replicas by name, each a gate over its own store, which ask and answer each other as the test says."""

    def __init__(self, folder):
        self._folder = folder
        self._disks = 0
        self._now = 0.0
        self.stores = {}
        self.gates = {}
        self.last_index = dict.fromkeys(NAMES, FIRST_INDEX)

    def start(self, name, *, bootstrap=True):
        """Start from the disk that is there, or an empty one."""
        if name not in self.stores:
            self._disks += 1
            self.stores[name] = Store.open(self._folder / f"disk{self._disks}")
        options = RaftOptions(name=name, addresses=ADDRESSES, secret="a secret of the tests", bootstrap=bootstrap)
        self.gates[name] = LearnerGate(self.stores[name], options, last_index=self.last_index[name])
        self.stores[name].commit()
        return self

    def lose_disk(self, name):
        """Replace the disk by an empty one; the others note that the connections end."""
        self.stores.pop(name).close()
        self.last_index[name] = FIRST_INDEX
        for gate in self.gates.values():
            gate.forget_peer(name)
        return self.start(name)

    def crash(self, name):
        """Forget what was not committed, and start again."""
        self.stores[name].close()
        self.stores[name] = Store.open(next(self._folder.glob(f"disk{NAMES.index(name) + 1}")))
        return self.start(name)

    def ask(self, name, *others, terms=None, leader=""):
        """Have `name` ask the others once and hear their answers; return the record that it draws, unstaged."""
        self._now += 1.0
        gate = self.gates[name]
        query = gate.next_query(self._now)
        for other in others or set(NAMES) - {name}:
            answer = self.gates[other].reply_to(query, (terms or {}).get(other, 0), self.last_index[other])
            gate.on_reply(other, answer, TERM, leader)
        return gate.new_cluster_record(self.last_index[name], TERM, leader)

    def adopt(self, name, record):
        becomes_voter = self.gates[name].adopt(record)
        self.stores[name].commit()
        return becomes_voter

    def tell(self, source, target, leader=""):
        """Have `source` tell its record; return whether `target` becomes a voter, None where it adopts nothing."""
        self.gates[target].on_record(source, self.gates[source].record)
        record = self.gates[target].record_to_adopt(leader)
        return None if record is None else self.adopt(target, record)

    def close(self):
        for store in self.stores.values():
            store.close()


@pytest.fixture
def replicas(tmp_path):
    replicas = NewReplicas(tmp_path)
    for name in NAMES:
        replicas.start(name)
    yield replicas
    replicas.close()


def test_the_smallest_name_draws_the_id_and_all_take_that_one(replicas):
    record = replicas.ask("replica1", terms={"replica2": 7})

    assert replicas.adopt("replica1", record)
    assert replicas.tell("replica1", "replica2")
    assert replicas.tell("replica2", "replica3")
    assert {gate.cluster for gate in replicas.gates.values()} == {record.cluster}
    assert all(gate.has_joined for gate in replicas.gates.values())
    assert record.origin == NEW_CLUSTER
    assert record.term == 7
    assert record.disks == {name: gate.disk for name, gate in replicas.gates.items()}


@pytest.mark.parametrize("name", ["replica2", "replica3"])
def test_nobody_else_draws_one(replicas, name):
    assert replicas.ask(name) is None


def test_no_id_is_drawn_while_anybody_is_silent(replicas):
    assert replicas.ask("replica1", "replica2") is None


def test_no_second_id_is_drawn_where_a_disk_knows_one_already(replicas):
    """The first disk of the one that draws is lost as soon as one other has heard of the id."""
    replicas.adopt("replica1", replicas.ask("replica1"))
    replicas.tell("replica1", "replica2")
    replicas.lose_disk("replica1")

    assert replicas.ask("replica1") is None
    assert replicas.tell("replica2", "replica3") is True
    assert replicas.gates["replica3"].cluster == replicas.gates["replica2"].cluster


def test_an_id_that_nobody_heard_of_before_its_disk_was_lost_is_drawn_anew(replicas):
    replicas.adopt("replica1", replicas.ask("replica1"))
    replicas.lose_disk("replica1")

    assert replicas.adopt("replica1", replicas.ask("replica1"))
    assert replicas.tell("replica1", "replica2")


def test_an_id_that_was_not_durable_yet_is_drawn_anew_and_was_told_to_nobody(replicas):
    replicas.gates["replica1"].adopt(replicas.ask("replica1"))
    replicas.crash("replica1")

    assert replicas.gates["replica1"].record is None
    assert not replicas.gates["replica1"].voting
    assert replicas.adopt("replica1", replicas.ask("replica1"))


def test_an_id_once_taken_is_never_changed(replicas):
    replicas.adopt("replica1", replicas.ask("replica1"))
    replicas.tell("replica1", "replica2")
    gate = replicas.gates["replica2"]

    gate.on_record("replica3", ClusterRecord("another", NEW_CLUSTER, 0, {"replica2": gate.disk}))

    assert gate.record_to_adopt("replica3") is None
    assert load_record(replicas.stores["replica2"]) == replicas.gates["replica1"].record


def test_a_disk_that_the_cluster_began_with_votes_though_another_one_is_lost(replicas):
    """Two hold everything, the third was lost while the cluster began: both that are left must count."""
    replicas.adopt("replica1", replicas.ask("replica1"))
    replicas.tell("replica1", "replica2")
    replicas.last_index |= {"replica1": 9, "replica2": 9}  # they went on: no log is as it began
    replicas.lose_disk("replica2")
    assert replicas.ask("replica3") is None

    assert replicas.tell("replica1", "replica3") is True

    assert replicas.gates["replica3"].voting
    assert not replicas.gates["replica2"].voting


def test_a_disk_that_the_cluster_did_not_begin_with_does_not_count_because_of_the_record(replicas):
    replicas.adopt("replica1", replicas.ask("replica1"))
    replicas.tell("replica1", "replica3")
    replicas.lose_disk("replica2")

    assert replicas.tell("replica1", "replica2") is None
    assert replicas.tell("replica1", "replica2", leader="replica3") is None
    assert replicas.tell("replica1", "replica2", leader="replica1") is False
    assert not replicas.gates["replica2"].voting
    assert replicas.gates["replica2"].cluster == replicas.gates["replica1"].cluster


def test_a_replaced_disk_votes_only_with_the_id_of_the_cluster_that_it_caught_up_with(replicas):
    replicas.adopt("replica1", replicas.ask("replica1"))
    replicas.tell("replica1", "replica2")
    replicas.lose_disk("replica3")
    replicas.ask("replica3", terms={"replica1": TERM, "replica2": TERM}, leader="replica1")
    assert not replicas.gates["replica3"].has_caught_up(TERM, "replica1", 1000)

    replicas.tell("replica1", "replica3", leader="replica1")

    assert replicas.gates["replica3"].has_caught_up(TERM, "replica1", 1000)


def test_replicas_of_two_backups_get_no_id(replicas):
    for name in NAMES:
        replicas.stores[name].put(ORIGIN_KEY, encode_log_origin(FIRST_INDEX, f"backup of {name}"))
        replicas.start(name)

    assert replicas.ask("replica1") is None


def test_a_restore_of_the_same_backup_gets_another_id(tmp_path):
    ids = set()
    for restore in ("first", "second"):
        replicas = NewReplicas(tmp_path / restore)
        (tmp_path / restore).mkdir()
        for name in NAMES:
            replicas.start(name)
            replicas.stores[name].put(ORIGIN_KEY, encode_log_origin(FIRST_INDEX, "backup 1"))
            replicas.start(name)
        record = replicas.ask("replica1")
        assert record.origin == "backup 1"
        ids.add(record.cluster)
        replicas.close()

    assert len(ids) == 2


@pytest.fixture
def without_ids(replicas):
    """A cluster of before there were ids: all of its replicas count, and none knows an id."""
    for name in NAMES:
        replicas.stores[name].put(JOINED_KEY, b"1")
        replicas.last_index[name] = 40
        replicas.start(name)
    return replicas


SAME_TERM = {"replica2": TERM, "replica3": TERM}


def test_a_cluster_of_before_gets_an_id_when_all_are_there_and_follow_one_leader(without_ids):
    record = without_ids.ask("replica1", terms=SAME_TERM, leader="replica2")

    assert without_ids.adopt("replica1", record) is False
    assert without_ids.tell("replica1", "replica2") is False
    assert without_ids.tell("replica1", "replica3") is False
    assert {gate.cluster for gate in without_ids.gates.values()} == {record.cluster}


@pytest.mark.parametrize(
    ("terms", "leader"),
    [(SAME_TERM, ""), ({"replica2": TERM, "replica3": TERM + 1}, "replica2")],
    ids=["no leader", "another term"],
)
def test_a_cluster_of_before_gets_no_id_while_it_does_not_agree(without_ids, terms, leader):
    assert without_ids.ask("replica1", terms=terms, leader=leader) is None


def test_a_cluster_of_before_gets_no_id_while_a_disk_catches_up(without_ids):
    without_ids.lose_disk("replica3")

    assert without_ids.ask("replica1", terms=SAME_TERM, leader="replica2") is None


def test_a_cluster_without_an_id_says_what_it_waits_for(without_ids):
    gate = without_ids.gates["replica2"]
    without_ids.ask("replica2", "replica1")
    assert gate.waiting_for(40) == "waits until replica3 can be asked"

    without_ids.ask("replica2")
    assert gate.waiting_for(40) == "waits until all replicas vote and follow one leader"


def test_a_voter_adopts_no_id_but_that_of_a_cluster_which_it_was_part_of(without_ids):
    without_ids.gates["replica2"].on_record("replica1", ClusterRecord("another", "", 0, {"replica2": "another disk"}))

    assert without_ids.gates["replica2"].record_to_adopt("replica1") is None


def test_a_replica_of_before_that_was_away_since_it_answered_is_known_by_its_disk(without_ids):
    without_ids.adopt("replica1", without_ids.ask("replica1", terms=SAME_TERM, leader="replica2"))
    disk = without_ids.gates["replica3"].disk
    without_ids.start("replica3")

    assert without_ids.gates["replica1"].greeting_to("replica3").bootstrap_disk == disk
    assert without_ids.gates["replica3"].greeting_to("replica1").disk == disk
    assert without_ids.tell("replica1", "replica3") is False


def test_a_voter_that_knows_its_cluster_asks_nothing(replicas):
    replicas.adopt("replica1", replicas.ask("replica1"))

    assert replicas.gates["replica1"].next_query(1000.0) is None


@pytest.fixture
def clock():
    return ManualClock()


def test_a_peer_that_is_rejected_again_and_again_is_logged_once_in_each_period(clock, caplog):
    rejected = RejectedPeers(clock)
    for _ in range(60):
        rejected.add("replica3", "it belongs to another cluster")
        clock.now += 1

    assert caplog.messages == ["peer_rejected"] * int(60 / REPEAT_SECONDS)
    assert (caplog.records[0].peer, caplog.records[0].reason) == ("replica3", "it belongs to another cluster")
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


def test_another_reason_is_logged_at_once(clock, caplog):
    rejected = RejectedPeers(clock)
    rejected.add("replica3", "it belongs to another cluster")
    rejected.add("replica3", "its list of replicas is another one")

    assert len(caplog.messages) == 2


def test_a_peer_is_shown_as_rejected_as_long_as_it_tries(clock):
    rejected = RejectedPeers(clock)
    rejected.add("replica2", "one")
    rejected.add("replica3", "other")
    assert rejected.reasons == {"replica2": "one", "replica3": "other"}

    rejected.remove("replica2")
    assert rejected.reasons == {"replica3": "other"}
    clock.now += REJECTED_SECONDS + 1
    assert rejected.reasons == {}
