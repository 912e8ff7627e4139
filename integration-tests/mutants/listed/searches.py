"""Mistakes in what finds documents and in what tells of changes: what is missed, shown twice, or another's business."""

from typing import Final

from mutants.mutant import CORE, REPLICA, TESTS, Mutant

_FOUND_ORDERS: Final = f"{REPLICA}/reads/found_orders.py"
_ORDERS: Final = f"{TESTS}/test_found_orders.py"
_FOUND_DOCUMENTS: Final = f"{REPLICA}/reads/found_documents.py"
_DOCUMENTS: Final = f"{TESTS}/test_found_documents.py"
_RECENT: Final = f"{CORE}/cache/recent_changes.py"
_RECENT_TESTS: Final = "core/tests/cache/test_recent_changes.py"
_WATCHES: Final = f"{CORE}/portal/watches.py"
_WATCH_TESTS: Final = "core/tests/portal/test_watches.py"

MUTANTS: Final = (
    Mutant(
        "placed-orders-are-found-as-open",
        "Who asks for open orders is shown none that is placed.",
        _FOUND_ORDERS,
        "        return self._any_of([keys.orders_in_state(OrderState.PLACED)] if unwanted else [])\n",
        "        return self._any_of([keys.orders_in_state(OrderState.RETURNED)] if unwanted else [])\n",
        (f"{_ORDERS}::test_orders_are_found_by_state_customer_product_and_time",),
    ),
    Mutant(
        "a-search-for-orders-forgets-one-of-two-conditions",
        "An order is found where it stands in all lists that are asked for.",
        _FOUND_ORDERS,
        "            agreed = agreed + 1 if found == place else 0\n",
        "            agreed = agreed + 1\n",
        (f"{_ORDERS}::test_orders_are_found_by_state_customer_product_and_time",),
    ),
    Mutant(
        "the-end-of-a-time-is-in-it",
        "An order of the moment at which a time ends is of the next time.",
        _FOUND_ORDERS,
        "    upper = _first_id(item.created_before_ms) if item.created_before_ms else _BEHIND_ALL\n",
        "    upper = _first_id(item.created_before_ms + 1) if item.created_before_ms else _BEHIND_ALL\n",
        (f"{_ORDERS}::test_each_order_lies_in_exactly_one_of_the_times_that_follow_each_other",),
    ),
    Mutant(
        "a-search-for-orders-has-no-bound",
        "A page of orders looks for a bounded number of keys.",
        _FOUND_ORDERS,
        "        self._left -= 1\n",
        "        self._left -= 0\n",
        (f"{_ORDERS}::test_a_page_looks_for_a_bounded_number_of_keys_and_the_next_one_goes_on",),
    ),
    Mutant(
        "a-search-shows-an-older-version",
        "A search looks at the version of a document that its snapshot has.",
        _FOUND_DOCUMENTS,
        "        if kept is not None and kept.version == version:\n",
        "        if kept is not None:\n",
        (f"{_DOCUMENTS}::test_a_search_shows_every_change_that_was_made_before_it",),
    ),
    Mutant(
        "a-search-decodes-without-a-bound",
        "A page of a search decodes a bounded number of documents.",
        _FOUND_DOCUMENTS,
        "        if walked == WALKED_MAX or decoded > DECODED_MAX:\n",
        "        if walked == WALKED_MAX:\n",
        (f"{_DOCUMENTS}::test_a_page_looks_at_a_bounded_number_of_documents_and_the_search_goes_on_behind_them",),
    ),
    Mutant(
        "the-memory-of-searches-grows",
        "What searches keep in memory has a bound.",
        _FOUND_DOCUMENTS,
        "        if self.size + grows <= self._size_max:\n",
        "        if self.size + grows <= self._size_max or new.version:\n",
        (f"{_DOCUMENTS}::test_memory_stays_within_its_bound_and_the_answers_stay_right",),
    ),
    Mutant(
        "a-page-of-a-search-leaves-one-out",
        "The next page of a search begins behind the last document that was looked at.",
        _FOUND_DOCUMENTS,
        "            if len(documents) == size or (documents and total > PAGE_BYTES_MAX):\n"
        "                return PageOfDocuments(documents, last[len(prefix) :].decode())\n",
        "            if len(documents) == size or (documents and total > PAGE_BYTES_MAX):\n"
        "                return PageOfDocuments(documents, key[len(prefix) :].decode())\n",
        (f"{_DOCUMENTS}::test_a_search_shows_what_passes_its_filter_page_by_page",),
    ),
    Mutant(
        "a-watch-goes-on-over-a-gap",
        "What the feed told before a gap is not taken for all that changed.",
        _RECENT,
        "        if step is FeedStep.GAP or history != self.history or self.since is None:\n",
        "        if history != self.history or self.since is None:\n",
        (f"{_RECENT_TESTS}::test_after_a_gap_only_what_follows_it_is_known",),
    ),
    Mutant(
        "a-watch-misses-what-was-forgotten",
        "A portal knows which changes it does not remember any more.",
        _RECENT,
        "            self.since = oldest.revision\n",
        "            self.since = self.since or oldest.revision\n",
        (f"{_RECENT_TESTS}::test_within_any_bound_nothing_after_since_is_missing",),
    ),
    Mutant(
        "a-watch-from-what-is-forgotten-begins",
        "A watch from a revision that the portal does not remember is refused.",
        _WATCHES,
        "        elif self._recent.history != self._history or self._recent.since > self._told:\n",
        "        elif self._recent.history != self._history:\n",
        (f"{_WATCH_TESTS}::test_a_revision_that_the_portal_does_not_remember_is_refused_with_the_oldest_that_it_does",),
    ),
    Mutant(
        "a-watch-of-another-history-goes-on",
        "A watch ends where the replicas turn out to have another history.",
        _WATCHES,
        "        elif self._recent.history != self._history or self._recent.since > self._told:\n",
        "        elif self._recent.since > self._told:\n",
        (f"{_WATCH_TESTS}::test_a_watch_of_another_history_ends",),
    ),
    Mutant(
        "a-customer-hears-of-every-order",
        "A customer is told of her own orders alone.",
        _WATCHES,
        "        return change.document.customer_id == customer_id\n",
        "        return bool(change.document.customer_id)\n",
        (f"{_WATCH_TESTS}::test_staff_are_told_of_every_order_and_a_customer_of_her_own_alone",),
    ),
    Mutant(
        "a-watch-outlives-its-credential",
        "A watch ends when its caller's credential is revoked.",
        _WATCHES,
        "        if named & self._proofs():\n",
        "        if not named & self._proofs():\n",
        (f"{_WATCH_TESTS}::test_the_watch_of_a_credential_that_is_revoked_ends",),
    ),
    Mutant(
        "a-watch-tells-a-deleted-customers-orders",
        "Who gets the id of a deleted customer hears nothing of her orders.",
        _WATCHES,
        "            telling.check_same_customer()\n",
        "",
        (f"{_WATCH_TESTS}::test_a_watch_from_before_a_customer_of_the_same_id_was_deleted_is_refused",),
    ),
    Mutant(
        "a-portal-that-hears-nothing-keeps-its-watches",
        "A portal that does not hear the change feed ends its watches.",
        _WATCHES,
        "        if heard_ago > FEED_SILENCE_SECONDS_MAX:\n",
        "        if heard_ago < 0:\n",
        (f"{_WATCH_TESTS}::test_a_portal_that_does_not_hear_the_feed_ends_its_watches",),
    ),
    Mutant(
        "places-of-watches-are-never-given-back",
        "A watch that ended gives its place back.",
        _WATCHES,
        "            self._held[name] -= 1\n",
        "            self._held[name] -= 0\n",
        (f"{_WATCH_TESTS}::test_one_caller_holds_so_many_watches_and_gives_the_place_of_an_ended_one_back",),
    ),
)
