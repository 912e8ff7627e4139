"""The course's contract, products: each operation's success and refusals, each call at the other portal."""

import json

import pytest
from compat.compat_shop import NO_PRODUCT
from compat.documented import DONE, verdict

pytest_plugins = ("compat.fixtures",)

AS_WRITTEN = [
    ('"40"', "40"),
    ("40", "40"),
    ("40.0", "40"),
    ("4e1", "40"),
    ('"0"', "0"),
    ("1000000000", "1000000000"),
]
PRICES_AS_WRITTEN = [
    ('"2.50"', "2.50"),
    ("2.5", "2.50"),
    ('"2.5"', "2.50"),
    ("2", "2.00"),
    ('"2"', "2.00"),
    ("0.1", "0.10"),
    ('"0.00"', "0.00"),
    ("2.500", "2.50"),
    ("9999999.99", "9999999.99"),
    ('"10000000"', "10000000.00"),
]
NOT_A_QUANTITY = ['""', '"many"', '"4.5"', "4.5", "-1", '"-1"', "true", "[]", "{}", "1000000001", "1e400", '"NaN"']
NOT_A_PRICE = ['""', '"free"', "2.505", '"2.505"', "-0.01", '"-1"', "false", "[2]", "{}", "10000000.01", '"2,50"']


async def test_a_product_is_shown_as_it_was_written(course):
    pid = course.new_id("product")
    document = {"PID": pid, "name": "Tea", "quantity": "40", "price": "2.50", "color": "green", "sizes": [1, 2.5, None]}

    assert verdict(await course.create_product(pid, document)) == DONE

    for _ in range(2):
        assert await course.shown_product(pid) == document


async def test_a_product_that_exists_is_not_created_again(course):
    pid = await course.product(7)
    other = {"PID": pid, "name": "Another", "quantity": "1", "price": "1.00"}

    for _ in range(2):
        assert verdict(await course.create_product(pid, other)) == "PRODUCT_EXISTS"

    assert await course.stock(pid) == 7


@pytest.mark.parametrize("missing", ["name", "quantity", "price"])
async def test_a_product_needs_a_name_a_quantity_and_a_price(course, missing):
    pid = course.new_id("product")
    document = {"PID": pid, "name": "Tea", "quantity": "40", "price": "2.50"}
    for incomplete in ({**document, missing: None}, {k: v for k, v in document.items() if k != missing}):
        assert verdict(await course.create_product(pid, incomplete)) == "INVALID_ARGUMENT"

    assert await course.retrieve_product(pid) == NO_PRODUCT


@pytest.mark.parametrize(("written", "shown"), AS_WRITTEN)
async def test_a_quantity_may_be_a_string_or_a_number_and_is_shown_as_a_string(course, written, shown):
    pid = course.new_id("product")
    assert verdict(await course.create_product(pid, _text(pid, quantity=written))) == DONE
    assert (await course.shown_product(pid))["quantity"] == shown

    assert verdict(await course.update_product(pid, '{"quantity": "1"}')) == DONE
    assert verdict(await course.update_product(pid, f'{{"quantity": {written}}}')) == DONE
    assert (await course.shown_product(pid))["quantity"] == shown


@pytest.mark.parametrize(("written", "shown"), PRICES_AS_WRITTEN)
async def test_a_price_may_be_a_string_or_a_number_and_is_shown_with_two_places(course, written, shown):
    pid = course.new_id("product")
    assert verdict(await course.create_product(pid, _text(pid, price=written))) == DONE
    assert (await course.shown_product(pid))["price"] == shown

    assert verdict(await course.update_product(pid, '{"price": "1"}')) == DONE
    assert verdict(await course.update_product(pid, f'{{"price": {written}}}')) == DONE
    assert (await course.shown_product(pid))["price"] == shown


@pytest.mark.parametrize(
    ("field", "written"),
    [*(("quantity", written) for written in NOT_A_QUANTITY), *(("price", written) for written in NOT_A_PRICE)],
)
async def test_what_is_no_quantity_or_no_price_is_refused_by_creating_and_by_updating(course, field, written):
    pid, existing = course.new_id("product"), await course.product(7)

    assert verdict(await course.create_product(pid, _text(pid, **{field: written}))) == "INVALID_ARGUMENT"
    assert verdict(await course.update_product(existing, f'{{"{field}": {written}}}')) == "INVALID_ARGUMENT"
    assert await course.retrieve_product(pid) == NO_PRODUCT
    assert (await course.shown_product(existing))["price"] == "2.50"
    assert await course.stock(existing) == 7


