"""What becomes of each command about customers, on the shop of conftest.py."""

import pytest

from quitanda.domain.commands import (
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    ItemQuantity,
    UpdateCustomer,
)
from quitanda.domain.limits import CASCADE_ORDERS_MAX, EXTRA_BYTES_MAX, EXTRA_FIELDS_MAX
from quitanda.domain.outcomes import Done, Reason
from quitanda.domain.state import Delete

NOT_FOUND = ["CUSTOMER_NOT_FOUND customer_id customer_id=cai"]
HAS_ORDERS = ["CUSTOMER_HAS_ORDERS customer_id customer_id=ana limit=1000 orders=2"]

TABLE = [
    # create
    (CreateCustomer("cai", "Cai"), ["done: customer cai v10 'Cai'", "put customer cai v10 'Cai'"]),
    (
        CreateCustomer("cai", "Cai", (("age", "7"), ("nick", "null"))),
        ["done: customer cai v10 'Cai' age=7 nick=null", "put customer cai v10 'Cai' age=7 nick=null"],
    ),
    (CreateCustomer("ana", "Other"), ["CUSTOMER_EXISTS customer_id customer_id=ana"]),
    # update
    (UpdateCustomer("ana", "Anna"), ["done: customer ana v10 'Anna'", "put customer ana v10 'Anna'"]),
    (UpdateCustomer("ana", "Ana"), ["done: customer ana v1 'Ana'"]),
    (UpdateCustomer("cai", "Cai"), NOT_FOUND),
    (UpdateCustomer("cai", "Cai", expected_version=1), NOT_FOUND),
    (
        UpdateCustomer("ana", "Anna", expected_version=1),
        ["done: customer ana v10 'Anna'", "put customer ana v10 'Anna'"],
    ),
    (UpdateCustomer("ana", "Anna", expected_version=2), ["VERSION_MISMATCH expected_version current=1 expected=2"]),
    (UpdateCustomer("ana", "Ana", expected_version=2), ["VERSION_MISMATCH expected_version current=1 expected=2"]),
    (
        UpdateCustomer("bia", extra=(("age", "31"), ("city", '"Rio"'))),
        [
            "done: customer bia v10 'Bia' age=31 city=\"Rio\" vip=true",
            "put customer bia v10 'Bia' age=31 city=\"Rio\" vip=true",
        ],
    ),
    (
        UpdateCustomer("bia", extra=(("age", " null\n"),)),
        ["done: customer bia v10 'Bia' vip=true", "put customer bia v10 'Bia' vip=true"],
    ),
    (UpdateCustomer("bia", extra=(("nick", "null"),)), ["done: customer bia v2 'Bia' age=30 vip=true"]),
    (UpdateCustomer("bia", extra=(("age", "30"),)), ["done: customer bia v2 'Bia' age=30 vip=true"]),
    (
        UpdateCustomer("bia", "Beatriz"),
        ["done: customer bia v10 'Beatriz' age=30 vip=true", "put customer bia v10 'Beatriz' age=30 vip=true"],
    ),
    # delete
    (DeleteCustomer("bia"), ["done: nothing left", "delete customer bia"]),
    (DeleteCustomer("bia", cascade=True), ["done: nothing left", "delete customer bia"]),
    (DeleteCustomer("bia", expected_version=2), ["done: nothing left", "delete customer bia"]),
    (DeleteCustomer("bia", expected_version=3), ["VERSION_MISMATCH expected_version current=2 expected=3"]),
    (DeleteCustomer("cai"), NOT_FOUND),
    (DeleteCustomer("cai", cascade=True, expected_version=9), NOT_FOUND),
    (DeleteCustomer("ana"), HAS_ORDERS),
    (DeleteCustomer("ana", expected_version=1), HAS_ORDERS),
    (DeleteCustomer("ana", expected_version=9), ["VERSION_MISMATCH expected_version current=1 expected=9"]),
    (
        DeleteCustomer("ana", cascade=True),
        [
            "done: nothing left, 2 orders affected",
            "put product rice v10 'Rice' 100 at 250",
            "put product beans v11 'Beans' 'Black ones' 10 at 800 origin=\"Minas\"",
            "delete order o1",
            "delete order o2",
            "delete customer ana",
        ],
    ),
]


