"""One replica's steps over a network that the test plays: the order of disk and messages, and which peers may speak."""

import dataclasses
import logging
import time

import pytest
from manual_clock import ManualClock
from raft_cluster import SECRET, ListMachine, wait_for

from quitanda.errors import NotLeader, OutcomeUnknown
from quitanda_replica.raft import RaftOptions, Role
from quitanda_replica.raft.cluster_identity import DISK_KEY, NEW_CLUSTER, ClusterRecord, load_record, stage_record
from quitanda_replica.raft.codec import MalformedMessage, encode_pairs
from quitanda_replica.raft.journal import RAFT_STATE_KEY
from quitanda_replica.raft.learner import JOINED_KEY, stage_restored_log
from quitanda_replica.raft.message_filter import CONFLICTS_MIN
from quitanda_replica.raft.raft_loop import RaftLoop

ADDRESSES = {"replica1": "127.0.0.1:1", "replica2": "127.0.0.1:2", "replica3": "127.0.0.1:3"}
RECORD = ClusterRecord("a cluster", NEW_CLUSTER, 0, {name: f"disk of {name}" for name in ADDRESSES})
FOLLOWING = {"term": 1, "commit_index": 1, "prevLogIdx": 1, "prevLogTerm": 0}


class PlayedNetwork:
    """Notes what is sent, and delivers what the test says has arrived.

    A peer that gets a pre-vote request grants it at once, as long as `willing`.
    """

    def __init__(self, events):
        self.events = events
        self.willing = True
        self.questions = []
        self.waits = []
        self._incoming = []
        self._receiver = None

    def open(self, receiver):
        self._receiver = receiver

    def poll(self, timeout):
        self.waits.append(timeout)
        if not self._incoming:
            time.sleep(min(timeout, 0.005))
        incoming, self._incoming = self._incoming, []
        for happen in incoming:
            happen(self._receiver)

    def send(self, peer, message):
        if message["type"] != "canvass_question":
            self.events.append((peer, message))
            return
        self.questions.append((peer, message))
        if self.willing:
            self.bring(peer, "canvass_answer", round=message["round"], willing=True)

    def wake(self):
        pass

    def close(self):
        pass

    def connect(self, *peers):
        self._incoming += [lambda receiver, peer=peer: receiver.connected(peer) for peer in peers]

    def disconnect(self, *peers):
        self._incoming += [lambda receiver, peer=peer: receiver.disconnected(peer) for peer in peers]

    def bring(self, peer, kind, **fields):
        self._incoming.append(lambda receiver: receiver.received(peer, {"type": kind} | fields))


class NotedStore:
    """A store that notes its commits among the messages."""

    def __init__(self, store, events):
        self._store = store
        self._events = events

    def commit(self):
        if self._store.staged:
            self._store.commit()
            self._events.append("commit")

    def __getattr__(self, name):
        return getattr(self._store, name)


class Played:
    """A voter that knows its cluster, unless `voting` is false: then it is as empty as its store.

    Its state was compared with its digest, unless `verified` is made false.
    """

    def __init__(self, store, *, voting=True, verified=True, **settings):
        self.verified = verified
        if voting:
            store.put(JOINED_KEY, b"1")
            stage_record(store, RECORD)
        self.events = []
        self.network = PlayedNetwork(self.events)
        self.store = NotedStore(store, self.events)
        self.machine = ListMachine(self.store)
        timing = {
            "election_timeout_min_seconds": 0.1,
            "election_timeout_max_seconds": 0.15,
            "heartbeat_seconds": 0.03,
        }
        options = RaftOptions(**{"name": "replica1", "addresses": ADDRESSES, "secret": SECRET} | timing | settings)
        self.loop = RaftLoop(options, self.store, self.machine, self.network, time.monotonic, lambda: self.verified)
        self.loop.open()
        self.events.clear()

    @property
    def status(self):
        return self.loop.status

    def sent(self, kind):
        return [
            (peer, message) for peer, message in filter(None, map(_as_message, self.events)) if message["type"] == kind
        ]

    def order(self):
        """Kinds of messages and commits, in the order in which they left."""
        return [event if event == "commit" else event[1]["type"] for event in self.events]

    def order_of_entries(self):
        """To whom entries left, and commits, in their order; heartbeats come whenever time makes them due."""
        return [
            event if event == "commit" else event[0]
            for event in self.events
            if event == "commit" or event[1].get("entries")
        ]

    def step(self):
        self.loop.step()

    def step_until(self, condition):
        return wait_for(lambda: self.step() or condition())

    def lead(self):
        """Win an election with the vote of replica2, and commit the no-op."""
        self.network.connect("replica2", "replica3")
        self.step_until(lambda: self.sent("request_vote"))
        self.vote("replica2")
        self.step_until(lambda: self.status.role is Role.LEADER)
        self.acknowledge("replica2")
        self.step_until(lambda: self.status.commit_index == self.status.last_log_index)
        self.events.clear()

    def vote(self, peer, **fields):
        self.network.bring(peer, "response_vote", **({"term": self.status.term, "voting": True} | fields))

    def acknowledge(self, peer, **fields):
        progress = {"term": self.status.term, "next_node_idx": self.status.last_log_index + 1}
        self.network.bring(
            peer, "next_node_idx", **({"reset": False, "success": True, "voting": True} | progress | fields)
        )


