"""The history of documents in the replicated state: what is kept, what is forgotten, and how it is read."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from replica_state import ReplicaState, customer, order, product

from quitanda.codec.change_records import HISTORY_ENTRY_CODEC, deleted_documents, read_head
from quitanda.codec.documents import DOCUMENT_TYPES, present_document
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    Request,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.document_history import HISTORY_LEVEL
from quitanda.domain.field_types import describe
from quitanda.domain.model import Kind
from quitanda.domain.webhook_commands import (
    CreateWebhook,
    DeleteWebhook,
    RecordDelivery,
    RotateWebhookSecret,
    SendTestEvent,
    TakeSenderLease,
    UpdateWebhook,
)
from quitanda.v1 import documents_pb2
from quitanda_replica.reads.document_history import last_change, read_history
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.change_records import HistoryBounds

NOW = 1_795_000_000_000


@pytest.fixture
def replica(tmp_path):
    state = ReplicaState(tmp_path)
    state.raise_level()
    yield state
    state.close()


def history(state, kind, document_id, size=1000):
    """All entries of a document's history, the newest first, read page by page at one snapshot."""
    with state.store.snapshot() as snapshot:
        page = read_history(snapshot, kind, document_id, last_change(snapshot, kind, document_id), size)
        entries = [read_entry(each) for each in page.entries]
        while page.next_number is not None:
            page = read_history(snapshot, kind, document_id, page.next_number, size)
            entries += [read_entry(each) for each in page.entries]
        return entries


def read_entry(data):
    return HISTORY_ENTRY_CODEC.read(documents_pb2.HistoryEntry.FromString(data))


def commands_of(entries):
    return [each.command for each in entries]


def records(state):
    return {keys.number_in(key[2:]): value for key, value in state.store.scan(keys.CHANGE_RECORDS)}


def live_and_closed(state):
    """All documents by (kind, id); closed orders are kept elsewhere, and their history goes on."""
    return state.documents() | {(Kind.ORDER, order.order_id): order for order in state.closed_orders()}


def check_records(state):
    """Check that the records are consecutive, end at the last number, have the size counted, and name deletions."""
    counters, kept = state.counters(), records(state)
    ends = [first + read_head(value).changes for first, value in kept.items()]
    assert list(kept)[:1] == ([counters.history_first] if counters.history_first else [])
    assert ends[:-1] == list(kept)[1:]
    assert ends[-1:] == ([counters.last_version + 1] if kept else [])
    assert sum(map(len, kept.values())) == counters.history_bytes
    latest = {}
    for value in kept.values():
        latest |= {keys.gone(kind, key): number for kind, key, number in deleted_documents(value)}
    documents = {keys.gone(kind, key) for kind, key in live_and_closed(state)}
    documents |= {keys.gone(Kind.WEBHOOK, key[2:].decode()) for key, _ in state.store.scan(keys.WEBHOOKS)}
    gone = {key: keys.number_in(value) for key, value in state.store.scan(b"Sg")}
    assert gone == {key: number for key, number in latest.items() if key not in documents}


