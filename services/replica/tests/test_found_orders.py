"""Orders found by state, customer, product and time: what a replica reads of its indexes is what a model finds."""

import re
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replica_state import ReplicaState, customer, order, product

from quitanda.codec.documents import decode_document
from quitanda.codec.queries import FindOrders
from quitanda.domain.commands import (
    AdvanceClock,
    CancelOrder,
    CancelOrderItems,
    CreateOrder,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ItemQuantity,
    PlaceOrder,
    ReturnOrder,
    SetOrderDeadline,
    SetOrderItems,
)
from quitanda.domain.model import Kind, OrderState
from quitanda.domain.outcomes import Done
from quitanda.portal.ids import uuid7
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.reads.found_orders import KEYS_SOUGHT_MAX, read_found_orders
from quitanda_replica.reads.pages import PAGE_BYTES_MAX
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_testing.found_orders import found_orders

NOON_MS = 1_800_000_000_000
STATES = tuple(state.value for state in OrderState)


def order_id(number):
    """The id of an order that a portal makes so many milliseconds after noon."""
    return uuid7((NOON_MS + number) * 1_000_000, number.to_bytes(8, "big"))


ANAS_OPEN, ANAS_PLACED, RUIS_FULFILLED, RUIS_RETURNED, ANAS_CANCELLED, ANAS_EXPIRED, RUIS_OPEN = map(order_id, range(7))


@pytest.fixture
def replica(tmp_path):
    """Seven orders, one millisecond apart: ana's with pens, rui's with pens and ink; the last one is empty."""
    state = ReplicaState(tmp_path)
    state.raise_level()
    done(state, customer(), customer("rui"), product("pen", 100), product("ink", 100))
    done(state, *(order(each, pen=1) for each in (ANAS_OPEN, ANAS_PLACED, ANAS_CANCELLED, ANAS_EXPIRED)))
    done(
        state, *(order(each, "rui", pen=1, ink=1) for each in (RUIS_FULFILLED, RUIS_RETURNED)), order(RUIS_OPEN, "rui")
    )
    done(state, *(PlaceOrder("rui", each) for each in (RUIS_FULFILLED, RUIS_RETURNED)), PlaceOrder("ana", ANAS_PLACED))
    done(state, FulfilOrder(RUIS_FULFILLED), FulfilOrder(RUIS_RETURNED), ReturnOrder(RUIS_RETURNED, restock=True))
    done(state, CancelOrder("ana", ANAS_CANCELLED), SetOrderDeadline(ANAS_EXPIRED, 5), AdvanceClock(5))
    yield state
    state.close()


def done(state, *commands):
    for outcome, _ in state.do(*commands):
        assert isinstance(outcome, Done), outcome


def item(query):
    """The question of a portal; page size and token are beside it."""
    wanted = {each.name: getattr(query, each.name) for each in fields(query) if not each.name.startswith("page_")}
    return pb.ListItem(kind=pb.ListItem.KIND_FOUND_ORDERS, **wanted)


def pages(state, query, size=500):
    """The ids on each page, all of one snapshot."""
    place, found = None, []
    with state.store.snapshot() as snapshot:
        while True:
            page = read_found_orders(snapshot, item(query), place, size)
            found.append([decode_document(Kind.ORDER, each).order_id for each in page.documents])
            if page.next_after is None:
                return found
            assert page.next_after != place
            place = page.next_after


def search(state, query, size=500):
    return [each for page in pages(state, query, size) for each in page]


