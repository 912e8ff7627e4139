"""What PySyncObj may see of a message: the receiver's rules of Raft, as decisions over a log and a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manual_clock import ManualClock

from quitanda_replica.raft.message_filter import (
    CONFLICT_REPEAT_SECONDS,
    CONFLICTS_MIN,
    DROPPED,
    ConflictLog,
    FilteredMessage,
    LogConflict,
    filter_append,
    filter_reply,
    stamp_reply,
)


class Log:
    """A log of entries with the given terms; the first one has the index `first_index`."""

    def __init__(self, *terms, first_index=1):
        self.terms = terms
        self.first_index = first_index
        self.last_index = first_index + len(terms) - 1

    def term_at(self, index):
        assert self.first_index <= index <= self.last_index
        return self.terms[index - self.first_index]


def append(previous, previous_term, *terms, term=9, commit_index=0):
    entries = [[b"\x00", previous + offset, each] for offset, each in enumerate(terms, start=1)]
    return {
        "type": "append_entries",
        "term": term,
        "commit_index": commit_index,
        "prevLogIdx": previous,
        "prevLogTerm": previous_term,
        "entries": entries,
    }


def success(next_index, term=9):
    return {"type": "next_node_idx", "term": term, "next_node_idx": next_index, "reset": False, "success": True}


def reset(next_index, term=9):
    return {"type": "next_node_idx", "term": term, "next_node_idx": next_index, "reset": True, "success": False}


def heartbeat(commit_index, term=9):
    return {"type": "append_entries", "term": term, "commit_index": commit_index, "serialized": None}


def test_a_message_of_an_older_term_is_dropped():
    assert filter_append(Log(0, 1), 10, 1, append(2, 1, 9)) == DROPPED


def test_entries_that_follow_on_the_log_pass():
    message = append(2, 1, 1, 1, commit_index=2)

    assert filter_append(Log(0, 1), 1, 1, message) == FilteredMessage(message)


def test_a_heartbeat_at_the_end_of_the_log_passes():
    message = append(2, 1, commit_index=2)

    assert filter_append(Log(0, 1), 1, 1, message) == FilteredMessage(message)


def test_a_late_message_with_fewer_entries_than_the_log_removes_nothing():
    # the second of two streams of the same entries, split in another place
    message_filter = filter_append(Log(0, 1, 1, 1, 1), 1, 1, append(1, 0, 1, 1, commit_index=5))

    assert message_filter == FilteredMessage(heartbeat(3), success(4))


def test_known_entries_are_left_out_and_only_the_new_ones_pass():
    message_filter = filter_append(Log(0, 1, 1), 1, 1, append(1, 0, 1, 1, 1, 1, commit_index=4))

    assert message_filter.deliver == append(3, 1, 1, 1, commit_index=4)
    assert message_filter.reply is None


def test_a_conflict_cuts_from_the_first_entry_that_differs():
    message_filter = filter_append(Log(0, 1, 1, 1), 2, 2, append(1, 0, 1, 2, 2))

    assert message_filter.deliver == append(2, 1, 2, 2)


def test_a_conflict_with_a_committed_entry_is_no_message_but_a_disaster():
    with pytest.raises(LogConflict):
        filter_append(Log(0, 1, 1, 1), 2, 3, append(1, 0, 1, 2))


def test_nothing_is_committed_beyond_the_entries_that_were_compared():
    # the entries 4 and 5 may be those of an older leadership
    message_filter = filter_append(Log(0, 1, 1, 1, 1), 9, 1, append(3, 1, commit_index=5))

    assert message_filter == FilteredMessage(heartbeat(3), success(4))


def test_a_gap_asks_for_everything_behind_the_commit_index_and_commits_nothing():
    message_filter = filter_append(Log(0, 1, 1), 1, 2, append(7, 1, 1, commit_index=8))

    assert message_filter == FilteredMessage(heartbeat(0), reset(3))


def test_a_previous_entry_of_another_term_asks_for_everything_behind_the_commit_index():
    # one entry earlier at a time never ends while messages are under way
    message_filter = filter_append(Log(0, 1, 1, 1, 1), 2, 2, append(5, 2, 2, commit_index=6))

    assert message_filter == FilteredMessage(heartbeat(0), reset(3))


def test_entries_before_the_start_of_the_log_are_taken_as_known():
    log = Log(1, 1, first_index=10)

    message_filter = filter_append(log, 1, 11, append(8, 1, 1, 1, 1, 1, commit_index=11))

    assert message_filter.deliver == append(11, 1, 1, commit_index=11)


def test_a_message_that_ends_before_the_start_of_the_log_is_not_compared():
    message_filter = filter_append(Log(1, 1, first_index=10), 1, 10, append(4, 1, 1, 1))

    assert message_filter == FilteredMessage(heartbeat(0), reset(11))


TERMS = st.lists(st.integers(1, 3), max_size=6).map(sorted)


@given(shared=TERMS, own=TERMS, leaders=TERMS, data=st.data())
def test_a_receiver_keeps_what_it_shares_and_takes_what_it_lacks(shared, own, leaders, data):
    """Apply the message_filter like PySyncObj does, and compare with Raft's receiver rules."""
    ours = [0, *shared, *(3 + term for term in own)]
    theirs = [0, *shared, *(6 + term for term in leaders)]
    commit = data.draw(st.integers(1, len(shared) + 1), "commit index")
    previous = data.draw(st.integers(1, len(theirs)), "previous")
    end = data.draw(st.integers(previous, len(theirs)), "end")
    leader_commit = data.draw(st.integers(commit, len(theirs)), "leader's commit index")
    message = append(previous, theirs[previous - 1], *theirs[previous:end], commit_index=leader_commit)

    message_filter = filter_append(Log(*ours), 1, commit, message)
    after, commit_after = deliver(ours, commit, message_filter.deliver)

    matches = previous <= len(ours) and ours[previous - 1] == theirs[previous - 1]
    if matches:
        agreed = max(end, agreement(ours, theirs))
        assert after[:end] == theirs[:end]
        assert after in (theirs[:end], ours) or after[:agreed] == theirs[:agreed]
        assert commit <= commit_after <= max(commit, end)
    else:
        assert (after, commit_after) == (ours, commit)
        assert message_filter.reply == reset(commit + 1)
    assert after[: agreement(ours, theirs)] == ours[: agreement(ours, theirs)]