class TestRecording:
    def test_below_level_three_nothing_is_recorded(self, tmp_path):
        state = ReplicaState(tmp_path)
        state.raise_level(2)
        state.do(customer(), product(), order(pen=2))
        state.do(DeleteCustomer("ana", cascade=True))

        assert not [key for key in state.contents() if key[:2] in (b"Sh", b"Sg")]
        assert state.counters().last_version == 5
        state.close()

    def test_an_entry_says_who_asked_what_and_when(self, replica):
        replica.do(product())
        replica.apply(Request("", "mine", AdjustStock("pen", 5), None, NOW))

        (adjusted, created) = history(replica, Kind.PRODUCT, "pen")

        assert (adjusted.command, adjusted.scope, adjusted.request_id) == ("adjust_stock", "", "mine")
        assert (adjusted.received_at_ms, adjusted.credential_id, adjusted.revision) == (NOW, "", replica.index)
        assert [(f.name, f.before_json, f.after_json) for f in adjusted.fields] == [("quantity", "10", "15")]
        assert (created.command, created.deleted, created.number) == ("create_product", False, 1)

    def test_every_movement_of_stock_names_its_order(self, replica):
        replica.do(customer(), product(), order("o1", pen=2))
        replica.do(SetOrderItems("ana", "o1", (ItemQuantity("pen", 5),)))
        replica.do(CancelOrder("ana", "o1"))

        moved = [
            (each.command, each.order_id, field.before_json, field.after_json)
            for each in history(replica, Kind.PRODUCT, "pen")
            for field in each.fields
            if field.name == "quantity"
        ]

        assert moved == [
            ("cancel_order", "o1", "5", "10"),
            ("set_order_items", "o1", "8", "5"),
            ("create_order", "o1", "10", "8"),
            ("create_product", "", "", "10"),
        ]

    def test_the_history_stays_when_the_document_is_deleted_and_goes_on_when_it_is_made_anew(self, replica):
        replica.do(customer())
        replica.do(DeleteCustomer("ana"))
        deleted = history(replica, Kind.CUSTOMER, "ana")
        replica.do(customer())
        replica.do(UpdateCustomer("ana", "Anne"))

        assert commands_of(deleted) == ["delete_customer", "create_customer"]
        assert (deleted[0].deleted, deleted[0].fields) == (True, ())
        assert commands_of(history(replica, Kind.CUSTOMER, "ana")) == [
            "update_customer",
            "create_customer",
            "delete_customer",
            "create_customer",
        ]
        check_records(replica)

    def test_a_refusal_and_a_change_of_nothing_are_not_recorded(self, replica):
        replica.do(customer())
        replica.do(customer(), UpdateCustomer("ana", "Name of ana"), AdjustStock("none", 1))

        assert commands_of(history(replica, Kind.CUSTOMER, "ana")) == ["create_customer"]

    def test_a_repeated_request_is_recorded_once(self, replica):
        replica.do(product())
        request = Request("", "again", AdjustStock("pen", 1), None, NOW)
        replica.apply(request, request)
        replica.apply(request)

        assert commands_of(history(replica, Kind.PRODUCT, "pen")) == ["adjust_stock", "create_product"]

    def test_what_was_there_before_level_three_has_no_history_but_gets_one(self, tmp_path):
        state = ReplicaState(tmp_path)
        state.do(product(), product("ink"))
        state.raise_level()
        state.do(AdjustStock("pen", 1))

        assert commands_of(history(state, Kind.PRODUCT, "pen")) == ["adjust_stock"]
        assert history(state, Kind.PRODUCT, "ink") == []
        check_records(state)
        state.close()

    def test_when_a_request_was_received_changes_no_decision(self, replica):
        replica.do(product())
        first = replica.apply(Request("", "one", AdjustStock("pen", 1), None, NOW))
        earlier = replica.apply(Request("", "one", AdjustStock("pen", 1), None, NOW - 3_600_000))
        replica.apply(Request("", "two", AdjustStock("pen", 1), None, NOW - 3_600_000))

        assert earlier == first
        entries = history(replica, Kind.PRODUCT, "pen")
        assert [each.received_at_ms for each in entries] == [NOW - 3_600_000, NOW, 0]
        assert [each.revision for each in entries] == sorted((each.revision for each in entries), reverse=True)


