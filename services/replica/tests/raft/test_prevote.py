"""Standing for election is a permission: no clock gives it, and a replica that may not vote never has it."""

import time

import pytest
from pysyncobj.node import Node
from raft_cluster import SECRET, wait_for
from test_raft_loop import ADDRESSES, FOLLOWING, SNAPSHOT, Played

from quitanda.errors import NotLeader
from quitanda_replica.raft import RaftOptions, Role
from quitanda_replica.raft.journal import LevelJournal
from quitanda_replica.raft.message_filter import DROPPED, FilteredMessage
from quitanda_replica.raft.raft_core import ALREADY_PASSED, RaftCore
from quitanda_replica.raft.transport import DurableTransport


class Ticked:
    """PySyncObj alone, as the rounds drive it, with an election that is overdue whatever the clock shows."""

    def __init__(self, store, *, voting=True, addresses=ADDRESSES):
        options = RaftOptions(name="replica1", addresses=addresses, secret=SECRET)
        self.journal = LevelJournal(store)
        self.transport = DurableTransport(lambda: (self.core.term, voting))
        self.core = RaftCore(options, self.journal, self.transport, lambda _index, _command: None, lambda: voting)

    def tick(self, *, may_start_election):
        self.core.set_election_deadline(ALREADY_PASSED)
        self.core.tick(may_start_election=may_start_election)
        return self.core.role, self.core.term


@pytest.fixture
def replica(store):
    return Played(store)


@pytest.fixture
def follower(replica):
    """One that has just heard the leader of term 1, replica2, and has two entries."""
    replica.network.connect("replica2", "replica3")
    replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[[b"\x00x", 2, 1]])
    replica.step()
    return replica