@pytest.mark.parametrize(("command", "expected"), TABLE, ids=lambda cell: str(cell)[:60])
def test_a_command_about_customers_comes_to_this(shop, command, expected):
    assert shop.decide(command) == expected


def extras(names, text="1"):
    return tuple((f"{prefix}{number:02}", text) for prefix, numbers in names for number in numbers)


def test_an_update_may_fill_a_customer_up_to_the_bound_of_unknown_fields(shop):
    more = extras([("x", range(EXTRA_FIELDS_MAX - 2))])

    assert len(shop.do(UpdateCustomer("bia", extra=more)).outcome.document.extra) == EXTRA_FIELDS_MAX


def test_an_update_beyond_the_bound_of_unknown_fields_is_refused(shop):
    more = extras([("x", range(EXTRA_FIELDS_MAX - 1))])

    assert shop.decide(UpdateCustomer("bia", extra=more)) == [
        "INVALID_ARGUMENT extra length=51 limit=50 problem=too_many"
    ]


def test_removing_fields_makes_place_for_others_in_the_same_update(shop):
    changes = (("age", "null"), ("vip", "null"), *extras([("x", range(EXTRA_FIELDS_MAX - 2))]))

    assert len(shop.do(UpdateCustomer("bia", extra=changes)).outcome.document.extra) == EXTRA_FIELDS_MAX - 2


def test_unknown_fields_are_bounded_in_bytes_over_all_updates(shop):
    half = '"' + "é" * (EXTRA_BYTES_MAX // 4 - 10) + '"'
    shop.do(UpdateCustomer("ana", extra=(("a", half),)))
    size = 2 * (1 + len(half.encode()))

    assert isinstance(shop.do(UpdateCustomer("ana", extra=(("b", half),))).outcome, Done)
    assert shop.decide(UpdateCustomer("ana", extra=(("c", '"' + "x" * (EXTRA_BYTES_MAX - size - 2) + '"'),))) == [
        "INVALID_ARGUMENT extra length=16385 limit=16384 problem=too_large"
    ]
    assert isinstance(
        shop.do(UpdateCustomer("ana", extra=(("c", '"' + "x" * (EXTRA_BYTES_MAX - size - 3) + '"'),))).outcome, Done
    )


def with_orders(shop, orders):
    shop.do(CreateCustomer("cai", "Cai"))
    shop.do(CreateProduct("tea", "Tea", 100, 5000))
    for number in range(orders):
        shop.do(CreateOrder("cai", f"t{number:04}", 1, (ItemQuantity("tea", 2),)))


def test_a_cascade_cancels_as_many_orders_as_the_bound_allows_and_returns_all_units(empty_shop):
    with_orders(empty_shop, CASCADE_ORDERS_MAX)

    execution = empty_shop.do(DeleteCustomer("cai", cascade=True))

    assert execution.outcome == Done(None, CASCADE_ORDERS_MAX)
    assert sum(isinstance(change, Delete) for change in execution.changes) == CASCADE_ORDERS_MAX + 1
    assert empty_shop.state.product("tea").quantity == 5000
    assert list(empty_shop.state.orders()) == []


def test_a_cascade_over_more_orders_is_refused_and_the_orders_are_counted_up_to_the_bound(empty_shop):
    with_orders(empty_shop, CASCADE_ORDERS_MAX + 1)

    assert empty_shop.decide(DeleteCustomer("cai", cascade=True)) == ["CASCADE_TOO_LARGE cascade limit=1000"]
    assert empty_shop.decide(DeleteCustomer("cai")) == [
        "CUSTOMER_HAS_ORDERS customer_id customer_id=cai limit=1000 orders=1000"
    ]


def test_a_customer_who_is_deleted_and_created_again_never_has_an_old_version(shop):
    shop.do(DeleteCustomer("bia"))
    again = shop.do(CreateCustomer("bia", "Bia")).outcome.document

    assert again.version == 10
    assert shop.do(UpdateCustomer("bia", "B", expected_version=2)).outcome.reason is Reason.VERSION_MISMATCH
