"""Callers that wait for the raft thread: proposals and readers; and when a learner becomes a voter."""

import pytest

from quitanda.errors import NotLeader, OutcomeUnknown, Unavailable
from quitanda_replica.raft import RaftOptions
from quitanda_replica.raft.cluster_identity import NEW_CLUSTER, ClusterRecord
from quitanda_replica.raft.learner import ORIGIN_KEY, QUERY_PERIOD_SECONDS, LearnerGate, encode_log_origin
from quitanda_replica.raft.proposals import ProposalQueue
from quitanda_replica.raft.read_index import ReadIndex
from quitanda_replica.state.store import StoreFailed

ADDRESSES = {"replica1": "127.0.0.1:1", "replica2": "127.0.0.1:2", "replica3": "127.0.0.1:3"}


def options(**settings):
    return RaftOptions(**{"name": "replica1", "addresses": ADDRESSES, "secret": "a secret of the tests"} | settings)


@pytest.fixture
def proposals():
    queue = ProposalQueue(options(), lambda: None)
    queue.accept()
    return queue


@pytest.fixture
def reads():
    made = ReadIndex(options(), lambda: None)
    made.accept()
    return made


class TestProposals:
    def test_one_that_was_not_begun_in_time_is_taken_back_and_never_happens(self, proposals):
        proposal = proposals.submit(b"x")

        with pytest.raises(Unavailable):
            proposal.result(0)

        assert proposals.take() is None

    def test_one_that_was_begun_is_unknown_at_its_deadline(self, proposals):
        proposal = proposals.submit(b"x")
        assert proposals.take() is proposal

        with pytest.raises(OutcomeUnknown):
            proposal.result(0)

    def test_one_that_was_answered_gives_the_answer(self, proposals):
        proposal = proposals.submit(b"x")
        proposals.take()
        proposal.complete(b"done")

        assert proposal.result(0) == b"done"

    def test_a_rejection_reaches_the_queue_and_every_later_caller(self, proposals):
        proposal = proposals.submit(b"x")
        proposals.reject(NotLeader("replica2"))

        for rejected in (lambda: proposal.result(0), lambda: proposals.submit(b"y")):
            with pytest.raises(NotLeader) as rejection:
                rejected()
            assert rejection.value.leader == "replica2"
        assert proposals.empty


class TestReads:
    def test_a_majority_that_echoes_a_round_lets_its_readers_go_on_when_the_index_is_reached(self, reads):
        waiter = reads.request()
        probe = reads.next_probe(term=3, commit_index=10, now=0.0)

        reads.on_echo("replica2", probe["round"])
        reads.release(9)
        with pytest.raises(Unavailable):
            waiter.result(0)
        waiter = reads.request()
        reads.on_echo("replica2", reads.next_probe(3, 11, 0.0)["round"])
        reads.release(11)

        assert waiter.result(0) == 11

    def test_who_asks_while_a_round_runs_waits_for_the_next_one(self, reads):
        first = reads.request()
        probe = reads.next_probe(3, 10, 0.0)
        second = reads.request()
        assert reads.next_probe(3, 11, 0.01) is None

        reads.on_echo("replica3", probe["round"])
        reads.release(20)

        assert first.result(0) == 20
        with pytest.raises(Unavailable):
            second.result(0)

    def test_an_echo_of_an_older_round_proves_nothing(self, reads):
        gone = reads.request()
        older = reads.next_probe(3, 10, 0.0)
        with pytest.raises(Unavailable):
            gone.result(0)
        waiter = reads.request()
        newer = reads.next_probe(3, 10, 1.0)
        assert newer["round"] != older["round"]

        reads.on_echo("replica2", older["round"])
        reads.release(20)

        with pytest.raises(Unavailable):
            waiter.result(0)

    def test_a_round_that_stays_unanswered_is_sent_again_and_late_echoes_still_count(self, reads):
        waiter = reads.request()
        first = reads.next_probe(3, 10, 0.0)
        assert reads.next_probe(3, 11, 1.0) == first

        reads.on_echo("replica2", first["round"])
        reads.release(10)

        assert waiter.result(0) == 10

    def test_a_round_for_readers_who_have_gone_is_not_repeated(self, reads):
        waiter = reads.request()
        reads.next_probe(3, 10, 0.0)
        with pytest.raises(Unavailable):
            waiter.result(0)

        assert reads.next_probe(3, 10, 1.0) is None

    def test_the_end_of_the_leadership_sends_every_reader_away(self, reads):
        confirming = reads.request()
        probe = reads.next_probe(3, 10, 0.0)
        applying = confirming
        reads.on_echo("replica2", probe["round"])
        confirming = reads.request()
        reads.next_probe(3, 10, 1.0)
        asking = reads.request()

        reads.reject(NotLeader("replica3"))

        for waiter in (applying, confirming, asking):
            with pytest.raises(NotLeader):
                waiter.result(0)
        with pytest.raises(NotLeader):
            reads.request()


