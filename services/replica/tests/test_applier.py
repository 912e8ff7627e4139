"""The applier: the pure rules over a real store."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replica_state import ReplicaState, customer, entry, order, product

from quitanda.codec.documents import encode_document
from quitanda.codec.protobuf import encode_request
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateCredential,
    CreateCustomer,
    CreateFirstCredential,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    Principal,
    RaiseLevel,
    Request,
    RevokeCredential,
    RotateCredential,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.machine import execute
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Done, Problem, Reason, invalid, refused
from quitanda.domain.state import Delete, Execution
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.dedup_window import WindowBounds
from quitanda_replica.state.store import StoreFailed
from quitanda_testing import invariants
from quitanda_testing.in_memory_state import InMemoryState


def test_an_order_takes_stock_and_stands_in_both_indexes(state):
    state.do(customer(), product("pen"), product("ink"))
    ((outcome, revision),) = state.do(order("o1", pen=3, ink=1))

    assert revision == 2
    assert outcome.document == state.documents()[Kind.ORDER, "o1"]
    assert state.view().product("pen").quantity == 7
    assert state.view().orders_of_customer("ana", 10) == ["o1"]
    assert state.view().orders_with_product("pen", 10) == state.view().orders_with_product("ink", 10) == ["o1"]


def test_requests_of_one_entry_see_what_the_earlier_ones_changed(state):
    outcomes = state.do(customer(), product("pen", quantity=5), order("o1", pen=4), order("o2", pen=2))

    assert [type(outcome) is Done for outcome, _ in outcomes] == [True, True, True, False]
    assert outcomes[3][0].reason is Reason.OUT_OF_STOCK


def test_an_item_taken_out_leaves_the_index_of_its_product_only(state):
    state.do(customer(), product("pen"), product("ink"), order("o1", pen=3, ink=1))
    state.do(SetOrderItems("ana", "o1", (ItemQuantity("pen", 0),)))

    assert state.view().orders_with_product("pen", 10) == []
    assert state.view().orders_with_product("ink", 10) == ["o1"]
    assert state.view().orders_of_customer("ana", 10) == ["o1"]


def test_a_cancelled_order_leaves_no_trace_but_its_outcome(state):
    state.do(customer(), product())
    before = {key for key in state.contents() if not key.startswith((b"Sr", b"Sq"))}
    state.do(order("o1", pen=3))
    state.do(CancelOrder("ana", "o1"))

    assert {key for key in state.contents() if not key.startswith((b"Sr", b"Sq"))} == before
    assert state.view().product("pen").quantity == 10


def test_an_index_of_an_id_that_begins_like_another_is_not_mixed_up(state):
    state.do(customer("ana"), customer("ana2"), product("pen"), product("pen.1"))
    state.do(order("o1", "ana", pen=1), order("o2", "ana2", **{"pen.1": 1}))

    assert state.view().orders_of_customer("ana", 10) == ["o1"]
    assert state.view().orders_with_product("pen", 10) == ["o1"]


def test_a_repeated_request_gets_the_first_outcome_and_changes_nothing(state):
    state.do(customer(), product())
    request = Request("ana", "again", order("o1", pen=3))
    first = state.apply(request)
    before = state.contents()
    second = state.apply(request, request)

    assert second == first * 2
    assert state.contents() == before


def test_a_repeated_request_of_the_same_entry_is_done_once(state):
    state.do(customer(), product())
    request = Request("ana", "again", order("o1", pen=3))

    first, second = state.apply(request, request)

    assert first == second
    assert state.view().product("pen").quantity == 7


def test_the_counters_count_documents_versions_and_the_last_change(state):
    state.do(customer("ana"), customer("rui"), product(), order("o1", pen=1))
    state.do(DeleteCustomer("rui"))
    state.do(DeleteCustomer("nobody"))

    counters = state.counters()

    assert (counters.customers, counters.products, counters.orders) == (1, 1, 1)
    assert counters.last_version == 5
    assert counters.last_changed == 2


def test_after_a_restart_the_state_and_the_memory_of_requests_are_the_same(state):
    request = Request("", "again", customer())
    first = state.apply(request)
    before = state.contents()
    state.reopen()

    assert state.contents() == before
    assert state.apply(request) == first


def test_the_same_log_gives_the_same_digest_on_two_stores(state, other_state):
    for replica in (state, other_state):
        replica.do(customer(), product("pen"), product("ink"))
        replica.do(order("o1", pen=3, ink=1))
        replica.do(order("o2", pen=30))
        replica.do(DeleteProduct("pen", cascade=True))

    assert state.contents() == other_state.contents()
    assert state.digest() == other_state.digest()


def test_a_different_state_has_a_different_digest(state, other_state):
    state.do(product(quantity=10))
    other_state.do(product(quantity=11))

    assert state.digest() != other_state.digest()


def test_a_changed_value_does_not_match_the_digest(state):
    state.do(customer())
    state.store.put(keys.document(Kind.CUSTOMER, "ana"), b"\0" * 8 + b"{}")
    state.store.commit()

    with pytest.raises(StateCorrupt, match="does not match its digest"):
        state.digest()


def test_an_entry_that_cannot_be_decoded_is_one_refusal_and_changes_nothing(state):
    state.do(customer())
    before = state.contents()
    ((outcome, revision),) = state.apply_payload(b"\xff\xff")

    assert (outcome.reason, revision) == (Reason.INVALID_ARGUMENT, 2)
    assert dict(outcome.details)["problem"] == Problem.MALFORMED
    assert state.contents() == before


def test_an_entry_with_one_request_that_is_no_message_changes_nothing(state):
    before = state.contents()
    good = encode_request(Request("", "s", customer()))

    ((outcome, revision),) = state.apply_payload(pb.LogEntry(requests=[good, b"\x12\x02\xff\xff"]).SerializeToString())

    assert outcome == invalid("entry", Problem.MALFORMED)
    assert revision == state.index
    assert state.contents() == before


@pytest.mark.parametrize(("depth", "decoded"), [(99, True), (100, False)])
def test_how_deep_a_request_may_be_nested_counts_from_the_entry_as_in_version_0_1_0(state, depth, decoded):
    """A request of 100 levels alone can be decoded, and within an entry it cannot: all versions must agree on it."""
    nested = b"\x8b\x3f" * depth + b"\x8c\x3f" * depth  # groups of a field that nobody knows
    request = encode_request(Request("", "s", customer())) + nested
    assert pb.Request.FromString(request).request_id == "s"

    ((outcome, _),) = state.apply_payload(pb.LogEntry(requests=[request]).SerializeToString())

    assert isinstance(outcome, Done) if decoded else outcome == invalid("entry", Problem.MALFORMED)


def test_a_request_without_a_command_is_refused_and_the_others_are_done(state):
    payload = pb.LogEntry(
        requests=[pb.Request(request_id="r").SerializeToString(), encode_request(Request("", "s", customer()))]
    ).SerializeToString()
    (nothing, _), (done, _) = state.apply_payload(payload)

    assert nothing.reason is Reason.INVALID_ARGUMENT
    assert isinstance(done, Done)


def failing_for(customer_id, error):
    def rules(view, request, revision):
        execution = execute(view, request, revision)
        if getattr(request.command, "customer_id", "") == customer_id:
            raise error
        return execution

    return rules


def test_a_rule_that_fails_is_internal_and_changes_nothing_but_the_memory_of_it(tmp_path):
    broken = ReplicaState(tmp_path / "broken", failing_for("bug", ZeroDivisionError("a bug")))
    try:
        outcomes = [outcome for outcome, _ in broken.do(customer("ana"), customer("bug"), customer("rui"))]

        assert [type(outcome) is Done for outcome in outcomes] == [True, False, True]
        assert outcomes[1] == refused(Reason.INTERNAL)
        assert set(broken.documents()) == {(Kind.CUSTOMER, "ana"), (Kind.CUSTOMER, "rui")}
        assert broken.counters().last_version == 2
        broken.digest()
    finally:
        broken.close()


def test_an_internal_refusal_stands_even_when_the_bug_is_mended(tmp_path):
    broken = ReplicaState(tmp_path / "broken", failing_for("bug", ZeroDivisionError("a bug")))
    request = Request("", "again", customer("bug"))
    first = broken.apply(request)
    broken.rules = execute
    broken.reopen()

    assert broken.apply(request) == first
    broken.close()


def test_a_rule_that_deletes_what_is_not_there_is_internal(tmp_path):
    def rules(_view, _request, revision):
        return Execution(Done(None), revision, (Delete(Kind.PRODUCT, "nothing"),))

    broken = ReplicaState(tmp_path / "broken", rules)
    ((outcome, _),) = broken.do(customer())

    assert outcome == refused(Reason.INTERNAL)
    assert broken.documents() == {}
    broken.close()


@pytest.mark.parametrize("error", [MemoryError(), RecursionError()])
def test_a_replicas_own_trouble_is_no_outcome(tmp_path, error):
    broken = ReplicaState(tmp_path / "broken", failing_for("bug", error))

    with pytest.raises(type(error)):
        broken.do(customer("bug"))
    broken.close()


def test_a_store_that_fails_is_no_outcome(state):
    state.do(customer())
    state.store.close()

    with pytest.raises(StateCorrupt) as raised:
        state.do(customer("rui"))
    assert isinstance(raised.value.__cause__, StoreFailed)


def test_a_document_that_cannot_be_read_stops_the_replica(state):
    state.do(customer())
    state.store.put(keys.document(Kind.CUSTOMER, "ana"), b"\0" * 8 + b"{}")

    with pytest.raises(StateCorrupt, match="cannot be read"):
        state.do(UpdateCustomer("ana", name="Ana"))


def test_the_sink_hears_of_changes_only_when_they_are_durable(state):
    state.applier.apply(1, entry(Request("", "r", customer())))
    heard_before = list(state.sink.entries)
    state.store.commit()
    state.applier.committed(1)

    (changes,) = state.sink.entries
    assert heard_before == []
    assert (changes.revision, changes.previous_revision) == (1, 0)
    assert [(c.kind, c.document_id, c.version) for c in changes.changes] == [(Kind.CUSTOMER, "ana", 1)]


def test_an_entry_announces_each_document_once_and_as_it_ended(state):
    state.do(customer(), product("pen"))
    state.do(order("o1", pen=1), order("o2", pen=2), CancelOrder("ana", "o1"))

    changes = state.sink.entries[-1]
    announced = {(c.kind, c.document_id): c.document for c in changes.changes}
    assert len(announced) == len(changes.changes) == 3
    for change in changes.changes:
        assert change.stored == (None if change.document is None else encode_document(change.document))
    assert announced[Kind.ORDER, "o1"] is None
    assert announced[Kind.PRODUCT, "pen"].quantity == 8
    assert changes.previous_revision == 1


def test_the_feed_hears_that_a_credential_changed_and_never_what_it_is(state):
    state.do(*map(RaiseLevel, range(2, SUPPORTED_LEVEL + 1)))
    first, second = "1" * 64, "2" * 64
    state.do(CreateFirstCredential("a" * 12, first, 1))
    state.do(RotateCredential("a" * 12, second), CreateCredential("b" * 12, "clerk", "Bia", first, 1))
    state.do(RevokeCredential("b" * 12))

    told = [(each.version, each.document, each.stored) for entry in state.sink.entries for each in entry.changes]
    assert told == [(1, None, None), (2, None, None), (3, None, None), (0, None, None)]


def test_credentials_are_counted_listed_by_their_owner_and_leave_no_trace(state):
    state.do(*map(RaiseLevel, range(2, SUPPORTED_LEVEL + 1)))
    empty = state.contents()
    state.do(customer("ana"))
    state.do(CreateFirstCredential("a" * 12, "1" * 64, 1), CreateCredential("b" * 12, "clerk", "Bia", "1" * 64, 1))
    state.do(CreateCredential("c" * 12, "customer", "phone", "1" * 64, 1, "ana"))
    assert state.counters().credentials == 3
    assert list(state.view().credentials_of("", 9)) == ["a" * 12, "b" * 12]
    assert list(state.view().credentials_of("ana", 9)) == ["c" * 12]
    assert list(state.view().credentials_of("an", 9)) == []

    state.do(RevokeCredential("b" * 12), DeleteCustomer("ana"))

    assert state.counters().credentials == 1
    assert {key for key in state.contents() if key[:2] in {b"St", b"Su", b"Sc"}} == {
        b"St" + b"a" * 12,
        b"Su\0" + b"a" * 12,
    }
    assert empty.keys() < state.contents().keys()
    state.digest()


def test_an_entry_without_changes_is_not_announced_but_moves_the_revision(state):
    state.do(customer())
    state.do(DeleteCustomer("nobody"))

    assert [changes.revision for changes in state.sink.entries] == [1]
    assert state.sink.revision == 2


def test_changes_too_large_to_announce_are_announced_without_documents(state):
    text = '"' + "x" * 16_000 + '"'
    state.do(*(CreateCustomer(f"c{number}", "name", (("big", text),)) for number in range(40)))

    (changes,) = state.sink.entries
    assert changes.changes is None


def test_an_installed_snapshot_forgets_what_was_not_yet_announced(state):
    state.do(customer())
    state.applier.apply(2, entry(Request("", "r", product())))
    state.store.commit()
    state.applier.installed(2)
    state.applier.committed(2)

    assert state.sink.restarts == [(2, 2)]
    assert [changes.revision for changes in state.sink.entries] == [1]


def test_beyond_the_bound_the_oldest_requests_are_forgotten(tmp_path):
    small = ReplicaState(tmp_path / "small", window=WindowBounds(requests=3))
    first, *_ = [Request("", f"id{n}", CreateCustomer(f"c{n}", "name")) for n in range(4)]
    for number in range(4):
        small.apply(Request("", f"id{number}", CreateCustomer(f"c{number}", "name")))

    assert small.view().remembered("", "id0") is None
    assert small.view().remembered("", "id1") is not None
    ((outcome, _),) = small.apply(first)
    assert outcome.reason is Reason.CUSTOMER_EXISTS
    assert small.counters().window_next - small.counters().window_first == 3
    small.digest()
    small.close()


def test_large_outcomes_are_forgotten_sooner(tmp_path):
    small = ReplicaState(tmp_path / "small", window=WindowBounds(requests=100, size=1_000))
    for number in range(20):
        small.apply(Request("", f"id{number}", CreateCustomer(f"c{number}", "n" * 150)))

    kept = [value for key, value in small.contents().items() if key.startswith(b"Sr")]
    assert 1 < len(kept) < 6
    assert sum(map(len, kept)) == small.counters().window_bytes <= 1_000
    small.digest()
    small.close()


ids = st.sampled_from(["a", "b"])
order_ids = st.sampled_from(["o1", "o2", "o3"])
items = st.lists(st.builds(ItemQuantity, ids, st.integers(0, 4)), max_size=3).map(tuple)
versions = st.none() | st.integers(1, 6)
credential_ids = st.sampled_from(["a" * 12, "b" * 12])
hashes = st.sampled_from(["0" * 64, "1" * 64, "2" * 64])
commands = st.one_of(
    st.builds(CreateCustomer, ids, st.sampled_from(["x", "é"])),
    st.builds(UpdateCustomer, ids, st.just("y"), expected_version=versions),
    st.builds(DeleteCustomer, ids, st.booleans(), versions),
    st.builds(CreateProduct, ids, st.just("p"), st.integers(0, 300), st.integers(0, 9)),
    st.builds(UpdateProduct, ids, price=st.integers(0, 300), expected_version=versions),
    st.builds(DeleteProduct, ids, st.booleans(), versions),
    st.builds(AdjustStock, ids, st.integers(-5, 9).filter(bool)),
    st.builds(CreateOrder, ids, order_ids, st.integers(0, 9), items),
    st.builds(SetOrderItems, ids, order_ids, items.filter(len), versions),
    st.builds(CancelOrder, ids, order_ids),
    st.builds(CreateCustomer, ids, st.just("x"), credential_id=credential_ids, secret_hash=hashes),
    st.builds(CreateFirstCredential, credential_ids, hashes, st.just(1)),
    st.builds(CreateCredential, credential_ids, st.just("admin"), st.just("l"), hashes, st.just(1)),
    st.builds(CreateCredential, credential_ids, st.just("customer"), st.just("l"), hashes, st.just(1), ids),
    st.builds(RotateCredential, credential_ids, hashes),
    st.builds(RevokeCredential, credential_ids),
)
principals = st.none() | st.builds(Principal, credential_ids, st.integers(1, 3))
requests = st.builds(Request, st.just(""), st.integers(0, 30).map(str), commands, principals)
raises = [[Request("", f"raise{level}", RaiseLevel(level)) for level in range(2, SUPPORTED_LEVEL + 1)]]
logs = st.builds(
    list.__add__, st.sampled_from([[], raises]), st.lists(st.lists(requests, min_size=1, max_size=4), max_size=12)
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(log=logs)
def test_the_store_keeps_exactly_what_the_model_in_memory_keeps(tmp_path_factory, log):
    stored = ReplicaState(tmp_path_factory.mktemp("data"), window=WindowBounds(requests=5))
    model = InMemoryState(remembered_max=5)
    try:
        for index, requests_of_entry in enumerate(log, 1):
            expected = []
            for request in requests_of_entry:
                execution = execute(model, request, index)
                model.apply(request, execution)
                expected.append((execution.outcome, execution.revision))

            assert stored.apply(*requests_of_entry) == expected

        assert list(stored.documents().values()) == list(model.documents())
        assert invariants.check(stored.view()) == []
        assert stored.view().last_version == model.last_version
        assert {key for key, _ in model.memories()} == {
            tuple(key[2:].decode().split("\0")) for key in stored.contents() if key.startswith(b"Sr")
        }
        stored.digest()
    finally:
        stored.close()


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(log=logs)
def test_how_requests_are_batched_into_entries_does_not_change_the_documents(tmp_path_factory, log):
    batched = ReplicaState(tmp_path_factory.mktemp("batched"))
    single = ReplicaState(tmp_path_factory.mktemp("single"))
    try:
        for requests_of_entry in log:
            together = [outcome for outcome, _ in batched.apply(*requests_of_entry)]
            apart = [outcome for request in requests_of_entry for outcome, _ in single.apply(request)]
            assert [_without_revisions(outcome) for outcome in together] == [_without_revisions(o) for o in apart]

        assert batched.documents() == single.documents()
        assert batched.counters().last_version == single.counters().last_version
    finally:
        batched.close()
        single.close()


def _without_revisions(outcome):
    """Leave out what names a log index: REQUEST_ID_REUSED tells when the id was used first."""
    return outcome.reason if getattr(outcome, "reason", None) is Reason.REQUEST_ID_REUSED else outcome
