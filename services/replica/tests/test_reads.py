"""Reads: one proof, one snapshot; lists page by page from the snapshot where they began."""

import pytest
from replica_fake_raft import FakeLeadership
from replica_state import ReplicaState, customer, order, product

from quitanda.codec.documents import decode_document, document_digest, encode_document
from quitanda.codec.protobuf import refused_from_proto
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateCustomer,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    PlaceOrder,
    UpdateProduct,
)
from quitanda.domain.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from quitanda.domain.model import Customer, Kind
from quitanda.domain.outcomes import Problem, Reason
from quitanda.errors import NotLeader, Unavailable
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.documents_pb2 import HistoryEntry
from quitanda_replica.reads.page_tokens import PageTokens
from quitanda_replica.reads.reads import Reads
from quitanda_replica.reads.snapshots import OpenSnapshots, SnapshotBounds
from quitanda_replica.state.access import StateCorrupt

SECRET = "a secret of the tests"

STORED = document_digest(encode_document(Customer("ana", "Name of ana", (("vip", "true"),), 1)))
FORGED = document_digest(encode_document(Customer("ana", "Name of eva", (("vip", "true"),), 1)))


class Leadership:
    """Proves leadership, or raises what the test sets; counts how often it was asked."""

    def __init__(self):
        self.asked = 0
        self.error = None
        self.meanwhile = lambda: None

    def read_point(self, timeout):  # noqa: ARG002 - the face has it
        self.asked += 1
        self.meanwhile()
        if self.error is not None:
            raise self.error
        return 1

    def status(self):
        return FakeLeadership(term=7).status()


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class ReadingReplica:
    def __init__(self, state: ReplicaState, name="replica1", bounds=None):
        self.state = state
        self.clock = Clock()
        self.leadership = Leadership()
        self.kept = OpenSnapshots(bounds or SnapshotBounds(), self.clock)
        self.reads = Reads(
            name,
            ["replica1", "replica2", "replica3"],
            state.store,
            lambda snapshot: int.from_bytes(snapshot.get(b"Mtest") or b"", "big"),
            self.leadership,
            self.kept,
            PageTokens(SECRET),
        )

    def read(self, *items):
        return self.reads.read(pb.ReadRequest(reads=items), 1.0)

    def one(self, item):
        (result,) = self.read(item).results
        return result

    def refusal(self, item):
        return refused_from_proto(self.one(item).refused)


@pytest.fixture
def replica(state):
    reading = ReadingReplica(state)
    yield reading
    reading.kept.close()


def get(kind, document_id, known_version=None, known_digest=None):
    return pb.ReadItem(
        get=pb.GetItem(kind=kind, id=document_id, known_version=known_version, known_digest=known_digest)
    )


def get_customer(customer_id, known_version=None, known_digest=None):
    return get(pb.DOCUMENT_KIND_CUSTOMER, customer_id, known_version, known_digest)


def listing(kind=pb.ListItem.KIND_CUSTOMERS, page_size=2, page_token="", customer_id=""):
    return pb.ReadItem(list=pb.ListItem(kind=kind, page_size=page_size, page_token=page_token, customer_id=customer_id))


def ids(page):
    return [decode_document(Kind.CUSTOMER, document).customer_id for document in page.documents]


def with_customers(state, number):
    state.do(*(customer(f"c{n:04}") for n in range(number)))


def test_a_document_is_answered_in_its_stored_form_with_the_revision_of_the_snapshot(state, replica):
    state.do(customer())
    state.do(product())
    answer = replica.read(get_customer("ana"))

    assert answer.revision == 2
    assert decode_document(Kind.CUSTOMER, answer.results[0].document) == state.documents()[Kind.CUSTOMER, "ana"]


@pytest.mark.parametrize(
    ("customer_id", "known_version", "known_digest", "expected"),
    [
        ("ana", None, None, "document"),
        ("ana", 1, STORED, "unchanged"),
        ("ana", 2, STORED, "document"),
        ("ana", 1, FORGED, "document"),
        ("ana", 1, b"", "document"),
        ("ana", 1, STORED[:16], "document"),
        ("ana", 1, None, "document"),
        ("ana", None, STORED, "document"),
        ("ana", 0, b"", "document"),
        ("nobody", None, None, "absent"),
        ("nobody", 0, b"", "unchanged"),
        ("nobody", 0, None, "absent"),
        ("nobody", 1, STORED, "absent"),
        ("nobody", 0, STORED, "absent"),
        ("not\0an id", None, None, "absent"),
    ],
    ids=repr,
)
def test_a_conditional_get_answers_with_what_the_asker_does_not_hold(
    state, replica, customer_id, known_version, known_digest, expected
):
    state.do(customer())

    assert replica.one(get_customer(customer_id, known_version, known_digest)).WhichOneof("result") == expected


