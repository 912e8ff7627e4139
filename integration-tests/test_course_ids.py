"""The course's contract, ids: any that a client may think of, absent ones, and those that disagree."""

import json

import pytest
from compat.compat_shop import NO_CLIENT, NO_ORDER, NO_PRODUCT, as_shown
from compat.documented import DONE, verdict

pytest_plugins = ("compat.fixtures",)

ODD_IDS = {
    "a number": "12345678",
    "zeros": "007",
    "spaces": " Ana Maria ",
    "accents": "Conceição",
    "emoji": "🛒",
    "topics": "a/b/+/#",
    "escapes": "~20~zz~7E~",
    "first characters": "-rf",
    "a dot": ".",
    "control characters": "a\x00\n\t\x7f",
    "quotes": "\"'\\",
    "percent": "%41{}$x",
    "not a number": "0.0",
    "minus": "-1",
    "the longest": "x" * 64,
    "the longest with escapes": "é" * 10 + "xx",
}
LOOKALIKES = ("a b", "a~20b", "a~7e20b", "a~2020b", "A B", "a  b", "a%20b")
TOO_LONG = ("x" * 65, "é" * 11, " " * 21, "x" * 5_000)


@pytest.mark.parametrize("odd_id", ODD_IDS.values(), ids=ODD_IDS)
async def test_any_id_names_a_client_a_product_and_an_order(course, odd_id):
    cid = pid = oid = odd_id
    assert verdict(await course.create_client(cid, {"CID": cid, "name": "Ana"})) == DONE
    product = {"PID": pid, "name": "Tea", "quantity": "9", "price": "1.00"}
    assert verdict(await course.create_product(pid, product)) == DONE
    line = {"PID": pid, "quantity": "4"}
    assert verdict(await course.create_order(oid, cid, {"OID": oid, "CID": cid, "products": [line]})) == DONE

    for _ in range(2):
        assert await course.shown_client(cid) == {"CID": cid, "name": "Ana"}
        assert await course.shown_product(pid) == {**product, "quantity": "5"}
        shown = as_shown({"OID": oid, "CID": cid, "products": [line]}, name="Tea", price="1.00")
        assert await course.shown_order(oid) == shown
        assert [(order.OID, order.CID) for order in await course.retrieve_client_orders(cid)] == [(oid, cid)]

    assert verdict(await course.update_client(cid, {"name": "Bia"})) == DONE
    assert verdict(await course.update_product(pid, {"price": 2})) == DONE
    assert verdict(await course.update_order(oid, cid, {"products": [{**line, "quantity": 5}]})) == DONE
    assert verdict(await course.delete_order(oid)) == DONE
    assert verdict(await course.delete_product(pid)) == DONE
    assert verdict(await course.delete_client(cid)) == DONE
    assert await course.retrieve_client(cid) == NO_CLIENT


async def test_ids_that_look_alike_are_different(course):
    for position, cid in enumerate(LOOKALIKES):
        assert verdict(await course.create_client(cid, {"CID": cid, "name": f"number {position}"})) == DONE
    names = [(await course.shown_client(cid))["name"] for cid in LOOKALIKES]
    for cid in LOOKALIKES:
        assert verdict(await course.delete_client(cid)) == DONE

    assert names == [f"number {position}" for position in range(len(LOOKALIKES))]


@pytest.mark.parametrize("too_long", TOO_LONG, ids=lambda value: f"{value[0]}*{len(value)}")
async def test_an_id_that_is_too_long_is_refused_by_writes_and_not_found_by_reads(course, too_long):
    cid, pid = await course.client(), await course.product(5)
    product = {"name": "Tea", "quantity": 1, "price": 1}

    assert verdict(await course.create_client(too_long, {"name": "Ana"})) == "INVALID_ARGUMENT"
    assert verdict(await course.create_product(too_long, product)) == "INVALID_ARGUMENT"
    assert verdict(await course.create_order(too_long, cid, {})) == "INVALID_ARGUMENT"
    line = {"PID": too_long, "quantity": 1}
    assert verdict(await course.create_order(pid, cid, {"products": [line]})) == "INVALID_ARGUMENT"
    assert await course.retrieve_client(too_long) == NO_CLIENT
    assert await course.retrieve_product(too_long) == NO_PRODUCT
    assert await course.retrieve_order(too_long) == NO_ORDER
    assert await course.retrieve_client_orders(too_long) == []


async def test_the_id_zero_cannot_be_created_because_it_means_not_found(course):
    cid = await course.client()
    for data in ("0", "", "0 but empty"):
        request = "" if data == "" else "0"
        inside = {"CID": 0} if data == "" else {}
        assert verdict(await course.create_client(request, {"name": "Ana", **inside})) == "INVALID_ARGUMENT"
    assert verdict(await course.create_product("0", {"name": "Tea", "quantity": 1, "price": 1})) == "INVALID_ARGUMENT"
    assert verdict(await course.create_order("0", cid, {})) == "INVALID_ARGUMENT"

    assert await course.retrieve_client("0") == NO_CLIENT
    assert await course.retrieve_product("0") == NO_PRODUCT
    assert await course.retrieve_order("0") == NO_ORDER
    assert await course.retrieve_client_orders("0") == []
    assert verdict(await course.delete_client("0")) == "CUSTOMER_NOT_FOUND"
    assert verdict(await course.delete_product("0")) == "PRODUCT_NOT_FOUND"
    assert verdict(await course.delete_order("0")) == "ORDER_NOT_FOUND"


