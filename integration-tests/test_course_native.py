"""The course's contract and Quitanda's own on the same data: what one wrote, the other reads at once."""

import json

import pytest
from compat.compat_shop import NO_CLIENT, NO_ORDER, NO_PRODUCT, as_shown, order_document
from compat.documented import DONE, verdict

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.outcomes import Reason
from quitanda_clients.connecting import Transport

pytest_plugins = ("compat.fixtures",)


@pytest.fixture
async def admins(shop):
    """Administrators of Quitanda's own, one at each portal."""
    return [await shop.admin(portal) for portal in shop.cluster.admin_portals]


async def natives(shop, cid):
    """Give a client's connections of Quitanda's own: one at each portal over gRPC, and one over MQTT."""
    over_grpc = [await shop.client(cid, portal=portal) for portal in shop.cluster.client_portals]
    return [*over_grpc, await shop.client(cid, Transport.MQTT)]


async def test_what_a_stranger_wrote_the_others_read_at_once(course, shop, admins):
    cid, pid = await course.client(city="Recife"), await course.product(1_000, color="green")
    oid = await course.order(cid, note="gift")
    clients = await natives(shop, cid)
    for units in range(1, 31):
        assert verdict(await course.update_order(oid, cid, order_document(oid, cid, (pid, units)))) == DONE
        assert verdict(await course.update_client(cid, {"name": f"Ana {units}"})) == DONE
        for client in clients:
            order = (await client.get_order(oid)).document
            assert [(item.product_id, item.quantity) for item in order.items] == [(pid, units)]
            assert (await client.get_product(pid)).document.quantity == 1_000 - units
        for admin in admins:
            assert (await admin.get_product(pid)).document.quantity == 1_000 - units
            customer = (await admin.get_customer(cid)).document
            assert (customer.name, customer.extra) == (f"Ana {units}", (("city", '"Recife"'),))


async def test_what_the_others_wrote_a_stranger_reads_at_once(course, shop, admins, transport):
    cid, pid = shop.new_id("customer"), shop.new_id("product")
    await admins[0].create_customer(cid, "Ana", extra=(("city", '"Recife"'),))
    await admins[1].create_product(pid, "Tea", 250, 1_000, description="green", extra=(("sizes", "[1,2]"),))
    client = await shop.client(cid, transport)
    oid = (await client.create_order()).document.order_id
    for units in range(1, 31):
        price = f"{units}.05"
        await admins[units % 2].update_product(pid, price=100 * units + 5)
        await admins[units % 2].update_customer(cid, name=f"Ana {units}")
        await client.set_order_item(oid, pid, units)
        shown = as_shown(order_document(oid, cid, (pid, units)), name="Tea", price=price)
        for _ in range(2):
            assert await course.shown_order(oid) == shown
            assert [json.loads(order.data) for order in await course.retrieve_client_orders(cid)] == [shown]
            assert await course.shown_client(cid) == {"CID": cid, "name": f"Ana {units}", "city": "Recife"}
            assert await course.shown_product(pid) == {
                "PID": pid,
                "name": "Tea",
                "quantity": str(1_000 - units),
                "price": price,
                "description": "green",
                "sizes": [1, 2],
            }


async def test_deletions_are_seen_at_once_by_the_others(course, shop, admins, transport, refused):
    for _ in range(10):
        cid, pid = await course.client(), await course.product(5)
        client = await shop.client(cid, transport)
        first, second = await course.order(cid, (pid, 1)), await course.order(cid, (pid, 2))
        await client.cancel_order(first)
        for _ in range(2):
            assert await course.retrieve_order(first) == NO_ORDER
            assert [order.OID for order in await course.retrieve_client_orders(cid)] == [second]
        assert verdict(await course.delete_order(second)) == DONE
        with refused(Reason.ORDER_NOT_FOUND, "order_id"):
            await client.get_order(second)
        await admins[0].delete_product(pid)
        for _ in range(2):
            assert await course.retrieve_product(pid) == NO_PRODUCT
        assert verdict(await course.delete_client(cid)) == DONE
        with refused(Reason.CUSTOMER_NOT_FOUND, "customer_id"):
            await client.list_orders()
        with refused(Reason.CUSTOMER_NOT_FOUND, "customer_id"):
            await admins[1].get_customer(cid)


