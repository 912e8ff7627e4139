"""The log in the store: what was committed is there after a restart, and damage is noticed."""

from typing import Any

import pytest

from quitanda_replica.raft.journal import APPLIED_KEY, COMMAND, NO_OP, LevelJournal, log_key
from quitanda_replica.state.store import Store, StoreFailed


def reopened(store):
    """A journal over what is durable, as after a crash."""
    return LevelJournal(DurableView(store))


class DurableView:
    """Reads only what was committed."""

    def __init__(self, store):
        self._store = store
        self.staged = 0

    def get(self, key):
        with self._store.snapshot() as snapshot:
            return snapshot.get(key)

    def scan(self, prefix):
        with self._store.snapshot() as snapshot:
            return snapshot.scan(prefix)


def journal_with(store, *terms):
    journal = LevelJournal(store)
    for term in terms:
        journal.add(COMMAND + b"x", journal.last_index + 1, term)
    return journal


def commit(store, journal):
    journal.stage_raft_state()
    store.commit()


def test_an_empty_store_begins_with_one_no_op_that_is_applied(store):
    journal: Any = LevelJournal(store)

    assert journal.was_empty
    assert list(journal) == [(NO_OP, 1, 0)]
    assert journal.applied_index == journal.getRaftCommitIndex() == 1
    assert (journal.getCurrentTerm(), journal.getVotedForNodeId()) == (0, None)


def test_entries_term_and_vote_are_there_after_a_restart(store):
    journal = journal_with(store, 1, 1, 2)
    journal.setCurrentTerm(3, "replica2")
    journal.setRaftCommitIndex(3)
    commit(store, journal)

    again = reopened(store)

    assert not again.was_empty
    assert list(again) == list(journal)
    assert (again.getCurrentTerm(), again.getVotedForNodeId(), again.getRaftCommitIndex()) == (3, "replica2", 3)


def test_what_was_not_committed_is_gone_after_a_crash(store):
    journal = journal_with(store, 1)
    commit(store, journal)
    journal.add(COMMAND, 3, 1)
    journal.setCurrentTerm(2, "replica1")

    again = reopened(store)

    assert again.last_index == 2
    assert again.getCurrentTerm() == 1


def test_cutting_the_tail_and_writing_another_one_is_one_change(store):
    journal = journal_with(store, 1, 1, 1)
    commit(store, journal)
    journal.deleteEntriesFrom(2)
    journal.add(COMMAND + b"other", 3, 2)

    assert reopened(store).last_index == 4
    commit(store, journal)
    assert list(reopened(store)) == [(NO_OP, 1, 0), (COMMAND + b"x", 2, 1), (COMMAND + b"other", 3, 2)]


def test_cutting_the_head_keeps_the_given_entry_and_those_behind_it(store):
    journal = journal_with(store, 1, 1, 1)
    journal.set_applied(4)
    journal.compact(3)
    commit(store, journal)

    again = reopened(store)

    assert (again.first_index, again.last_index) == (3, 4)
    assert again.term_at(3) == 1
    with pytest.raises(IndexError):
        again.term_at(2)


def test_the_log_is_never_cut_empty(store):
    journal = journal_with(store, 1)
    journal.compact(100)

    assert len(journal) == 1


def length_of(journal):
    return sum(len(command) for command, _, _ in journal[:])


def test_cutting_is_due_over_either_bound_and_leaves_half(store):
    journal = journal_with(store, *[1] * 99)
    size = length_of(journal)

    assert journal.compaction_point(100, size) == 1
    assert journal.compaction_point(99, size) == 100 - 49 + 1
    assert journal.compaction_point(1000, size - 1) > 45


def test_what_is_not_durable_in_the_state_is_never_cut_off(store):
    journal = journal_with(store, *[1] * 99)
    bounds = 10, length_of(journal)

    assert journal.safe_compaction_point(*bounds, durable=100, floor=None) == 96
    assert journal.safe_compaction_point(*bounds, durable=40, floor=None) == 40


def test_what_follows_on_a_snapshot_under_way_is_kept_until_several_times_the_bounds_are_reached(store):
    journal = journal_with(store, *[1] * 99)
    size = length_of(journal)

    assert journal.safe_compaction_point(30, size, durable=100, floor=7) == 7
    assert journal.safe_compaction_point(25, size, durable=100, floor=7) == 89
    assert journal.safe_compaction_point(30, size // 2, durable=100, floor=7) == 86
    assert journal.safe_compaction_point(200, size // 2 + 1, durable=100, floor=7) == 7


def test_a_commit_index_alone_does_not_cost_a_write(store):
    journal = journal_with(store, 1)
    commit(store, journal)
    journal.setRaftCommitIndex(2)
    journal.stage_raft_state()

    assert store.staged == 0


def test_the_commit_index_is_never_beyond_the_log(store):
    journal = journal_with(store, 1)
    journal.setRaftCommitIndex(50)

    assert journal.getRaftCommitIndex() == 2


def test_an_entry_that_does_not_follow_on_the_last_is_a_defect(store):
    with pytest.raises(AssertionError):
        LevelJournal(store).add(COMMAND, 5, 1)


def test_a_log_with_a_hole_is_refused(store):
    journal = journal_with(store, 1, 1, 1)
    commit(store, journal)
    store.delete(log_key(3))

    with pytest.raises(StoreFailed, match="hole before entry 4"):
        LevelJournal(store)


def test_a_state_ahead_of_the_log_is_refused(store):
    journal = journal_with(store, 1, 1)
    journal.set_applied(9)

    with pytest.raises(StoreFailed, match="state is at entry 9"):
        LevelJournal(store)


def test_a_store_without_the_applied_index_is_refused(tmp_path):
    store = Store.open(tmp_path)
    commit(store, journal_with(store, 1))
    store.delete(APPLIED_KEY)

    with pytest.raises(StoreFailed):
        LevelJournal(store)
    store.close()