def _as_message(event):
    return None if event == "commit" else event


@pytest.fixture
def replica(store):
    return Played(store)


def test_an_acknowledgement_leaves_only_when_the_entries_are_durable(replica):
    replica.network.connect("replica2")
    replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[[b"\x00x", 2, 1]])

    replica.step()

    assert replica.order() == ["commit", "next_node_idx"]
    assert replica.sent("next_node_idx")[0][1]["term"] == 1


def test_nobody_waits_for_messages_longer_than_until_the_next_heartbeat(store):
    quick = Played(store, heartbeat_seconds=0.01, election_timeout_min_seconds=0.035, election_timeout_max_seconds=0.07)
    quick.step()

    assert quick.network.waits == [0.01]


def test_a_vote_leaves_only_when_it_is_durable(replica):
    replica.network.connect("replica2")
    replica.network.bring("replica2", "request_vote", term=1, last_log_index=1, last_log_term=0)

    replica.step()

    assert replica.order() == ["commit", "response_vote"]
    assert b"replica2" in replica.store.get(RAFT_STATE_KEY)


def test_a_candidate_asks_for_votes_only_when_its_own_vote_is_durable(replica):
    replica.network.connect("replica2", "replica3")

    replica.step_until(lambda: replica.sent("request_vote"))

    assert replica.order() == ["commit", "request_vote", "request_vote"]


def test_a_replica_starts_no_election_before_a_majority_grants_its_pre_vote(replica):
    replica.network.willing = False
    replica.network.connect("replica2", "replica3")

    replica.step_until(lambda: len(replica.network.questions) > 10)

    assert replica.sent("request_vote") == []
    assert (replica.status.term, replica.status.leader) == (0, "")

    replica.network.willing = True
    replica.step_until(lambda: replica.sent("request_vote"))

    assert replica.status.term == 1


QUESTION = {"round": 7, "term": 1, "last_log_index": 1, "last_log_term": 0}


def asked(replica, **question):
    """Let replica3 ask whether this one would vote for it; give the answer."""
    replica.events.clear()
    replica.network.bring("replica3", "canvass_question", **QUESTION | question)
    replica.step()
    ((peer, answer),) = replica.sent("canvass_answer")
    assert (peer, answer["round"]) == ("replica3", 7)
    return answer["willing"]


@pytest.fixture
def follower(replica):
    """One that has just heard the leader of term 1, replica2, and has two entries."""
    replica.network.connect("replica2", "replica3")
    replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[[b"\x00x", 2, 1]])
    replica.step()
    return replica


def test_a_follower_that_hears_the_leader_grants_no_pre_vote(follower):
    assert not asked(follower, last_log_index=2, last_log_term=1)


def test_a_follower_that_hears_no_leader_grants_a_pre_vote_to_a_log_that_is_not_shorter(follower):
    follower.step_until(lambda: follower.network.questions)

    assert asked(follower, last_log_index=2, last_log_term=1)
    assert not asked(follower, last_log_index=1, last_log_term=0)


def test_a_replica_in_a_higher_term_is_granted_a_pre_vote_because_nothing_else_brings_it_back(follower):
    assert asked(follower, term=5)