def modelled(state, query):
    view = state.view()
    return [each.order_id for each in found_orders((*view.orders(), *view.closed_orders()), query)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (
            FindOrders(),
            [ANAS_OPEN, ANAS_PLACED, RUIS_FULFILLED, RUIS_RETURNED, ANAS_CANCELLED, ANAS_EXPIRED, RUIS_OPEN],
        ),
        (FindOrders(states=("open",)), [ANAS_OPEN, RUIS_OPEN]),
        (FindOrders(states=("placed",)), [ANAS_PLACED]),
        (FindOrders(states=("open", "placed")), [ANAS_OPEN, ANAS_PLACED, RUIS_OPEN]),
        (FindOrders(states=("open", "expired")), [ANAS_OPEN, ANAS_EXPIRED, RUIS_OPEN]),
        (FindOrders(states=("fulfilled", "returned", "cancelled")), [RUIS_FULFILLED, RUIS_RETURNED, ANAS_CANCELLED]),
        (FindOrders(customer_id="rui"), [RUIS_FULFILLED, RUIS_RETURNED, RUIS_OPEN]),
        (FindOrders(product_id="ink"), [RUIS_FULFILLED, RUIS_RETURNED]),
        (FindOrders(("open", "fulfilled"), customer_id="rui"), [RUIS_FULFILLED, RUIS_OPEN]),
        (FindOrders(("open",), customer_id="ana", product_id="pen"), [ANAS_OPEN]),
        (FindOrders(customer_id="ana", product_id="ink"), []),
        (FindOrders(customer_id="nobody"), []),
        (
            FindOrders(created_from_ms=NOON_MS + 1, created_before_ms=NOON_MS + 3),
            [ANAS_PLACED, RUIS_FULFILLED],
        ),
        (FindOrders(("open",), created_from_ms=NOON_MS + 1), [RUIS_OPEN]),
        (FindOrders(product_id="pen", created_before_ms=NOON_MS + 1), [ANAS_OPEN]),
    ],
)
def test_orders_are_found_by_state_customer_product_and_time(replica, query, found):
    assert search(replica, query) == found
    assert search(replica, replace(query, newest_first=True)) == found[::-1]
    assert modelled(replica, query) == found


def test_orders_of_customers_and_products_that_are_deleted_are_found_but_not_by_the_customer(replica):
    done(replica, DeleteCustomer("rui", cascade=True), FulfilOrder(ANAS_PLACED), CancelOrder("ana", ANAS_OPEN))
    done(replica, DeleteProduct("pen"))

    assert search(replica, FindOrders(customer_id="rui")) == []
    assert search(replica, FindOrders(("fulfilled", "returned"))) == [ANAS_PLACED, RUIS_FULFILLED, RUIS_RETURNED]
    assert search(replica, FindOrders(("cancelled",))) == [ANAS_OPEN, ANAS_CANCELLED, RUIS_OPEN]
    assert len(search(replica, FindOrders(product_id="pen"))) == 6


