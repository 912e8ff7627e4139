"""Learners: when a replica becomes a voter, and when a cluster begins."""

from typing import Final

from mutants.mutant import RAFT, RAFT_TESTS, Mutant

_LEARNER: Final = f"{RAFT_TESTS}/test_proposals.py::TestLearnerGate"
_FILTER: Final = f"{RAFT_TESTS}/test_message_filter.py"
_LOOP: Final = f"{RAFT_TESTS}/test_raft_loop.py"
_PREVOTE: Final = f"{RAFT_TESTS}/test_prevote.py"

MUTANTS: Final = (
    Mutant(
        "learner-echoes",
        "A learner confirms no leader.",
        f"{RAFT}/peer_messages.py",
        "if self._gate.voting_is_durable and self._is_from_leader(peer, message):",
        "if self._is_from_leader(peer, message):",
        (f"{_LOOP}::test_a_learner_neither_votes_nor_starts_an_election_nor_echoes",),
    ),
    Mutant(
        "votes-before-all-have-answered",
        "A learner becomes a voter when every other replica has answered.",
        f"{RAFT}/learner.py",
        "if self._target is not None or not self._all_replied or",
        "if self._target is not None or",
        (_LEARNER,),
    ),
    Mutant(
        "votes-among-learners",
        "A learner becomes a voter when a majority of voters has answered.",
        f"{RAFT}/learner.py",
        "self._voters_among_replies < self._majority:",
        "self._voters_among_replies < 1:",
        (f"{_LEARNER}::test_replies_of_learners_do_not_end_the_waiting",),
    ),
    Mutant(
        "votes-in-two-terms",
        "A learner becomes a voter when all others are in its own term.",
        f"{RAFT}/learner.py",
        'if {reply["term"] for reply in self._replies.values()} == {term} and leader in self._peers:',
        "if leader in self._peers:",
        (f"{_LEARNER}::test_another_ones_other_term_makes_it_ask_again",),
    ),
    Mutant(
        "votes-among-two-clusters",
        "A learner becomes a voter when all others are of one cluster.",
        f"{RAFT}/learner.py",
        'if len({reply["cluster"] for reply in self._replies.values()}) > 1:',
        "if not self._replies:",
        (f"{_LEARNER}::test_one_that_runs_with_a_disk_of_another_cluster_does_not_answer_for_the_disk_that_is_meant",),
    ),
    Mutant(
        "votes-before-it-has-caught-up",
        "A learner becomes a voter when it holds what the leader held when it answered.",
        f"{RAFT}/learner.py",
        "return bool(leader) and durable_index >= target_index and",
        "return bool(leader) and durable_index >= 1 and",
        (f"{_LEARNER}::test_it_has_caught_up_when_all_others_agree_on_the_term_and_the_leaders_entries_are_here",),
    ),
    Mutant(
        "votes-with-other-entries",
        "A learner becomes a voter when its entries are the leader's, not when they are as many.",
        f"{RAFT}/membership.py",
        "caught_up = min(durable, self._agreed[1] if self._agreed[0] == self._core.term else 0)",
        "caught_up = durable",
        (f"{_LOOP}::test_as_many_entries_as_the_leader_has_are_not_enough_for_a_vote",),
    ),
    Mutant(
        "term-goes-back-at-a-beginning",
        "A disk that its cluster began with keeps the later term that it has heard of.",
        f"{RAFT}/membership.py",
        "self._core.record_own_vote(max(record.term, self._core.term))",
        "self._core.record_own_vote(record.term)",
        (f"{_LOOP}::test_a_disk_that_its_cluster_began_with_keeps_the_later_term_that_it_has_heard_of",),
    ),
    Mutant(
        "record-outlives-its-connection",
        "What was told of a cluster is forgotten when the connection has ended.",
        f"{RAFT}/membership.py",
        "        self._gate.forget_peer(peer)\n",
        "",
        (f"{_LOOP}::test_a_record_that_was_told_on_a_connection_that_has_ended_is_forgotten",),
    ),
    Mutant(
        "votes-in-a-new-term",
        "A new term starts the queries of a learner again.",
        f"{RAFT}/learner.py",
        "        if term != target_term:\n",
        "        if term < target_term:\n",
        (f"{_LEARNER}::test_a_new_term_before_it_has_caught_up_starts_the_questions_again",),
    ),
    Mutant(
        "old-answers-count",
        "Replies to an older query of a learner do not count.",
        f"{RAFT}/learner.py",
        'if message["round"] != self._round:',
        'if message["round"] > self._round:',
        (f"{_LEARNER}::test_replies_to_an_older_query_do_not_count",),
    ),
    Mutant(
        "votes-again-after-coming-back",
        "A replaced disk has voted in the term in which it caught up.",
        f"{RAFT}/raft_core.py",
        "self._SyncObj__setCurrentTerm(self.term, self.leader)",
        "self._SyncObj__setCurrentTerm(self.term, None)",
        (
            (
                f"{RAFT_TESTS}/test_agreement.py::TestReplacedDisk"
                "::test_a_replaced_disk_has_voted_in_the_term_in_which_it_caught_up"
            ),
        ),
    ),
    Mutant(
        "votes-again-after-bootstrap",
        "A new cluster's replica has voted in every term that was answered.",
        f"{RAFT}/raft_core.py",
        "self._SyncObj__setCurrentTerm(term, self._name)",
        "self._SyncObj__setCurrentTerm(term, None)",
        (f"{_LOOP}::test_replicas_of_a_new_cluster_vote_once_all_have_said_that_they_are_new",),
    ),
    Mutant(
        "joining-not-written",
        "A voter is one after a restart, too.",
        f"{RAFT}/learner.py",
        '        self._store.put(JOINED_KEY, b"1")\n',
        "",
        (f"{_LEARNER}::test_a_voter_votes_for_ever",),
    ),
    Mutant(
        "learner-votes",
        "A learner gives no vote.",
        f"{RAFT}/peer_messages.py",
        "    def _on_vote_request(self, peer: str, message: Message) -> None:\n        if self._gate.voting:",
        "    def _on_vote_request(self, peer: str, message: Message) -> None:\n        if peer:",
        (f"{_LOOP}::test_a_learner_neither_votes_nor_starts_an_election_nor_echoes", f"{_PREVOTE}"),
    ),
    Mutant(
        "learner-starts-an-election",
        "A learner is not permitted to start an election.",
        f"{RAFT}/prevote.py",
        "if self._core.is_leader or not self._gate.voting or not state_is_whole:",
        "if self._core.is_leader or not state_is_whole:",
        (f"{_PREVOTE}::TestLearner",),
    ),
    Mutant(
        "vote-of-a-learner-counts",
        "A vote counts if its giver is a voter.",
        f"{RAFT}/raft_core.py",
        'if not message["voting"] or not self._is_voter():',
        "if not self._is_voter():",
        (_PREVOTE,),
    ),
    Mutant(
        "learner-counts-votes",
        "A learner takes no vote.",
        f"{RAFT}/raft_core.py",
        'if not message["voting"] or not self._is_voter():',
        'if not message["voting"]:',
        (f"{_PREVOTE}::TestLearner",),
    ),
    Mutant(
        "learner-leads",
        "A learner stops rather than lead.",
        f"{RAFT}/raft_core.py",
        "        if not self._is_voter():\n            raise AssertionError(",
        "        if self._is_voter() is None:\n            raise AssertionError(",
        (f"{_PREVOTE}::TestLearner",),
    ),
    Mutant(
        "replies-say-that-all-vote",
        "A reply says whether its sender is a voter.",
        f"{RAFT}/message_filter.py",
        'return message | {"term": term, "voting": voting}',
        'return message | {"term": term, "voting": True}',
        (f"{_FILTER}::test_replies_go_out_with_their_term_and_whether_the_sender_votes", _LOOP),
    ),
    Mutant(
        "learner-shut-out",
        "A replica that may not vote, in a later term than all others, tells the leader and is not shut out.",
        f"{RAFT}/peer_messages.py",
        'if message["term"] < self._core.term and not self._gate.voting:',
        'if message["term"] < self._core.term and self._gate.voting:',
        (f"{_PREVOTE}::TestLearner",),
    ),
    Mutant(
        "echo-before-the-vote-is-durable",
        "A replica confirms a leader when it is durable that it votes: a crash may not leave one that has forgotten.",
        f"{RAFT}/peer_messages.py",
        "if self._gate.voting_is_durable and self._is_from_leader(peer, message):",
        "if self._gate.voting and self._is_from_leader(peer, message):",
        (f"{_LOOP}::test_a_disk_that_the_cluster_began_with_echoes_only_when_its_vote_is_durable",),
    ),
)
