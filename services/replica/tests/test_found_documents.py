"""Searches of a replica: which documents a page has, from which snapshot, and what is kept in memory for the next."""

import pytest
from test_reads import ReadingReplica

from quitanda.codec.document_filters import DocumentFilter
from quitanda.codec.documents import decode_document
from quitanda.domain.commands import CreateCustomer, CreateProduct, DeleteProduct, UpdateProduct
from quitanda.domain.model import Kind, Product
from quitanda.domain.outcomes import Problem, Reason
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.reads.found_documents import DECODED_MAX, IDLE_SECONDS, WALKED_MAX, SearchMemory, find_page
from quitanda_replica.state import keys
from quitanda_replica.state.stored_documents import to_value

RARE = {WALKED_MAX - 1, 2 * WALKED_MAX}
PRODUCTS = pb.ListItem.KIND_FOUND_PRODUCTS


@pytest.fixture
def replica(state):
    reading = ReadingReplica(state)
    yield reading
    reading.kept.close()


def search(kind=PRODUCTS, page_size=2, page_token="", **wanted):
    page = {"kind": kind, "page_size": page_size, "page_token": page_token}
    return pb.ReadItem(list=pb.ListItem(**page, filter=pb.DocumentFilter(**wanted)))


def ids(documents, kind=Kind.PRODUCT):
    return [getattr(decode_document(kind, each), f"{kind.value}_id") for each in documents]


def with_coffees(state, number):
    state.do(*(CreateProduct(f"cafe-{each}", "Café", 100 * each, each) for each in range(number)))
    state.do(CreateProduct("cha", "Chá", 100, 1))


def test_a_search_shows_what_passes_its_filter_page_by_page(state, replica):
    with_coffees(state, 5)
    first = replica.one(search(words="CAFE", in_stock=True)).page
    second = replica.one(search(words="CAFE", in_stock=True, page_token=first.next_page_token)).page

    assert ids(first.documents) + ids(second.documents) == ["cafe-1", "cafe-2", "cafe-3", "cafe-4"]
    assert second.next_page_token == ""


def test_customers_are_found_by_the_words_of_their_names(state, replica):
    state.do(CreateCustomer("c1", "Ana Conceição"), CreateCustomer("c2", "Bia"), CreateCustomer("ana-2", "Eva"))
    found = replica.one(search(pb.ListItem.KIND_FOUND_CUSTOMERS, words="ana")).page

    assert ids(found.documents, Kind.CUSTOMER) == ["ana-2", "c1"]


def test_a_search_shows_every_change_that_was_made_before_it(state, replica):
    with_coffees(state, 2)
    before = ids(replica.one(search(words="cafe")).page.documents)
    state.do(UpdateProduct("cafe-0", name="Mate"), UpdateProduct("cha", name="Café de cevada"))
    state.do(DeleteProduct("cafe-1"))

    assert before == ["cafe-0", "cafe-1"]
    assert ids(replica.one(search(words="cafe", page_size=9)).page.documents) == ["cafe-0", "cha"]
    assert ids(replica.one(search(words="mate")).page.documents) == ["cafe-0"]


def test_all_pages_of_a_search_show_the_first_pages_snapshot(state, replica):
    with_coffees(state, 4)
    first = replica.one(search(words="cafe")).page
    state.do(UpdateProduct("cafe-2", name="Mate", description="-"), DeleteProduct("cafe-3"))
    replica.one(search(words="mate"))
    second = replica.one(search(words="cafe", page_token=first.next_page_token)).page

    assert ids(second.documents) == ["cafe-2", "cafe-3"]
    assert decode_document(Kind.PRODUCT, second.documents[0]).name == "Café"
    assert (first.revision, second.revision) == (2, 2)


@pytest.mark.parametrize(
    "other",
    [
        {"words": "cha"},
        {"words": "cafe", "low": True},
        {"words": "cafe", "price_from": 0},
        {"words": "cafe", "kind": pb.ListItem.KIND_FOUND_CUSTOMERS},
        {"words": "cafe", "kind": pb.ListItem.KIND_PRODUCTS},
    ],
    ids=str,
)
def test_a_token_of_another_search_or_list_is_refused(state, replica, other):
    with_coffees(state, 4)
    token = replica.one(search(words="cafe")).page.next_page_token
    refused = replica.refusal(search(**other, page_token=token))

    assert (refused.reason, refused.field) == (Reason.INVALID_ARGUMENT, "page_token")