async def test_an_update_changes_what_it_names_and_nothing_else(course):
    pid = await course.product(7, price="2.50", color="green")
    shown = {"PID": pid, "name": "Pão de queijo", "quantity": "7", "price": "2.50", "color": "green"}
    for changes, result in (
        ({"price": "3.10"}, {**shown, "price": "3.10"}),
        ({"PID": pid, "quantity": 9}, {**shown, "price": "3.10", "quantity": "9"}),
        (
            {"name": "Broa", "color": "gold"},
            {**shown, "price": "3.10", "quantity": "9", "name": "Broa", "color": "gold"},
        ),
        ({"color": None}, {"PID": pid, "name": "Broa", "quantity": "9", "price": "3.10"}),
        ({}, {"PID": pid, "name": "Broa", "quantity": "9", "price": "3.10"}),
    ):
        assert verdict(await course.update_product(pid, changes)) == DONE
        assert await course.shown_product(pid) == result


async def test_a_new_quantity_sets_the_units_on_hand_and_leaves_the_orders_alone(course):
    pid = await course.product(10)
    oid = await course.order(await course.client(), (pid, 4))

    assert verdict(await course.update_product(pid, {"quantity": "10"})) == DONE
    assert await course.units(oid) == {pid: 4}
    assert verdict(await course.delete_order(oid)) == DONE
    assert await course.stock(pid) == 14


async def test_a_product_that_does_not_exist_is_the_empty_object_and_refused_by_every_write(course):
    pid = course.new_id("nothing")

    for _ in range(2):
        assert await course.retrieve_product(pid) == NO_PRODUCT
        assert verdict(await course.update_product(pid, {"price": "1.00"})) == "PRODUCT_NOT_FOUND"
        assert verdict(await course.update_product(pid, {})) == "PRODUCT_NOT_FOUND"
        assert verdict(await course.delete_product(pid)) == "PRODUCT_NOT_FOUND"


async def test_a_deleted_product_is_gone_at_once_at_every_portal_and_cannot_be_ordered(course):
    cid = await course.client()

    for _ in range(20):
        pid = await course.product(5)
        oid = course.new_id("order")
        assert verdict(await course.delete_product(pid)) == DONE
        for _ in range(2):
            assert await course.retrieve_product(pid) == NO_PRODUCT
            reply = await course.create_order(oid, cid, {"products": [{"PID": pid, "quantity": 1}]})
            assert verdict(reply) == "PRODUCT_NOT_FOUND"


async def test_a_product_in_orders_is_not_deleted_until_they_let_go_of_it(course):
    pid = await course.product(10)
    cid = await course.client()
    one, other = await course.order(cid, (pid, 4)), await course.order(cid, (pid, 1))

    assert verdict(await course.delete_product(pid)) == "PRODUCT_IN_USE"
    assert verdict(await course.delete_order(one)) == DONE
    assert verdict(await course.delete_product(pid)) == "PRODUCT_IN_USE"
    assert await course.stock(pid) == 9
    assert verdict(await course.update_order(other, cid, {"products": [{"PID": pid, "quantity": "0"}]})) == DONE
    assert verdict(await course.delete_product(pid)) == DONE
    assert await course.units(other) == {}


async def test_the_stock_is_bounded_also_where_orders_give_their_units_back(course):
    pid = await course.product(1_000_000_000)
    oid = await course.order(await course.client(), (pid, 1_000))

    assert verdict(await course.update_product(pid, {"quantity": 1_000_000_000})) == DONE
    assert verdict(await course.delete_order(oid)) == DONE
    assert await course.stock(pid) == 1_000_001_000
    assert verdict(await course.update_product(pid, {"quantity": "1000000001"})) == "INVALID_ARGUMENT"


def _text(pid, quantity='"40"', price='"2.50"'):
    """Write a product whose numbers stand there exactly like this."""
    return f'{{"PID": {json.dumps(pid)}, "name": "Tea", "quantity": {quantity}, "price": {price}}}'
