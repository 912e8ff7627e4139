"""What becomes of each command about products and their stock, on the shop of conftest.py."""

import pytest

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
from quitanda.domain.limits import CASCADE_ORDERS_MAX, EXTRA_FIELDS_MAX, PRICE_MAX, QUANTITY_MAX
from quitanda.domain.model import Product
from quitanda.domain.outcomes import Done

NOT_FOUND = ["PRODUCT_NOT_FOUND product_id product_id=tea"]
IN_USE = ["PRODUCT_IN_USE product_id limit=1000 orders=1 product_id=rice"]


def changed(line):
    """Expect that the outcome shows the product as it is put."""
    return [f"done: {line}", f"put {line}"]


TABLE = [
    # create
    (CreateProduct("tea", "Tea", 300, 7), changed("product tea v10 'Tea' 7 at 300")),
    (
        CreateProduct("tea", "Tea", 300, 7, "Green", (("bio", "true"),)),
        changed("product tea v10 'Tea' 'Green' 7 at 300 bio=true"),
    ),
    (CreateProduct("tea", "Tea", 0, 0), changed("product tea v10 'Tea' 0 at 0")),
    (
        CreateProduct("tea", "Tea", PRICE_MAX, QUANTITY_MAX),
        changed("product tea v10 'Tea' 1000000000 at 1000000000"),
    ),
    (CreateProduct("rice", "Other", 1, 1), ["PRODUCT_EXISTS product_id product_id=rice"]),
    # update
    (UpdateProduct("rice", "Arroz"), changed("product rice v10 'Arroz' 95 at 250")),
    (UpdateProduct("rice", price=300), changed("product rice v10 'Rice' 95 at 300")),
    (UpdateProduct("rice", price=0), changed("product rice v10 'Rice' 95 at 0")),
    (UpdateProduct("rice", quantity=0), changed("product rice v10 'Rice' 0 at 250")),
    (UpdateProduct("rice", quantity=QUANTITY_MAX), changed("product rice v10 'Rice' 1000000000 at 250")),
    (UpdateProduct("rice", description="White"), changed("product rice v10 'Rice' 'White' 95 at 250")),
    (UpdateProduct("beans", description=""), changed("product beans v10 'Beans' 8 at 800 origin=\"Minas\"")),
    (UpdateProduct("beans", extra=(("origin", "null"),)), changed("product beans v10 'Beans' 'Black ones' 8 at 800")),
    (
        UpdateProduct("beans", extra=(("bio", "false"),)),
        changed("product beans v10 'Beans' 'Black ones' 8 at 800 bio=false origin=\"Minas\""),
    ),
    (UpdateProduct("rice", "Rice", price=250, quantity=95), ["done: product rice v7 'Rice' 95 at 250"]),
    (UpdateProduct("rice", price=300, expected_version=7), changed("product rice v10 'Rice' 95 at 300")),
    (UpdateProduct("rice", price=300, expected_version=3), ["VERSION_MISMATCH expected_version current=7 expected=3"]),
    (UpdateProduct("tea", price=300, expected_version=3), NOT_FOUND),
    (
        UpdateProduct("beans", extra=tuple((f"x{number:02}", "1") for number in range(EXTRA_FIELDS_MAX))),
        ["INVALID_ARGUMENT extra length=51 limit=50 problem=too_many"],
    ),
    # adjust stock
    (AdjustStock("rice", 1), changed("product rice v10 'Rice' 96 at 250")),
    (AdjustStock("rice", -95), changed("product rice v10 'Rice' 0 at 250")),
    (AdjustStock("rice", -96), ["OUT_OF_STOCK delta available=95 product_id=rice requested=96"]),
    (AdjustStock("salt", -1), ["OUT_OF_STOCK delta available=0 product_id=salt requested=1"]),
    (AdjustStock("salt", QUANTITY_MAX), changed("product salt v10 'Salt' 1000000000 at 0")),
    (AdjustStock("rice", QUANTITY_MAX - 95), changed("product rice v10 'Rice' 1000000000 at 250")),
    (AdjustStock("rice", QUANTITY_MAX - 94), ["STOCK_BOUND delta available=95 limit=1000000000 product_id=rice"]),
    (AdjustStock("tea", 1), NOT_FOUND),
    (AdjustStock("tea", 1, expected_version=1), NOT_FOUND),
    (AdjustStock("rice", 1, expected_version=7), changed("product rice v10 'Rice' 96 at 250")),
    (AdjustStock("rice", -96, expected_version=6), ["VERSION_MISMATCH expected_version current=7 expected=6"]),
    # delete
    (DeleteProduct("salt"), ["done: nothing left", "delete product salt"]),
    (DeleteProduct("salt", cascade=True, expected_version=5), ["done: nothing left", "delete product salt"]),
    (DeleteProduct("tea", cascade=True, expected_version=5), NOT_FOUND),
    (DeleteProduct("rice"), IN_USE),
    (DeleteProduct("rice", expected_version=7), IN_USE),
    (DeleteProduct("rice", expected_version=8), ["VERSION_MISMATCH expected_version current=7 expected=8"]),
    (
        DeleteProduct("rice", cascade=True),
        [
            "done: nothing left, 1 orders affected",
            "put order o1 v10 of ana @1000: 2 beans 'Beans' at 800",
            "delete product rice",
        ],
    ),
]


