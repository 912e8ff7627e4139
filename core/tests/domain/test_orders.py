"""What becomes of each command about orders, on the shop of conftest.py."""

import pytest

from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateOrder,
    CreateProduct,
    ItemQuantity,
    SetOrderItems,
    UpdateProduct,
)
from quitanda.domain.limits import ITEM_QUANTITY_MAX, ITEMS_PER_ORDER_MAX
from quitanda.domain.outcomes import Done

NOBODY = ["CUSTOMER_NOT_FOUND customer_id customer_id=cai"]
NO_ORDER = ["ORDER_NOT_FOUND order_id order_id=o9"]
O1 = "order o1 v6 of ana @1000: 5 rice 'Rice' at 250, 2 beans 'Beans' at 800"
BEANS = "'Beans' 'Black ones'"
MINAS = 'origin="Minas"'


def items(*pairs):
    return tuple(ItemQuantity(product_id, quantity) for product_id, quantity in pairs)


def new(*pairs, customer="ana", order="o9"):
    return CreateOrder(customer, order, 3000, items(*pairs))


def change(*pairs, customer="ana", order="o1", version=None):
    return SetOrderItems(customer, order, items(*pairs), version)


def changed(*lines):
    """Expect that the outcome shows the order, and that the order and its products are put."""
    return [f"done: {lines[0]}", *(f"put {line}" for line in lines)]


TABLE = [
    # create
    (new(), changed("order o9 v10 of ana @3000: nothing")),
    (new(customer="cai"), NOBODY),
    (new(customer="cai", order="o1"), NOBODY),
    (new(order="o1"), ["ORDER_EXISTS order_id order_id=o1"]),
    (new(order="o1", customer="bia"), ["ORDER_EXISTS order_id order_id=o1"]),
    (new(("tea", 1), order="o1"), ["ORDER_EXISTS order_id order_id=o1"]),
    (
        new(("beans", 8), ("rice", 95)),
        changed(
            "order o9 v10 of ana @3000: 8 beans 'Beans' at 800, 95 rice 'Rice' at 250",
            f"product beans v11 {BEANS} 0 at 800 {MINAS}",
            "product rice v12 'Rice' 0 at 250",
        ),
    ),
    (
        new(("rice", 1), ("beans", 9)),
        ["OUT_OF_STOCK items[1].quantity available=8 held=0 product_id=beans requested=9"],
    ),
    (new(("rice", 1), ("tea", 1)), ["PRODUCT_NOT_FOUND items[1].product_id product_id=tea"]),
    (
        new(("rice", 96), ("tea", 1)),
        ["OUT_OF_STOCK items[0].quantity available=95 held=0 product_id=rice requested=96"],
    ),
    (new(("tea", 1), ("rice", 96)), ["PRODUCT_NOT_FOUND items[0].product_id product_id=tea"]),
    (
        new(("rice", 1), ("beans", 1), ("rice", 2)),
        changed(
            "order o9 v10 of ana @3000: 3 rice 'Rice' at 250, 1 beans 'Beans' at 800",
            "product rice v11 'Rice' 92 at 250",
            f"product beans v12 {BEANS} 7 at 800 {MINAS}",
        ),
    ),
    (
        new(("beans", 1), ("rice", 50), ("rice", 46)),
        ["OUT_OF_STOCK items[1].quantity available=95 held=0 product_id=rice requested=96"],
    ),
    (new(("rice", 0)), changed("order o9 v10 of ana @3000: nothing")),
    (new(("tea", 0)), ["PRODUCT_NOT_FOUND items[0].product_id product_id=tea"]),
    (
        new(("rice", ITEM_QUANTITY_MAX)),
        ["OUT_OF_STOCK items[0].quantity available=95 held=0 product_id=rice requested=1000000"],
    ),
    # set items
    (change(("rice", 6), customer="cai"), NOBODY),
    (change(("rice", 6), customer="cai", order="o9", version=1), NOBODY),
    (change(("rice", 6), order="o9"), NO_ORDER),
    (change(("rice", 6), order="o9", version=1), NO_ORDER),
    (change(("rice", 6), customer="bia"), ["ORDER_NOT_FOUND order_id order_id=o1"]),
    (change(("rice", 6), customer="bia", version=1), ["ORDER_NOT_FOUND order_id order_id=o1"]),
    (change(("tea", 6), version=1), ["VERSION_MISMATCH expected_version current=6 expected=1"]),
    (
        change(("rice", 7), version=6),
        changed(
            "order o1 v10 of ana @1000: 7 rice 'Rice' at 250, 2 beans 'Beans' at 800",
            "product rice v11 'Rice' 93 at 250",
        ),
    ),
    (
        change(("rice", 100)),
        changed(
            "order o1 v10 of ana @1000: 100 rice 'Rice' at 250, 2 beans 'Beans' at 800",
            "product rice v11 'Rice' 0 at 250",
        ),
    ),
    (change(("rice", 101)), ["OUT_OF_STOCK items[0].quantity available=95 held=5 product_id=rice requested=101"]),
    (
        change(("rice", 1)),
        changed(
            "order o1 v10 of ana @1000: 1 rice 'Rice' at 250, 2 beans 'Beans' at 800",
            "product rice v11 'Rice' 99 at 250",
        ),
    ),
    (
        change(("rice", 0)),
        changed("order o1 v10 of ana @1000: 2 beans 'Beans' at 800", "product rice v11 'Rice' 100 at 250"),
    ),
    (
        change(("beans", 0), ("rice", 0)),
        changed(
            "order o1 v10 of ana @1000: nothing",
            f"product beans v11 {BEANS} 10 at 800 {MINAS}",
            "product rice v12 'Rice' 100 at 250",
        ),
    ),
    (change(("rice", 5)), [f"done: {O1}"]),
    (change(("rice", 5), ("beans", 2), version=6), [f"done: {O1}"]),
    (change(("rice", 2), ("rice", 3)), [f"done: {O1}"]),
    (change(("salt", 0)), [f"done: {O1}"]),
    (change(("tea", 0)), ["PRODUCT_NOT_FOUND items[0].product_id product_id=tea"]),
    (change(("salt", 1)), ["OUT_OF_STOCK items[0].quantity available=0 held=0 product_id=salt requested=1"]),
    (
        change(("rice", 0), ("salt", 1)),
        ["OUT_OF_STOCK items[1].quantity available=0 held=0 product_id=salt requested=1"],
    ),
    (
        change(("beans", 4), ("rice", 5), ("salt", 0)),
        changed(
            "order o1 v10 of ana @1000: 5 rice 'Rice' at 250, 4 beans 'Beans' at 800",
            f"product beans v11 {BEANS} 6 at 800 {MINAS}",
        ),
    ),
    (
        change(("beans", 3), order="o2"),
        changed("order o2 v10 of ana @2000: 3 beans 'Beans' at 800", f"product beans v11 {BEANS} 5 at 800 {MINAS}"),
    ),
    # cancel
    (CancelOrder("cai", "o1"), NOBODY),
    (CancelOrder("ana", "o9"), NO_ORDER),
    (CancelOrder("ana", "o9", expected_version=6), NO_ORDER),
    (CancelOrder("bia", "o1"), ["ORDER_NOT_FOUND order_id order_id=o1"]),
    (CancelOrder("ana", "o1", expected_version=5), ["VERSION_MISMATCH expected_version current=6 expected=5"]),
    (CancelOrder("ana", "o2", expected_version=9), ["done: order o2 v9 of ana @2000: nothing", "delete order o2"]),
    (
        CancelOrder("ana", "o1"),
        [
            f"done: {O1}",
            "put product rice v10 'Rice' 100 at 250",
            f"put product beans v11 {BEANS} 10 at 800 {MINAS}",
            "delete order o1",
        ],
    ),
]


