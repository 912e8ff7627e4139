"""What becomes of the fields of orders and their items that Quitanda does not know, on the shop of conftest.py."""

import pytest

from quitanda.domain.commands import (
    CancelOrder,
    CreateOrder,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    SetOrderItems,
    UpdateProduct,
)
from quitanda.domain.limits import EXTRA_BYTES_MAX, EXTRA_FIELDS_MAX
from quitanda.domain.outcomes import Done

BEANS = "'Beans' 'Black ones'"
MINAS = 'origin="Minas"'

DESCRIBED = "order o1 v10 of ana @1000 colour=7 rush=1: 5 rice 'Rice' at 250 gift=true note=8, 2 beans 'Beans' at 800"


def fields(**texts):
    return tuple(sorted(texts.items()))


def item(product_id, quantity, **texts):
    return ItemQuantity(product_id, quantity, fields(**texts))


def new(*items, **texts):
    return CreateOrder("ana", "o9", 3000, items, fields(**texts))


def change(*items, version=None, **texts):
    return SetOrderItems("ana", "o1", items, version, fields(**texts))


def changed(*lines):
    """Expect that the outcome shows the order, and that the order and its products are put."""
    return [f"done: {lines[0]}", *(f"put {line}" for line in lines)]


@pytest.fixture
def described(shop):
    """Order o1 has unknown fields, and so has its item of rice; its version is 10."""
    shop.do(change(item("rice", 5, gift="true", note="8"), colour="7", rush="1"))
    return shop


ON_THE_SHOP = [
    (new(note='"ring"'), changed('order o9 v10 of ana @3000 note="ring": nothing')),
    # As in a new customer, JSON null is a value like any other.
    (
        new(item("rice", 1, gift="null"), note="null"),
        changed(
            "order o9 v10 of ana @3000 note=null: 1 rice 'Rice' at 250 gift=null", "product rice v11 'Rice' 94 at 250"
        ),
    ),
    (
        new(item("rice", 1, a="1", b="1"), item("beans", 1), item("rice", 2, b="2", c="null")),
        changed(
            "order o9 v10 of ana @3000: 3 rice 'Rice' at 250 a=1 b=2 c=null, 1 beans 'Beans' at 800",
            "product rice v11 'Rice' 92 at 250",
            f"product beans v12 {BEANS} 7 at 800 {MINAS}",
        ),
    ),
    (new(item("rice", 0, a="1"), b="2"), changed("order o9 v10 of ana @3000 b=2: nothing")),
    # Only unknown fields: the order has a new version, and no product has.
    (
        change(note='"x"'),
        changed("order o1 v10 of ana @1000 note=\"x\": 5 rice 'Rice' at 250, 2 beans 'Beans' at 800"),
    ),
    (
        change(item("rice", 5, gift="true"), version=6),
        changed("order o1 v10 of ana @1000: 5 rice 'Rice' at 250 gift=true, 2 beans 'Beans' at 800"),
    ),
    # Nothing to remove: nothing changes.
    (change(note="null"), ["done: order o1 v6 of ana @1000: 5 rice 'Rice' at 250, 2 beans 'Beans' at 800"]),
    (
        change(item("rice", 5, gift=" null\n"), note="null"),
        ["done: order o1 v6 of ana @1000: 5 rice 'Rice' at 250, 2 beans 'Beans' at 800"],
    ),
    (change(note="1", version=5), ["VERSION_MISMATCH expected_version current=6 expected=5"]),
    (SetOrderItems("bia", "o1", (), extra=fields(note="1")), ["ORDER_NOT_FOUND order_id order_id=o1"]),
    (change(item("tea", 0, a="1"), note="1"), ["PRODUCT_NOT_FOUND items[0].product_id product_id=tea"]),
    (
        change(item("salt", 1, a="1"), note="1"),
        ["OUT_OF_STOCK items[0].quantity available=0 held=0 product_id=salt requested=1"],
    ),
]

ON_THE_DESCRIBED_ORDER = [
    (
        change(colour="9", size="2"),
        changed(
            "order o1 v11 of ana @1000 colour=9 rush=1 size=2: "
            "5 rice 'Rice' at 250 gift=true note=8, 2 beans 'Beans' at 800"
        ),
    ),
    (
        change(colour="null", rush="null"),
        changed("order o1 v11 of ana @1000: 5 rice 'Rice' at 250 gift=true note=8, 2 beans 'Beans' at 800"),
    ),
    (
        change(rush="1"),
        [f"done: {DESCRIBED}"],
    ),
    # Raising and lowering a quantity keep the item's fields.
    (
        change(item("rice", 6)),
        changed(
            "order o1 v11 of ana @1000 colour=7 rush=1: 6 rice 'Rice' at 250 gift=true note=8, 2 beans 'Beans' at 800",
            "product rice v12 'Rice' 94 at 250",
        ),
    ),
    (
        change(item("rice", 4, gift="null", size="2"), rush="2"),
        changed(
            "order o1 v11 of ana @1000 colour=7 rush=2: 4 rice 'Rice' at 250 note=8 size=2, 2 beans 'Beans' at 800",
            "product rice v12 'Rice' 96 at 250",
        ),
    ),
    # Of a product that is named twice, the later line counts for each field.
    (
        change(item("rice", 2, note="null", size="1"), item("rice", 3, note="9", gift="null")),
        changed(
            "order o1 v11 of ana @1000 colour=7 rush=1: 5 rice 'Rice' at 250 note=9 size=1, 2 beans 'Beans' at 800"
        ),
    ),
    # Zero removes the item with its fields.
    (
        change(item("rice", 0, gift="true", x="1")),
        changed(
            "order o1 v11 of ana @1000 colour=7 rush=1: 2 beans 'Beans' at 800",
            "product rice v12 'Rice' 100 at 250",
        ),
    ),
    (
        CancelOrder("ana", "o1"),
        [
            f"done: {DESCRIBED}",
            "put product rice v11 'Rice' 100 at 250",
            f"put product beans v12 {BEANS} 10 at 800 {MINAS}",
            "delete order o1",
        ],
    ),
    (
        DeleteProduct("beans", cascade=True),
        [
            "done: nothing left, 1 orders affected",
            "put order o1 v11 of ana @1000 colour=7 rush=1: 5 rice 'Rice' at 250 gift=true note=8",
            "delete product beans",
        ],
    ),
    (
        DeleteProduct("rice", cascade=True),
        [
            "done: nothing left, 1 orders affected",
            "put order o1 v11 of ana @1000 colour=7 rush=1: 2 beans 'Beans' at 800",
            "delete product rice",
        ],
    ),
    (
        DeleteCustomer("ana", cascade=True),
        [
            "done: nothing left, 2 orders affected",
            "put product rice v11 'Rice' 100 at 250",
            f"put product beans v12 {BEANS} 10 at 800 {MINAS}",
            "delete order o1",
            "delete order o2",
            "delete customer ana",
        ],
    ),
]


