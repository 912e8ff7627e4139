"""Those who wait for the raft thread: submitters, readers, and a replica with a blank disk."""

import pytest

from quitanda.errors import NotLeader, OutcomeUnknown, Unavailable
from quitanda_replica.raft import RaftOptions
from quitanda_replica.raft.cluster_identity import NEW_CLUSTER, ClusterRecord
from quitanda_replica.raft.learner import ORIGIN_KEY, QUESTION_PERIOD_SECONDS, LearnerGate, encode_origin
from quitanda_replica.raft.proposal import ProposalQueue
from quitanda_replica.raft.read_index import ReadIndex
from quitanda_replica.state.store import StoreFailed

ADDRESSES = {"replica1": "127.0.0.1:1", "replica2": "127.0.0.1:2", "replica3": "127.0.0.1:3"}


def options(**settings):
    return RaftOptions(**{"name": "replica1", "addresses": ADDRESSES, "secret": "a secret of the tests"} | settings)


@pytest.fixture
def submissions():
    queue = ProposalQueue(options(), lambda: None)
    queue.open()
    return queue


@pytest.fixture
def reads():
    made = ReadIndex(options(), lambda: None)
    made.open()
    return made


class TestSubmissions:
    def test_one_that_was_not_begun_in_time_is_taken_back_and_never_happens(self, submissions):
        submission = submissions.offer(b"x")

        with pytest.raises(Unavailable):
            submission.result(0)

        assert submissions.take() is None

    def test_one_that_was_begun_is_unknown_at_its_deadline(self, submissions):
        submission = submissions.offer(b"x")
        assert submissions.take() is submission

        with pytest.raises(OutcomeUnknown):
            submission.result(0)

    def test_one_that_was_answered_gives_the_answer(self, submissions):
        submission = submissions.offer(b"x")
        submissions.take()
        submission.answer(b"done")

        assert submission.result(0) == b"done"

    def test_a_refusal_reaches_the_queue_and_everybody_who_comes_later(self, submissions):
        submission = submissions.offer(b"x")
        submissions.refuse(NotLeader("replica2"))

        for refused in (lambda: submission.result(0), lambda: submissions.offer(b"y")):
            with pytest.raises(NotLeader) as refusal:
                refused()
            assert refusal.value.leader == "replica2"
        assert submissions.empty


class TestReads:
    def test_a_majority_that_echoes_a_round_lets_its_readers_go_on_when_the_index_is_reached(self, reads):
        waiter = reads.ask()
        probe = reads.probe(term=3, commit_index=10, now=0.0)

        reads.echoed("replica2", probe["round"])
        reads.settle(9)
        with pytest.raises(Unavailable):
            waiter.result(0)
        waiter = reads.ask()
        reads.echoed("replica2", reads.probe(3, 11, 0.0)["round"])
        reads.settle(11)

        assert waiter.result(0) == 11

    def test_who_asks_while_a_round_runs_waits_for_the_next_one(self, reads):
        first = reads.ask()
        probe = reads.probe(3, 10, 0.0)
        second = reads.ask()
        assert reads.probe(3, 11, 0.01) is None

        reads.echoed("replica3", probe["round"])
        reads.settle(20)

        assert first.result(0) == 20
        with pytest.raises(Unavailable):
            second.result(0)

    def test_an_echo_of_an_older_round_proves_nothing(self, reads):
        gone = reads.ask()
        older = reads.probe(3, 10, 0.0)
        with pytest.raises(Unavailable):
            gone.result(0)
        waiter = reads.ask()
        newer = reads.probe(3, 10, 1.0)
        assert newer["round"] != older["round"]

        reads.echoed("replica2", older["round"])
        reads.settle(20)

        with pytest.raises(Unavailable):
            waiter.result(0)

    def test_a_round_that_stays_unanswered_is_sent_again_and_late_echoes_still_count(self, reads):
        waiter = reads.ask()
        first = reads.probe(3, 10, 0.0)
        assert reads.probe(3, 11, 1.0) == first

        reads.echoed("replica2", first["round"])
        reads.settle(10)

        assert waiter.result(0) == 10

    def test_a_round_for_readers_who_have_gone_is_not_repeated(self, reads):
        waiter = reads.ask()
        reads.probe(3, 10, 0.0)
        with pytest.raises(Unavailable):
            waiter.result(0)

        assert reads.probe(3, 10, 1.0) is None

    def test_the_end_of_the_leadership_sends_every_reader_away(self, reads):
        confirming = reads.ask()
        probe = reads.probe(3, 10, 0.0)
        applying = confirming
        reads.echoed("replica2", probe["round"])
        confirming = reads.ask()
        reads.probe(3, 10, 1.0)
        asking = reads.ask()

        reads.refuse(NotLeader("replica3"))

        for waiter in (applying, confirming, asking):
            with pytest.raises(NotLeader):
                waiter.result(0)
        with pytest.raises(NotLeader):
            reads.ask()