def test_an_answer_that_needed_a_leader_tells_its_term(state, replica):
    state.do(*(customer(f"c{n}") for n in range(3)))
    first = replica.read(listing())
    further = replica.read(listing(page_token=first.results[0].page.next_page_token))

    assert (first.term, further.term) == (7, 0)


def test_one_proof_of_leadership_serves_all_questions_of_a_call(replica):
    replica.read(get_customer("ana"), get_customer("rui"), listing())

    assert replica.leadership.asked == 1


def test_a_call_without_questions_tells_the_revision(state, replica):
    state.do(customer())

    assert replica.read().revision == 1
    assert replica.leadership.asked == 1


@pytest.mark.parametrize("error", [NotLeader, Unavailable])
def test_without_a_proof_of_leadership_nothing_is_answered(replica, error):
    replica.leadership.error = error()

    with pytest.raises(error):
        replica.read(get_customer("ana"))


@pytest.mark.parametrize("item", [get_customer("ana"), listing()], ids=["a document", "a list"])
def test_the_state_is_looked_at_only_when_the_leadership_is_proven(state, replica, item):
    # what is acknowledged between the call and the proof may not be missing from the answer
    replica.leadership.meanwhile = lambda: state.do(customer())

    answer = replica.read(item)

    assert answer.revision == 1
    assert b"ana" in (answer.results[0].document or answer.results[0].page.documents[0])


def test_a_list_is_paged_in_the_order_of_ids_until_its_end(state, replica):
    with_customers(state, 5)
    first = replica.one(listing()).page
    second = replica.one(listing(page_token=first.next_page_token)).page
    third = replica.one(listing(page_token=second.next_page_token)).page

    assert [ids(page) for page in (first, second, third)] == [["c0000", "c0001"], ["c0002", "c0003"], ["c0004"]]
    assert third.next_page_token == ""


def test_a_list_that_ends_with_a_full_page_has_no_further_one(state, replica):
    with_customers(state, 2)

    assert replica.one(listing()).page.next_page_token == ""
    assert len(replica.kept) == 0


def test_all_pages_show_the_first_pages_snapshot_while_writes_go_on(state, replica):
    with_customers(state, 4)
    first = replica.one(listing()).page
    state.do(DeleteCustomer("c0002"), CreateCustomer("c0002b", "new"))
    second = replica.one(listing(page_token=first.next_page_token)).page

    assert ids(second) == ["c0002", "c0003"]
    assert first.revision == second.revision == 1


def test_a_next_page_needs_no_leadership(state, replica):
    with_customers(state, 3)
    token = replica.one(listing()).page.next_page_token
    replica.leadership.error = NotLeader("replica2")
    answer = replica.read(listing(page_token=token))

    assert ids(answer.results[0].page) == ["c0002"]
    assert answer.revision == 1


def test_a_next_page_of_a_list_of_another_replica_names_that_replica(state, replica):
    with_customers(state, 3)
    other = ReadingReplica(state, "replica3")
    token = other.one(listing()).page.next_page_token

    with pytest.raises(NotLeader) as raised:
        replica.read(listing(page_token=token))
    assert raised.value.leader == "replica3"
    other.kept.close()


def test_a_token_of_a_replica_that_is_none_any_more_has_expired(state, replica):
    with_customers(state, 3)
    gone = ReadingReplica(state, "replica9")
    token = gone.one(listing()).page.next_page_token

    assert replica.refusal(listing(page_token=token)).reason is Reason.PAGE_TOKEN_EXPIRED
    gone.kept.close()


def test_a_list_left_alone_too_long_has_expired(state, replica):
    with_customers(state, 5)
    token = replica.one(listing()).page.next_page_token
    replica.clock.now += 59
    token = replica.one(listing(page_token=token)).page.next_page_token
    replica.clock.now += 61

    assert replica.refusal(listing(page_token=token)).reason is Reason.PAGE_TOKEN_EXPIRED
    assert len(replica.kept) == 0


def test_a_list_that_never_ends_expires_by_its_age(state, replica):
    with_customers(state, 40)
    token = replica.one(listing()).page.next_page_token
    for _ in range(12):
        replica.clock.now += 50
        token = replica.one(listing(page_token=token)).page.next_page_token
    replica.clock.now += 50

    assert replica.refusal(listing(page_token=token)).reason is Reason.PAGE_TOKEN_EXPIRED


