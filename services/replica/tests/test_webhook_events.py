"""The events after a change as a replica reads them of its history, and what it says of changes that are forgotten."""

import pytest
from replica_state import ReplicaState, customer, order, product

from quitanda.domain.commands import AdjustStock, DeleteProduct, FulfilOrder, PlaceOrder
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.reads.webhook_events import RECORDS_READ, read_events
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.change_records import HistoryBounds

ALL = "order_created,order_placed,order_fulfilled,product_created,product_deleted,product_low,product_restocked"


@pytest.fixture
def replica(tmp_path):
    state = ReplicaState(tmp_path, history=HistoryBounds(changes=20, forgotten=1))
    state.raise_level()
    yield state
    state.close()


def read(state, after=0, events=ALL, limit=0):
    with state.store.snapshot() as snapshot:
        return read_events(snapshot, pb.EventsItem(after_number=after, events=events, limit=limit))


def told(page):
    return [(each.event, each.document_id, each.number) for each in page.events]


def test_events_are_read_in_the_order_of_the_changes_and_only_those_that_are_wanted(replica):
    replica.do(customer(), product("tea", 10))
    replica.do(order("o1", tea=2), PlaceOrder("ana", "o1"))
    replica.do(FulfilOrder("o1"))
    replica.do(DeleteProduct("tea"))

    page = read(replica)
    assert told(page) == [
        ("product_created", "tea", 2),
        ("order_created", "o1", 3),
        ("order_placed", "o1", 5),
        ("order_fulfilled", "o1", 6),
        ("product_deleted", "tea", 7),
    ]
    assert (page.up_to, page.missed) == (7, 0)
    assert told(read(replica, events="order_placed")) == [("order_placed", "o1", 5)]
    assert told(read(replica, after=5)) == told(page)[3:]


def test_reading_on_from_where_a_page_ended_tells_each_event_once(replica):
    replica.do(*(product(f"p{n}", 1) for n in range(5)))
    replica.do(*(product(f"q{n}", 1) for n in range(5)))
    found, after = [], 0
    while after < replica.counters().last_version:
        page = read(replica, after, limit=3)
        found += told(page)
        assert page.up_to > after
        after = page.up_to

    assert [number for *_, number in found] == list(range(1, 11))


def test_a_position_in_the_middle_of_an_entry_tells_only_what_comes_after_it(replica):
    replica.do(*(product(f"p{n}", 1) for n in range(5)))

    assert [number for *_, number in told(read(replica, after=3))] == [4, 5]


def test_more_records_than_are_read_at_once_are_told_as_a_whole(replica):
    replica.do(product("tea", 1))
    for _ in range(RECORDS_READ):
        replica.do(AdjustStock("tea", 1))
    replica.do(product("pen", 1))

    assert told(read(replica)) == [("product_created", "tea", 1), ("product_created", "pen", RECORDS_READ + 2)]


def test_a_position_that_the_history_has_forgotten_is_told_with_the_number_of_changes_that_are_missed(replica):
    for number in range(30):
        replica.do(product(f"p{number}", 1))
    first = replica.counters().history_first
    assert first > 1

    page = read(replica, after=2, limit=100)
    assert page.missed == first - 1 - 2
    assert [number for *_, number in told(page)] == list(range(first, 31))
    assert page.up_to == 30
    assert read(replica, after=first - 1).missed == 0
    assert read(replica, after=first - 2).missed == 1


def test_events_of_a_shop_in_which_nothing_has_happened_and_beyond_its_end_are_none(replica):
    assert (told(read(replica)), read(replica).up_to, read(replica).missed) == ([], 0, 0)
    replica.do(product("tea", 1))

    assert (told(read(replica, after=9)), read(replica, after=9).up_to) == ([], 1)


def test_a_record_that_cannot_be_read_is_a_corrupt_state_and_not_an_event_that_is_left_out(replica):
    replica.do(product("tea", 1))
    for damaged in (b"short", b"\0" * 16 + b"no JSON"):
        replica.store.put(keys.change_record(1), damaged)
        replica.store.commit()
        with pytest.raises(StateCorrupt):
            read(replica)
