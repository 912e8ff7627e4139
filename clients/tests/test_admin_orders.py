"""quitanda-admin order: what the shop sees of its customers' orders, and does with them."""

import pytest
from command_line import admin

from quitanda.codec.queries import FindOrders
from quitanda.domain.model import Order, OrderItem
from quitanda.portal.ids import uuid7
from quitanda_clients.client import AdminClient

MADE_MS = 1_700_000_000_000
"""2023-11-14T22:13:20Z."""

PENS, INK = OrderItem("caneta", "Caneta", 250, 3), OrderItem("tinta", "Tinta", 990, 1)


def order_id(number):
    """The id of an order that is made so many hours later."""
    return uuid7((MADE_MS + number * 3_600_000) * 1_000_000, bytes(8))


ANAS, RUIS, FULFILLED = map(order_id, range(3))


@pytest.fixture(autouse=True)
def orders(shop):
    shop.orders[ANAS] = Order(ANAS, "ana", MADE_MS, (PENS,), 3)
    shop.orders[RUIS] = Order(RUIS, "rui", MADE_MS, (INK,), 4, state="placed", state_since_ms=MADE_MS + 60_000)
    shop.closed_orders[FULFILLED] = Order(FULFILLED, "rui", MADE_MS, (PENS, INK), 5, state="fulfilled")
    return shop


async def listed(portal, *options):
    done = await admin(portal, "order", "list", "--json", *options)
    assert done.exit_code == 0, done.stderr
    return [each["order_id"] for each in done.result["orders"]]


async def test_orders_of_all_customers_are_listed_the_newest_first(portal):
    assert await listed(portal) == [FULFILLED, RUIS, ANAS]
    assert await listed(portal, "--oldest-first") == [ANAS, RUIS, FULFILLED]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--state", "placed", "--state", "open"], [RUIS, ANAS]),
        (["--customer", "rui"], [FULFILLED, RUIS]),
        (["--product", "caneta"], [FULFILLED, ANAS]),
        (["--customer", "rui", "--product", "caneta", "--state", "open"], []),
        (["--from", "2023-11-14T23:00"], [FULFILLED, RUIS]),
        (["--before", "2023-11-15"], [RUIS, ANAS]),
        (["--from", "2023-11-14T23:00", "--before", "2023-11-15"], [RUIS]),
    ],
)
async def test_a_list_shows_the_orders_that_meet_all_options(portal, options, found):
    assert await listed(portal, *options) == found


async def test_a_list_for_people_tells_customer_state_and_times(portal):
    done = await admin(portal, *["order", "list", "--customer", "rui"])
    header, _, *rows = done.stdout.splitlines()
    columns = ("order", "customer", "created", "state", "since", "products", "total")

    assert all(each in header for each in columns)
    assert rows[0].split()[:6] == [FULFILLED, "rui", "2023-11-14", "22:13", "UTC", "fulfilled"]
    assert rows[1].split()[5:10] == ["placed", "2023-11-14", "22:14", "UTC", "1"]


async def test_a_list_for_spreadsheets_has_a_column_for_each_of_them(portal):
    done = await admin(portal, *["order", "list", "--state", "placed", "--output", "csv"])
    header, row = done.stdout.splitlines()

    assert header == "order_id,customer_id,created,state,state_since,expires,products,total,version"
    assert row.split(",")[1:4] == ["rui", "2023-11-14T22:13:20.000+00:00", "placed"]


async def test_a_list_ends_at_its_limit_and_says_that_there_are_more(portal):
    done = await admin(portal, *["order", "list", "--limit", "2"])

    assert done.message == "There are more; these are the first 2 (--limit)."
    assert ANAS not in done.stdout


async def test_a_time_that_ends_before_it_begins_is_refused(portal):
    done = await admin(portal, *["order", "list", "--from", "2027-01-02", "--before", "2027-01-01"])

    assert (done.exit_code, "not later than" in done.message) == (1, True)


@pytest.mark.parametrize("options", [["--state", "sold"], ["--from", "yesterday"], ["--limit", "0"]])
async def test_what_no_list_can_have_is_wrong_use(portal, options):
    done = await admin(portal, "order", "list", *options)

    assert (done.exit_code, portal.calls) == (2, [])


async def test_an_order_is_shown_with_its_items_also_where_it_is_closed(portal):
    done = await admin(portal, "order", "show", FULFILLED)
    rows = [line.split() for line in done.stdout.splitlines()]

    assert ["customer", "rui"] in rows
    assert ["state", "fulfilled"] in rows
    assert ["caneta", "Caneta", "2.50", "3", "7.50"] in rows


@pytest.mark.parametrize(
    ("typed", "state", "asked"),
    [
        (["fulfil", RUIS, "--expected-version", "4"], "fulfilled", {"expected_version": 4}),
        (["return", RUIS, "--restock", "--item", "tinta=1"], "returned", {"restock": True}),
        (["cancel", RUIS], "cancelled", {}),
    ],
)
async def test_orders_are_moved_with_the_documented_commands(portal, shop, typed, state, asked):
    done = await admin(portal, "order", *typed, "--json")

    assert (done.exit_code, done.result["order"]["state"]) == (0, state), done.stderr
    assert shop.closed_orders[RUIS].state == state
    ((_, request),) = portal.calls
    assert request.order_id == RUIS
    assert {name: getattr(request, name) for name in asked} == asked


async def test_a_program_reads_whole_orders_page_by_page(portal, orders):
    async with AdminClient([portal.address]) as client:
        first = await client.found_orders_page(FindOrders(page_size=2))
        everything = await client.find_orders(FindOrders())

    assert first.documents == (orders.orders[ANAS], orders.orders[RUIS])
    assert first.next_page_token
    assert everything.documents == (*first.documents, orders.closed_orders[FULFILLED])
    assert client.revision == everything.revision