def agreement(ours, theirs):
    length = 0
    while length < min(len(ours), len(theirs)) and ours[length] == theirs[length]:
        length += 1
    return length


def deliver(terms, commit_index, message):
    """What PySyncObj 0.3.17 does with an admitted `append_entries`; the log is a list of terms."""
    if "prevLogIdx" in message:
        terms = terms[: message["prevLogIdx"]] + [term for _, _, term in message["entries"]]
    return terms, max(commit_index, min(message["commit_index"], len(terms)))


def reply(**fields):
    return success(5) | {"voting": True} | fields


def test_a_reply_of_this_very_term_passes():
    assert filter_reply(9, 4, reply()) == FilteredMessage(reply())


@pytest.mark.parametrize("term", [8, 10])
def test_a_reply_of_another_term_is_dropped(term):
    # an acknowledgement of an older leadership's entries
    assert filter_reply(9, 4, reply(term=term)) == DROPPED


def test_a_reply_beyond_the_own_log_is_dropped():
    assert filter_reply(9, 3, reply()) == DROPPED


@pytest.mark.parametrize("answer", [reply(), reset(2)], ids=["success", "conflict"])
def test_no_reply_of_a_learner_counts(answer):
    # the library would take either as a sign that the leader's majority is still there
    assert filter_reply(9, 4, answer | {"voting": False}) == DROPPED


@pytest.mark.parametrize(
    "outgoing",
    [
        {"type": "next_node_idx", "next_node_idx": 2, "reset": False, "success": True},
        {"type": "response_vote", "term": 7},
    ],
    ids=["acknowledgement", "vote"],
)
def test_replies_go_out_with_their_term_and_whether_the_sender_votes(outgoing):
    assert stamp_reply(7, outgoing, voting=False) == outgoing | {"term": 7, "voting": False}


APPEND = {"term": 4, "prevLogIdx": 12}


def test_a_conflict_that_comes_again_and_again_is_logged_once_in_a_period(caplog):
    clock = ManualClock()
    conflicts = ConflictLog(clock)
    for _ in range(3 * CONFLICTS_MIN):
        conflicts.note("replica3", APPEND, contradicts=True)
    assert caplog.messages == ["log_conflict"]
    line = caplog.records[0]
    assert (line.leader, line.term, line.index) == ("replica3", 4, 12)

    clock.now += CONFLICT_REPEAT_SECONDS
    conflicts.note("replica3", APPEND, contradicts=True)
    assert len(caplog.messages) == 2


def test_a_conflict_that_is_solved_is_not_logged(caplog):
    conflicts = ConflictLog(ManualClock())
    for number in range(5 * CONFLICTS_MIN):
        conflicts.note("replica3", APPEND, contradicts=number % 5 != 0)
        conflicts.note("replica3", APPEND | {"prevLogIdx": 11}, contradicts=True)

    assert caplog.messages == []