def test_a_leader_grants_no_pre_vote(replica):
    replica.lead()

    assert not asked(replica, term=replica.status.term, last_log_index=99, last_log_term=99)


def test_a_learner_does_not_answer_a_pre_vote_request(store):
    learner = Played(store, voting=False)
    learner.network.connect("replica2", "replica3")
    learner.network.bring("replica3", "canvass_question", **QUESTION)
    learner.step()

    assert learner.sent("canvass_answer") == []


def test_a_replica_that_is_told_to_start_an_election_sends_no_pre_vote_request(follower):
    follower.network.willing = False
    follower.network.bring("replica2", "timeout_now", term=1)

    follower.step_until(lambda: follower.sent("request_vote"))

    assert follower.network.questions == []


def test_a_vote_that_arrives_twice_counts_once(store):
    addresses = {f"replica{number}": f"127.0.0.1:{number}" for number in range(1, 6)}
    replica = Played(store, addresses=addresses)
    replica.network.connect("replica2", "replica3")
    replica.step_until(lambda: replica.sent("request_vote"))
    term = replica.status.term

    for _ in range(2):
        replica.vote("replica2")
    replica.step()
    assert replica.status.role is Role.CANDIDATE
    replica.vote("replica3")
    replica.step()

    assert (replica.status.role, replica.status.term) == (Role.LEADER, term)


def test_the_leaders_entries_leave_while_its_own_disk_still_works_but_the_answer_waits_for_the_majority(replica):
    replica.lead()
    proposal = replica.loop.proposals.submit(b"x")

    replica.step()

    assert replica.order_of_entries()[:3] == ["replica2", "replica3", "commit"]
    assert not proposal.done()
    replica.acknowledge("replica3")
    replica.step_until(proposal.done)
    assert proposal.result(0) == b"%d" % replica.status.last_log_index


def test_an_acknowledgement_of_another_term_makes_nothing_committed(replica):
    replica.lead()
    proposal = replica.loop.proposals.submit(b"x")
    replica.step()

    replica.acknowledge("replica2", term=replica.status.term - 1)
    replica.step()
    replica.step()

    assert not proposal.done()
    assert replica.status.commit_index < replica.status.last_log_index


def test_an_acknowledgement_before_a_peer_lost_its_connection_is_not_counted_any_more(replica):
    replica.lead()
    proposal = replica.loop.proposals.submit(b"x")
    replica.step()

    replica.acknowledge("replica2")
    replica.network.disconnect("replica2")
    replica.network.connect("replica2")
    replica.step()

    assert not proposal.done()
    replica.acknowledge("replica2")
    replica.step_until(proposal.done)


def test_a_learner_does_not_make_an_entry_committed(replica):
    replica.lead()
    proposal = replica.loop.proposals.submit(b"x")
    replica.step()

    replica.acknowledge("replica2", voting=False)
    replica.step()
    replica.step()

    assert not proposal.done()


def test_a_higher_term_ends_the_leadership_and_every_waiting_caller_is_told(replica):
    replica.lead()
    begun = replica.loop.proposals.submit(b"x")
    replica.step()
    reader = replica.loop.reads.request()

    higher = replica.status.term + 1
    append = {"prevLogIdx": 2, "prevLogTerm": 1, "entries": [[b"\x01", 3, higher]], "commit_index": 2}
    replica.network.bring("replica3", "append_entries", term=higher, **append)
    replica.step()

    with pytest.raises(OutcomeUnknown, match="leadership ended"):
        begun.result(0)
    for rejected in (lambda: reader.result(0), lambda: replica.loop.proposals.submit(b"y")):
        with pytest.raises(NotLeader) as rejection:
            rejected()
        assert rejection.value.leader == "replica3"


def test_an_entry_that_a_later_leader_put_in_its_place_is_not_taken_for_the_submitted_one(replica):
    replica.lead()
    begun = replica.loop.proposals.submit(b"x")
    replica.step()
    index, higher = replica.status.last_log_index, replica.status.term + 1

    append = {"prevLogIdx": index - 1, "prevLogTerm": higher - 1, "entries": [[b"\x00other", index, higher]]}
    replica.network.bring("replica3", "append_entries", term=higher, commit_index=index, **append)
    replica.step()

    assert replica.status.applied_index == index
    with pytest.raises(OutcomeUnknown, match="leadership ended"):
        begun.result(0)


