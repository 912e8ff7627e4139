"""A disk without a past: when its replica counts, and when a cluster begins."""

from typing import Final

from mutants.mutant import RAFT, RAFT_TESTS, Mutant

_REJOIN: Final = f"{RAFT_TESTS}/test_proposals.py::TestRejoin"
_ADMISSION: Final = f"{RAFT_TESTS}/test_message_filter.py"
_CONSENSUS: Final = f"{RAFT_TESTS}/test_raft_loop.py"
_STANDING: Final = f"{RAFT_TESTS}/test_prevote.py"

MUTANTS: Final = (
    Mutant(
        "blank-disk-echoes",
        "A replica with a blank disk confirms no leader.",
        f"{RAFT}/raft_loop.py",
        "if self._voting_is_durable and self._is_from_leader(peer, message):",
        "if self._is_from_leader(peer, message):",
        (f"{_CONSENSUS}::test_a_blank_disk_neither_votes_nor_stands_nor_echoes",),
    ),
    Mutant(
        "counts-before-all-have-answered",
        "A blank disk counts when every other replica has answered.",
        f"{RAFT}/learner.py",
        "if self._target is not None or not self._all_replied or",
        "if self._target is not None or",
        (_REJOIN,),
    ),
    Mutant(
        "counts-among-blank-disks",
        "A blank disk counts when a majority of those that count has answered.",
        f"{RAFT}/learner.py",
        "self._voters_among_replies < self._majority:",
        "self._voters_among_replies < 1:",
        (f"{_REJOIN}::test_answers_of_replicas_that_do_not_vote_do_not_end_the_waiting",),
    ),
    Mutant(
        "counts-in-two-terms",
        "A blank disk counts when all others are in its own term.",
        f"{RAFT}/learner.py",
        'if {reply["term"] for reply in self._replies.values()} == {term} and leader in self._peers:',
        "if leader in self._peers:",
        (f"{_REJOIN}::test_another_ones_other_term_makes_it_ask_again",),
    ),
    Mutant(
        "counts-among-two-clusters",
        "A blank disk counts when all others are of one cluster.",
        f"{RAFT}/learner.py",
        'if len({reply["cluster"] for reply in self._replies.values()}) > 1:',
        "if not self._replies:",
        (f"{_REJOIN}::test_one_that_runs_with_a_disk_of_another_cluster_does_not_answer_for_the_disk_that_is_meant",),
    ),
    Mutant(
        "counts-before-it-has-caught-up",
        "A blank disk counts when it holds what the leader held when it answered.",
        f"{RAFT}/learner.py",
        "return bool(leader) and durable_index >= target_index and",
        "return bool(leader) and durable_index >= 1 and",
        (f"{_REJOIN}::test_it_counts_when_all_others_agree_on_the_term_and_the_leaders_entries_are_here",),
    ),
    Mutant(
        "counts-with-other-entries",
        "A blank disk counts when its entries are the leader's, not when they are as many.",
        f"{RAFT}/membership.py",
        "caught_up = min(durable, self._agreed[1] if self._agreed[0] == self._core.term else 0)",
        "caught_up = durable",
        (f"{_CONSENSUS}::test_as_many_entries_as_the_leader_has_are_not_enough_for_a_vote",),
    ),
    Mutant(
        "term-goes-back-at-a-beginning",
        "A disk that its cluster began with keeps the later term that it has heard of.",
        f"{RAFT}/membership.py",
        "self._core.record_own_vote(max(record.term, self._core.term))",
        "self._core.record_own_vote(record.term)",
        (f"{_CONSENSUS}::test_a_disk_that_its_cluster_began_with_keeps_the_later_term_that_it_has_heard_of",),
    ),
    Mutant(
        "record-outlives-its-conversation",
        "What was told of a cluster is forgotten when the conversation is over.",
        f"{RAFT}/membership.py",
        "        self._gate.forget_peer(peer)\n",
        "",
        (f"{_CONSENSUS}::test_a_record_that_was_told_in_a_conversation_that_is_over_is_forgotten",),
    ),
    Mutant(
        "counts-in-a-new-term",
        "A new term starts the questions of a blank disk again.",
        f"{RAFT}/learner.py",
        "        if term != target_term:\n",
        "        if term < target_term:\n",
        (f"{_REJOIN}::test_a_new_term_before_it_has_caught_up_starts_the_questions_again",),
    ),
    Mutant(
        "old-answers-count",
        "Answers to an older question of a blank disk do not count.",
        f"{RAFT}/learner.py",
        'if message["round"] != self._round:',
        'if message["round"] > self._round:',
        (f"{_REJOIN}::test_answers_to_an_older_question_do_not_count",),
    ),
    Mutant(
        "votes-again-after-coming-back",
        "A replaced disk counts as having voted in the term in which it caught up.",
        f"{RAFT}/raft_core.py",
        "self._SyncObj__setCurrentTerm(self.term, self.leader)",
        "self._SyncObj__setCurrentTerm(self.term, None)",
        (
            (
                f"{RAFT_TESTS}/test_agreement.py::TestComingBackBlank"
                "::test_a_replaced_disk_counts_as_having_voted_in_the_term_in_which_it_caught_up"
            ),
        ),
    ),
    Mutant(
        "votes-again-after-founding",
        "A new cluster's replica counts as having voted in every term that was answered.",
        f"{RAFT}/raft_core.py",
        "self._SyncObj__setCurrentTerm(term, self._name)",
        "self._SyncObj__setCurrentTerm(term, None)",
        (f"{_CONSENSUS}::test_replicas_of_a_new_cluster_vote_once_all_have_said_that_they_are_new",),
    ),
    Mutant(
        "joining-not-written",
        "Who was admitted counts after a restart, too.",
        f"{RAFT}/learner.py",
        '        self._store.put(JOINED_KEY, b"1")\n',
        "",
        (f"{_REJOIN}::test_who_was_admitted_votes_for_ever",),
    ),
    Mutant(
        "blank-disk-votes",
        "A replica with a blank disk gives no vote.",
        f"{RAFT}/raft_loop.py",
        "    def _on_vote_request(self, peer: str, message: Message) -> None:\n        if self._gate.voting:",
        "    def _on_vote_request(self, peer: str, message: Message) -> None:\n        if peer:",
        (f"{_CONSENSUS}::test_a_blank_disk_neither_votes_nor_stands_nor_echoes", f"{_STANDING}"),
    ),
    Mutant(
        "blank-disk-stands",
        "A replica with a blank disk is not permitted to stand.",
        f"{RAFT}/prevote.py",
        "if self._core.is_leader or not self._gate.voting or not state_is_whole:",
        "if self._core.is_leader or not state_is_whole:",
        (f"{_STANDING}::TestAReplicaWithoutAVote",),
    ),
    Mutant(
        "vote-of-a-blank-disk-counts",
        "A vote counts if its giver does.",
        f"{RAFT}/raft_core.py",
        'if not message["voting"] or not self._is_voter():',
        "if not self._is_voter():",
        (_STANDING,),
    ),
    Mutant(
        "blank-disk-counts-votes",
        "A replica that does not count takes no vote.",
        f"{RAFT}/raft_core.py",
        'if not message["voting"] or not self._is_voter():',
        'if not message["voting"]:',
        (f"{_STANDING}::TestAReplicaWithoutAVote",),
    ),
    Mutant(
        "blank-disk-leads",
        "A replica that does not count stops rather than lead.",
        f"{RAFT}/raft_core.py",
        "        if not self._is_voter():\n            raise AssertionError(",
        "        if self._is_voter() is None:\n            raise AssertionError(",
        (f"{_STANDING}::TestAReplicaWithoutAVote",),
    ),
    Mutant(
        "answers-say-that-all-count",
        "Whoever answers says whether it counts.",
        f"{RAFT}/message_filter.py",
        'return message | {"term": term, "voting": voting}',
        'return message | {"term": term, "voting": True}',
        (f"{_ADMISSION}::test_what_is_counted_goes_out_with_its_term_and_whether_it_may_count", _CONSENSUS),
    ),
    Mutant(
        "blank-disk-shut-out",
        "A replica that may not vote, in a later term than all others, tells the leader and is not shut out.",
        f"{RAFT}/raft_loop.py",
        'if message["term"] < self._core.term and not self._gate.voting:',
        'if message["term"] < self._core.term and self._gate.voting:',
        (f"{_STANDING}::TestAReplicaWithoutAVote",),
    ),
    Mutant(
        "echo-before-it-is-durable-that-it-counts",
        "A replica confirms a leader when it is durable that it votes: a crash may not leave one that has forgotten.",
        f"{RAFT}/raft_loop.py",
        "if self._voting_is_durable and self._is_from_leader(peer, message):",
        "if self._gate.voting and self._is_from_leader(peer, message):",
        (f"{_CONSENSUS}::test_a_disk_that_the_cluster_began_with_echoes_only_when_it_is_durable_that_it_counts",),
    ),
)
