"""What those are told who wait for a command."""

from typing import Final

from mutants.mutant import RAFT, RAFT_TESTS, Mutant

_AGREEMENT: Final = f"{RAFT_TESTS}/test_agreement.py"
_LOOP: Final = f"{RAFT_TESTS}/test_raft_loop.py"
_WAITING: Final = f"{RAFT_TESTS}/test_proposals.py::TestProposals"

MUTANTS: Final = (
    Mutant(
        "answer-before-fsync",
        "A command is answered when its effects are durable.",
        f"{RAFT}/raft_loop.py",
        "        self._journal.stage_raft_state()\n        self._store.commit()",
        "        self._journal.stage_raft_state()\n        self._pending_proposals.answer()\n"
        "        self._store.commit()",
        (f"{_AGREEMENT}::TestAcknowledging::test_a_step_whose_commit_fails_tells_nobody_anything",),
    ),
    Mutant(
        "machine-told-before-fsync",
        "The state machine is told that entries are durable when they are.",
        f"{RAFT}/raft_loop.py",
        "        self._journal.stage_raft_state()\n        self._store.commit()",
        "        self._journal.stage_raft_state()\n        self._machine.committed(self._applied)\n"
        "        self._store.commit()",
        (f"{_AGREEMENT}::TestAcknowledging::test_a_step_whose_commit_fails_tells_nobody_anything",),
    ),
    Mutant(
        "answer-of-another-entry",
        "A command is answered by its own entry, not by another one at its index.",
        f"{RAFT}/proposals.py",
        "if appended_in == term:",
        "if appended_in <= term:",
        (f"{_LOOP}::test_an_entry_that_a_later_leader_put_in_its_place_is_not_taken_for_the_submitted_one",),
    ),
    Mutant(
        "begun-command-taken-back",
        "A command that was appended cannot be withdrawn: its outcome is unknown.",
        f"{RAFT}/proposals.py",
        "            if proposal not in self._queued:\n                return False",
        "            if proposal not in self._queued:\n                return True",
        (f"{_WAITING}::test_one_that_was_begun_is_unknown_at_its_deadline",),
    ),
    Mutant(
        "refused-command-happens",
        "A command that was refused with certainty never happens.",
        f"{RAFT}/proposals.py",
        "rejected, self._queued = self._queued, deque()",
        "rejected = self._queued.copy()",
        (f"{_WAITING}::test_a_rejection_reaches_the_queue_and_every_later_caller",),
    ),
    Mutant(
        "expired-command-happens",
        "A command that is given up before it is appended never happens.",
        f"{RAFT}/proposals.py",
        "            self._queued.remove(proposal)\n            self._make_room(proposal)",
        "            self._make_room(proposal)",
        (f"{_WAITING}::test_one_that_was_not_begun_in_time_is_taken_back_and_never_happens",),
    ),
    Mutant(
        "command-outlives-the-leadership",
        "Commands that were appended are unknown as soon as the leadership ends.",
        f"{RAFT}/leadership.py",
        "            self._pending_proposals.lose_all()\n",
        "",
        (f"{_AGREEMENT}::TestConfirmingReads::test_commands_do_not_outlive_the_term_in_which_they_were_begun",),
    ),
    Mutant(
        "follower-takes-commands",
        "A replica that does not lead rejects commands and names the leader.",
        f"{RAFT}/leadership.py",
        "        self._proposals.reject(rejection)\n        self._reads",
        "        self._reads",
        (f"{_LOOP}::test_a_higher_term_ends_the_leadership_and_every_waiting_caller_is_told",),
    ),
)