def test_a_replica_echoes_read_probes_of_the_leader_that_it_follows_alone(replica):
    replica.network.connect("replica2", "replica3")
    replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
    replica.network.bring("replica2", "read_probe", term=1, round=5)
    replica.network.bring("replica3", "read_probe", term=1, round=6)
    replica.network.bring("replica2", "read_probe", term=0, round=7)

    replica.step()

    assert replica.sent("read_echo") == [("replica2", {"type": "read_echo", "term": 1, "round": 5})]


def test_a_new_leader_answers_readers_only_when_an_entry_of_its_term_is_committed(replica):
    replica.network.connect("replica2", "replica3")
    replica.step_until(lambda: replica.sent("request_vote"))
    replica.vote("replica2")
    replica.step_until(lambda: replica.status.role is Role.LEADER)
    reader = replica.loop.reads.request()
    replica.step()
    assert replica.sent("read_probe") == []

    replica.acknowledge("replica2")
    replica.step_until(lambda: replica.sent("read_probe"))
    (_, probe), *_ = replica.sent("read_probe")
    replica.network.bring("replica2", "read_echo", term=probe["term"], round=probe["round"])
    replica.step()

    assert reader.result(0) == replica.status.last_log_index


def test_a_replica_that_was_alone_hears_the_peers_that_it_reaches_before_it_starts_an_election(replica):
    alone_until = time.monotonic() + 0.3
    replica.step_until(lambda: time.monotonic() > alone_until)

    replica.network.connect("replica2", "replica3")
    replica.step()

    assert replica.status.role is Role.FOLLOWER
    assert replica.status.term == 0
    replica.step_until(lambda: replica.status.role is Role.CANDIDATE)


def test_a_learner_neither_votes_nor_starts_an_election_nor_echoes(store):
    replica = Played(store, voting=False)
    replica.network.connect("replica2", "replica3")
    replica.network.bring("replica3", "request_vote", term=4, last_log_index=9, last_log_term=3)
    replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
    replica.network.bring("replica2", "timeout_now", term=1)
    replica.network.bring("replica2", "read_probe", term=1, round=5)
    quiet_until = time.monotonic() + 0.3
    replica.step_until(lambda: time.monotonic() > quiet_until)

    assert replica.sent("response_vote") == replica.sent("request_vote") == replica.sent("read_echo") == []
    assert not replica.sent("next_node_idx")[0][1]["voting"]
    assert {peer for peer, _ in replica.sent("rejoin_question")} == {"replica2", "replica3"}


def reply_as_new(replica, peer, **fields):
    (_, question) = replica.sent("rejoin_question")[-1]
    answer = {"round": question["round"], "term": 0, "last_index": 1, "voting": False, "origin": NEW_CLUSTER}
    identity = {"cluster": "", "disk": f"disk of {peer}"}
    replica.network.bring(peer, "rejoin_answer", **(answer | identity | fields))


def test_replicas_of_a_new_cluster_vote_once_all_have_said_that_they_are_new(store):
    replica = Played(store, voting=False, bootstrap=True)
    replica.network.connect("replica2", "replica3")
    replica.step_until(lambda: replica.sent("rejoin_question"))
    reply_as_new(replica, "replica2", term=7)
    replica.step()
    assert not replica.status.voting

    reply_as_new(replica, "replica3")
    replica.step()

    assert replica.status.voting
    assert replica.status.term == 7
    replica.network.bring("replica2", "request_vote", term=7, last_log_index=1, last_log_term=0)
    replica.step()
    assert replica.sent("response_vote") == []  # whatever was asked for in that term may have been given before
    replica.network.bring("replica2", "request_vote", term=8, last_log_index=1, last_log_term=0)
    replica.step_until(lambda: replica.sent("response_vote"))


