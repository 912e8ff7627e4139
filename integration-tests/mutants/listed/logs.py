"""The log: what is kept of it, what a message may change, where it may be cut."""

from typing import Final

from mutants.mutant import RAFT, RAFT_TESTS, Mutant

_FILTER: Final = f"{RAFT_TESTS}/test_message_filter.py"
_JOURNAL: Final = f"{RAFT_TESTS}/test_journal.py"

MUTANTS: Final = (
    Mutant(
        "entries-of-an-older-leader",
        "A message of an older term's leader changes nothing.",
        f"{RAFT}/message_filter.py",
        'own.\n    """\n    if message["term"] < term:',
        'own.\n    """\n    if message["term"] < 0:',
        (f"{_FILTER}::test_a_message_of_an_older_term_is_dropped",),
    ),
    Mutant(
        "late-message-cuts-the-log",
        "A message that comes late removes no entry that it does not contradict.",
        f"{RAFT}/message_filter.py",
        "if not news and matched < log.last_index:",
        "if not news and matched < log.first_index:",
        (f"{_FILTER}::test_a_late_message_with_fewer_entries_than_the_log_removes_nothing",),
    ),
    Mutant(
        "committed-entry-replaced",
        "A replica that is told to replace a committed entry stops.",
        f"{RAFT}/message_filter.py",
        "if news and matched < commit_index:",
        "if news and matched < log.first_index:",
        (f"{_FILTER}::test_a_conflict_with_a_committed_entry_is_no_message_but_a_disaster",),
    ),
    Mutant(
        "previous-entry-not-compared",
        "Entries are taken only behind an entry that is the leader's, too.",
        f"{RAFT}/message_filter.py",
        'return bool(inside and log.term_at(previous) == message["prevLogTerm"])',
        'return bool(inside and log.term_at(previous) <= message["prevLogTerm"])',
        (f"{_FILTER}::test_a_previous_entry_of_another_term_asks_for_everything_behind_the_commit_index",),
    ),
    Mutant(
        "conflict-one-by-one",
        "After a conflict everything behind the commit index is asked for at once.",
        f"{RAFT}/message_filter.py",
        'return FilteredMessage(_heartbeat_of(message, 0), _reply(message["term"], commit_index + 1, success=False))',
        'return FilteredMessage(_heartbeat_of(message, 0), _reply(message["term"], previous, success=False))',
        (f"{_FILTER}::test_a_gap_asks_for_everything_behind_the_commit_index_and_commits_nothing",),
    ),
    Mutant(
        "tail-stays-on-the-disk",
        "Entries that are cut off are removed from the disk in the same batch.",
        f"{RAFT}/journal.py",
        "self._store.delete(log_key(index))",
        "log_key(index)",
        (f"{_JOURNAL}::test_cutting_the_head_keeps_the_given_entry_and_those_behind_it",),
    ),
    Mutant(
        "hole-in-the-log",
        "A log with a hole is refused.",
        f"{RAFT}/journal.py",
        "if expected is not None and index != expected:",
        "if expected is not None and index < expected:",
        (f"{_JOURNAL}::test_a_log_with_a_hole_is_refused",),
    ),
    Mutant(
        "state-ahead-of-the-log",
        "A state that is ahead of its log is refused.",
        f"{RAFT}/journal.py",
        "if not self.first_index <= self.applied_index <= self.last_index:",
        "if not self.first_index <= self.applied_index:",
        (f"{_JOURNAL}::test_a_state_ahead_of_the_log_is_refused",),
    ),
    Mutant(
        "commit-index-beyond-the-log",
        "The commit index is never beyond the log.",
        f"{RAFT}/journal.py",
        "return max(min(self._commit_index, self.last_index), self.applied_index)",
        "return max(self._commit_index, self.applied_index)",
        (f"{_JOURNAL}::test_the_commit_index_is_never_beyond_the_log",),
    ),
    Mutant(
        "unapplied-entries-cut-off",
        "The log is not cut above what is durable in the state.",
        f"{RAFT}/journal.py",
        "point = min(self.compaction_point(entries_max, bytes_max), durable)",
        "point = self.compaction_point(entries_max, bytes_max)",
        (f"{_JOURNAL}::test_what_is_not_durable_in_the_state_is_never_cut_off",),
    ),
    Mutant(
        "log-behind-a-snapshot-cut-off",
        "What follows on a snapshot under way is kept for its receiver.",
        f"{RAFT}/journal.py",
        "return min(point, floor) if floor is not None and waits else point",
        "return min(point, floor) if floor is None and waits else point",
        (f"{_JOURNAL}::test_what_follows_on_a_snapshot_under_way_is_kept_until_several_times_the_bounds_are_reached",),
    ),
    Mutant(
        "applied-index-left-behind",
        "The applied index is in the same batch as the effects.",
        f"{RAFT}/raft_loop.py",
        "        self._journal.set_applied(index)\n        self._applied = index",
        "        self._applied = index\n        self._journal.set_applied(self._durable)",
        (f"{RAFT_TESTS}/test_cluster.py::test_a_restart_applies_nothing_twice_and_goes_on",),
    ),
)