@pytest.mark.parametrize(("command", "expected"), TABLE, ids=lambda cell: str(cell)[:60])
def test_a_command_about_orders_comes_to_this(shop, command, expected):
    assert shop.decide(command) == expected


def test_lowering_a_quantity_keeps_the_name_and_price_agreed_and_raising_it_takes_todays(shop):
    shop.do(UpdateProduct("rice", "Arroz", price=999))

    lowered = shop.do(change(("rice", 4))).outcome.document.items[0]
    kept = shop.do(change(("rice", 4))).outcome.document.items[0]
    raised = shop.do(change(("rice", 5))).outcome.document.items[0]

    assert [(item.name, item.unit_price, item.total) for item in (lowered, kept, raised)] == [
        ("Rice", 250, 1000),
        ("Rice", 250, 1000),
        ("Arroz", 999, 4995),
    ]


def test_an_item_keeps_its_place_unless_it_is_removed_and_added_again(shop):
    order = shop.do(change(("rice", 9))).outcome.document
    assert [item.product_id for item in order.items] == ["rice", "beans"]

    shop.do(change(("rice", 0)))
    order = shop.do(change(("rice", 1))).outcome.document

    assert [item.product_id for item in order.items] == ["beans", "rice"]


def test_the_total_of_an_order_is_exact(shop):
    assert shop.state.order("o1").total == 5 * 250 + 2 * 800


@pytest.fixture
def full_order(shop):
    """Order o1 holds as many different products as an order may; p000 and p001 are in none."""
    for number in range(ITEMS_PER_ORDER_MAX):
        shop.do(CreateProduct(f"p{number:03}", "P", 1, 10))
    shop.do(change(*((f"p{number:03}", 1) for number in range(2, ITEMS_PER_ORDER_MAX))))
    assert len(shop.state.order("o1").items) == ITEMS_PER_ORDER_MAX
    return shop


def test_an_order_with_one_product_too_many_is_refused(full_order):
    assert full_order.decide(change(("p000", 1))) == ["TOO_MANY_ITEMS items items=201 limit=200"]


def test_a_full_order_takes_a_new_product_for_an_old_one_in_one_step(full_order):
    execution = full_order.do(change(("p000", 1), ("rice", 0)))

    assert len(execution.outcome.document.items) == ITEMS_PER_ORDER_MAX


def test_one_order_holds_at_most_a_million_units_of_a_product(shop):
    shop.do(AdjustStock("rice", 5_000_000))

    assert isinstance(shop.do(change(("rice", ITEM_QUANTITY_MAX))).outcome, Done)
    assert shop.decide(change(("rice", ITEM_QUANTITY_MAX), ("rice", 1))) == [
        "INVALID_ARGUMENT items[1].quantity limit=1000000 problem=too_large value=1000001"
    ]