@pytest.mark.parametrize(("command", "expected"), ON_THE_SHOP, ids=lambda cell: str(cell)[:60])
def test_unknown_fields_given_to_an_order_come_to_this(shop, command, expected):
    assert shop.decide(command) == expected


@pytest.mark.parametrize(("command", "expected"), ON_THE_DESCRIBED_ORDER, ids=lambda cell: str(cell)[:60])
def test_unknown_fields_that_an_order_has_come_to_this(described, command, expected):
    assert described.decide(command) == expected


def test_a_new_price_and_name_leave_the_fields_of_an_item_and_raising_it_takes_them_over(described):
    described.do(UpdateProduct("rice", "Arroz", price=300))

    kept = described.state.order("o1").items[0]
    raised = described.do(change(item("rice", 6))).outcome.document.items[0]

    assert (kept.name, kept.unit_price, kept.extra) == ("Rice", 250, fields(gift="true", note="8"))
    assert (raised.name, raised.unit_price, raised.extra) == ("Arroz", 300, kept.extra)


def test_an_item_that_was_removed_comes_back_without_its_fields(described):
    described.do(change(item("rice", 0)))

    assert described.do(change(item("rice", 1))).outcome.document.items[-1].extra == ()


def test_another_request_under_the_same_id_is_told_by_its_unknown_fields(shop):
    first = shop.do(change(item("rice", 5, gift="1"), note="1"), request_id="x")

    assert shop.do(change(item("rice", 5, gift="1"), note="1"), request_id="x").outcome == first.outcome
    for other in (change(item("rice", 5, gift="2"), note="1"), change(item("rice", 5, gift="1"), note="2")):
        assert shop.do(other, request_id="x").outcome.reason.value == "REQUEST_ID_REUSED"


MANY = {f"x{number:02}": "1" for number in range(EXTRA_FIELDS_MAX)}


def test_an_order_and_each_of_its_items_have_as_many_unknown_fields_as_a_document(described):
    assert described.decide(change(**MANY)) == ["INVALID_ARGUMENT extra length=52 limit=50 problem=too_many"]
    assert described.decide(change(item("beans", 2, **MANY), item("rice", 5, **MANY))) == [
        "INVALID_ARGUMENT items[1].extra length=52 limit=50 problem=too_many"
    ]

    everywhere = change(
        item("rice", 5, gift="null", note="null"),
        item("beans", 2, **MANY),
        item("rice", 0, **MANY),
        colour="null",
        rush="null",
    )
    assert isinstance(described.do(everywhere).outcome, Done)
    order = described.do(change(**MANY)).outcome.document
    assert [len(order.extra), *(len(each.extra) for each in order.items)] == [EXTRA_FIELDS_MAX, 50, 50]


def test_fields_in_the_same_request_are_put_together_before_they_are_counted(described):
    half = dict(list(MANY.items())[:30])

    assert described.decide(change(item("beans", 1, **MANY), item("beans", 1, y="1"))) == [
        "INVALID_ARGUMENT items[0].extra length=51 limit=50 problem=too_many"
    ]
    assert isinstance(described.do(change(item("beans", 1, **half), item("beans", 1, **half))).outcome, Done)


def test_one_bound_holds_for_all_unknown_fields_of_an_order_also_by_and_by(shop):
    third = "1" * (EXTRA_BYTES_MAX // 3)
    shop.do(change(item("rice", 5, a=third), b=third))
    size = 2 * len(third) + 2

    assert shop.decide(change(item("beans", 2, c="1" * (EXTRA_BYTES_MAX - size)))) == [
        "INVALID_ARGUMENT extra length=16385 limit=16384 problem=too_large"
    ]
    assert shop.decide(change(item("rice", 6), d="1" * (EXTRA_BYTES_MAX - size))) == [
        "INVALID_ARGUMENT extra length=16385 limit=16384 problem=too_large"
    ]
    assert isinstance(shop.do(change(item("beans", 2, c="1" * (EXTRA_BYTES_MAX - size - 1)))).outcome, Done)
    # What one item gives up, another may take in the same step; and a full order still takes and returns units.
    assert isinstance(shop.do(change(item("rice", 7, a="null"), item("beans", 2, d=third))).outcome, Done)
    assert isinstance(shop.do(change(item("rice", 8), item("beans", 1))).outcome, Done)
