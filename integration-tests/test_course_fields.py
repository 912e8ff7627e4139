"""The course's contract, fields that Quitanda does not know: kept at every level, exactly, and never required."""

import decimal
import json

from compat.compat_shop import as_shown
from compat.documented import DONE, verdict

pytest_plugins = ("compat.fixtures",)

ODD_VALUES = {
    "text": 'é "quoted" \\ / \u2028 😀',
    "true": True,
    "list": [1, [2, [None, {}]], ""],
    "object": {"a": {"b": {"c": [0]}}},
    "integer": 12345678901234567890123,
    "decimal": decimal.Decimal("0.1000000000000000000001"),
    "zero": decimal.Decimal("1.10"),
    "negative": -1,
    "": "a name may be empty",
    "größe": "42",
    "with spaces": 1,
}
RESERVED_NAMES = (
    *("customer_id", "product_id", "order_id", "version", "name", "description", "extra", "items", "total"),
    *("price", "quantity", "unit_price", "created_at_ms", "request_id", "PID", "OID", "CID", "products"),
    *("course.", "course.version", "course.course.version", "revision", "expected_version"),
)
CLIENT_FIELDS = {"CID", "name"}
PRODUCT_FIELDS = {"PID", "name", "price", "quantity"}
ORDER_FIELDS = {"OID", "CID", "products", "total"}
ITEM_FIELDS = {"PID", "name", "price", "quantity"}


def reserved(but):
    """Give a value for every name that means something somewhere, but not here."""
    return {name: f"my own {name}" for name in RESERVED_NAMES if name not in but}


def read(data):
    """Read a document without losing a digit."""
    return json.loads(data, parse_float=decimal.Decimal)


def write(document):
    """Write a document whose numbers may be Decimals, digit by digit."""
    if isinstance(document, decimal.Decimal):
        return str(document)
    if isinstance(document, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{write(value)}" for name, value in document.items()) + "}"
    return "[" + ",".join(map(write, document)) + "]" if isinstance(document, list) else json.dumps(document)


async def test_a_clients_fields_are_kept_exactly(course):
    for extras in (ODD_VALUES, reserved(but=CLIENT_FIELDS)):
        cid = course.new_id("client")
        document = {"CID": cid, "name": "Ana", **extras}
        assert verdict(await course.create_client(cid, write(document))) == DONE
        assert verdict(await course.update_client(cid, {"name": "Bia"})) == DONE
        assert read((await course.retrieve_client(cid)).data) == {**document, "name": "Bia"}


async def test_a_products_fields_are_kept_exactly(course):
    for extras in (ODD_VALUES, reserved(but=PRODUCT_FIELDS)):
        pid = course.new_id("product")
        document = {"PID": pid, "name": "Tea", "quantity": "40", "price": "2.50", **extras}
        assert verdict(await course.create_product(pid, write(document))) == DONE
        assert verdict(await course.update_product(pid, {"name": "Mate"})) == DONE
        assert read((await course.retrieve_product(pid)).data) == {**document, "name": "Mate"}


async def test_an_orders_and_its_items_fields_are_kept_exactly(course):
    cid, pid = await course.client(), await course.product(10)
    for extras, of_item in ((ODD_VALUES, ODD_VALUES), (reserved(but=ORDER_FIELDS), reserved(but=ITEM_FIELDS))):
        oid = course.new_id("order")
        document = {"OID": oid, "CID": cid, "products": [{"PID": pid, "quantity": "2", **of_item}], **extras}
        assert verdict(await course.create_order(oid, cid, write(document))) == DONE
        assert read((await course.retrieve_order(oid)).data) == as_shown(document)

        assert verdict(await course.update_order(oid, cid, {"products": [{"PID": pid, "quantity": 1}]})) == DONE
        document["products"][0]["quantity"] = "1"
        assert read((await course.retrieve_order(oid)).data) == as_shown(document)