class TestThePermission:
    def test_without_it_a_replica_starts_no_election_at_any_reading_of_the_clock(self, store):
        ticked = Ticked(store)
        ticked.transport.connected(Node("replica2"))

        assert ticked.tick(may_start_election=False) == (Role.FOLLOWER, 0)

    def test_with_it_a_replica_starts_one_election(self, store):
        ticked = Ticked(store)

        assert ticked.tick(may_start_election=True) == (Role.CANDIDATE, 1)
        assert ticked.tick(may_start_election=False) == (Role.CANDIDATE, 1)

    def test_it_ends_with_its_tick_where_it_was_not_used(self, store):
        ticked = Ticked(store, addresses={"replica1": "127.0.0.1:1"})
        assert ticked.tick(may_start_election=True) == (Role.LEADER, 1)
        ticked.tick(may_start_election=True)  # a leader starts no election
        ticked.core.adopt_later_term(7)

        assert ticked.tick(may_start_election=False) == (Role.FOLLOWER, 7)

    def test_it_is_not_given_by_answers_that_come_after_a_leader_was_heard_again(self, follower):
        follower.network.willing = False
        follower.step_until(lambda: follower.network.questions)
        _, question = follower.network.questions[-1]
        follower.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])  # of the very same term
        follower.step()

        for peer in ("replica2", "replica3"):
            follower.network.bring(peer, "canvass_answer", round=question["round"], willing=True)
        follower.step()
        follower.step()

        assert (follower.status.role, follower.status.leader) == (Role.FOLLOWER, "replica2")
        assert follower.sent("request_vote") == []

    def test_a_replica_whose_state_is_not_verified_votes_and_follows_and_never_stands(self, store):
        replica = Played(store, verified=False)
        replica.network.connect("replica2", "replica3")
        replica.network.bring("replica3", "request_vote", term=4, last_log_index=1, last_log_term=0)
        replica.step_until(lambda: replica.sent("response_vote"))
        leader = {"term": 4, "commit_index": 1, "prevLogIdx": 1, "prevLogTerm": 0}
        replica.network.bring("replica3", "append_entries", **leader, entries=[[b"\x00x", 2, 4]])
        replica.step_until(lambda: replica.sent("next_node_idx"))

        replica.network.bring("replica3", "timeout_now", term=4)
        overdue = time.monotonic() + 0.5
        replica.step_until(lambda: time.monotonic() > overdue)

        assert (replica.network.questions, replica.sent("request_vote")) == ([], [])

        replica.verified = True
        replica.step_until(lambda: replica.sent("request_vote"))

    def test_it_is_not_given_by_those_who_answer_that_they_would_not_vote(self, replica):
        replica.network.willing = False
        replica.network.connect("replica2", "replica3")
        replica.step_until(lambda: replica.network.questions)
        _, question = replica.network.questions[-1]

        for peer in ("replica2", "replica3"):
            replica.network.bring(peer, "canvass_answer", round=question["round"], willing=False)
        replica.step()
        replica.step()

        assert replica.sent("request_vote") == []

    def test_it_is_not_given_by_answers_that_were_asked_for_in_an_earlier_term(self, replica):
        replica.network.willing = False
        replica.network.connect("replica2", "replica3")
        replica.step_until(lambda: replica.network.questions)
        _, question = replica.network.questions[-1]
        replica.network.bring("replica3", "request_vote", term=4, last_log_index=1, last_log_term=0)

        for peer in ("replica2", "replica3"):
            replica.network.bring(peer, "canvass_answer", round=question["round"], willing=True)
        replica.step()

        assert (replica.status.role, replica.status.term) == (Role.FOLLOWER, 4)

    def test_it_needs_the_majority_in_one_round_of_questions(self, store):
        addresses = {f"replica{number}": f"127.0.0.1:{number}" for number in range(1, 6)}
        replica = Played(store, addresses=addresses)
        replica.network.willing = False
        replica.network.connect("replica2", "replica3")
        for peer in ("replica2", "replica3", "replica2", "replica3"):
            asked = len(replica.network.questions)
            replica.step_until(lambda asked=asked: len(replica.network.questions) > asked)
            _, question = replica.network.questions[-1]
            replica.network.bring(peer, "canvass_answer", round=question["round"], willing=True)
            replica.step()

        assert (replica.status.role, replica.status.term) == (Role.FOLLOWER, 0)

    def test_it_is_given_by_answers_that_take_many_heartbeats(self, store):
        # where the timeouts are long because the network is slow
        replica = Played(store, election_timeout_min_seconds=0.8, election_timeout_max_seconds=0.9)
        replica.network.willing = False
        replica.network.connect("replica2", "replica3")
        replica.step_until(lambda: replica.network.questions)
        _, question = replica.network.questions[-1]
        answered_at = time.monotonic() + 0.2
        replica.step_until(lambda: time.monotonic() > answered_at)

        replica.network.bring("replica2", "canvass_answer", round=question["round"], willing=True)

        replica.step_until(lambda: replica.sent("request_vote"))

    @pytest.mark.parametrize(
        ("peer", "term"), [("replica3", 1), ("replica2", 2), ("replica2", 0)], ids=["a peer", "a later term", "an old"]
    )
    def test_only_the_leader_of_the_present_term_gives_it_by_a_transfer(self, follower, peer, term):
        follower.network.willing = False
        follower.network.bring(peer, "timeout_now", term=term)
        follower.step()

        assert (follower.status.role, follower.status.term) == (Role.FOLLOWER, 1)

    def test_a_leader_that_transfers_its_leadership_gives_it_for_the_next_tick_only(self, follower):
        follower.network.willing = False
        follower.network.bring("replica2", "timeout_now", term=1)
        follower.network.bring("replica3", "append_entries", **(FOLLOWING | {"term": 2}), entries=[])
        follower.step()
        follower.step()

        assert (follower.status.role, follower.status.term) == (Role.FOLLOWER, 2)

    def test_a_replica_that_is_told_to_start_an_election_while_a_snapshot_is_installed_starts_none_then_nor_afterwards(
        self, replica
    ):
        replica.network.connect("replica2")
        replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
        replica.network.bring("replica2", "snapshot_chunk", index=9, **SNAPSHOT)
        replica.network.bring("replica2", "timeout_now", term=1)
        replica.network.willing = False

        replica.step_until(lambda: replica.status.applied_index == 9)
        replica.step()

        assert (replica.status.role, replica.status.term) == (Role.FOLLOWER, 1)