class TestLearnerGate:
    def answer(self, gate, peer, term, last_index, query, leader="replica2", *, voting=True, origin="", cluster=""):
        answer = {"round": query["round"], "term": term, "last_index": last_index, "voting": voting}
        gate.on_reply(peer, answer | {"origin": origin, "cluster": cluster, "disk": f"disk of {peer}"}, 5, leader)

    def replies_as_new(self, gate, query, *, term=0, origin=NEW_CLUSTER):
        for peer in ("replica2", "replica3"):
            self.answer(gate, peer, term, 1, query, leader="", voting=False, origin=origin)

    def test_a_voter_votes_for_ever(self, store):
        LearnerGate(store, options(), last_index=1).become_voter()
        store.commit()

        assert LearnerGate(store, options(), last_index=1).voting

    def test_the_bootstrap_flag_alone_does_not_make_an_empty_disk_vote(self, store):
        gate = LearnerGate(store, options(bootstrap=True), last_index=1)

        assert not gate.voting
        assert gate.new_cluster_record(1, 0, "") is None

    def test_a_cluster_begins_when_all_others_are_empty_and_have_the_flag_too(self, store):
        gate = LearnerGate(store, options(bootstrap=True), last_index=1)
        query = gate.next_query(0.0)
        self.answer(gate, "replica2", 2, 1, query, voting=True, origin=NEW_CLUSTER)
        assert gate.new_cluster_record(1, 0, "") is None

        self.answer(gate, "replica3", 0, 1, query, voting=False, origin=NEW_CLUSTER)

        assert gate.new_cluster_record(1, 0, "").term == 2

    @pytest.mark.parametrize("voting", [True, False])
    def test_no_cluster_begins_where_one_of_the_others_holds_entries(self, store, voting):
        gate = LearnerGate(store, options(bootstrap=True), last_index=1)
        query = gate.next_query(0.0)
        self.answer(gate, "replica2", 0, 1, query, voting=False, origin=NEW_CLUSTER)
        self.answer(gate, "replica3", 3, 90, query, voting=voting)

        assert gate.new_cluster_record(1, 0, "") is None
        assert not gate.has_caught_up(5, "replica2", 1000)

    def test_no_cluster_begins_from_two_different_backups(self, store):
        store.put(ORIGIN_KEY, encode_log_origin(50, "backup a"))
        gate = LearnerGate(store, options(), last_index=50)
        self.replies_as_new(gate, gate.next_query(0.0), origin="backup b")
        assert gate.new_cluster_record(50, 0, "") is None

        self.replies_as_new(gate, gate.next_query(1.0), origin="backup a")
        assert gate.new_cluster_record(50, 0, "").term == 0

    def test_without_the_flag_an_empty_disk_begins_nothing(self, store):
        gate = LearnerGate(store, options(), last_index=1)
        self.replies_as_new(gate, gate.next_query(0.0))

        assert gate.new_cluster_record(1, 0, "") is None

    def test_the_flag_does_not_help_a_disk_that_has_begun_to_catch_up(self, store):
        gate = LearnerGate(store, options(bootstrap=True), last_index=7)
        self.replies_as_new(gate, gate.next_query(0.0))

        assert gate.new_cluster_record(7, 0, "") is None

    def test_a_replica_with_entries_does_not_call_itself_new(self, store):
        gate = LearnerGate(store, options(bootstrap=True), last_index=1)

        assert gate.log_origin(1) == NEW_CLUSTER
        assert gate.log_origin(2) == ""

    def test_an_origin_that_cannot_be_read_stops_the_start(self, store):
        store.put(ORIGIN_KEY, b"\x01")

        with pytest.raises(StoreFailed, match="origin"):
            LearnerGate(store, options(), last_index=1)

    def test_a_single_replica_needs_nobody(self, store):
        assert LearnerGate(store, options(addresses={"replica1": "127.0.0.1:1"}), last_index=1).voting

    def test_replies_of_learners_do_not_end_the_waiting(self, store):
        gate = LearnerGate(store, options(), last_index=1)
        query = gate.next_query(0.0)
        self.answer(gate, "replica2", 5, 90, query)
        self.answer(gate, "replica3", 5, 90, query, voting=False)

        assert not gate.has_caught_up(5, "replica2", 1000)

    def test_one_that_runs_with_a_disk_of_another_cluster_does_not_answer_for_the_disk_that_is_meant(self, store):
        """What a lost disk has promised may be known to that disk alone."""
        gate = LearnerGate(store, options(), last_index=1)
        query = gate.next_query(0.0)
        self.answer(gate, "replica2", 5, 90, query, cluster="this one")
        self.answer(gate, "replica3", 5, 40, query, cluster="another one")
        gate.adopt(ClusterRecord("this one", NEW_CLUSTER, 0, {}))
        assert not gate.has_caught_up(5, "replica2", 1000)

        query = gate.next_query(1.0)
        self.answer(gate, "replica2", 5, 90, query, cluster="this one")
        self.answer(gate, "replica3", 5, 90, query, cluster="this one")

        assert gate.has_caught_up(5, "replica2", 90)

    def test_answers_have_as_much_time_to_come_as_the_election_timeouts_are_set_for(self, store):
        slow = options(election_timeout_min_seconds=3.0, election_timeout_max_seconds=4.0)
        gate = LearnerGate(store, slow, last_index=1)
        query = gate.next_query(10.0)
        assert gate.next_query(12.9) is None

        for peer in ("replica2", "replica3"):
            self.answer(gate, peer, 5, 90, query)

        assert gate.has_caught_up(5, "replica2", 90)

    def test_of_five_two_learners_do_not_keep_each_other_waiting(self, store):
        gate = LearnerGate(
            store, options(addresses={f"replica{n}": f"127.0.0.1:{n}" for n in range(1, 6)}), last_index=1
        )
        query = gate.next_query(0.0)
        for peer in ("replica2", "replica3", "replica4"):
            self.answer(gate, peer, 5, 90, query)
        assert not gate.has_caught_up(5, "replica2", 90)

        self.answer(gate, "replica5", 5, 40, query, voting=False)

        assert gate.has_caught_up(5, "replica2", 90)

    def test_it_says_what_it_waits_for(self, store):
        gate = LearnerGate(store, options(bootstrap=True), last_index=1)
        query = gate.next_query(0.0)
        self.answer(gate, "replica2", 0, 50, query, voting=False, origin="backup a")
        assert gate.waiting_for(1) == "waits until replica3 can be asked"

        self.answer(gate, "replica3", 0, 1, query, voting=False)
        told = "itself: a new cluster, replica2: backup a, replica3: nothing"
        assert gate.waiting_for(1) == f"waits, because the replicas did not begin with the same log ({told})"

        self.answer(gate, "replica3", 4, 90, query)
        assert gate.waiting_for(1) == "catches up with the others"

    def test_one_that_is_restored_names_the_replica_that_is_not(self, store):
        store.put(ORIGIN_KEY, encode_log_origin(50, "backup a"))
        gate = LearnerGate(store, options(), last_index=50)
        query = gate.next_query(0.0)
        self.answer(gate, "replica2", 0, 50, query, voting=False, origin="backup a")
        self.answer(gate, "replica3", 7, 90, query)

        told = "itself: backup a, replica2: backup a, replica3: a log of its own"
        assert gate.waiting_for(50) == f"waits, because the replicas did not begin with the same log ({told})"

    def test_a_new_peer_is_asked_at_once(self, store):
        gate = LearnerGate(store, options(), last_index=1)
        gate.next_query(100.0)
        assert gate.next_query(100.1) is None

        gate.query_now()

        assert gate.next_query(100.1) is not None

    def test_it_has_caught_up_when_all_others_agree_on_the_term_and_the_leaders_entries_are_here(self, store):
        gate = LearnerGate(store, options(), last_index=1)
        query = gate.next_query(0.0)
        self.answer(gate, "replica2", 5, 90, query)
        assert not gate.has_caught_up(5, "replica2", 1000)

        self.answer(gate, "replica3", 5, 100, query)

        assert not gate.has_caught_up(5, "replica2", 89)
        assert not gate.has_caught_up(5, "", 90)
        assert gate.has_caught_up(5, "replica2", 90)

    def test_it_has_not_caught_up_while_it_knows_no_leader(self, store):
        gate = LearnerGate(store, options(), last_index=1)
        query = gate.next_query(0.0)
        self.answer(gate, "replica2", 5, 90, query, leader="")
        self.answer(gate, "replica3", 5, 90, query, leader="")

        assert not gate.has_caught_up(5, "replica2", 1000)

    def test_another_ones_other_term_makes_it_ask_again(self, store):
        gate = LearnerGate(store, options(), last_index=1)
        query = gate.next_query(0.0)
        self.answer(gate, "replica2", 5, 90, query)
        self.answer(gate, "replica3", 6, 90, query)

        assert not gate.has_caught_up(5, "replica2", 1000)
        assert gate.next_query(QUERY_PERIOD_SECONDS / 2) is None
        assert gate.next_query(QUERY_PERIOD_SECONDS)["round"] != query["round"]

    def test_replies_to_an_older_query_do_not_count(self, store):
        gate = LearnerGate(store, options(), last_index=1)
        older = gate.next_query(0.0)
        self.answer(gate, "replica2", 5, 90, older)
        gate.next_query(1.0)
        for peer in ("replica3", "replica2"):
            self.answer(gate, peer, 5, 90, older)

        assert not gate.has_caught_up(5, "replica2", 1000)

    def test_a_new_term_before_it_has_caught_up_starts_the_questions_again(self, store):
        gate = LearnerGate(store, options(), last_index=1)
        query = gate.next_query(0.0)
        self.answer(gate, "replica2", 5, 90, query)
        self.answer(gate, "replica3", 5, 90, query)

        assert not gate.has_caught_up(6, "replica3", 1000)
        assert gate.next_query(1.0) is not None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"name": "replica9"}, "name"),
        ({"secret": "short"}, "secret"),
        ({"heartbeat_seconds": 0.4}, "heartbeat_seconds"),
        ({"connection_timeout_seconds": 0.1}, "connection_timeout_seconds"),
        ({"pending_bytes_max": 1}, "pending_bytes_max"),
        ({"entry_bytes_max": 1 << 30}, "entry_bytes_max|pending_bytes_max"),
        ({"log_entries_max": 1}, "log_entries_max"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(settings, problem):
    with pytest.raises(ValueError, match=problem):
        options(**settings)


def test_the_secret_does_not_show_in_logs():
    assert "a secret" not in repr(options())