async def test_every_field_that_has_a_name_of_ours_is_changed_and_removed_like_any_other(course):
    cid, pid = await course.client(**reserved(but=CLIENT_FIELDS)), await course.product(10, **reserved(PRODUCT_FIELDS))
    line = {"PID": pid, "quantity": "1"}
    oid = course.new_id("order")
    created = {"products": [{**line, **reserved(but=ITEM_FIELDS)}], **reserved(but=ORDER_FIELDS)}
    assert verdict(await course.create_order(oid, cid, created)) == DONE
    for value in ("another", 7, {"a": 1}, None):
        clients, products, orders, items = (
            dict.fromkeys(reserved(but), value) for but in (CLIENT_FIELDS, PRODUCT_FIELDS, ORDER_FIELDS, ITEM_FIELDS)
        )
        assert verdict(await course.update_client(cid, clients)) == DONE
        assert verdict(await course.update_product(pid, products)) == DONE
        assert verdict(await course.update_order(oid, cid, {"products": [{**line, **items}], **orders})) == DONE
        if value is None:
            clients = products = orders = items = {}
        assert await course.shown_client(cid) == {"CID": cid, "name": "Conceição", **clients}
        assert await course.shown_product(pid) == {
            "PID": pid,
            "name": "Pão de queijo",
            "quantity": "9",
            "price": "2.50",
            **products,
        }
        expected = {"OID": oid, "CID": cid, "products": [{**line, **items}], **orders}
        assert await course.shown_order(oid) == as_shown(expected)


async def test_fields_of_an_order_are_merged_and_removed_by_null(course):
    cid, pid = await course.client(), await course.product(10)
    oid = await course.order(cid, (pid, 1), note="gift", box="red")
    for changes, result in (
        ({"note": "no gift"}, {"note": "no gift", "box": "red"}),
        ({"paid": True}, {"note": "no gift", "box": "red", "paid": True}),
        ({"note": None, "never": None}, {"box": "red", "paid": True}),
        ({"box": {"color": "red", "ribbon": None}}, {"box": {"color": "red", "ribbon": None}, "paid": True}),
    ):
        assert verdict(await course.update_order(oid, cid, changes)) == DONE
        expected = {"OID": oid, "CID": cid, "products": [{"PID": pid, "quantity": "1"}], **result}
        assert await course.shown_order(oid) == as_shown(expected)


async def test_fields_of_an_item_are_merged_and_go_with_the_item(course):
    cid, pid = await course.client(), await course.product(10)
    oid = course.new_id("order")
    line = {"PID": pid, "quantity": "1"}
    first = {"products": [{**line, "note": "warm", "cut": True}]}
    assert verdict(await course.create_order(oid, cid, first)) == DONE
    for lines, result in (
        ([line], {"note": "warm", "cut": True}),
        ([{**line, "note": "cold"}], {"note": "cold", "cut": True}),
        ([{**line, "cut": None, "salt": 0}], {"note": "cold", "salt": 0}),
        (
            [
                {"PID": pid, "quantity": 0},
            ],
            None,
        ),
        ([line], {}),
    ):
        assert verdict(await course.update_order(oid, cid, {"products": lines})) == DONE
        items = [] if result is None else [{**line, **result}]
        assert (await course.shown_order(oid))["products"] == as_shown({"products": items})["products"]


async def test_of_lines_of_one_product_the_later_one_wins_field_by_field(course):
    cid, pid = await course.client(), await course.product(10)
    oid = course.new_id("order")
    lines = [{"PID": pid, "quantity": 1, "note": "warm", "cut": True}, {"PID": pid, "quantity": 2, "note": "cold"}]
    assert verdict(await course.create_order(oid, cid, {"products": lines})) == DONE

    expected = as_shown({"products": [{"PID": pid, "quantity": "3", "note": "cold", "cut": True}]})
    assert (await course.shown_order(oid))["products"] == expected["products"]


