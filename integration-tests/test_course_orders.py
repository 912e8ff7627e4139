"""The course's contract, orders: each operation's success and refusals, each call at the other portal."""

import json

import pytest
from compat.compat_shop import NO_ORDER, PRODUCT_NAME, as_shown, order_document
from compat.documented import DONE, verdict

pytest_plugins = ("compat.fixtures",)


@pytest.fixture
async def ana(course):
    """A registered client's CID."""
    return await course.client()


def item(pid, quantity, price="2.50", **fields):
    return {"PID": pid, "name": PRODUCT_NAME, "quantity": quantity, "price": price, **fields}


@pytest.mark.parametrize("document", [{}, {"products": []}, {"products": None}, {"note": "gift"}], ids=str)
async def test_an_order_may_begin_empty(course, ana, document):
    oid = course.new_id("order")
    assert verdict(await course.create_order(oid, ana, document)) == DONE

    for _ in range(2):
        extras = {name: value for name, value in document.items() if name != "products"}
        assert await course.shown_order(oid) == {"OID": oid, "CID": ana, "products": [], "total": "0.00", **extras}


async def test_a_whole_order_is_created_at_once_and_takes_its_units(course, ana):
    bread, cheese, tea = await course.products(3, quantity=10)
    oid = await course.order(ana, (bread, 3), (cheese, 1), (tea, 10))

    for _ in range(2):
        assert await course.shown_order(oid) == {
            "OID": oid,
            "CID": ana,
            "products": [item(bread, "3"), item(cheese, "1"), item(tea, "10")],
            "total": "35.00",
        }
    assert [await course.stock(pid) for pid in (bread, cheese, tea)] == [7, 9, 0]


async def test_an_order_may_hold_two_hundred_products_and_not_one_more(course, ana):
    full = await course.products(200, quantity=5)
    one_more = await course.product(5)
    oid = await course.order(ana, *((pid, 2) for pid in full))

    assert await course.units(oid) == dict.fromkeys(full, 2)

    another = course.new_id("order")
    lines = [(pid, 1) for pid in (*full, one_more)]
    assert verdict(await course.create_order(another, ana, order_document(another, ana, *lines))) in {
        "TOO_MANY_ITEMS",
        "INVALID_ARGUMENT",
    }
    assert await course.retrieve_order(another) == NO_ORDER
    assert verdict(await course.update_order(oid, ana, {"products": [item(one_more, 1)]})) == "TOO_MANY_ITEMS"
    assert await course.units(oid) == dict.fromkeys(full, 2)


async def test_an_order_is_all_or_nothing(course, ana):
    bread, cheese = await course.product(10), await course.product(2)
    oid = course.new_id("order")
    for lines, reason in (
        ([(bread, 1), (cheese, 3)], "OUT_OF_STOCK"),
        ([(bread, 1), (course.new_id("nothing"), 1)], "PRODUCT_NOT_FOUND"),
        ([(bread, 1), (cheese, -1)], "INVALID_ARGUMENT"),
        ([(bread, 1), (cheese, 1_000_001)], "INVALID_ARGUMENT"),
    ):
        for _ in range(2):
            reply = await course.create_order(oid, ana, order_document(oid, ana, *lines))
            assert verdict(reply) == reason
            assert await course.retrieve_order(oid) == NO_ORDER
            assert await course.stock(bread) == 10
    assert await course.retrieve_client_orders(ana) == []

    assert verdict(await course.create_order(oid, ana, order_document(oid, ana, (bread, 1), (cheese, 2)))) == DONE


async def test_lines_of_one_product_are_summed_before_the_stock_is_asked(course, ana):
    bread, cheese = await course.products(2, quantity=5)
    oid = course.new_id("order")
    too_much = order_document(oid, ana, (bread, 3), (cheese, 1), (bread, 3))

    assert verdict(await course.create_order(oid, ana, too_much)) == "OUT_OF_STOCK"

    oid = await course.order(ana, (bread, 3), (cheese, 1), (bread, 2))
    assert await course.units(oid) == {bread: 5, cheese: 1}
    assert [await course.stock(bread), await course.stock(cheese)] == [0, 4]

    twice = {"products": [item(bread, "1"), item(cheese, 2), item(bread, 1)]}
    assert verdict(await course.update_order(oid, ana, twice)) == DONE
    assert await course.units(oid) == {bread: 2, cheese: 2}


async def test_lines_of_quantity_zero_are_left_out_of_a_new_order(course, ana):
    bread, cheese = await course.products(2)
    oid = await course.order(ana, (bread, 0), (cheese, 2))

    assert await course.units(oid) == {cheese: 2}
    assert await course.units(await course.order(ana, (bread, 0))) == {}