def test_a_filter_that_no_portal_lets_through_is_refused_here_too(replica):
    refused = replica.refusal(search(price_from=2, price_to=1))

    assert (refused.field, dict(refused.details)["problem"]) == ("price_from", Problem.TOO_LARGE)


def pages(snapshot, memory, wanted, size):
    """Read all pages: the ids on each."""
    page = find_page(snapshot, memory, Kind.PRODUCT, wanted, None, size)
    found = [ids(page.documents)]
    while page.next_after is not None:
        page = find_page(snapshot, memory, Kind.PRODUCT, wanted, page.next_after, size)
        found.append(ids(page.documents))
    return found


def put_products(state, number):
    for each in range(number):
        product = Product(f"p{each:05}", "Rare" if each in RARE else "Pen", "", 1, 1, (), each + 1)
        state.store.put(keys.document(Kind.PRODUCT, product.product_id), to_value(product))
    state.store.commit()


def test_a_page_looks_at_a_bounded_number_of_documents_and_the_search_goes_on_behind_them(state):
    put_products(state, 2 * WALKED_MAX + 1)
    memory = SearchMemory()
    with state.store.snapshot() as snapshot:
        at_first = pages(snapshot, memory, DocumentFilter("rare"), 100)
        found = pages(snapshot, memory, DocumentFilter("rare"), 100)

    assert [page for page in at_first if page] == [["p09999"], ["p20000"]]
    assert len(at_first) == 2 * WALKED_MAX // DECODED_MAX + 1
    assert found == [["p09999"], [], ["p20000"]]


def test_what_was_decoded_once_is_not_decoded_again_and_a_new_version_is(state):
    state.do(CreateProduct("tea", "Tea", 1, 1))
    memory, key = SearchMemory(), keys.document(Kind.PRODUCT, "tea")
    before = state.store.get(key)
    first = memory.fields_of(Kind.PRODUCT, key, before, 0.0)
    state.do(UpdateProduct("tea", name="Green tea"))
    after = memory.fields_of(Kind.PRODUCT, key, state.store.get(key), 0.0)

    assert memory.fields_of(Kind.PRODUCT, key, state.store.get(key), 0.0) is after
    assert (first.text, after.text) == (" tea tea", " tea green tea")
    assert memory.fields_of(Kind.PRODUCT, key, before, 0.0).text == " tea tea"


def test_memory_stays_within_its_bound_and_the_answers_stay_right(state):
    put_products(state, 100)
    memory = SearchMemory(size_max=5_000)
    with state.store.snapshot() as snapshot:
        found = [pages(snapshot, memory, DocumentFilter("pen"), 1_000) for _ in range(3)]

    assert found == [[[f"p{each:05}" for each in range(100)]]] * 3
    assert 0 < memory.size <= 5_000


def test_a_document_that_is_gone_makes_room_when_no_search_has_met_it_for_long():
    clock = [0.0]
    memory = SearchMemory(size_max=1_000, clock=lambda: clock[0])
    values = {f"p{each}": to_value(Product(f"p{each}", "Pen", "", 1, 1, (), each + 1)) for each in range(6)}

    def meet(product_id):
        key = keys.document(Kind.PRODUCT, product_id)
        return memory.fields_of(Kind.PRODUCT, key, values[product_id], memory.now())

    for product_id in ("p0", "p1"):
        meet(product_id)
    clock[0] = IDLE_SECONDS + 1
    met = meet("p1")
    meet("p2")

    assert meet("p2") is meet("p2")
    assert meet("p1") is met
    assert 0 < memory.size <= 1_000


def test_a_search_for_low_products_looks_at_no_others(state):
    state.raise_level()
    put_products(state, 2 * WALKED_MAX)
    low = [CreateProduct(f"q{each}", "Pen", 1, 0, reorder_level=1) for each in range(3)]
    state.do(*low, CreateProduct("q9", "Ink", 1, 0, reorder_level=1))
    with state.store.snapshot() as snapshot:
        found = pages(snapshot, SearchMemory(), DocumentFilter("pen", low=True), 2)

    assert found == [["q0", "q1"], ["q2"]]
