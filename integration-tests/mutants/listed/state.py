"""The replicated state: applying, the memory of requests, indexes, digests and who judges them."""

from typing import Final

from mutants.mutant import REPLICA, TESTS, Mutant

_APPLIER: Final = f"{TESTS}/test_applier.py"
_DIVERGENCE: Final = f"{TESTS}/test_divergence.py"
_FORGOTTEN: Final = f"{_APPLIER}::test_beyond_the_bound_the_oldest_requests_are_forgotten"

MUTANTS: Final = (
    Mutant(
        "outcome-not-remembered",
        "A repeated request gets the first outcome and changes nothing.",
        f"{REPLICA}/state/applier.py",
        "if execution.remember is not None:",
        "if execution.remember is not None and not execution.changes:",
        (f"{_APPLIER}::test_a_repeated_request_gets_the_first_outcome_and_changes_nothing",),
    ),
    Mutant(
        "internal-failure-not-remembered",
        "A refusal with INTERNAL stands when the bug is mended.",
        f"{REPLICA}/state/applier.py",
        "            state.add(writes)\n        return outcome\n\n    def _view",
        "            state.finish()\n        return outcome\n\n    def _view",
        (f"{_APPLIER}::test_an_internal_refusal_stands_even_when_the_bug_is_mended",),
    ),
    Mutant(
        "window-never-forgets",
        "The memory of requests is bounded.",
        f"{REPLICA}/state/dedup_window.py",
        "    while _over(writes, bounds):\n",
        "    while _over(writes, bounds) and not bounds:\n",
        (_FORGOTTEN,),
    ),
    Mutant(
        "window-forgets-one-too-many",
        "As many requests are remembered as the bound says.",
        f"{REPLICA}/state/dedup_window.py",
        "return number > bounds.requests or",
        "return number >= bounds.requests or",
        (_FORGOTTEN,),
    ),
    Mutant(
        "window-size-not-counted",
        "Outcomes of unusual size are forgotten sooner.",
        f"{REPLICA}/state/dedup_window.py",
        "    counters.window_bytes += len(value)\n",
        "",
        (f"{_APPLIER}::test_large_outcomes_are_forgotten_sooner",),
    ),
    Mutant(
        "forgotten-outcome-stays",
        "What is forgotten is removed.",
        f"{REPLICA}/state/dedup_window.py",
        "    writes.delete(keys.remembered(entry[_SIZE.size :]))\n",
        "",
        (_FORGOTTEN,),
    ),
    Mutant(
        "failed-rule-leaves-changes",
        "A rule that fails changes nothing.",
        f"{REPLICA}/state/applier.py",
        "[write_change(writes, self._working_set, change) for",
        "[(write_change(writes, self._working_set, change), self._store.put(*writes.changes.copy().popitem()))[0] for",
        (f"{_APPLIER}::test_a_rule_that_deletes_what_is_not_there_is_internal", _APPLIER),
    ),
    Mutant(
        "disk-failure-becomes-an-outcome",
        "A failure of this replica's own disk stops it, and is no outcome.",
        f"{REPLICA}/state/applier.py",
        "changed_keys, index)\n        except LOCAL_FAILURES:\n            raise\n",
        "changed_keys, index)\n",
        (f"{_APPLIER}::test_a_replicas_own_trouble_is_no_outcome",),
    ),
    Mutant(
        "removed-item-stays-in-the-index",
        "An item that is taken out leaves the index of its product.",
        f"{REPLICA}/state/view.py",
        "        if key not in after:\n            writes.delete(key)\n",
        "        if not after:\n            writes.delete(key)\n",
        (f"{_APPLIER}::test_an_item_taken_out_leaves_the_index_of_its_product_only",),
    ),
    Mutant(
        "digest-forgets-removals",
        "The digest is of everything that is there.",
        f"{REPLICA}/state/digest.py",
        "    if old is not None:\n        digest -=",
        "    if old is not None and new is not None:\n        digest -=",
        (f"{_APPLIER}::test_a_cancelled_order_leaves_no_trace_but_its_outcome", _FORGOTTEN),
    ),
    Mutant(
        "digest-not-compared",
        "A state that does not match its digest is not served.",
        f"{REPLICA}/state/digest.py",
        "    if kept != found:\n",
        "    if not kept:\n",
        (f"{_APPLIER}::test_a_changed_value_does_not_match_the_digest",),
    ),
    Mutant(
        "feed-before-fsync",
        "The feed hears of changes when they are durable.",
        f"{REPLICA}/state/applier.py",
        "            self._uncommitted.append(changes)\n",
        "            self._uncommitted.append(changes)\n            self._feed.applied(index, [changes])\n",
        (f"{_APPLIER}::test_the_sink_hears_of_changes_only_when_they_are_durable",),
    ),
    Mutant(
        "feed-of-a-replaced-state",
        "What was collected before a snapshot replaced the state is not announced.",
        f"{REPLICA}/state/applier.py",
        "        self._uncommitted = []\n        self._history.restarted",
        "        self._history.restarted",
        (f"{_APPLIER}::test_an_installed_snapshot_forgets_what_was_not_yet_announced",),
    ),
    Mutant(
        "digest-told-before-fsync",
        "The digest at an entry is told when the entry is durable.",
        f"{REPLICA}/integrity/digest_history.py",
        "if revision > self._durable or not self._revisions or",
        "if not self._revisions or",
        (f"{_DIVERGENCE}::TestHistory::test_what_is_applied_and_not_durable_is_told_to_nobody",),
    ),
    Mutant(
        "contradicted-replica-goes-on",
        "A replica that all others contradict stops at once.",
        f"{REPLICA}/integrity/divergence.py",
        "if could_agree < self._others_needed or self._clock() - since >= self._grace:",
        "if self._clock() - since >= self._grace:",
        (f"{_DIVERGENCE}::TestJudge::test_one_that_all_others_contradict_stops_at_once",),
    ),
    Mutant(
        "earlier-agreement-counts",
        "Agreement about an earlier entry says nothing about a later difference.",
        f"{REPLICA}/integrity/divergence.py",
        "agreeing = sum(revision >= first for revision in self._agreed.values())",
        "agreeing = sum(revision >= 0 for revision in self._agreed.values())",
        (f"{_DIVERGENCE}::TestJudge::test_agreement_about_an_earlier_entry_says_nothing_about_a_later_difference",),
    ),
)