async def test_an_oid_that_is_taken_is_refused_whoever_took_it(course, ana):
    pid = await course.product(10)
    oid = await course.order(ana, (pid, 1))
    bento = await course.client()

    for cid in (ana, bento, ana, bento):
        reply = await course.create_order(oid, cid, order_document(oid, cid, (pid, 2)))
        assert verdict(reply) == "ORDER_EXISTS"
    assert (await course.shown_order(oid))["CID"] == ana
    assert await course.stock(pid) == 9

    assert verdict(await course.delete_order(oid)) == DONE
    assert verdict(await course.create_order(oid, bento, order_document(oid, bento, (pid, 2)))) == DONE
    assert (await course.shown_order(oid))["CID"] == bento


async def test_an_order_of_nobody_is_refused(course):
    pid, oid, nobody = await course.product(10), course.new_id("order"), course.new_id("nobody")

    for _ in range(2):
        reply = await course.create_order(oid, nobody, order_document(oid, nobody, (pid, 1)))
        assert verdict(reply) == "CUSTOMER_NOT_FOUND"
    assert await course.retrieve_order(oid) == NO_ORDER
    assert await course.stock(pid) == 10


async def test_an_update_sets_what_it_names_removes_at_zero_and_leaves_the_rest(course, ana):
    bread, cheese, tea = await course.products(3, quantity=10)
    oid = await course.order(ana, (bread, 3), (cheese, 1))
    for lines, result in (
        ([(bread, 5)], {bread: 5, cheese: 1}),
        ([(tea, 2), (cheese, 4)], {bread: 5, cheese: 4, tea: 2}),
        ([(bread, 0), (tea, 1)], {cheese: 4, tea: 1}),
        ([(bread, 0)], {cheese: 4, tea: 1}),
        ([], {cheese: 4, tea: 1}),
        ([(cheese, 0), (tea, 0)], {}),
    ):
        assert verdict(await course.update_order(oid, ana, order_document(oid, ana, *lines))) == DONE
        assert await course.units(oid) == result
        for pid in (bread, cheese, tea):
            assert await course.stock(pid) == 10 - result.get(pid, 0)


async def test_an_update_that_names_nothing_changes_nothing_and_is_done(course, ana):
    oid = await course.order(ana, (await course.product(10), 3), note="gift")
    before = await course.shown_order(oid)
    for document in ({}, {"products": []}, {"products": None}, {"OID": oid}, {"OID": oid, "CID": ana}):
        assert verdict(await course.update_order(oid, ana, document)) == DONE
        assert await course.shown_order(oid) == before


async def test_an_update_is_all_or_nothing(course, ana):
    bread, cheese = await course.product(10), await course.product(2)
    oid = await course.order(ana, (bread, 3), note="before")
    for lines, reason in (
        ([(bread, 0), (cheese, 3)], "OUT_OF_STOCK"),
        ([(bread, 11)], "OUT_OF_STOCK"),
        ([(bread, 1), (course.new_id("nothing"), 1)], "PRODUCT_NOT_FOUND"),
        ([(bread, 1), (cheese, -1)], "INVALID_ARGUMENT"),
        ([(bread, 1), (cheese, 1_000_001)], "INVALID_ARGUMENT"),
    ):
        reply = await course.update_order(oid, ana, order_document(oid, ana, *lines, note="after"))
        assert verdict(reply) == reason
        assert await course.shown_order(oid) == {
            "OID": oid,
            "CID": ana,
            "products": [item(bread, "3")],
            "total": "7.50",
            "note": "before",
        }
    assert [await course.stock(bread), await course.stock(cheese)] == [7, 2]


async def test_only_its_client_changes_an_order(course, ana):
    pid = await course.product(10)
    oid, bento = await course.order(ana, (pid, 3)), await course.client()
    nobody = course.new_id("nobody")
    for cid, reason in ((bento, "ORDER_NOT_FOUND"), (nobody, "CUSTOMER_NOT_FOUND")) * 2:
        assert verdict(await course.update_order(oid, cid, order_document(oid, cid, (pid, 1)))) == reason
        assert verdict(await course.update_order(oid, cid, {})) == reason
        assert verdict(await course.update_order(oid, cid, {"note": "mine"})) == reason

    assert await course.shown_order(oid) == as_shown(order_document(oid, ana, (pid, 3)))