def test_the_log_says_when_a_replica_is_a_learner_becomes_a_voter_and_leads(store, caplog):
    caplog.set_level(logging.INFO)
    replica = Played(store, voting=False, bootstrap=True)
    replica.network.connect("replica2", "replica3")
    replica.step_until(lambda: replica.sent("rejoin_question"))
    reply_as_new(replica, "replica2")
    reply_as_new(replica, "replica3")
    replica.step_until(lambda: replica.sent("request_vote"))
    replica.vote("replica2")
    replica.step_until(lambda: replica.status.role is Role.LEADER)

    events = [record.message for record in caplog.records if record.message != "joining"]
    assert events == ["replica_is_learner", "cluster_joined", "learner_became_voter", "leader_elected"]
    assert (caplog.records[-1].leader, caplog.records[-1].term) == ("replica1", replica.status.term)


@pytest.mark.parametrize(("own_term", "votes"), [(4, False), (5, True)], ids=["other entries", "the leader's entries"])
def test_as_many_entries_as_the_leader_has_are_not_enough_for_a_vote(store, own_term, votes):
    stage_restored_log(store, 12, own_term, "backup")
    replica = Played(store, voting=False)
    replica.network.connect("replica2", "replica3")
    heartbeat = {"term": 6, "commit_index": 12, "prevLogIdx": 12, "prevLogTerm": 5, "entries": []}
    replica.network.bring("replica2", "append_entries", **heartbeat)
    replica.step()
    ((_, question), *_) = replica.sent("rejoin_question")
    progress = {"term": 6, "last_index": 12, "voting": True, "origin": "", "cluster": "", "disk": ""}
    for peer in ("replica2", "replica3"):
        replica.network.bring(peer, "rejoin_answer", round=question["round"], **progress)
    replica.network.bring("replica2", "append_entries", **heartbeat)
    replica.step()
    replica.step()

    assert replica.status.voting is votes


def test_an_empty_disk_with_the_bootstrap_flag_does_not_vote_while_another_replica_holds_entries_or_is_silent(store):
    replica = Played(store, voting=False, bootstrap=True)
    replica.network.connect("replica2", "replica3")
    replica.step_until(lambda: replica.sent("rejoin_question"))
    reply_as_new(replica, "replica2")
    replica.network.bring("replica3", "request_vote", term=4, last_log_index=9, last_log_term=3)
    replica.step()
    reply_as_new(replica, "replica3", term=4, last_index=9, voting=True, origin="")
    quiet_until = time.monotonic() + 0.3
    replica.step_until(lambda: time.monotonic() > quiet_until)

    assert not replica.status.voting
    assert replica.sent("response_vote") == replica.sent("request_vote") == []


def test_every_replica_answers_a_learners_query(replica):
    replica.network.connect("replica2")
    replica.network.bring("replica2", "rejoin_question", round=3)

    replica.step()

    progress = {"round": 3, "term": 0, "last_index": 1, "voting": True, "origin": ""}
    identity = {"cluster": RECORD.cluster, "disk": replica.store.get(DISK_KEY).decode()}
    assert replica.sent("rejoin_answer") == [("replica2", {"type": "rejoin_answer"} | progress | identity)]


def test_a_leader_that_hears_nobody_steps_down(replica):
    replica.lead()

    replica.step_until(lambda: replica.status.role is not Role.LEADER)

    with pytest.raises(NotLeader):
        replica.loop.proposals.submit(b"x")


def test_a_large_burst_is_appended_in_bounded_steps(store):
    # a leader that is paused by other work of the machine for less than four seconds still leads
    replica = Played(store, pipeline_entries_max=10, election_timeout_max_seconds=2.0)
    replica.lead()
    for _ in range(25):
        replica.loop.proposals.submit(b"x")
    before = replica.status.last_log_index

    replica.step()
    assert replica.status.last_log_index == before + 10
    replica.acknowledge("replica2")
    replica.step()

    assert replica.status.last_log_index == before + 20


SNAPSHOT = {
    "term": 1,
    "transfer": 1,
    "number": 0,
    "last": True,
    "index_term": 1,
    "cluster": RECORD.cluster,
    "pairs": encode_pairs([(b"Snew", b"1")]),
}


def test_a_log_that_reaches_the_snapshots_entry_is_kept_with_what_is_acknowledged_behind_it(replica):
    replica.network.connect("replica2")
    entries = [[b"\x00x", index, 1] for index in range(2, 6)]
    replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=entries)
    replica.step()

    replica.network.bring("replica2", "snapshot_chunk", index=3, **SNAPSHOT)
    for _ in range(5):
        replica.step()

    assert (replica.status.first_log_index, replica.status.last_log_index) == (1, 5)
    assert replica.machine.applied == [2, 3]
    assert replica.sent("snapshot_taken") == []