class TestBounds:
    @pytest.fixture
    def small(self, tmp_path):
        state = ReplicaState(tmp_path, history=HistoryBounds(changes=4, forgotten=1))
        state.raise_level()
        yield state
        state.close()

    def test_beyond_the_bound_the_oldest_records_are_forgotten(self, small):
        small.do(product())
        for _ in range(10):
            small.do(AdjustStock("pen", 1))

        entries = history(small, Kind.PRODUCT, "pen")

        assert [each.number for each in entries] == [11, 10, 9, 8]
        assert small.counters().history_changes == 4
        check_records(small)
        small.digest()

    def test_records_are_forgotten_several_at_once_when_the_bound_is_passed(self, tmp_path):
        state = ReplicaState(tmp_path, history=HistoryBounds(changes=6, forgotten=4))
        state.raise_level()
        kept = []
        for number in range(12):
            state.do(product(f"p{number}"))
            kept.append(state.counters().history_changes)
            check_records(state)
            state.digest()

        assert kept == [1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 3, 4]
        state.close()

    def test_a_record_that_is_missing_among_those_to_be_forgotten_is_damage(self, tmp_path):
        state = ReplicaState(tmp_path, history=HistoryBounds(changes=4, forgotten=2))
        state.raise_level()
        for number in range(4):
            state.do(product(f"p{number}"))
        state.store.delete(keys.change_record(2))

        with pytest.raises(StateCorrupt, match="no record of the change 2"):
            state.do(product("p4"))
        state.close()

    def test_as_many_changes_are_kept_as_the_bound_says(self, small):
        small.do(product(), product("ink"), product("nib"), product("cap"))

        assert small.counters().history_changes == 4

    def test_the_record_of_the_latest_entry_is_kept_however_large(self, small):
        small.do(*(product(f"p{number}") for number in range(9)))

        assert small.counters().history_changes == 9
        check_records(small)

    def test_large_records_are_forgotten_sooner(self, tmp_path):
        state = ReplicaState(tmp_path, history=HistoryBounds(size=1000))
        state.raise_level()
        for number in range(9):
            state.do(CreateProduct(f"p{number}", "Pen", 250, 1, "d" * 300))

        assert 0 < state.counters().history_bytes <= 1000
        check_records(state)
        state.close()

    def test_a_deletion_that_is_forgotten_leaves_nothing(self, small):
        small.do(customer())
        small.do(DeleteCustomer("ana"))
        small.do(product())
        for _ in range(4):
            small.do(AdjustStock("pen", 1))

        assert history(small, Kind.CUSTOMER, "ana") == []
        assert not [key for key in small.contents() if key.startswith(b"Sg")]
        check_records(small)

    def test_a_later_deletion_outlives_the_earlier_one(self, small):
        for command in (
            customer(),
            DeleteCustomer("ana"),
            customer(),
            DeleteCustomer("ana"),
            product(),
            product("ink"),
        ):
            small.do(command)

        assert commands_of(history(small, Kind.CUSTOMER, "ana")) == ["delete_customer", "create_customer"]
        check_records(small)


ids = st.sampled_from(["a", "b"])
items = st.lists(
    st.builds(ItemQuantity, st.sampled_from(["p", "q"]), st.integers(0, 3), st.sampled_from([(), (("gift", "1.50"),)])),
    max_size=3,
).map(tuple)
extras = st.sampled_from([(), (("note", '"é"'),), (("n", "1e400"), ("note", "null"))])
commands = st.one_of(
    st.builds(customer, ids),
    st.builds(UpdateCustomer, ids, st.sampled_from(["Ana", 'A "q" \\ é']), extras),
    st.builds(DeleteCustomer, ids, st.booleans()),
    st.builds(product, st.sampled_from(["p", "q"])),
    st.builds(UpdateProduct, st.sampled_from(["p", "q"]), price=st.integers(0, 999), extra=extras),
    st.builds(AdjustStock, st.sampled_from(["p", "q"]), st.sampled_from([-1, 3])),
    st.builds(DeleteProduct, st.sampled_from(["p", "q"]), st.booleans()),
    st.builds(CreateOrder, ids, st.sampled_from(["o1", "o2"]), st.just(NOW), items, extras),
    st.builds(SetOrderItems, ids, st.sampled_from(["o1", "o2"]), items, st.none(), extras),
    st.builds(CancelOrder, ids, st.sampled_from(["o1", "o2"])),
)
logs = st.lists(st.lists(commands, min_size=1, max_size=4), max_size=15)


def later_defaults(kind):
    """The fields that came after histories, with the default that each has where a document does not tell it."""
    return {each.name: each.default for each in describe(DOCUMENT_TYPES[kind]) if each.since > HISTORY_LEVEL}


def told(document, defaults):
    """The document without the fields at their default: whoever shows or records it may leave them out."""
    return {name: value for name, value in document.items() if name not in defaults or value != defaults[name]}


def shown(kind, document):
    """The document as it is shown, as parsed JSON; totals are computed, and no part of its history."""
    fields = json.loads(present_document(document))
    for counted in (fields, *fields.get("items", ())):
        counted.pop("total", None)
    return told(fields, later_defaults(kind))