async def test_too_many_or_too_large_fields_are_refused_and_change_nothing(course):
    cid, pid = await course.client(city="Recife"), await course.product(10)
    oid = await course.order(cid, (pid, 1))
    before = await course.shown_client(cid), await course.shown_product(pid), await course.shown_order(oid)
    for extras in ({f"field{number}": number for number in range(51)}, {"large": "x" * 16_384}, {"n" * 65: 1}):
        assert verdict(await course.update_client(cid, extras)) == "INVALID_ARGUMENT"
        assert verdict(await course.update_product(pid, extras)) == "INVALID_ARGUMENT"
        assert verdict(await course.update_order(oid, cid, extras)) == "INVALID_ARGUMENT"
        line = {"PID": pid, "quantity": 2, **extras}
        assert verdict(await course.update_order(oid, cid, {"products": [line]})) == "INVALID_ARGUMENT"

    assert (await course.shown_client(cid), await course.shown_product(pid), await course.shown_order(oid)) == before


async def test_a_null_is_kept_by_what_is_new_and_removes_from_what_was_there(course):
    cid, pid = await course.client(city=None), await course.product(10, color=None)
    oid, line = course.new_id("order"), {"quantity": "1", "note": None}
    created = {"products": [{"PID": pid, **line}], "gift": None}
    assert verdict(await course.create_order(oid, cid, created)) == DONE
    assert (await course.shown_client(cid))["city"] is None
    assert (await course.shown_product(pid))["color"] is None
    expected = {"OID": oid, "CID": cid, "products": [{"PID": pid, "quantity": "1", "note": None}], "gift": None}
    assert await course.shown_order(oid) == as_shown(expected)

    another = await course.product(10)
    changes = {"products": [{"PID": pid, **line}, {"PID": another, **line}], "gift": None}
    assert verdict(await course.update_order(oid, cid, changes)) == DONE
    assert verdict(await course.update_client(cid, {"city": None})) == DONE
    assert verdict(await course.update_product(pid, {"color": None})) == DONE
    assert "city" not in await course.shown_client(cid)
    assert "color" not in await course.shown_product(pid)
    shown = await course.shown_order(oid)
    assert "gift" not in shown
    assert [sorted(item) for item in shown["products"]] == [["PID", "name", "price", "quantity"]] * 2


async def test_a_description_is_the_products_own_if_it_can_be_and_kept_as_it_is_if_not(course, shop):
    pid, admin = await course.product(10), await shop.admin()
    for description, native in (
        ("green\nfrom China", "green\nfrom China"),
        (7, ""),
        ("black", "black"),
        ("x" * 2_001, ""),
        ("", ""),
        ({"en": "tea"}, ""),
        ("white", "white"),
    ):
        assert verdict(await course.update_product(pid, {"description": description})) == DONE
        assert (await course.shown_product(pid))["description"] == description
        assert (await admin.get_product(pid)).document.description == native

    await admin.update_product(pid, description="yellow")
    assert (await course.shown_product(pid))["description"] == "yellow"
    assert verdict(await course.update_product(pid, {"description": None})) == DONE
    assert "description" not in await course.shown_product(pid)
    assert (await admin.get_product(pid)).document.description == ""


async def test_fields_that_others_named_like_the_contracts_own_are_not_shown_and_not_lost(course, shop):
    cid, pid, admin = shop.new_id("customer"), shop.new_id("product"), await shop.admin()
    mine = (("CID", '"another"'), ("city", '"Recife"'))
    await admin.create_customer(cid, "Ana", extra=mine)
    await admin.create_product(pid, "Tea", 250, 10, extra=(("PID", "7"), ("color", '"green"')))

    assert verdict(await course.update_client(cid, {"name": "Bia"})) == DONE
    assert await course.shown_client(cid) == {"CID": cid, "name": "Bia", "city": "Recife"}
    assert (await course.shown_product(pid)).items() >= {"PID": pid, "color": "green"}.items()
    assert (await admin.get_customer(cid)).document.extra == mine