def test_nothing_is_applied_while_a_snapshot_replaces_the_state(store):
    replica = Played(store, pipeline_bytes_max=1)
    replica.network.connect("replica2")
    entries = [[b"\x00x", index, 1] for index in range(2, 6)]
    replica.network.bring("replica2", "append_entries", **(FOLLOWING | {"commit_index": 5}), entries=entries)
    replica.network.bring("replica2", "snapshot_chunk", index=9, **SNAPSHOT)

    replica.step_until(lambda: replica.status.applied_index == 9)

    assert replica.machine.applied == []
    assert replica.store.scan(b"S") == [(b"Snew", b"1")]


def greeting(replica, **changes):
    """How a member of the replica's own cluster greets."""
    return dataclasses.replace(replica.loop.greeting_to("replica2"), disk="disk of replica2", **changes)


def test_a_learner_accepts_nothing_of_a_cluster_before_it_has_adopted_the_leaders_record(store):
    replica = Played(store, voting=False)
    assert replica.loop.check_greeting("replica2", greeting(replica, cluster=RECORD.cluster, voting=True)) == ""
    replica.network.connect("replica2", "replica3")
    append = FOLLOWING | {"entries": [[b"\x00x", 2, 1]]}
    replica.network.bring("replica2", "append_entries", **append)
    replica.network.bring("replica2", "snapshot_chunk", index=9, **SNAPSHOT)
    replica.step()
    assert replica.status.last_log_index == 1
    assert replica.sent("next_node_idx") == replica.sent("snapshot_taken") == []

    record = {"origin": RECORD.origin, "term": 0, "disks": RECORD.disks}
    replica.network.bring("replica3", "cluster_record", cluster="another cluster", **record)
    replica.network.bring("replica2", "cluster_record", cluster=RECORD.cluster, **record)
    replica.network.bring("replica2", "append_entries", **append)
    replica.step()

    assert replica.status.last_log_index == 2
    assert replica.status.cluster == RECORD.cluster
    assert load_record(store).cluster == RECORD.cluster


def test_a_disk_that_the_cluster_began_with_echoes_only_when_its_vote_is_durable(store):
    replica = Played(store, voting=False)
    own = replica.loop.greeting_to("replica2").disk
    replica.loop.check_greeting("replica2", greeting(replica, cluster=RECORD.cluster, voting=True))
    replica.network.connect("replica2", "replica3")
    record = {"origin": RECORD.origin, "term": 0, "disks": RECORD.disks | {"replica1": own}}
    replica.network.bring("replica2", "cluster_record", cluster=RECORD.cluster, **record)
    replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
    replica.network.bring("replica2", "read_probe", term=1, round=5)
    replica.step()
    assert replica.status.voting
    assert replica.sent("read_echo") == []

    replica.network.bring("replica2", "read_probe", term=1, round=6)
    replica.step()

    assert [message["round"] for _, message in replica.sent("read_echo")] == [6]


def test_a_peer_that_turns_out_to_be_of_another_cluster_is_not_listened_to_any_more(store):
    replica = Played(store, voting=False)
    replica.loop.check_greeting("replica2", greeting(replica, cluster=RECORD.cluster, voting=True))
    replica.loop.check_greeting("replica3", greeting(replica, cluster="another cluster", voting=True))
    replica.network.connect("replica2", "replica3")
    replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
    replica.network.bring("replica2", "cluster_record", cluster=RECORD.cluster, origin="", term=0, disks=RECORD.disks)
    replica.step()

    replica.network.bring("replica3", "append_entries", **(FOLLOWING | {"term": 9}), entries=[[b"\x00x", 2, 9]])
    with pytest.raises(MalformedMessage, match="another cluster"):
        replica.step()
    assert replica.status.last_log_index == 1


def test_a_snapshot_of_another_cluster_is_not_taken(replica):
    replica.network.connect("replica2")
    replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
    replica.network.bring("replica2", "snapshot_chunk", index=9, **(SNAPSHOT | {"cluster": "another cluster"}))

    with pytest.raises(MalformedMessage, match="another cluster"):
        replica.step()
    assert not replica.loop._snapshot_receiver.installing