@pytest.mark.parametrize(("command", "expected"), TABLE, ids=lambda cell: str(cell)[:60])
def test_a_command_about_products_comes_to_this(shop, command, expected):
    assert shop.decide(command) == expected


@pytest.mark.parametrize(
    ("quantity", "reorder_level", "low"),
    [
        (0, 0, False),
        (5, 0, False),
        (5, 4, False),
        (4, 4, True),
        (3, 4, True),
        (0, 1, True),
        (1, 1, True),
        (2, 1, False),
    ],
)
def test_a_product_is_low_with_as_many_units_as_its_reorder_level_or_fewer(quantity, reorder_level, low):
    assert Product("p", "Pen", "", 1, quantity, (), 1, reorder_level).low is low


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            CreateProduct("tea", "Tea", 300, 7, reorder_level=9),
            changed("product tea v10 'Tea' 7 at 300 reorder at 9"),
        ),
        (UpdateProduct("rice", reorder_level=20), changed("product rice v10 'Rice' 95 at 250 reorder at 20")),
        (UpdateProduct("rice", reorder_level=0), ["done: product rice v7 'Rice' 95 at 250"]),
    ],
    ids=str,
)
def test_a_reorder_level_is_set_like_any_other_field(shop, command, expected):
    shop.raise_level()

    assert shop.decide(command) == expected


def test_a_reorder_level_stays_while_stock_moves_and_is_removed_by_zero(shop):
    shop.raise_level()
    shop.do(UpdateProduct("rice", reorder_level=20))
    shop.do(AdjustStock("rice", -80))

    assert shop.state.product("rice").low
    shop.do(UpdateProduct("rice", reorder_level=0))
    assert not shop.state.product("rice").low


@pytest.mark.parametrize("level", [1, 2, 3])
def test_below_its_level_a_reorder_level_is_not_there(shop, level):
    shop.raise_level(level)
    shop.do(CreateProduct("tea", "Tea", 300, 7, reorder_level=9))

    assert shop.state.product("tea").reorder_level == 0


def test_units_that_return_may_exceed_the_bound_and_can_then_only_be_taken(shop):
    shop.do(UpdateProduct("rice", quantity=QUANTITY_MAX))
    shop.do(CancelOrder("ana", "o1"))

    assert shop.state.product("rice").quantity == QUANTITY_MAX + 5
    assert shop.decide(AdjustStock("rice", 1)) == [
        "STOCK_BOUND delta available=1000000005 limit=1000000000 product_id=rice"
    ]
    assert shop.decide(AdjustStock("rice", -1)) == changed("product rice v13 'Rice' 1000000004 at 250")


def test_deleting_the_only_product_of_an_order_leaves_an_empty_order(shop):
    shop.do(DeleteProduct("rice", cascade=True))
    shop.do(DeleteProduct("beans", cascade=True))

    assert shop.state.order("o1").items == ()


def with_orders(shop, orders):
    shop.do(CreateCustomer("cai", "Cai"))
    shop.do(CreateProduct("tea", "Tea", 100, 5000))
    for number in range(orders):
        shop.do(CreateOrder("cai", f"t{number:04}", 1, (ItemQuantity("tea", 2),)))


def test_a_cascade_changes_as_many_orders_as_the_bound_allows(empty_shop):
    with_orders(empty_shop, CASCADE_ORDERS_MAX)

    assert empty_shop.do(DeleteProduct("tea", cascade=True)).outcome == Done(None, CASCADE_ORDERS_MAX)
    assert [order.items for order in empty_shop.state.orders()] == [()] * CASCADE_ORDERS_MAX


def test_a_cascade_over_more_orders_is_refused_and_the_orders_are_counted_up_to_the_bound(empty_shop):
    with_orders(empty_shop, CASCADE_ORDERS_MAX + 1)

    assert empty_shop.decide(DeleteProduct("tea", cascade=True)) == ["CASCADE_TOO_LARGE cascade limit=1000"]
    assert empty_shop.decide(DeleteProduct("tea")) == [
        "PRODUCT_IN_USE product_id limit=1000 orders=1000 product_id=tea"
    ]