@pytest.mark.parametrize("states", [(), STATES])
def test_who_gets_the_id_of_a_deleted_customer_finds_own_orders_alone(replica, states):
    done(replica, DeleteCustomer("rui", cascade=True), customer("rui"), order(order_id(50), "rui"))

    assert search(replica, FindOrders(states, customer_id="rui")) == [order_id(50)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_go_on_where_the_one_before_ended(replica, size, newest_first):
    query = FindOrders(newest_first=newest_first)

    found = pages(replica, query, size)

    assert [len(each) for each in found[:-1]] == [size] * (len(found) - 1)
    assert [each for page in found for each in page] == modelled(replica, query)


def test_each_order_lies_in_exactly_one_of_the_times_that_follow_each_other(replica):
    times = [FindOrders(created_from_ms=NOON_MS + n, created_before_ms=NOON_MS + n + 2) for n in range(-2, 8, 2)]

    assert [each for query in times for each in search(replica, query)] == search(replica, FindOrders())


OTHER_IDS = ["1001", "00000042", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "ffffffff-58cc-7372-a567-0e02b2c3d47", "zebra"]
"""Ids of orders that were made elsewhere, or by a client that chooses them."""


@pytest.mark.parametrize("size", [1, 2, 500])
@pytest.mark.parametrize("newest_first", [False, True])
def test_orders_whose_ids_tell_no_time_are_found_by_when_they_were_created(replica, newest_first, size):
    """Reports and exports of some days left out every order that was imported, or made by a client of the course."""
    done(replica, *(order(each, "rui", NOON_MS + n, ink=1) for n, each in enumerate(OTHER_IDS)))
    own = [ANAS_OPEN, ANAS_PLACED, RUIS_FULFILLED, RUIS_RETURNED, ANAS_CANCELLED, ANAS_EXPIRED, RUIS_OPEN]

    for begin in range(-1, 8):
        for end in range(begin + 1, 9):
            query = FindOrders(
                created_from_ms=NOON_MS + begin, created_before_ms=NOON_MS + end, newest_first=newest_first
            )
            wanted = {*own[max(begin, 0) : end], *OTHER_IDS[max(begin, 0) : end]}
            assert search(replica, query, size) == sorted(wanted, reverse=newest_first)
            of_rui = replace(query, states=("open",), customer_id="rui")
            assert search(replica, of_rui, size) == modelled(replica, of_rui)
    assert set(search(replica, FindOrders(created_from_ms=NOON_MS + 4))) == {*own[4:], *OTHER_IDS[4:]}
    assert set(search(replica, FindOrders(created_before_ms=NOON_MS + 1))) == {own[0], OTHER_IDS[0]}


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_looks_for_a_bounded_number_of_keys_and_the_next_one_goes_on(replica, newest_first):
    """Between two of ana's orders there is always one with ink: both lists are walked through, and never meet."""
    done(replica, product("oil", 10**6))
    for first in range(100, 100 + KEYS_SOUGHT_MAX + 200, 500):
        mixed = [(order_id(n), {} if n % 2 else {"oil": 1}) for n in range(first, first + 500)]
        done(replica, *(order(each, "rui" if items else "ana", **items) for each, items in mixed))

    found = pages(replica, FindOrders(customer_id="ana", product_id="oil", newest_first=newest_first))

    assert len(found) > 1
    assert not any(found)


def test_a_page_has_a_bounded_number_of_bytes_and_the_next_one_goes_on(replica):
    big = (("big", '"' + "x" * 16_000 + '"'),)
    done(replica, *(CreateOrder("ana", order_id(100 + n), 1, (), big) for n in range(100)))

    found = pages(replica, FindOrders(newest_first=True))

    assert [len(page) for page in found[:-1]] == [PAGE_BYTES_MAX // 16_000]
    assert [each for page in found for each in page] == modelled(replica, FindOrders(newest_first=True))


def test_an_index_that_names_an_order_which_there_is_not_is_a_damaged_state(replica):
    replica.store.put(keys.orders_in_state("placed") + order_id(9).encode(), b"")
    replica.store.commit()

    with pytest.raises(StateCorrupt, match=re.escape(order_id(9))):
        search(replica, FindOrders(states=("placed",)))


def test_no_order_stands_in_an_index_of_another_state(replica):
    found = {each.order_id: each.state for each in (*replica.view().orders(), *replica.view().closed_orders())}

    for state in STATES[1:]:
        rows = replica.store.scan(keys.orders_in_state(state), None, None)
        in_index = [key.decode()[len(keys.orders_in_state(state)) :] for key, _ in rows]
        assert in_index == sorted(each for each, its_state in found.items() if its_state == state)


ORDERS = st.sampled_from([*(order_id(number) for number in range(4)), "1001", "zebra"])
CUSTOMERS, PRODUCTS = st.sampled_from(["ana", "rui"]), st.sampled_from(["pen", "ink"])
COMMANDS = st.one_of(
    st.builds(
        lambda each, buyer, at, pen, ink: order(each, buyer, NOON_MS + at, pen=pen, ink=ink),
        ORDERS,
        CUSTOMERS,
        st.integers(0, 6),
        *[st.integers(0, 2)] * 2,
    ),
    st.builds(PlaceOrder, CUSTOMERS, ORDERS),
    st.builds(CancelOrder, CUSTOMERS, ORDERS),
    st.builds(
        lambda buyer, each, pid: SetOrderItems(buyer, each, (ItemQuantity(pid, 0),)), CUSTOMERS, ORDERS, PRODUCTS
    ),
    st.builds(SetOrderDeadline, ORDERS, st.integers(0, 9)),
    st.builds(CancelOrderItems, ORDERS),
    st.builds(FulfilOrder, ORDERS),
    st.builds(ReturnOrder, ORDERS, st.just(()), st.booleans()),
    st.builds(AdvanceClock, st.integers(0, 9)),
    st.builds(DeleteCustomer, CUSTOMERS, st.just(value=True)),
    st.builds(DeleteProduct, PRODUCTS, st.just(value=True)),
    st.builds(customer, CUSTOMERS),
    st.builds(product, PRODUCTS),
)
TIMES = st.sampled_from([0, *range(NOON_MS, NOON_MS + 6)])
QUERIES = st.builds(
    FindOrders,
    st.lists(st.sampled_from(STATES), max_size=3, unique=True).map(tuple),
    st.sampled_from(["", "ana", "rui"]),
    st.sampled_from(["", "pen", "ink"]),
    TIMES,
    TIMES,
    st.booleans(),
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(COMMANDS, min_size=1, max_size=6), max_size=12), st.lists(QUERIES, min_size=1, max_size=8))
def test_after_any_moves_whatever_is_asked_for_the_indexes_find_what_a_look_at_each_order_finds(
    tmp_path_factory, entries, queries
):
    state = ReplicaState(tmp_path_factory.mktemp("state"))
    state.raise_level()
    state.do(customer(), customer("rui"), product(), product("ink"))
    for commands in entries:
        state.do(*commands)
    for query in queries:
        assert search(state, query, size=2) == modelled(state, query)
    state.digest()
    state.close()
