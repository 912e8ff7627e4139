"""What makes an entry committed, and whose acknowledgements count."""

from typing import Final

from mutants.mutant import LIBRARY, RAFT, RAFT_TESTS, Mutant

_AGREEMENT: Final = f"{RAFT_TESTS}/test_agreement.py"
_FILTER: Final = f"{RAFT_TESTS}/test_message_filter.py"
_LOOP: Final = f"{RAFT_TESTS}/test_raft_loop.py"
_COUNTING: Final = (
    f"{_AGREEMENT}::TestCommitting::test_an_entry_of_an_earlier_term_is_not_committed_by_counting_who_holds_it"
)

MUTANTS: Final = (
    Mutant(
        "commits-older-terms",
        "Entries of an earlier term are committed with one of the own term, never by counting (figure 8 of the paper).",
        f"{RAFT}/raft_core.py",
        "return entries if count is None else _head(entries[:APPLIED_PER_STEP], self._apply_bytes_max)",
        "counted = entries[:APPLIED_PER_STEP] if count != 1 else [(*entry[:2], self.term) for entry in entries]\n"
        "        return entries if count is None else _head(counted, self._apply_bytes_max)",
        (_COUNTING,),
    ),
    Mutant(
        "library-commits-older-terms",
        "PySyncObj commits by counting entries of its own term alone.",
        f"{LIBRARY}/syncobj.py",
        "if commitTerm != self.__raftCurrentTerm:",
        "if commitTerm > self.__raftCurrentTerm:",
        (_COUNTING,),
    ),
    Mutant(
        "library-commits-with-a-minority",
        "PySyncObj commits what a majority holds.",
        f"{LIBRARY}/syncobj.py",
        "if count <= (len(self.__otherNodes) + 1) / 2:\n                    break",
        "if count < len(self.__otherNodes) / 2:\n                    break",
        (f"{_AGREEMENT}::TestCommitting::test_acknowledgements_of_a_minority_commit_nothing",),
    ),
    Mutant(
        "acknowledgement-before-fsync",
        "An acknowledgement leaves when the entries are durable.",
        f"{RAFT}/transport.py",
        "        self.send_after_commit(str(node.id), message)\n        return True",
        "        self._before_commit.append((str(node.id), message))\n        return True",
        (f"{_LOOP}::test_an_acknowledgement_leaves_only_when_the_entries_are_durable",),
    ),
    Mutant(
        "acknowledgement-of-a-lost-disk",
        "What a peer acknowledged before it connected is not counted: it may have lost its disk since.",
        f"{RAFT}/raft_core.py",
        "self._SyncObj__raftMatchIndex[self._peer_nodes[peer]] = 0\n        self._send_windows",
        "self._send_windows",
        (f"{_LOOP}::test_an_acknowledgement_before_a_peer_lost_its_connection_is_not_counted_any_more",),
    ),
    Mutant(
        "commit-index-beyond-what-was-compared",
        "A follower counts no entry as committed that it has not compared with the leader's.",
        f"{RAFT}/message_filter.py",
        'cap = min(message["commit_index"], matched + len(news))',
        'cap = message["commit_index"]',
        (f"{_FILTER}::test_nothing_is_committed_beyond_the_entries_that_were_compared",),
    ),
    Mutant(
        "snapshot-commits-another-entry",
        "A snapshot's entry is the own log's only if index and term are the same.",
        f"{RAFT}/journal.py",
        "return self.first_index <= index <= self.last_index and self.term_at(index) == term",
        "return self.first_index <= index <= self.last_index and self.term_at(index) <= term",
        (
            (
                f"{_AGREEMENT}::TestCommitting"
                "::test_a_snapshot_of_an_entry_that_the_log_holds_with_another_term_makes_nothing_of_the_log_committed"
            ),
        ),
    ),
    Mutant(
        "snapshot-commits-the-whole-log",
        "A snapshot says that its own entry is committed, not what follows on it.",
        f"{RAFT}/peer_messages.py",
        'self._core.raise_commit_index(message["index"])',
        "self._core.raise_commit_index(self._journal.last_index)",
        (
            (
                f"{_AGREEMENT}::TestCommitting"
                "::test_a_snapshot_of_an_entry_that_the_log_holds_does_not_commit_what_follows_on_it"
            ),
        ),
    ),
    Mutant(
        "acknowledgement-of-any-term",
        "An acknowledgement counts in its own term alone.",
        f"{RAFT}/message_filter.py",
        'counts = message["voting"] and message["term"] == term and message["next_node_idx"] <= last_index + 1',
        'counts = message["voting"] and message["next_node_idx"] <= last_index + 1',
        (f"{_FILTER}::test_a_reply_of_another_term_is_dropped",),
    ),
    Mutant(
        "acknowledgement-without-a-vote",
        "Nothing that a replica answers that does not vote commits an entry or keeps a leader in office.",
        f"{RAFT}/message_filter.py",
        'counts = message["voting"] and message["term"] == term and message["next_node_idx"] <= last_index + 1',
        'counts = message["term"] == term and message["next_node_idx"] <= last_index + 1',
        (f"{_FILTER}::test_no_reply_of_a_learner_counts", f"{_LOOP}"),
    ),
    Mutant(
        "acknowledgement-beyond-the-log",
        "An acknowledgement beyond the leader's own log is of another leadership.",
        f"{RAFT}/message_filter.py",
        'counts = message["voting"] and message["term"] == term and message["next_node_idx"] <= last_index + 1',
        'counts = message["voting"] and message["term"] == term',
        (f"{_FILTER}::test_a_reply_beyond_the_own_log_is_dropped",),
    ),
)