def test_beyond_their_number_the_least_recently_used_snapshot_goes(state):
    replica = ReadingReplica(state, bounds=SnapshotBounds(number=2))
    tokens = []
    with_customers(state, 5)
    for _ in range(2):
        tokens.append(replica.one(listing()).page.next_page_token)
        state.do(UpdateProduct("nothing", name="x"))
    replica.one(listing(page_token=tokens[0]))
    tokens.append(replica.one(listing()).page.next_page_token)

    assert [replica.one(listing(page_token=token)).WhichOneof("result") for token in tokens] == [
        "page",
        "refused",
        "page",
    ]
    replica.kept.close()


def test_lists_that_begin_at_the_same_revision_share_a_snapshot(state, replica):
    with_customers(state, 3)
    for _ in range(100):
        replica.one(listing())

    assert len(replica.kept) == 1


def test_a_snapshot_in_use_is_closed_only_after_its_last_user(state, replica):
    with_customers(state, 3)
    replica.one(listing())
    (snapshot_id,) = replica.kept._kept
    borrowed = replica.kept.borrow(snapshot_id)
    replica.kept.close()

    assert borrowed.state.get(b"Mtest") is not None
    borrowed.release()


def test_a_sweep_gives_up_what_is_too_old(state, replica):
    with_customers(state, 3)
    replica.one(listing())
    replica.clock.now += 61
    replica.kept.sweep()

    assert len(replica.kept) == 0


def test_a_page_never_grows_beyond_its_bound_in_bytes(state, replica):
    big = '"' + "x" * 16_000 + '"'
    state.do(*(CreateCustomer(f"c{number:03}", "name", (("big", big),)) for number in range(150)))
    seen = []
    page = replica.one(listing(page_size=500)).page
    sizes = [sum(map(len, page.documents))]
    seen += ids(page)
    while page.next_page_token:
        page = replica.one(listing(page_size=500, page_token=page.next_page_token)).page
        sizes.append(sum(map(len, page.documents)))
        seen += ids(page)

    assert max(sizes) <= 1024 * 1024
    assert seen == [f"c{number:03}" for number in range(150)]


def test_a_page_without_a_size_has_the_default_one(state, replica):
    with_customers(state, PAGE_SIZE_DEFAULT + 1)

    assert len(replica.one(listing(page_size=0)).page.documents) == PAGE_SIZE_DEFAULT


def test_orders_are_listed_for_their_customer_only(state, replica):
    state.do(customer("ana"), customer("rui"), product())
    state.do(order("o1", "ana", pen=1), order("o2", "rui", pen=1), order("o3", "ana", pen=1), order("o4", "ana"))
    first = replica.one(listing(pb.ListItem.KIND_ORDERS, customer_id="ana")).page
    second = replica.one(listing(pb.ListItem.KIND_ORDERS, customer_id="ana", page_token=first.next_page_token)).page
    found = [decode_document(Kind.ORDER, data).order_id for data in [*first.documents, *second.documents]]

    assert found == ["o1", "o3", "o4"]


def test_the_orders_of_an_unknown_customer_are_refused(replica):
    assert replica.refusal(listing(pb.ListItem.KIND_ORDERS, customer_id="nobody")).reason is Reason.CUSTOMER_NOT_FOUND