async def test_a_deleted_order_gives_its_units_back_and_is_gone_at_once_at_every_portal(course, ana):
    bread, cheese = await course.products(2, quantity=10)
    for _ in range(20):
        oid = await course.order(ana, (bread, 10), (cheese, 1))
        assert verdict(await course.delete_order(oid)) == DONE
        for _ in range(2):
            assert await course.retrieve_order(oid) == NO_ORDER
            assert await course.retrieve_client_orders(ana) == []
        assert [await course.stock(bread), await course.stock(cheese)] == [10, 10]


async def test_an_order_that_does_not_exist_is_the_empty_object_and_refused_by_every_write(course, ana):
    oid = course.new_id("nothing")
    for _ in range(2):
        assert await course.retrieve_order(oid) == NO_ORDER
        assert verdict(await course.update_order(oid, ana, {"note": "gift"})) == "ORDER_NOT_FOUND"
        assert verdict(await course.update_order(oid, ana, {})) == "ORDER_NOT_FOUND"
        assert verdict(await course.delete_order(oid)) == "ORDER_NOT_FOUND"


async def test_the_price_is_the_products_whatever_the_client_sends(course, ana):
    pid = await course.product(100, price="12.34")
    for price in ("0.01", 99, -1, "free", None, True, ["x"], {"a": 1}, 1.005):
        oid = course.new_id("order")
        document = {"products": [{"PID": pid, "quantity": 1, "price": price}]}
        assert verdict(await course.create_order(oid, ana, document)) == DONE
        assert verdict(await course.update_order(oid, ana, document)) == DONE
        assert (await course.shown_order(oid))["products"] == [item(pid, "1", "12.34")]


async def test_the_price_of_an_item_is_that_of_the_moment_when_its_quantity_was_last_raised(course, ana):
    pid = await course.product(100, price="1.00")
    oid = await course.order(ana, (pid, 2))
    assert verdict(await course.update_product(pid, {"price": "3.00"})) == DONE
    for units, price in ((2, "1.00"), (1, "1.00"), (2, "3.00")):
        assert verdict(await course.update_order(oid, ana, order_document(oid, ana, (pid, units)))) == DONE
        assert (await course.shown_order(oid))["products"] == [item(pid, str(units), price)]


@pytest.mark.parametrize("written", ['"3"', "3", "3.0", "3e0", '"03"'])
async def test_a_quantity_may_be_a_string_or_a_number_and_is_shown_as_a_string(course, ana, written):
    pid, oid = await course.product(10), course.new_id("order")
    data = f'{{"products": [{{"PID": {json.dumps(pid)}, "quantity": {written}}}]}}'

    assert verdict(await course.create_order(oid, ana, data)) == DONE
    assert (await course.shown_order(oid))["products"] == [item(pid, "3")]
    assert verdict(await course.update_order(oid, ana, order_document(oid, ana, (pid, 1)))) == DONE
    assert verdict(await course.update_order(oid, ana, data)) == DONE
    assert (await course.shown_order(oid))["products"] == [item(pid, "3")]


@pytest.mark.parametrize("written", ["-1", '"-1"', "1.5", '"two"', '""', "true", "null", "[]", "{}", "1000001", "1e99"])
async def test_what_is_no_quantity_is_refused_by_creating_and_by_updating(course, ana, written):
    pid, oid = await course.product(10), course.new_id("order")
    existing = await course.order(ana, (pid, 2))
    data = f'{{"products": [{{"PID": {json.dumps(pid)}, "quantity": {written}}}]}}'

    assert verdict(await course.create_order(oid, ana, data)) == "INVALID_ARGUMENT"
    assert verdict(await course.update_order(existing, ana, data)) == "INVALID_ARGUMENT"
    assert await course.retrieve_order(oid) == NO_ORDER
    assert await course.units(existing) == {pid: 2}


async def test_a_line_without_a_product_or_a_quantity_is_refused(course, ana):
    pid, oid = await course.product(10), course.new_id("order")
    for products in ([{"PID": pid}], [{"quantity": 1}], [{}], [pid], [None], "three", {pid: 1}, 3, [[pid, 1]]):
        assert verdict(await course.create_order(oid, ana, {"products": products})) == "INVALID_ARGUMENT", products

    assert await course.retrieve_order(oid) == NO_ORDER


async def test_all_orders_of_a_client_are_streamed_in_the_order_of_their_ids_and_nobody_elses(course, ana):
    pid, bento = await course.product(1_000), await course.client()
    placed = sorted([await course.order(ana, (pid, number), number=number) for number in range(1, 12)])
    await course.order(bento, (pid, 1))

    for _ in range(2):
        streamed = await course.retrieve_client_orders(ana)
        assert [order.OID for order in streamed] == placed
        assert {order.CID for order in streamed} == {ana}
        assert [json.loads(order.data) for order in streamed] == [await course.shown_order(oid) for oid in placed]
