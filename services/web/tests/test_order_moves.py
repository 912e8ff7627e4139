"""Deadlines, units that are cancelled or come back one by one, and staff who act for a customer."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from running_page import running

from quitanda.domain.commands import CreateOrder, FulfilOrder, ItemQuantity, PlaceOrder
from quitanda.domain.state import find_order

ZONE = ZoneInfo("America/Sao_Paulo")
OFFICE = "/office/orders/o1"


def begun(shop, *moves, quantity=4):
    shop.cluster.does(
        CreateOrder("ana", "o1", 1_700_000_000_000, (ItemQuantity("caneta", quantity), ItemQuantity("lapis", 2))), "ana"
    )
    for move in moves:
        shop.cluster.does(move, "ana" if isinstance(move, PlaceOrder) else "")
    return shop.cluster.state.order("o1")


def typed_in(hours, zone=ZONE):
    return (datetime.now(zone) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
async def brazilian(cluster):
    async with running(cluster, time_zone=ZONE) as shop:
        yield shop


@pytest.mark.parametrize("staff", [False, True])
async def test_a_deadline_is_set_in_local_time_shown_with_how_long_it_holds_and_removed(brazilian, staff):
    begun(brazilian)
    browser = await (brazilian.staff() if staff else brazilian.customer())
    path = OFFICE if staff else "/orders/o1"
    action = f"{path}/set_order_deadline" if staff else f"{path}/deadline"
    typed = typed_in(49)

    page = await browser.open(path)
    assert "America/Sao_Paulo" in page.text
    held = await browser.fill(page, action, expires_at_ms=typed)

    expected = datetime.fromisoformat(typed).replace(tzinfo=ZONE).timestamp() * 1_000
    assert brazilian.cluster.state.order("o1").expires_at_ms == expected
    assert "The deadline is changed." in held.text
    assert "in 2 days" in held.text
    assert "-03" in held.text
    assert held.form(action).fields["expires_at_ms"] == typed
    await browser.fill(held, action, expires_at_ms="")
    assert brazilian.cluster.state.order("o1").expires_at_ms == 0


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("tomorrow", "Expiry is no date with a time"),
        ("2026-02-30T10:00", "Expiry is no date with a time"),
        ("2026-13-01T10:00", "Expiry is no date with a time"),
        ("0001-01-01T00:00", "Expiry"),
        ("9" * 30, "Expiry is no date with a time"),
        ("2020-01-01T10:00", "Expiry has passed already: it is"),
    ],
)
async def test_a_deadline_that_is_none_is_named_and_what_was_typed_stays(shop, typed, told):
    begun(shop)
    browser = await shop.customer()

    answer = await browser.send(await browser.open("/orders/o1"), "/orders/o1/deadline", expires_at_ms=typed)

    assert answer.status == 422
    assert told in answer.text
    assert answer.form("/orders/o1/deadline").fields["expires_at_ms"] == typed
    assert shop.cluster.state.order("o1").expires_at_ms == 0


async def test_a_customer_sets_no_deadline_of_a_placed_order_and_the_shop_does(shop):
    begun(shop, PlaceOrder("ana", "o1"))
    ana, staff = await shop.customer(), await shop.staff()

    assert not [form for form in (await ana.open("/orders/o1")).page.forms if form.action.endswith("/deadline")]
    action = f"{OFFICE}/set_order_deadline"
    await staff.fill(await staff.open(OFFICE), action, expires_at_ms=typed_in(2, ZoneInfo("UTC")))
    assert shop.cluster.state.order("o1").expires_at_ms > 0


async def test_units_of_one_item_are_cancelled_and_the_others_stay(shop):
    begun(shop, PlaceOrder("ana", "o1"))
    staff = await shop.staff()
    path = f"{OFFICE}/cancel_order_items"
    page = await staff.open(path)
    assert page.form(path).fields["units.caneta"] == "4"

    answer = await staff.fill(page, path, **{"units.caneta": "3", "units.lapis": "0"})

    order = shop.cluster.state.order("o1")
    assert "taken out of the order" in answer.text
    assert [(item.product_id, item.quantity) for item in order.items] == [("caneta", 1), ("lapis", 2)]
    assert order.state == "placed"
    assert shop.cluster.state.product("caneta").quantity == 9


@pytest.mark.parametrize("restock", [True, False])
async def test_units_of_one_item_come_back_with_and_without_going_into_stock(shop, restock):
    begun(shop, PlaceOrder("ana", "o1"), FulfilOrder("o1"))
    staff = await shop.staff()
    path = f"{OFFICE}/return_order"

    ticked = {"restock": "on"} if restock else {}
    await staff.fill(await staff.open(path), path, **{"units.caneta": "3", "units.lapis": ""}, **ticked)

    order = find_order(shop.cluster.state, "o1")
    assert [(item.product_id, item.returned) for item in order.items] == [("caneta", 3), ("lapis", 0)]
    assert order.state == "fulfilled"
    assert shop.cluster.state.product("caneta").quantity == (9 if restock else 6)
    left = await staff.open(path)
    assert left.form(path).fields["units.caneta"] == "1"
    await staff.fill(left, path)
    assert find_order(shop.cluster.state, "o1").state == "returned"


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        ({"units.caneta": "5"}, 409, "caneta"),
        ({"units.caneta": "x"}, 422, "caneta is not a number"),
        ({"units.caneta": "-1"}, 422, "negative"),
        ({"units.caneta": "9" * 30}, 422, "too large"),
        ({"units.caneta": "0", "units.lapis": ""}, 422, "Quantity is missing"),
        ({"units.nothing": "1"}, 409, "nothing"),
        ({"units.": "1"}, 422, ""),
    ],
)
async def test_units_that_cannot_be_cancelled_are_named_and_what_was_typed_stays(shop, typed, status, told):
    before = begun(shop, PlaceOrder("ana", "o1"))
    staff = await shop.staff()
    path = f"{OFFICE}/cancel_order_items"

    answer = await staff.send(await staff.open(path), path, **{"units.lapis": "0"} | typed)

    assert answer.status == status
    assert told in answer.text
    assert answer.form(path).fields["units.caneta"] == typed.get("units.caneta", "4")
    assert shop.cluster.state.order("o1") == before


async def test_units_are_cancelled_once_however_often_the_form_is_sent_and_not_after_a_change_by_another(shop):
    begun(shop, PlaceOrder("ana", "o1"))
    staff = await shop.staff()
    path = f"{OFFICE}/cancel_order_items"
    one, stale = await staff.open(path), await staff.open(path)

    for _ in range(2):
        assert (await staff.send(one, path, **{"units.caneta": "1", "units.lapis": "0"})).status == 303
    answer = await staff.send(stale, path, **{"units.caneta": "1"})

    assert answer.status == 409
    assert "Somebody else has changed this" in answer.text
    assert shop.cluster.state.order("o1").items[0].quantity == 3


async def test_an_order_whose_state_allows_no_move_has_no_form_for_it(shop):
    begun(shop)
    staff = await shop.staff()

    page = await staff.open(f"{OFFICE}/return_order")

    assert "not in a state" in page.text
    assert not [form for form in page.page.forms if form.action.startswith(OFFICE)]
    assert f"{OFFICE}/return_order" not in (await staff.open(OFFICE)).page.links


async def test_staff_act_for_a_customer_and_the_history_of_it_is_theirs(secure_shop):
    clerk = await secure_shop.staff("clerk")
    page = await clerk.open("/office/customers/bia")
    begun_acting = await clerk.fill(page, "/office/customers/bia/act")
    assert "You act for the customer bia." in begun_acting.text

    order = await clerk.fill(await clerk.open("/products/caneta"), "/products/caneta/order", quantity="2")

    path = order.path.partition("?")[0]
    kept = secure_shop.cluster.state.order(path.rpartition("/")[2])
    assert (kept.customer_id, kept.items[0].quantity) == ("bia", 2)
    assert "bia" in (await clerk.open("/office/orders")).text  # the back office stays theirs
    back = await clerk.fill(order, "/office/act/end")
    assert back.path.startswith("/office/customers/bia")
    assert (await clerk.get(path)).location == "/"


async def test_who_may_not_order_may_not_act_for_a_customer(secure_shop):
    reader = await secure_shop.staff("read-only")
    page = await reader.open("/office/customers/ana")
    assert not [form for form in page.page.forms if form.action.endswith("/act")]
    token = page.form("/sign-out").fields["form_token"]

    answer = await reader.post("/office/customers/ana/act", {"form_token": token})

    assert answer.status == 403
    assert (await reader.get("/products")).location == "/"


async def test_nobody_acts_for_a_customer_who_is_not_there(shop):
    staff = await shop.staff()
    token = (await staff.open("/office/customers")).form("/sign-out").fields["form_token"]

    answer = await staff.post("/office/customers/nobody/act", {"form_token": token})

    assert answer.status == 404
    assert (await staff.get("/products")).location == "/"


async def test_a_customer_acts_for_nobody(shop):
    ana = await shop.customer()
    token = (await ana.open("/products")).form("/sign-out").fields["form_token"]

    assert (await ana.post("/office/customers/bia/act", {"form_token": token})).location == "/"
    assert "Ana" not in (await ana.open("/orders")).text


async def test_every_page_with_data_says_the_moment_and_the_revision_that_it_shows(shop):
    begun(shop)
    staff, ana = await shop.staff(), await shop.customer()

    for browser, paths in (
        (staff, ("/office/products", "/office/products/caneta", "/office/orders", OFFICE, "/office/customers/ana")),
        (ana, ("/products", "/products/caneta", "/orders", "/orders/o1", "/orders/o1/cancel")),
    ):
        for path in paths:
            page = await browser.open(path)
            assert re.search(r"As of .+ UTC, revision [0-9,]+\.", page.text), path
    for path in ("/sign-in", "/nothing"):
        assert "As of " not in (await shop.browser().open(path)).text


async def test_the_further_page_of_a_list_says_that_it_is_as_old_as_the_first(shop):
    for number in range(60):
        shop.cluster.does(CreateOrder("ana", f"x{number}", 1, ()), "ana")
    ana = await shop.customer()
    first = await ana.open("/orders")
    further = next(link for link in first.page.links if "page_token" in link)

    page = await ana.open(further)

    assert "As of " in first.text
    assert "This list is as it was when its first page was shown, at revision" in page.text