class TestRejoin:
    def answer(self, guard, peer, term, last_index, question, leader="replica2", *, voting=True, origin="", cluster=""):
        answer = {"round": question["round"], "term": term, "last_index": last_index, "voting": voting}
        guard.answered(peer, answer | {"origin": origin, "cluster": cluster, "disk": f"disk of {peer}"}, 5, leader)

    def founding(self, guard, question, *, term=0, origin=NEW_CLUSTER):
        for peer in ("replica2", "replica3"):
            self.answer(guard, peer, term, 1, question, leader="", voting=False, origin=origin)

    def test_who_was_admitted_votes_for_ever(self, store):
        LearnerGate(store, options(), last_index=1).admit()
        store.commit()

        assert LearnerGate(store, options(), last_index=1).voting

    def test_the_bootstrap_flag_alone_does_not_make_a_blank_disk_vote(self, store):
        guard = LearnerGate(store, options(bootstrap=True), last_index=1)

        assert not guard.voting
        assert guard.drawn_record(1, 0, "") is None

    def test_a_cluster_begins_when_all_others_are_blank_and_flagged_too(self, store):
        guard = LearnerGate(store, options(bootstrap=True), last_index=1)
        question = guard.question(0.0)
        self.answer(guard, "replica2", 2, 1, question, voting=True, origin=NEW_CLUSTER)
        assert guard.drawn_record(1, 0, "") is None

        self.answer(guard, "replica3", 0, 1, question, voting=False, origin=NEW_CLUSTER)

        assert guard.drawn_record(1, 0, "").term == 2

    @pytest.mark.parametrize("voting", [True, False])
    def test_no_cluster_begins_where_one_of_the_others_has_a_past(self, store, voting):
        guard = LearnerGate(store, options(bootstrap=True), last_index=1)
        question = guard.question(0.0)
        self.answer(guard, "replica2", 0, 1, question, voting=False, origin=NEW_CLUSTER)
        self.answer(guard, "replica3", 3, 90, question, voting=voting)

        assert guard.drawn_record(1, 0, "") is None
        assert not guard.reached(5, "replica2", 1000)

    def test_no_cluster_begins_from_two_different_backups(self, store):
        store.put(ORIGIN_KEY, encode_origin(50, "backup a"))
        guard = LearnerGate(store, options(), last_index=50)
        self.founding(guard, guard.question(0.0), origin="backup b")
        assert guard.drawn_record(50, 0, "") is None

        self.founding(guard, guard.question(1.0), origin="backup a")
        assert guard.drawn_record(50, 0, "").term == 0

    def test_without_the_flag_a_blank_disk_begins_nothing(self, store):
        guard = LearnerGate(store, options(), last_index=1)
        self.founding(guard, guard.question(0.0))

        assert guard.drawn_record(1, 0, "") is None

    def test_the_flag_does_not_help_a_disk_that_was_caught_while_it_caught_up(self, store):
        guard = LearnerGate(store, options(bootstrap=True), last_index=7)
        self.founding(guard, guard.question(0.0))

        assert guard.drawn_record(7, 0, "") is None

    def test_a_replica_with_entries_does_not_call_itself_new(self, store):
        guard = LearnerGate(store, options(bootstrap=True), last_index=1)

        assert guard.origin(1) == NEW_CLUSTER
        assert guard.origin(2) == ""

    def test_an_origin_that_cannot_be_read_stops_the_start(self, store):
        store.put(ORIGIN_KEY, b"\x01")

        with pytest.raises(StoreFailed, match="origin"):
            LearnerGate(store, options(), last_index=1)

    def test_a_single_replica_needs_nobody(self, store):
        assert LearnerGate(store, options(addresses={"replica1": "127.0.0.1:1"}), last_index=1).voting

    def test_answers_of_replicas_that_do_not_vote_do_not_end_the_waiting(self, store):
        guard = LearnerGate(store, options(), last_index=1)
        question = guard.question(0.0)
        self.answer(guard, "replica2", 5, 90, question)
        self.answer(guard, "replica3", 5, 90, question, voting=False)

        assert not guard.reached(5, "replica2", 1000)

    def test_one_that_runs_with_a_disk_of_another_cluster_does_not_answer_for_the_disk_that_is_meant(self, store):
        """What a lost disk has promised may be known to that disk alone."""
        guard = LearnerGate(store, options(), last_index=1)
        question = guard.question(0.0)
        self.answer(guard, "replica2", 5, 90, question, cluster="this one")
        self.answer(guard, "replica3", 5, 40, question, cluster="another one")
        guard.adopt(ClusterRecord("this one", NEW_CLUSTER, 0, {}))
        assert not guard.reached(5, "replica2", 1000)

        question = guard.question(1.0)
        self.answer(guard, "replica2", 5, 90, question, cluster="this one")
        self.answer(guard, "replica3", 5, 90, question, cluster="this one")

        assert guard.reached(5, "replica2", 90)

    def test_answers_have_as_much_time_to_come_as_the_election_timeouts_are_set_for(self, store):
        slow = options(election_timeout_min_seconds=3.0, election_timeout_max_seconds=4.0)
        guard = LearnerGate(store, slow, last_index=1)
        question = guard.question(10.0)
        assert guard.question(12.9) is None

        for peer in ("replica2", "replica3"):
            self.answer(guard, peer, 5, 90, question)

        assert guard.reached(5, "replica2", 90)

    def test_of_five_two_that_do_not_count_do_not_keep_each_other_waiting(self, store):
        guard = LearnerGate(
            store, options(addresses={f"replica{n}": f"127.0.0.1:{n}" for n in range(1, 6)}), last_index=1
        )
        question = guard.question(0.0)
        for peer in ("replica2", "replica3", "replica4"):
            self.answer(guard, peer, 5, 90, question)
        assert not guard.reached(5, "replica2", 90)

        self.answer(guard, "replica5", 5, 40, question, voting=False)

        assert guard.reached(5, "replica2", 90)

    def test_it_says_what_it_waits_for(self, store):
        guard = LearnerGate(store, options(bootstrap=True), last_index=1)
        question = guard.question(0.0)
        self.answer(guard, "replica2", 0, 50, question, voting=False, origin="backup a")
        assert guard.waits_for(1) == "waits until replica3 can be asked"

        self.answer(guard, "replica3", 0, 1, question, voting=False)
        told = "itself: a new cluster, replica2: backup a, replica3: nothing"
        assert guard.waits_for(1) == f"waits, as the replicas do not begin with the same ({told})"

        self.answer(guard, "replica3", 4, 90, question)
        assert guard.waits_for(1) == "catches up with the others"

    def test_one_that_is_restored_names_the_replica_that_is_not(self, store):
        store.put(ORIGIN_KEY, encode_origin(50, "backup a"))
        guard = LearnerGate(store, options(), last_index=50)
        question = guard.question(0.0)
        self.answer(guard, "replica2", 0, 50, question, voting=False, origin="backup a")
        self.answer(guard, "replica3", 7, 90, question)

        told = "itself: backup a, replica2: backup a, replica3: a past of its own"
        assert guard.waits_for(50) == f"waits, as the replicas do not begin with the same ({told})"

    def test_somebody_new_is_asked_at_once(self, store):
        guard = LearnerGate(store, options(), last_index=1)
        guard.question(100.0)
        assert guard.question(100.1) is None

        guard.ask_at_once()

        assert guard.question(100.1) is not None

    def test_it_counts_when_all_others_agree_on_the_term_and_the_leaders_entries_are_here(self, store):
        guard = LearnerGate(store, options(), last_index=1)
        question = guard.question(0.0)
        self.answer(guard, "replica2", 5, 90, question)
        assert not guard.reached(5, "replica2", 1000)

        self.answer(guard, "replica3", 5, 100, question)

        assert not guard.reached(5, "replica2", 89)
        assert not guard.reached(5, "", 90)
        assert guard.reached(5, "replica2", 90)

    def test_it_does_not_count_while_it_knows_no_leader(self, store):
        guard = LearnerGate(store, options(), last_index=1)
        question = guard.question(0.0)
        self.answer(guard, "replica2", 5, 90, question, leader="")
        self.answer(guard, "replica3", 5, 90, question, leader="")

        assert not guard.reached(5, "replica2", 1000)

    def test_another_ones_other_term_makes_it_ask_again(self, store):
        guard = LearnerGate(store, options(), last_index=1)
        question = guard.question(0.0)
        self.answer(guard, "replica2", 5, 90, question)
        self.answer(guard, "replica3", 6, 90, question)

        assert not guard.reached(5, "replica2", 1000)
        assert guard.question(QUESTION_PERIOD_SECONDS / 2) is None
        assert guard.question(QUESTION_PERIOD_SECONDS)["round"] != question["round"]

    def test_answers_to_an_older_question_do_not_count(self, store):
        guard = LearnerGate(store, options(), last_index=1)
        older = guard.question(0.0)
        self.answer(guard, "replica2", 5, 90, older)
        guard.question(1.0)
        for peer in ("replica3", "replica2"):
            self.answer(guard, peer, 5, 90, older)

        assert not guard.reached(5, "replica2", 1000)

    def test_a_new_term_before_it_has_caught_up_starts_the_questions_again(self, store):
        guard = LearnerGate(store, options(), last_index=1)
        question = guard.question(0.0)
        self.answer(guard, "replica2", 5, 90, question)
        self.answer(guard, "replica3", 5, 90, question)

        assert not guard.reached(6, "replica3", 1000)
        assert guard.question(1.0) is not None


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