async def test_without_an_id_there_is_nothing_to_find_and_nothing_to_write(course):
    cid = await course.client()
    for nameless in ({"name": "Ana"}, {"name": "Ana", "CID": ""}, {"name": "Ana", "CID": None}):
        assert verdict(await course.create_client("", nameless)) == "INVALID_ARGUMENT"
        assert verdict(await course.update_client("", nameless)) == "INVALID_ARGUMENT"
    product = {"name": "Tea", "quantity": 1, "price": 1}
    assert verdict(await course.create_product("", product)) == "INVALID_ARGUMENT"
    assert verdict(await course.update_product("", product)) == "INVALID_ARGUMENT"
    assert verdict(await course.create_order("", cid, {})) == "INVALID_ARGUMENT"
    assert verdict(await course.update_order("", cid, {})) == "INVALID_ARGUMENT"
    oid = await course.order(cid)
    assert verdict(await course.create_order(course.new_id("order"), "", {})) == "INVALID_ARGUMENT"
    assert verdict(await course.update_order(oid, "", {})) == "INVALID_ARGUMENT"

    assert await course.retrieve_client("") == NO_CLIENT
    assert await course.retrieve_product("") == NO_PRODUCT
    assert await course.retrieve_order("") == NO_ORDER
    assert await course.retrieve_client_orders("") == []
    assert verdict(await course.delete_client("")) == "CUSTOMER_NOT_FOUND"
    assert verdict(await course.delete_product("")) == "PRODUCT_NOT_FOUND"
    assert verdict(await course.delete_order("")) == "ORDER_NOT_FOUND"


async def test_an_id_may_stand_in_the_document_alone(course):
    cid, pid, oid = course.new_id("client"), course.new_id("product"), course.new_id("order")
    product = {"PID": pid, "name": "Tea", "quantity": "1", "price": "1.00"}

    assert verdict(await course.create_client("", {"CID": cid, "name": "Ana"})) == DONE
    assert verdict(await course.create_product("", product)) == DONE
    assert verdict(await course.create_order("", "", {"OID": oid, "CID": cid})) == DONE
    assert verdict(await course.update_client("", {"CID": cid, "name": "Bia"})) == DONE
    assert verdict(await course.update_product("", {"PID": pid, "quantity": 2})) == DONE
    assert verdict(await course.update_order("", "", {"OID": oid, "CID": cid, "note": "gift"})) == DONE
    assert await course.shown_client(cid) == {"CID": cid, "name": "Bia"}
    assert await course.shown_product(pid) == {**product, "quantity": "2"}
    assert await course.shown_order(oid) == {"OID": oid, "CID": cid, "products": [], "total": "0.00", "note": "gift"}


async def test_an_id_may_be_a_json_number_in_the_document_and_is_shown_as_a_string(course):
    number = 7_000_000_001
    named = str(number)

    assert verdict(await course.create_client(named, {"CID": number, "name": "Ana"})) == DONE
    product = {"PID": number, "name": "Tea", "quantity": 9, "price": 1}
    assert verdict(await course.create_product("", product)) == DONE
    order = {"OID": number, "CID": number, "products": [{"PID": number, "quantity": 1}]}
    assert verdict(await course.create_order(named, "", order)) == DONE
    assert await course.shown_order(named) == {
        "OID": named,
        "CID": named,
        "products": [{"PID": named, "name": "Tea", "quantity": "1", "price": "1.00"}],
        "total": "1.00",
    }


async def test_ids_that_disagree_are_refused(course):
    cid, pid = await course.client(), await course.product(7)
    other_cid, other_pid = await course.client(), await course.product(7)
    oid, new = await course.order(cid, (pid, 1)), course.new_id("new")
    product = {"name": "Tea", "quantity": 1, "price": 1}

    assert verdict(await course.create_client(new, {"CID": other_cid, "name": "Ana"})) == "INVALID_ARGUMENT"
    assert verdict(await course.update_client(cid, {"CID": other_cid, "name": "Ana"})) == "INVALID_ARGUMENT"
    assert verdict(await course.create_product(new, {"PID": other_pid, **product})) == "INVALID_ARGUMENT"
    assert verdict(await course.update_product(pid, {"PID": other_pid, **product})) == "INVALID_ARGUMENT"
    for document in ({"OID": oid}, {"CID": other_cid}, {"CID": f"{cid} "}):
        assert verdict(await course.create_order(new, cid, document)) == "INVALID_ARGUMENT"
    for document in ({"OID": new}, {"CID": other_cid}):
        assert verdict(await course.update_order(oid, cid, document)) == "INVALID_ARGUMENT"

    assert await course.retrieve_client(new) == NO_CLIENT
    assert await course.retrieve_product(new) == NO_PRODUCT
    assert await course.retrieve_order(new) == NO_ORDER
    assert await course.shown_client(cid) == {"CID": cid, "name": "Conceição"}
    assert await course.stock(pid) == 6


@pytest.mark.parametrize("wrong", [True, [], ["7"], {}, {"CID": "7"}, 1.5], ids=json.dumps)
async def test_an_id_that_is_neither_text_nor_a_whole_number_is_refused(course, wrong):
    cid, new = await course.client(), course.new_id("new")

    assert verdict(await course.create_client("", {"CID": wrong, "name": "Ana"})) == "INVALID_ARGUMENT"
    assert verdict(await course.create_client(new, {"CID": wrong, "name": "Ana"})) == "INVALID_ARGUMENT"
    assert verdict(await course.create_order(new, cid, {"OID": wrong})) == "INVALID_ARGUMENT"
    line = {"PID": wrong, "quantity": 1}
    assert verdict(await course.create_order(new, cid, {"products": [line]})) == "INVALID_ARGUMENT"
    assert await course.retrieve_client(new) == NO_CLIENT
    assert await course.retrieve_order(new) == NO_ORDER