@pytest.mark.parametrize(
    ("item", "field", "problem"),
    [
        (pb.ReadItem(), "reads", Problem.MALFORMED),
        (get(pb.DOCUMENT_KIND_UNSPECIFIED, "x"), "kind", Problem.UNKNOWN_VALUE),
        (get(99, "x"), "kind", Problem.UNKNOWN_VALUE),
        (listing(pb.ListItem.KIND_UNSPECIFIED), "kind", Problem.UNKNOWN_VALUE),
        (listing(page_size=-1), "page_size", Problem.NEGATIVE),
        (listing(page_size=PAGE_SIZE_MAX + 1), "page_size", Problem.TOO_LARGE),
        (listing(page_token="garbage"), "page_token", Problem.MALFORMED),
        (listing(page_token="ção"), "page_token", Problem.MALFORMED),
        (listing(page_token="A" * 10_000), "page_token", Problem.MALFORMED),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_alone(state, replica, item, field, problem):
    state.do(customer())
    answer = replica.read(get_customer("ana"), item)
    refusal = refused_from_proto(answer.results[1].refused)

    assert answer.results[0].HasField("document")
    assert (refusal.field, dict(refusal.details)["problem"]) == (field, problem)


def test_a_tampered_token_is_malformed(state, replica):
    with_customers(state, 3)
    token = replica.one(listing()).page.next_page_token
    for position in range(0, len(token), 5):
        other = "A" if token[position] != "A" else "B"
        tampered = token[:position] + other + token[position + 1 :]

        refusal = replica.refusal(listing(page_token=tampered))
        assert dict(refusal.details)["problem"] == Problem.MALFORMED


def test_a_token_of_another_list_is_refused(state, replica):
    state.do(customer("ana"), customer("rui"), product())
    state.do(*(order(f"o{n}", "ana") for n in range(3)))
    token = replica.one(listing(pb.ListItem.KIND_ORDERS, customer_id="ana")).page.next_page_token
    for item in (
        listing(pb.ListItem.KIND_ORDERS, customer_id="rui", page_token=token),
        listing(pb.ListItem.KIND_CUSTOMERS, page_token=token),
    ):
        refusal = replica.refusal(item)
        assert (refusal.field, dict(refusal.details)["problem"]) == ("page_token", Problem.UNKNOWN_VALUE)


def test_an_index_that_names_an_order_which_is_not_there_is_corruption(state, replica):
    state.do(customer("ana"), order("o1", "ana"))
    state.store.delete(b"Soo1")
    state.store.commit()

    with pytest.raises(StateCorrupt, match="o1"):
        replica.read(listing(pb.ListItem.KIND_ORDERS, customer_id="ana"))


class TestHistory:
    """The changes of one document, page by page, as they were when the list began."""

    @staticmethod
    def item(document_id="pen", size=2, token="", kind=pb.DOCUMENT_KIND_PRODUCT):
        return pb.ReadItem(
            list=pb.ListItem(
                kind=pb.ListItem.KIND_HISTORY,
                document_kind=kind,
                document_id=document_id,
                page_size=size,
                page_token=token,
            )
        )

    @staticmethod
    def numbers(page):
        return [HistoryEntry.FromString(each).number for each in page.documents]

    def test_it_comes_page_by_page_the_newest_first_and_stays_at_its_snapshot(self, replica):
        replica.state.raise_level()
        replica.state.do(product())
        for _ in range(4):
            replica.state.do(AdjustStock("pen", 1))
        first = replica.one(self.item()).page
        replica.state.do(DeleteProduct("pen"))
        second = replica.one(self.item(token=first.next_page_token)).page
        third = replica.one(self.item(token=second.next_page_token)).page

        assert [self.numbers(page) for page in (first, second, third)] == [[5, 4], [3, 2], [1]]
        assert third.next_page_token == ""
        assert {page.revision for page in (first, second, third)} == {first.revision}
        assert self.numbers(replica.one(self.item()).page) == [6, 5]

    def test_a_document_that_never_was_has_none(self, replica):
        assert replica.one(self.item("none")).page.documents == []

    @pytest.mark.parametrize("other", [{"document_id": "ink"}, {"kind": pb.DOCUMENT_KIND_ORDER}])
    def test_a_token_belongs_to_the_history_of_one_document(self, replica, other):
        replica.state.raise_level()
        replica.state.do(product(), product("ink"))
        replica.state.do(AdjustStock("pen", 1))
        token = replica.one(self.item(size=1)).page.next_page_token

        refusal = replica.refusal(self.item(token=token, **other))

        assert (refusal.reason, refusal.field) == (Reason.INVALID_ARGUMENT, "page_token")

    def test_a_kind_that_there_is_not_is_refused(self, replica):
        assert replica.refusal(self.item(kind=99)).field == "kind"


class TestClosedOrders:
    @pytest.fixture
    def shop(self, state, replica):
        """Have orders o0 to o5 of ana's, by turns open, placed, fulfilled; and one of rui's that is cancelled."""
        state.raise_level()
        state.do(customer(), customer("rui"), product("pen", 1_000))
        state.do(*(order(f"o{n}", pen=1) for n in range(6)), order("rui1", "rui", pen=1))
        state.do(*(PlaceOrder("ana", f"o{n}") for n in (1, 2, 4, 5)))
        state.do(FulfilOrder("o2"), FulfilOrder("o5"), CancelOrder("rui", "rui1"))
        return replica

    @staticmethod
    def orders(*states, page_size=500, page_token="", customer_id="ana"):
        item = pb.ListItem(kind=pb.ListItem.KIND_ORDERS, customer_id=customer_id, states=states)
        item.page_size, item.page_token = page_size, page_token
        return pb.ReadItem(list=item)

    @staticmethod
    def order_ids(page):
        return [decode_document(Kind.ORDER, document).order_id for document in page.documents]

    def all_pages(self, replica, *states, page_size):
        pages = [replica.one(self.orders(*states, page_size=page_size)).page]
        while token := pages[-1].next_page_token:
            pages.append(replica.one(self.orders(*states, page_size=page_size, page_token=token)).page)
        return pages

    def all_ids(self, replica, *states, page_size):
        return [self.order_ids(page) for page in self.all_pages(replica, *states, page_size=page_size)]

    def test_a_closed_order_is_absent_unless_it_is_asked_for(self, state, shop):
        asked = pb.GetItem(kind=pb.DOCUMENT_KIND_ORDER, id="o2")
        assert shop.one(pb.ReadItem(get=asked)).WhichOneof("result") == "absent"

        asked.include_closed = True
        answer = shop.one(pb.ReadItem(get=asked))

        assert decode_document(Kind.ORDER, answer.document) == state.view().closed_order("o2")
        asked.id = "o1"
        assert decode_document(Kind.ORDER, shop.one(pb.ReadItem(get=asked)).document).state == "placed"

    @pytest.mark.parametrize(
        ("states", "listed"),
        [
            ((), ["o0", "o1", "o3", "o4"]),
            (("open", "placed"), ["o0", "o1", "o3", "o4"]),
            (("placed",), ["o1", "o4"]),
            (("fulfilled", "cancelled"), ["o2", "o5"]),
            (("fulfilled", "open"), ["o0", "o2", "o3", "o5"]),
            (("returned", "expired"), []),
        ],
    )
    @pytest.mark.parametrize("page_size", [1, 2, 3, 500])
    def test_orders_are_listed_by_their_states_in_the_order_of_ids(self, shop, states, listed, page_size):
        pages = self.all_ids(shop, *states, page_size=page_size)

        assert [order_id for page in pages for order_id in page] == listed
        assert all(len(page) == page_size for page in pages[:-1])

    def test_a_token_belongs_to_the_states_that_were_asked_for(self, shop):
        token = shop.one(self.orders("open", "fulfilled", page_size=1)).page.next_page_token

        for states in ((), ("open",), ("open", "fulfilled", "placed")):
            refusal = shop.refusal(self.orders(*states, page_size=1, page_token=token))
            assert (refusal.field, dict(refusal.details)["problem"]) == ("page_token", Problem.UNKNOWN_VALUE)

    @pytest.mark.parametrize(("states", "problem"), [(("sold",), "unknown_value"), (("open",) * 7, "too_many")])
    def test_states_that_there_are_not_are_refused(self, shop, states, problem):
        refusal = shop.refusal(self.orders(*states))

        assert (refusal.field, dict(refusal.details)["problem"]) == ("states", problem)


class TestFoundOrders:
    @pytest.fixture
    def shop(self, state, replica):
        """Have five orders of ana's with a pen."""
        state.do(customer(), product("pen", 1_000))
        state.do(*(order(f"o{n}", pen=1) for n in range(5)))
        return replica

    @staticmethod
    def item(**asked):
        return pb.ReadItem(list=pb.ListItem(**{"kind": pb.ListItem.KIND_FOUND_ORDERS, "page_size": 2} | asked))

    def test_pages_show_one_snapshot_and_the_last_one_has_no_token(self, state, shop):
        first = shop.one(self.item(newest_first=True)).page
        state.do(CancelOrder("ana", "o1"), order("o9"))
        second = shop.one(self.item(newest_first=True, page_token=first.next_page_token)).page
        last = shop.one(self.item(newest_first=True, page_token=second.next_page_token)).page

        orders = [decode_document(Kind.ORDER, each) for page in (first, second, last) for each in page.documents]
        assert [each.order_id for each in orders] == ["o4", "o3", "o2", "o1", "o0"]
        assert {each.state for each in orders} == {"open"}
        assert (first.revision, last.revision, last.next_page_token) == (2, 2, "")

    @pytest.mark.parametrize(
        "other",
        [
            {"states": ["open", "placed"]},
            {"customer_id": "rui"},
            {"product_id": ""},
            {"created_from_ms": 2},
            {"created_before_ms": 10**12},
            {"newest_first": True},
            {"kind": pb.ListItem.KIND_ORDERS},
        ],
    )
    def test_a_token_belongs_to_all_that_was_asked_for(self, shop, other):
        asked = {"states": ["open"], "customer_id": "ana", "product_id": "pen", "created_from_ms": 1}
        token = shop.one(self.item(**asked)).page.next_page_token

        refusal = shop.refusal(self.item(**{**asked, **other}, page_token=token))

        assert (refusal.field, dict(refusal.details)["problem"]) == ("page_token", Problem.UNKNOWN_VALUE)