async def test_a_cascade_of_an_administrator_is_seen_at_once_by_strangers(course, admins):
    cid, pid = await course.client(), await course.product(10)
    other = await course.client()
    mine, others = await course.order(cid, (pid, 4)), await course.order(other, (pid, 1))
    await admins[0].delete_customer(cid, cascade=True)
    for _ in range(2):
        assert await course.retrieve_client(cid) == NO_CLIENT
        assert await course.retrieve_order(mine) == NO_ORDER
    assert await course.stock(pid) == 9
    await admins[1].delete_product(pid, cascade=True)
    for _ in range(2):
        assert await course.units(others) == {}


async def test_fields_of_a_stranger_outlive_what_the_others_change(course, shop, admins, transport):
    cid, pid = await course.client(city="Recife", version=7), await course.product(100, version="1", color="green")
    oid = course.new_id("order")
    line = {"PID": pid, "quantity": "1", "note": "warm", "total": "?"}
    document = {"OID": oid, "CID": cid, "products": [line], "note": "gift", "version": "mine", "items": []}
    assert verdict(await course.create_order(oid, cid, document)) == DONE
    client = await shop.client(cid, transport)

    await client.set_order_item(oid, pid, 3)
    await client.set_order_items(oid, [ItemQuantity(pid, 2)])
    await admins[0].update_customer(cid, name="Ana", extra=(("age", "40"),))
    await admins[0].update_product(pid, price=500, extra=(("color", '"red"'),))
    await admins[1].adjust_stock(pid, -8)

    assert await course.shown_order(oid) == as_shown({**document, "products": [{**line, "quantity": "2"}]})
    assert await course.shown_client(cid) == {"CID": cid, "name": "Ana", "city": "Recife", "version": 7, "age": 40}
    assert await course.shown_product(pid) == {
        "PID": pid,
        "name": "Pão de queijo",
        "quantity": "90",
        "price": "5.00",
        "version": "1",
        "color": "red",
    }


async def test_the_others_see_odd_ids_and_names_in_their_documented_form(course, shop, admins, transport):
    number = shop.new_id()
    cid, pid, oid = f"Zé {number}", f"chá/{number}", f"_{number}"
    escaped = f"Z~c3~a9~20{number}", f"ch~c3~a1~2f{number}", f"0~_{number}"
    assert verdict(await course.create_client(cid, {"name": "José", "version": 1})) == DONE
    product = {"name": "Chá", "quantity": 5, "price": 1, "description": "verde", "course.version": 2}
    assert verdict(await course.create_product(pid, product)) == DONE
    assert verdict(await course.create_order(oid, cid, order_document(oid, cid, (pid, 2)))) == DONE
    client = await shop.client(escaped[0], transport)

    assert [summary.order_id for summary in (await client.list_orders()).documents] == [escaped[2]]
    assert (await client.get_order(escaped[2])).document.items[0].product_id == escaped[1]
    assert (await admins[0].get_customer(escaped[0])).document.extra == (("course.version", "1"),)
    seen = (await admins[1].get_product(escaped[1])).document
    assert (seen.description, seen.extra) == ("verde", (("course.course.version", "2"),))

    mine = (await client.create_order([ItemQuantity(escaped[1], 1)])).document.order_id
    assert {order.OID for order in await course.retrieve_client_orders(cid)} == {oid, mine}
    assert await course.units(mine) == {pid: 1}


async def test_ids_of_the_others_reach_a_stranger_whatever_they_look_like(course, shop, admins):
    number = shop.new_id()
    for native in (f"{number}~20", f"{number}~41", f"{number}~c3~28", f"{number}~7e20", f"{number}~", f"0~{number}"):
        await admins[0].create_customer(native, native)
        oid = (await (await shop.client(native)).create_order()).document.order_id
        cid = (await course.retrieve_order(oid)).CID
        assert await course.shown_client(cid) == {"CID": cid, "name": native}
