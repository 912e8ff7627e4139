"""Each violation of an invariant is found and named."""

import pytest

from quitanda.domain.model import Customer, Kind, Order, OrderItem, Product
from quitanda.domain.outcomes import Done
from quitanda.domain.state import Delete, Execution, Put
from quitanda_testing import invariants
from quitanda_testing.in_memory_state import InMemoryState


def customer(version=1):
    return Customer("ana", "Ana", (), version)


def product(quantity=10, price=250, version=2):
    return Product("rice", "Rice", "", price, quantity, (), version)


def order(*items, version=3):
    return Order("o1", "ana", 0, tuple(OrderItem(product_id, "x", price, q) for product_id, price, q in items), version)


def holding(*documents):
    state = InMemoryState()
    for document in documents:
        state.apply(None, Execution(Done(None), 1, (Put(document),)))
    return state


def test_a_sound_state_violates_nothing(shop):
    assert invariants.check(shop.state) == []
    assert invariants.check(shop.state, {"rice": 100, "beans": 10, "salt": 0}) == []
    assert invariants.check(InMemoryState()) == []


def test_a_state_at_its_bounds_is_sound():
    others = [Product(f"p{number}", "P", "", 0, 0, (), 10 + number) for number in range(199)]
    full = order(("rice", 0, 10**6), *((f"p{number}", 0, 1) for number in range(199)), version=300)
    supplied = {"rice": 10**6} | {f"p{number}": 1 for number in range(199)}

    assert invariants.check(holding(customer(), product(quantity=0, price=0), *others, full), supplied) == []


def test_a_product_that_nobody_supplied_has_no_units():
    assert invariants.check(holding(product(quantity=0)), {}) == []


VIOLATIONS = [
    ([customer(0)], "customer ana has version 0, which is not positive"),
    ([product(version=1), customer(1)], "customer ana and product rice share version 1"),
    ([product(quantity=-1)], "product rice has -1 units on hand"),
    ([product(price=-1)], "product rice has the price -1"),
    ([customer(), product(), order(("rice", 1, 0))], "order o1 has 0 units of product rice"),
    ([customer(), product(), order(("rice", 1, 10**6 + 1))], "order o1 has 1000001 units of product rice"),
    ([customer(), product(), order(("rice", -1, 1))], "order o1 has the price -1 for product rice"),
    ([customer(), product(), order(("rice", 1, 1), ("rice", 1, 1))], "order o1 has two items of one product"),
    ([product(), order(("rice", 1, 1))], "order o1 belongs to customer ana, who does not exist"),
    ([customer(), order(("rice", 1, 1))], "order o1 holds product rice, which does not exist"),
    ([customer(), order(*((f"p{n}", 1, 1) for n in range(201)))], "order o1 has 201 items"),
    ([customer(7), product(2)], "customer ana has version 7, beyond the last one, 2"),
]


@pytest.mark.parametrize(("documents", "fact"), VIOLATIONS, ids=[fact for _, fact in VIOLATIONS])
def test_a_violation_is_named(documents, fact):
    assert fact in invariants.check(holding(*documents))


def test_stock_that_was_lost_or_made_is_named():
    state = holding(customer(), product(), order(("rice", 1, 5)))

    assert invariants.check(state, {"rice": 15}) == []
    assert invariants.check(state, {"rice": 16}) == [
        "product rice has 10 units on hand and 5 in orders, but administrators put in 16"
    ]


class ForgetfulState(InMemoryState):
    """Its indexes are empty."""

    def orders_of_customer(self, customer_id, limit):
        return super().orders_of_customer(customer_id, limit)[:0]

    def orders_with_product(self, product_id, limit):
        return super().orders_with_product(product_id, limit)[:0]


def test_an_index_that_differs_from_the_documents_is_named():
    state = ForgetfulState()
    for document in (customer(), product(), order(("rice", 1, 5))):
        state.apply(None, Execution(Done(None), 1, (Put(document),)))

    assert invariants.check(state) == [
        "the index of customer ana's orders differs from the orders",
        "the index of orders with product rice differs from the orders",
    ]


def test_the_state_in_memory_keeps_its_indexes_when_orders_change_and_go():
    state = holding(customer(), product(), order(("rice", 1, 5)), order(version=4))
    assert invariants.check(state) == []
    assert state.orders_with_product("rice", 9) == ()

    state.apply(None, Execution(Done(None), 1, (Delete(Kind.ORDER, "o1"),)))

    assert invariants.check(state) == []
    assert state.orders_of_customer("ana", 9) == ()


def test_documents_read_elsewhere_are_checked_without_a_state():
    assert invariants.check_documents([customer()], [product(quantity=-1)], []) == ["product rice has -1 units on hand"]
    assert invariants.units_in_orders([order(("rice", 1, 5), ("tea", 1, 1)), order(("rice", 1, 2))]) == {
        "rice": 7,
        "tea": 1,
    }
