"""The course's contract, `data`: one JSON object, read strictly, and refused with a number where it is none."""

import json

import grpc
import pytest
from compat.compat_shop import NO_CLIENT, NO_ORDER, NO_PRODUCT, order_document
from compat.documented import verdict

pytest_plugins = ("compat.fixtures",)

NOT_AN_OBJECT = {
    "a word": "Ana",
    "a string": '"Ana"',
    "a number": "7",
    "null": "null",
    "a list": '[{"name": "Ana"}]',
    "cut short": '{"name": "Ana"',
    "two of them": '{"name": "Ana"} {}',
    "single quotes": "{'name': 'Ana'}",
    "a comma too many": '{"name": "Ana",}',
    "a name twice": '{"name": "Ana", "name": "Bia"}',
    "a name twice inside": '{"name": "Ana", "more": {"a": 1, "a": 2}}',
    "no number": '{"name": "Ana", "size": NaN}',
    "infinity": '{"name": "Ana", "size": -Infinity}',
    "half a character": '{"name": "Ana\\ud800"}',
    "half a character in a field": '{"name": "Ana", "more": "\\udc00"}',
    "nested too deep": '{"name": "Ana", "more": ' + "[" * 20 + "]" * 20 + "}",
    "nested far too deep": "[" * 100_000,
    "a comment": '{"name": "Ana" /* of course */}',
    "a raw line break": '{"name": "Ana\n"}',
    "too large": '{"name": "Ana", "more": "' + "x" * 100_000 + '"}',
    "a number too long": '{"name": "Ana", "size": ' + "9" * 2_000 + "}",
}


@pytest.mark.parametrize("data", NOT_AN_OBJECT.values(), ids=NOT_AN_OBJECT)
async def test_what_is_not_one_json_object_is_refused_by_every_write_and_changes_nothing(course, data):
    cid, pid = await course.client(), await course.product(7)
    oid, new = await course.order(cid, (pid, 1)), course.new_id("new")
    before = await course.shown_client(cid), await course.shown_product(pid), await course.shown_order(oid)

    assert verdict(await course.create_client(new, data)) == "INVALID_ARGUMENT"
    assert verdict(await course.update_client(cid, data)) == "INVALID_ARGUMENT"
    assert verdict(await course.create_product(new, data)) == "INVALID_ARGUMENT"
    assert verdict(await course.update_product(pid, data)) == "INVALID_ARGUMENT"
    assert verdict(await course.create_order(new, cid, data)) == "INVALID_ARGUMENT"
    assert verdict(await course.update_order(oid, cid, data)) == "INVALID_ARGUMENT"

    assert await course.retrieve_client(new) == NO_CLIENT
    assert await course.retrieve_product(new) == NO_PRODUCT
    assert await course.retrieve_order(new) == NO_ORDER
    assert (await course.shown_client(cid), await course.shown_product(pid), await course.shown_order(oid)) == before


async def test_an_empty_text_counts_as_an_object_without_fields(course):
    cid, pid = await course.client(), await course.product(7)
    oid = course.new_id("order")
    for data in ("", " \n"):
        assert verdict(await course.update_client(cid, data)) == "DONE"
        assert verdict(await course.update_product(pid, data)) == "DONE"
        assert verdict(await course.create_client(course.new_id("client"), data)) == "INVALID_ARGUMENT"
    assert verdict(await course.create_order(oid, cid, "")) == "DONE"
    assert verdict(await course.update_order(oid, cid, "")) == "DONE"

    assert await course.shown_order(oid) == {"OID": oid, "CID": cid, "products": [], "total": "0.00"}


async def test_a_byte_order_mark_and_blanks_around_the_object_are_no_part_of_it(course):
    cid = course.new_id("client")

    assert verdict(await course.create_client(cid, '\ufeff \t{"name": "Ana"}\r\n')) == "DONE"
    assert await course.shown_client(cid) == {"CID": cid, "name": "Ana"}


async def test_a_refusal_says_in_words_what_is_wrong_and_where(course):
    cid, pid = await course.client(), await course.product(2)
    oid = course.new_id("order")
    for reply, words in (
        (await course.create_client(course.new_id("client"), {}), ["name"]),
        (await course.create_product(oid, {"name": "Tea", "quantity": "many", "price": 1}), ["quantity"]),
        (await course.create_product(oid, {"name": "Tea", "quantity": 1, "price": "1,50"}), ["price"]),
        (await course.create_order(oid, cid, {"products": [{"PID": pid}]}), ["products[0].quantity"]),
        (await course.create_order(oid, cid, order_document(oid, cid, (pid, 3))), [pid, "3", "2"]),
        (await course.create_order(oid, cid, order_document(oid, cid, ("no such", 3))), ["no such"]),
        (await course.create_order(oid, "no body", {}), ["no body"]),
        (await course.create_client(cid, {"name": "Ana"}), [cid]),
        (await course.delete_order("no thing"), ["no thing"]),
    ):
        assert [word for word in words if word not in reply.description] == [], reply.description


async def test_data_comes_back_as_one_json_object_with_the_ids_of_its_message(course):
    cid, pid = await course.client(), await course.product(2)
    oid = await course.order(cid, (pid, 1))
    client, product = await course.retrieve_client(cid), await course.retrieve_product(pid)
    order = await course.retrieve_order(oid)

    assert (json.loads(client.data)["CID"], client.CID) == (cid, cid)
    assert (json.loads(product.data)["PID"], product.PID) == (pid, pid)
    shown = json.loads(order.data)
    assert (shown["OID"], shown["CID"], order.OID, order.CID) == (oid, cid, oid, cid)


async def test_a_message_that_no_portal_takes_ends_with_a_status_and_changes_nothing(course):
    cid = await course.client()
    huge = json.dumps({"name": "Ana", "more": "x" * 2_000_000})
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await course.update_client(cid, huge)
        assert ended.value.code() in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}

    assert await course.shown_client(cid) == {"CID": cid, "name": "Conceição"}
