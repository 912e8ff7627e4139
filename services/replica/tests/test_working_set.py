"""Documents that are held decoded: bounded, and never other than what stands in the store."""

import random

import pytest
from replica_state import ReplicaState, customer, order, product

from quitanda.codec.protobuf import request_from_proto
from quitanda.domain import machine
from quitanda.domain.commands import (
    CancelOrder,
    DeleteProduct,
    ItemQuantity,
    RaiseLevel,
    Request,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import Customer, Kind, Product
from quitanda.domain.outcomes import Done, Reason, refused
from quitanda.domain.state import Delete, Execution
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.stored_documents import WorkingSet, json_of, to_value


def pens(quantity):
    return Product("pen", "Pen", "", 250, quantity, (), quantity)


@pytest.fixture
def state(tmp_path):
    state = ReplicaState(tmp_path / "state")
    yield state
    state.close()


def test_a_written_document_is_not_decoded_again():
    documents = WorkingSet()
    pen = pens(1)

    assert documents.product(documents.write(pen)) is pen


def test_a_document_is_decoded_once():
    documents = WorkingSet()
    value = to_value(pens(1))

    first = documents.product(value)

    assert first == pens(1)
    assert documents.product(bytes(bytearray(value))) is first


def test_the_documents_used_longest_ago_leave_beyond_the_bound():
    documents = WorkingSet(size_max=2_000)
    first, *later = [documents.write(pens(number)) for number in range(1, 4)]
    kept = documents.product(first)

    for number in range(4, 100):
        documents.write(pens(number))
        assert documents.product(first) is kept
        assert documents.size <= 2_000

    last = pens(99)
    assert documents.product(later[0]) == pens(2)  # decoded anew, from its bytes
    assert documents.product(to_value(last)) == last


def test_a_document_larger_than_the_bound_is_not_held():
    documents = WorkingSet(size_max=300)

    value = documents.write(pens(1))

    assert documents.size == 0
    assert documents.product(value) == pens(1)


def test_writing_a_document_twice_counts_it_once():
    documents = WorkingSet()
    documents.write(pens(1))
    size = documents.size

    documents.write(pens(1))

    assert documents.size == size


def test_each_level_reads_a_document_for_itself():
    documents = WorkingSet()
    written = pens(1)
    value = documents.write(written, 1)

    read = documents.product(value, SUPPORTED_LEVEL)

    assert read == written
    assert read is not written
    assert documents.product(value, 1) is written


def test_what_is_held_as_another_kind_is_corrupt():
    documents = WorkingSet()
    value = documents.write(pens(1))

    with pytest.raises(StateCorrupt, match="not an order"):
        documents.order(value)


def test_a_request_that_fails_in_the_middle_leaves_nothing_behind(tmp_path):
    def rules(view, request, revision):
        execution = machine.execute(view, request, revision)
        if request.request_id == "fails":
            return Execution(Done(None), revision, (*execution.changes, Delete(Kind.CUSTOMER, "nobody")))
        return execution

    state = ReplicaState(tmp_path / "state", rules)
    state.do(customer(), product(quantity=10), order(pen=3))
    change = SetOrderItems("ana", "o1", (ItemQuantity("pen", 8),))

    (failed, _), (again, _) = state.apply(Request("ana", "fails", change), Request("ana", "works", change))

    assert failed == refused(Reason.INTERNAL)
    assert again.document.items[0].quantity == 8
    assert again.document.version == 5  # the versions that the failed request would have given were never used
    assert state.documents()[Kind.PRODUCT, "pen"].quantity == 2
    state.digest()
    state.close()


def test_a_document_made_anew_is_not_the_one_that_was_deleted(state):
    state.do(product(quantity=10))
    state.do(DeleteProduct("pen"))
    state.do(product(quantity=5), customer())

    ((outcome, _),) = state.do(order(pen=6))

    assert outcome.reason is Reason.OUT_OF_STOCK
    assert state.documents()[Kind.PRODUCT, "pen"].quantity == 5


def test_an_installed_state_is_decided_on_instead_of_the_one_before(state, tmp_path):
    other = ReplicaState(tmp_path / "other")
    other.do(product(quantity=5))
    pairs = other.contents()
    other.close()
    state.do(product(quantity=10))
    for key in state.contents():
        state.store.delete(key)
    for key, value in pairs.items():
        state.store.put(key, value)
    state.store.commit()
    state.applier.installed(7)
    state.index = 7

    ((outcome, _),) = state.do(UpdateProduct("pen", name="Blue pen"))

    assert outcome.document.quantity == 5
    state.digest()


def test_raising_the_level_changes_no_document(state):
    state.do(customer(), product(quantity=10), order(pen=3))
    before = state.documents()

    state.do(RaiseLevel(2), UpdateCustomer("ana", extra=(("total", "1"),)))

    documents = state.documents()
    ana = documents.pop((Kind.CUSTOMER, "ana"))
    assert ana == Customer("ana", "Name of ana", (("total", "1"), ("vip", "true")), 5)
    assert documents == {key: value for key, value in before.items() if key[0] is not Kind.CUSTOMER}


TEXTS = [
    "1",
    "1.50",
    "-0",
    "0.0",
    "1e3",
    "1E400",
    '"é \\u2028"',
    '{ "b" : 2, "a" : [1.10, null] }',
    "[ ]",
    "true",
    '"\\ud83c\\udf50"',
]


@pytest.mark.parametrize("seed", range(4))
def test_what_the_rules_made_is_what_its_bytes_are_read_as(state, seed):
    """A document enters as the rules made it, and after a restart as it is decoded: no command tells them apart."""
    choose = random.Random(seed)
    documents = state.applier._working_set
    state.do(customer(), *(product(f"p{number}", quantity=1_000) for number in range(5)), order())
    for _ in range(60):
        message = pb.Request(scope="ana", request_id=str(choose.random()))
        command = message.set_order_items
        command.customer_id, command.order_id = "ana", "o1"
        for number in choose.sample(range(5), 2):
            item = command.items.add(product_id=f"p{number}", quantity=choose.randrange(5))
            item.extra.add(name=f"n{choose.randrange(3)}", value_json=choose.choice(TEXTS))
        command.extra.add(name=f"n{choose.randrange(3)}", value_json=choose.choice(TEXTS))
        assert isinstance(request_from_proto(message), Request)
        state.apply_payload(pb.LogEntry(requests=[message.SerializeToString()]).SerializeToString())

    value = state.store.get(keys.document(Kind.ORDER, "o1"))
    assert documents.order(value, 1) == WorkingSet().order(value, 1)
    for (held, level), document in documents._documents.items():
        read = {"Order": WorkingSet().order, "Product": WorkingSet().product, "Customer": WorkingSet().customer}
        assert repr(read[type(document).__name__](held, level)) == repr(document)
        assert json_of(held) == json_of(to_value(document))


def test_a_cancelled_order_is_answered_as_it_was_and_gone(state):
    state.do(customer(), product(quantity=10), order(pen=3))

    (cancelled, _), (again, _) = state.do(CancelOrder("ana", "o1"), order(pen=10))

    assert cancelled.document.items[0].quantity == 3
    assert again.document.items[0].quantity == 10