def test_a_replica_of_another_cluster_is_refused_and_shown(replica):
    reason = replica.loop.check_greeting("replica2", greeting(replica, cluster="another cluster"))
    replica.step()

    assert "another cluster" in reason
    assert replica.status.refused == {"replica2": reason}


def test_a_leader_whose_log_contradicts_what_is_committed_here_is_logged(replica, caplog):
    replica.network.connect("replica2")
    replica.network.bring("replica2", "append_entries", **(FOLLOWING | {"commit_index": 2}), entries=[[b"\x00x", 2, 1]])
    replica.step()
    foreign = {"term": 5, "commit_index": 2, "prevLogIdx": 2, "prevLogTerm": 4}
    for _ in range(CONFLICTS_MIN):
        replica.network.bring("replica2", "append_entries", **foreign, entries=[])
        replica.step()

    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (line.message, line.index) == ("log_conflict", 2)
    assert "move its data folder away" in line.next_step


def test_a_new_peer_is_asked_at_once_by_a_learner(store):
    slow = {"election_timeout_min_seconds": 60.0, "election_timeout_max_seconds": 61.0}
    learner = Played(store, voting=False, connection_timeout_seconds=61.0, **slow)
    learner.network.connect("replica2")
    learner.step()
    learner.events.clear()

    learner.network.connect("replica3")
    learner.step()

    assert [peer for peer, _ in learner.sent("rejoin_question")].count("replica3") == 1


def test_a_disk_that_its_cluster_began_with_keeps_the_later_term_that_it_has_heard_of(store):
    learner = Played(store, voting=False)
    learner.network.connect("replica2", "replica3")
    learner.network.bring("replica2", "append_entries", **(FOLLOWING | {"term": 5}), entries=[])
    learner.step()

    disks = RECORD.disks | {"replica1": store.get(DISK_KEY).decode()}
    learner.network.bring("replica2", "cluster_record", cluster="a cluster", origin=NEW_CLUSTER, term=2, disks=disks)
    learner.step()

    assert (learner.status.voting, learner.status.term) == (True, 5)


def test_a_record_that_was_told_on_a_connection_that_has_ended_is_forgotten(store):
    learner = Played(store, voting=False)
    told = {"cluster": "of before", "origin": "", "term": 0, "disks": {}}
    learner.network.connect("replica2")
    learner.network.bring("replica2", "cluster_record", **told)
    learner.network.disconnect("replica2")
    learner.network.connect("replica2")
    learner.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
    learner.step()
    learner.step()
    assert learner.status.cluster == ""

    learner.network.bring("replica2", "cluster_record", **(told | {"cluster": "of now"}))
    learner.step()

    assert learner.status.cluster == "of now"


def test_a_replica_that_begins_to_lead_during_a_transfer_accepts_nothing_until_that_is_over(replica):
    replica.loop.set_transfer_target("")
    replica.lead()
    with pytest.raises(NotLeader):
        replica.loop.proposals.submit(b"x")

    replica.loop.set_transfer_target(None)

    replica.loop.proposals.submit(b"x")


def test_a_leader_that_falls_silent_is_followed_no_more(replica):
    replica.network.willing = False
    replica.network.connect("replica2", "replica3")
    replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
    replica.step()
    assert replica.status.leader == "replica2"

    replica.step_until(lambda: replica.network.questions)

    assert replica.status.leader == ""


class BusyNetwork(PlayedNetwork):
    """Each poll takes a long time of the clock, and nothing arrives."""

    def __init__(self, clock):
        super().__init__([])
        self._clock = clock

    def poll(self, _timeout):
        self._clock.now += 50.0


def test_the_longest_step_is_the_longest_time_between_two_polls_and_polling_itself_does_not_count(store):
    clock = ManualClock()
    options = RaftOptions(name="replica1", addresses=ADDRESSES, secret=SECRET)
    loop = RaftLoop(options, store, ListMachine(store), BusyNetwork(clock), clock)
    clock.now += 7.0  # the process starts: nothing could be received yet
    for work in (0.2, 0.7, 0.1):
        loop.step()
        clock.now += work
    loop.step()

    assert 0.69 < loop.longest_step_seconds < 0.71