def folded(kind, document_id, entries):
    """The document as its history tells it, from the first change on, as parsed JSON; None where it was deleted."""
    defaults = later_defaults(kind)
    document = {}
    for entry in reversed(entries):
        if entry.deleted:
            document = {}
            continue
        for field in entry.fields:
            place = document.setdefault("items", {}).setdefault(field.product_id, {}) if field.product_id else document
            before = place.get(field.name, defaults.get(field.name))
            if field.before_json or entry.command != "delete_customer":  # which tells nothing more of the customer
                assert json.dumps(before) == json.dumps(json.loads(field.before_json or "null"))
            if field.after_json:
                place[field.name] = json.loads(field.after_json)
            else:
                del place[field.name]
        document["items"] = {key: item for key, item in document.get("items", {}).items() if item}
        document["version"] = entry.number
    if not document:
        return None
    items = [{"product_id": key} | item for key, item in document.pop("items").items()]
    document |= {f"{kind.value}_id": document_id} | ({"items": items} if kind is Kind.ORDER else {})
    return told(document, defaults)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(log=logs)
@example(log=[[CreateCustomer("a", "Ana"), CreateOrder("a", "o1", NOW, ()), CancelOrder("a", "o1")]])
def test_a_history_folded_from_its_first_change_is_the_document(tmp_path_factory, log):
    state = ReplicaState(tmp_path_factory.mktemp("data"))
    try:
        state.raise_level()
        for entry in log:
            state.do(*entry)
        documents = {key: shown(key[0], document) for key, document in live_and_closed(state).items()}
        for kind, ids_of_kind in ((Kind.CUSTOMER, "ab"), (Kind.PRODUCT, "pq"), (Kind.ORDER, ("o1", "o2"))):
            for document_id in ids_of_kind:
                entries = history(state, kind, document_id, size=3)
                assert folded(kind, document_id, entries) == documents.get((kind, document_id))
                assert all(one.number > other.number for one, other in pairwise(entries))
        check_records(state)
        state.digest()
    finally:
        state.close()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(log=logs, bound=st.integers(1, 12), forgotten=st.integers(1, 5))
def test_what_is_kept_is_the_end_of_the_whole_history(tmp_path_factory, log, bound, forgotten):
    whole = ReplicaState(tmp_path_factory.mktemp("whole"))
    bounded = ReplicaState(tmp_path_factory.mktemp("bounded"), history=HistoryBounds(bound, forgotten=forgotten))
    try:
        for state in (whole, bounded):
            state.raise_level()
            for entry in log:
                state.do(*entry)
        check_records(bounded)
        bounded.digest()
        first = bounded.counters().history_first
        for kind, document_id in ((Kind.CUSTOMER, "a"), (Kind.PRODUCT, "p"), (Kind.ORDER, "o1")):
            kept = [each for each in history(whole, kind, document_id) if each.number >= first]
            assert history(bounded, kind, document_id) == kept
        assert bounded.documents() == whole.documents()
    finally:
        whole.close()
        bounded.close()


def test_the_history_of_a_webhook_says_who_made_and_changed_it_and_goes_on_when_it_is_made_anew(replica):
    create = CreateWebhook("hook", "https://receiver.example/", "product_low", "a" * 64, NOW)
    replica.do(create, product())
    replica.do(UpdateWebhook("hook", events="product_low,product_restocked"))
    replica.do(TakeSenderLease("portal", 0, 0), RecordDelivery("hook", 1, "none", 3), SendTestEvent("hook"))
    replica.do(RotateWebhookSecret("hook", "b" * 64))
    assert commands_of(history(replica, Kind.WEBHOOK, "hook")) == [
        "rotate_webhook_secret",
        "update_webhook",
        "create_webhook",
    ]

    replica.do(DeleteWebhook("hook"))
    assert history(replica, Kind.WEBHOOK, "hook")[0].deleted
    replica.do(create)
    entries = history(replica, Kind.WEBHOOK, "hook")
    assert commands_of(entries)[:2] == ["create_webhook", "delete_webhook"]
    assert len(entries) == 5
    assert not any(secret in repr(records(replica)) for secret in ("a" * 64, "b" * 64))
    check_records(replica)
    replica.digest()


def test_the_feed_tells_nothing_of_webhooks_that_the_history_has(replica):
    replica.do(CreateWebhook("hook", "https://receiver.example/", "product_low", "a" * 64, NOW))

    assert replica.counters().last_version == 1
    assert replica.sink.entries == []


def test_a_record_that_does_not_fit_the_document_is_damage(replica):
    replica.do(product(), product("ink"))
    with replica.store.snapshot() as snapshot, pytest.raises(StateCorrupt, match="not one of product pen"):
        read_history(snapshot, Kind.PRODUCT, "pen", 2, 10)
