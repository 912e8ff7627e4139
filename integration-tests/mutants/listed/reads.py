"""Linearizable reads: the round that confirms the leader, the index, and when the state is looked at."""

from typing import Final

from mutants.mutant import RAFT, RAFT_TESTS, REPLICA, TESTS, Mutant

_CONFIRMING: Final = f"{RAFT_TESTS}/test_agreement.py::TestConfirmingReads"
_WAITING: Final = f"{RAFT_TESTS}/test_proposals.py::TestReads"
_OTHER_ECHOES: Final = f"{_CONFIRMING}::test_an_echo_of_another_term_or_round_confirms_nobody"
_PROBE_OF: Final = (
    f"{RAFT_TESTS}/test_raft_loop.py::test_a_replica_echoes_read_probes_of_the_leader_that_it_follows_alone"
)

MUTANTS: Final = (
    Mutant(
        "looks-before-the-proof",
        "The state is looked at when the leadership is proven, not before.",
        f"{REPLICA}/reads/reads.py",
        "        self._raft.read_point(timeout)\n        term = self._raft.status().term\n"
        "        with self._now() as now:\n",
        "        term = self._raft.status().term\n        with self._now() as now:\n"
        "            self._raft.read_point(timeout)\n",
        (f"{TESTS}/test_reads.py::test_the_state_is_looked_at_only_when_the_leadership_is_proven",),
    ),
    Mutant(
        "reads-without-a-proof",
        "A read proves the leadership.",
        f"{REPLICA}/reads/reads.py",
        "        self._raft.read_point(timeout)\n",
        "",
        (f"{TESTS}/test_reads.py::test_without_a_proof_of_leadership_nothing_is_answered",),
    ),
    Mutant(
        "echo-of-any-term",
        "An echo counts in the term that it confirms.",
        f"{RAFT}/peer_messages.py",
        'if self._leads_term_of(message):\n            self._reads.on_echo(peer, message["round"])',
        'if self._core.is_leader:\n            self._reads.on_echo(peer, message["round"])',
        (_OTHER_ECHOES,),
    ),
    Mutant(
        "echo-of-any-round",
        "An echo counts in the round that it answers.",
        f"{RAFT}/read_index.py",
        "if read_round == self._round and self._confirming:",
        "if self._confirming:",
        (_OTHER_ECHOES,),
    ),
    Mutant(
        "echo-of-an-earlier-round",
        "An echo of an earlier round says nothing about a later one.",
        f"{RAFT}/read_index.py",
        "if read_round == self._round and self._confirming:",
        "if read_round <= self._round and self._confirming:",
        (_OTHER_ECHOES,),
    ),
    Mutant(
        "late-readers-join-the-round",
        "A reader that asks while a round runs waits for the next one.",
        f"{RAFT}/read_index.py",
        "        if not self._confirming and not self._begin_round(commit_index):\n",
        "        if self._confirming:\n"
        "            self._confirming, self._queued = self._confirming + self._queued, []\n"
        "        if not self._confirming and not self._begin_round(commit_index):\n",
        (f"{_CONFIRMING}::test_who_asks_while_a_round_runs_is_not_confirmed_by_it_even_if_the_round_is_sent_again",),
    ),
    Mutant(
        "reads-confirmed-by-nobody",
        "A majority confirms the leader before readers go on.",
        f"{RAFT}/read_index.py",
        "if len(self._echoes) >= self._options.majority:",
        "if len(self._echoes) >= 1:",
        (f"{_CONFIRMING}::test_one_peer_that_echoes_twice_is_no_majority",),
    ),
    Mutant(
        "one-peer-confirms-twice",
        "One peer's echoes count once.",
        f"{RAFT}/read_index.py",
        "            self._echoes.add(peer)\n",
        '            self._echoes.add(f"{peer} {len(self._echoes)}")\n',
        (f"{_CONFIRMING}::test_one_peer_that_echoes_twice_is_no_majority",),
    ),
    Mutant(
        "echo-for-anybody",
        "A replica confirms the leader that it follows, in its term.",
        f"{RAFT}/peer_messages.py",
        "if self._gate.voting_is_durable and self._is_from_leader(peer, message):",
        "if self._gate.voting_is_durable:",
        (_PROBE_OF,),
    ),
    Mutant(
        "echo-for-an-older-term",
        "A replica confirms a leader in its own term alone.",
        f"{RAFT}/peer_messages.py",
        'return bool(message["term"] == self._core.term and self._core.leader == peer)',
        "return bool(self._core.leader == peer)",
        (_PROBE_OF,),
    ),
    Mutant(
        "reads-before-the-own-no-op",
        "A new leader answers readers when an entry of its own term is committed.",
        f"{RAFT}/leadership.py",
        "if self._journal.term_at(commit_index) != self._core.term:",
        "if self._journal.term_at(commit_index) > self._core.term:",
        (
            (
                f"{RAFT_TESTS}/test_raft_loop.py"
                "::test_a_new_leader_answers_readers_only_when_an_entry_of_its_term_is_committed"
            ),
        ),
    ),
    Mutant(
        "reads-of-what-is-not-applied",
        "A reader goes on when the state has reached its index.",
        f"{RAFT}/raft_loop.py",
        "self.reads.release(self._durable)",
        "self.reads.release(self._core.commit_index)",
        (f"{_CONFIRMING}::test_a_reader_goes_on_only_when_everything_committed_before_its_round_is_applied",),
    ),
    Mutant(
        "reads-of-what-is-not-durable",
        "A reader goes on when the state at its index is durable.",
        f"{RAFT}/raft_loop.py",
        "        self._journal.stage_raft_state()\n        self._store.commit()",
        "        self._journal.stage_raft_state()\n"
        "        self.reads.release(self._applied)\n"
        "        self._store.commit()",
        (f"{_CONFIRMING}::test_a_reader_does_not_go_on_with_what_is_applied_and_not_durable",),
    ),
    Mutant(
        "round-outlives-the-leadership",
        "Readers whose round runs, or who wait for its index, are sent away when the leadership ends, too.",
        f"{RAFT}/read_index.py",
        "        waiting = queued + self._confirming + [waiter for _, waiters in self._applying "
        "for waiter in waiters]\n"
        "        self._confirming, self._applying = [], []\n",
        "        waiting = queued\n",
        (f"{_CONFIRMING}::test_readers_do_not_outlive_the_term_in_which_they_asked",),
    ),
    Mutant(
        "half-replaced-state-is-read",
        "A state that is just being replaced is not read.",
        f"{REPLICA}/reads/snapshots.py",
        "if snapshot.get(INSTALL_KEY) is None:",
        'if snapshot.get(INSTALL_KEY) != b"":',
        (f"{TESTS}/test_consistent_snapshots.py::test_while_a_state_is_being_replaced_readers_are_sent_away",),
    ),
    Mutant(
        "shared-snapshot-closed-in-use",
        "A snapshot is closed by its last user.",
        f"{REPLICA}/reads/snapshots.py",
        "            self._users += 1",
        "            self._users += 0",
        (f"{TESTS}/test_reads.py::test_a_snapshot_in_use_is_closed_only_after_its_last_user",),
    ),
    Mutant(
        "page-of-another-list",
        "A page token goes on with the list that it was given for.",
        f"{REPLICA}/reads/reads.py",
        '_LIST_FIELDS: Final = ("kind", "customer_id", "document_kind", "document_id", *_ORDER_FIELDS)',
        '_LIST_FIELDS: Final = ("kind", "document_kind", "document_id", *_ORDER_FIELDS)',
        (f"{TESTS}/test_reads.py::test_a_token_of_another_list_is_refused",),
    ),
    Mutant(
        "page-of-another-history",
        "A page token goes on with the history of the document that it was given for.",
        f"{REPLICA}/reads/reads.py",
        '_LIST_FIELDS: Final = ("kind", "customer_id", "document_kind", "document_id", *_ORDER_FIELDS)',
        '_LIST_FIELDS: Final = ("kind", "customer_id", "document_kind", *_ORDER_FIELDS)',
        (f"{TESTS}/test_reads.py::TestHistory::test_a_token_belongs_to_the_history_of_one_document",),
    ),
    Mutant(
        "page-of-other-states",
        "A page token goes on with the states that it was given for.",
        f"{REPLICA}/reads/reads.py",
        '_LIST_FIELDS: Final = ("kind", "customer_id", "document_kind", "document_id", *_ORDER_FIELDS)',
        '_LIST_FIELDS: Final = ("kind", "customer_id", "document_kind", "document_id")',
        (f"{TESTS}/test_reads.py::TestClosedOrders::test_a_token_belongs_to_the_states_that_were_asked_for",),
    ),
    Mutant(
        "page-of-another-search",
        "A page token goes on in the direction that it was given for.",
        f"{REPLICA}/reads/reads.py",
        '"created_from_ms", "created_before_ms", "newest_first")',
        '"created_from_ms", "created_before_ms")',
        (f"{TESTS}/test_reads.py::TestFoundOrders::test_a_token_belongs_to_all_that_was_asked_for",),
    ),
    Mutant(
        "placed-orders-among-the-open-ones",
        "Open orders are the live ones that are not placed.",
        f"{REPLICA}/reads/found_orders.py",
        "if unwanted.at(place) != found and (document",
        "if (document",
        (f"{TESTS}/test_found_orders.py::test_orders_are_found_by_state_customer_product_and_time",),
    ),
    Mutant(
        "search-ends-where-its-keys-end",
        "A page that has looked for as many keys as it may says where the list goes on.",
        f"{REPLICA}/reads/found_orders.py",
        "            return PageOfDocuments(documents, None if search.is_at(place, bound) else place.decode())",
        "            return PageOfDocuments(documents, None)",
        (f"{TESTS}/test_found_orders.py::test_a_page_looks_for_a_bounded_number_of_keys_and_the_next_one_goes_on",),
    ),
    Mutant(
        "time-without-its-first-order",
        "An order that is made at the beginning of a time lies in it.",
        f"{REPLICA}/reads/found_orders.py",
        "    lower = _first_id(item.created_from_ms) if",
        "    lower = _first_id(item.created_from_ms + 1) if",
        (f"{TESTS}/test_found_orders.py::test_orders_are_found_by_state_customer_product_and_time",),
    ),
    Mutant(
        "placed-order-in-no-index",
        "An order that changes its state, and nothing else, changes the indexes.",
        f"{REPLICA}/state/view.py",
        "    return order.state, order.customer_id, order.expires_at_ms,",
        "    return order.customer_id, order.customer_id, order.expires_at_ms,",
        (
            "services/replica/tests/test_order_states.py::test_an_order_stands_in_the_index_of_its_state_unless_it_is_open",
        ),
    ),
    Mutant(
        "closed-orders-in-every-get",
        "A closed order is shown only where it is asked for.",
        f"{REPLICA}/reads/reads.py",
        "    if question.include_closed:  # an order\n",
        "    if question.kind is Kind.ORDER:\n",
        (f"{TESTS}/test_reads.py::TestClosedOrders::test_a_closed_order_is_absent_unless_it_is_asked_for",),
    ),
    Mutant(
        "page-skips-a-document",
        "The next page begins behind the last document of this one.",
        f"{REPLICA}/reads/pages.py",
        "            return PageOfDocuments(documents, last)\n        documents.append",
        "            return PageOfDocuments(documents, document_id)\n        documents.append",
        (f"{TESTS}/test_reads.py::test_a_list_is_paged_in_the_order_of_ids_until_its_end",),
    ),
    Mutant(
        "readers-outlive-the-leadership",
        "Readers are sent away when the leadership ends.",
        f"{RAFT}/leadership.py",
        "        self._reads.reject(rejection)\n",
        "",
        (f"{_CONFIRMING}::test_readers_do_not_outlive_the_term_in_which_they_asked",),
    ),
    Mutant(
        "forged-document-confirmed",
        "A document is unchanged if its version and its content are.",
        f"{REPLICA}/reads/reads.py",
        "return version_of(value) == version and document_digest(json_of(value)) == digest",
        "return version_of(value) == version",
        (f"{TESTS}/test_reads.py::test_a_conditional_get_answers_with_what_the_asker_does_not_hold",),
    ),
)
