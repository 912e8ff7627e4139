"""What a replica tells of products that come down to their reorder level, and of those that rise above it."""

import pytest
from structlog.testing import capture_logs

from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteProduct,
    ItemQuantity,
    UpdateProduct,
)
from quitanda.domain.model import REORDER_LEVEL_SINCE
from quitanda_replica.state import keys
from quitanda_replica.state.low_products import LOW_COUNT_MAX, count_low


@pytest.fixture
def shop(state):
    state.raise_level()
    state.do(CreateCustomer("ana", "Ana"), CreateProduct("tea", "Tea", 100, 10, reorder_level=3))
    return state


def told(state, *commands, scope=""):
    """Do the commands, each in an entry; give what is told: event and units on hand."""
    with capture_logs() as logs:
        for command in commands:
            state.do(command, scope=scope)
    return [
        (each["event"], each["product_id"], each["quantity"], each["reorder_level"])
        for each in logs
        if each["event"].startswith("product_")
    ]


def test_an_order_that_takes_a_product_down_to_its_level_is_told_once(shop):
    orders = [CreateOrder("ana", f"o{number}", 1, (ItemQuantity("tea", 2),)) for number in range(5)]

    assert told(shop, *orders, scope="ana") == [("product_low", "tea", 2, 3)]
    assert (shop.applier.low_products.low, shop.applier.low_products.restocked) == (1, 0)


def test_units_that_come_back_are_told_when_the_product_rises_above_its_level(shop):
    shop.do(CreateOrder("ana", "o1", 1, (ItemQuantity("tea", 7),)), scope="ana")

    assert told(shop, CancelOrder("ana", "o1"), scope="ana") == [("product_restocked", "tea", 10, 3)]
    assert (shop.applier.low_products.low, shop.applier.low_products.restocked) == (1, 1)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (AdjustStock("tea", -6), []),
        (AdjustStock("tea", -7), [("product_low", "tea", 3, 3)]),
        (UpdateProduct("tea", quantity=0), [("product_low", "tea", 0, 3)]),
        (UpdateProduct("tea", reorder_level=10), [("product_low", "tea", 10, 10)]),
        (UpdateProduct("tea", price=1), []),
        (AdjustStock("tea", -11), []),
        (CreateProduct("pen", "Pen", 1, 0, reorder_level=1), [("product_low", "pen", 0, 1)]),
        (CreateProduct("pen", "Pen", 1, 0), []),
    ],
    ids=str,
)
def test_a_product_is_low_by_its_stock_or_by_its_level(shop, command, expected):
    assert told(shop, command) == expected


def test_a_product_whose_level_is_taken_away_is_told_nothing_of(shop):
    shop.do(AdjustStock("tea", -8))

    assert told(shop, UpdateProduct("tea", reorder_level=0)) == []


def in_index(state):
    with state.store.snapshot() as snapshot:
        ids = [key[len(keys.LOW_PRODUCTS) :].decode() for key, _ in snapshot.iterate(keys.LOW_PRODUCTS)]
        assert count_low(snapshot) == len(ids)
    return ids


def test_the_index_has_the_products_that_are_low_now(shop):
    shop.do(CreateProduct("pen", "Pen", 1, 0, reorder_level=1), AdjustStock("tea", -8))
    both = in_index(shop)
    shop.do(AdjustStock("tea", 2))

    assert both == ["pen", "tea"]
    assert in_index(shop) == ["pen"]


class EndlessIndex:
    """A state with ever more low products; `walked` is how many of them were looked at."""

    def __init__(self):
        self.walked = 0

    def iterate(self, prefix, after=None):
        assert (prefix, after) == (keys.LOW_PRODUCTS, None)
        while True:
            self.walked += 1
            yield prefix + b"%d" % self.walked, b""


def test_each_look_at_the_metrics_walked_over_all_low_products():
    state = EndlessIndex()

    assert count_low(state) == LOW_COUNT_MAX
    assert state.walked == LOW_COUNT_MAX


@pytest.mark.parametrize("command", [DeleteProduct("tea"), UpdateProduct("tea", reorder_level=0)], ids=str)
def test_a_product_that_cannot_be_low_leaves_the_index(shop, command):
    shop.do(AdjustStock("tea", -8))
    before = in_index(shop)
    shop.do(command)

    assert (before, in_index(shop)) == (["tea"], [])


def test_units_that_an_order_takes_and_gives_back_move_its_products_in_the_index(shop):
    shop.do(CreateOrder("ana", "o1", 1, (ItemQuantity("tea", 7),)), scope="ana")
    taken = in_index(shop)
    shop.do(CancelOrder("ana", "o1"), scope="ana")

    assert (taken, in_index(shop)) == (["tea"], [])
    shop.digest()


def test_a_custom_field_from_before_the_level_makes_no_product_low_and_a_reorder_level_given_later_does(state):
    state.raise_level(REORDER_LEVEL_SINCE - 1)
    state.do(CreateProduct("tea", "Tea", 100, 2, extra=(("reorder_level", "3"),)), CreateProduct("pen", "Pen", 1, 0))
    before = in_index(state)
    state.raise_level()
    raised = in_index(state)
    state.do(UpdateProduct("tea", reorder_level=3), UpdateProduct("pen", reorder_level=1))

    assert (before, raised, in_index(state)) == ([], [], ["pen", "tea"])
    state.digest()