class TestLearner:
    def test_never_sends_a_pre_vote_request(self, store):
        learner = Played(store, voting=False)
        learner.network.connect("replica2", "replica3")
        silent_until = time.monotonic() + 0.4
        learner.step_until(lambda: time.monotonic() > silent_until)

        assert learner.network.questions == []
        assert (learner.status.role, learner.status.term) == (Role.FOLLOWER, 0)

    def test_starts_no_election_when_it_is_told_to(self, store):
        learner = Played(store, voting=False)
        learner.network.connect("replica2", "replica3")
        learner.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
        learner.network.bring("replica2", "timeout_now", term=1)
        learner.step()
        learner.step()

        assert (learner.status.role, learner.status.term) == (Role.FOLLOWER, 1)

    def test_counts_no_vote_that_it_is_given(self, store):
        ticked = Ticked(store, voting=False)

        vote = {"type": "response_vote", "term": 1, "voting": True}
        assert ticked.core.filter_vote("replica2", vote) == DROPPED

    def test_stops_rather_than_lead(self, store):
        ticked = Ticked(store, voting=False)
        ticked.tick(may_start_election=True)

        with pytest.raises(AssertionError, match="may not vote has been elected in term 1"):
            ticked.transport.deliver(Node("replica2"), {"type": "response_vote", "term": 1})

        assert ticked.core.role is not Role.LEADER
        assert ticked.journal.last_index == 1

    def test_gives_votes_that_count_for_nobody(self, store):
        ticked = Ticked(store)
        vote = {"type": "response_vote", "term": 1, "voting": False}

        assert ticked.core.filter_vote("replica2", vote) == DROPPED
        assert ticked.core.filter_vote("replica2", vote | {"voting": True}) == FilteredMessage(vote | {"voting": True})

    @pytest.mark.parametrize("answer", [{}, {"reset": True, "success": False, "next_node_idx": 1}])
    def test_does_not_keep_a_leader_in_office(self, replica, answer):
        replica.lead()

        def answered():
            replica.acknowledge("replica2", voting=False, **answer)
            return replica.status.role is not Role.LEADER

        replica.step_until(answered)

        with pytest.raises(NotLeader):
            replica.loop.proposals.submit(b"x")

    def test_is_sent_what_it_lacks_by_a_leader_that_has_a_majority(self, replica):
        replica.lead()
        replica.loop.proposals.submit(b"x")
        replica.step()
        replica.acknowledge("replica2")
        replica.events.clear()

        replica.acknowledge("replica3", voting=False, reset=True, success=False, next_node_idx=2)
        replica.step()

        sent = [message["entries"] for peer, message in replica.sent("append_entries") if peer == "replica3"]
        assert [entry[1] for entry in next(filter(None, sent))] == [2, 3]

    def test_in_a_later_term_than_all_others_tells_the_leader_and_is_not_shut_out(self, store):
        learner = Played(store, voting=False)
        learner.network.connect("replica2", "replica3")
        learner.network.bring("replica3", "append_entries", **(FOLLOWING | {"term": 5}), entries=[])
        learner.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
        learner.step()

        ((_, told),) = [each for each in learner.sent("next_node_idx") if each[0] == "replica2"]
        assert (told["term"], told["success"], told["voting"]) == (5, False, False)


def test_a_leader_that_hears_of_a_later_term_follows_it(replica):
    replica.lead()
    later = replica.status.term + 3

    replica.acknowledge("replica3", term=later, success=False, voting=False)
    replica.step()

    assert (replica.status.role, replica.status.term, replica.status.leader) == (Role.FOLLOWER, later, "")
    with pytest.raises(NotLeader):
        replica.loop.proposals.submit(b"x")


def test_a_replica_that_votes_stays_silent_towards_a_leader_of_an_earlier_term(follower):
    follower.network.bring("replica3", "append_entries", **(FOLLOWING | {"term": 4}), entries=[])
    follower.step()
    follower.events.clear()
    follower.network.bring("replica2", "append_entries", **FOLLOWING, entries=[])
    follower.step()

    assert follower.sent("next_node_idx") == []


def test_a_single_replica_leads_in_its_first_step(store):
    replica = Played(store, voting=False, addresses={"replica1": "127.0.0.1:1"})

    replica.step()

    assert replica.status.role is Role.LEADER
    assert wait_for(lambda: replica.step() or replica.status.applied_index == 2)
