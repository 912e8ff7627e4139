"""Reports and exports of the orders of all customers."""

import csv
import io
import json

import pytest
from command_line import PATIENCE, admin
from fake_portals import Busy

from quitanda.domain.model import Order, OrderItem
from quitanda.domain.outcomes import Reason, refused
from quitanda.portal.ids import uuid7

NOON_MS = 1_700_049_600_000
"""2023-11-15T12:00Z."""
HOUR_MS = 3_600_000


def order(hours, customer, items, state="open", **fields):
    """An order that is made so many hours after noon."""
    made = NOON_MS + int(hours * HOUR_MS)
    return Order(uuid7(made * 1_000_000, bytes(8)), customer, made, tuple(items), 1, state=state, **fields)


PENS, INK = OrderItem("caneta", "Caneta", 250, 4), OrderItem("tinta", "=Tinta", 999, 1, (("cor", '"azul"'),))
RETURNED = OrderItem("caneta", "Caneta", 250, 3, returned=2, restocked=1)


@pytest.fixture(autouse=True)
def orders(shop):
    held = [
        order(-20, "ana", [PENS]),  # the day before
        order(1, "ana", [PENS, INK], "placed", placed_at_ms=NOON_MS + HOUR_MS),
        order(2, "bia", [RETURNED], "fulfilled", state_since_ms=NOON_MS + 3 * HOUR_MS),
        order(13, "bia", [INK], "cancelled"),  # the day after, but not in São Paulo
        order(14, "bia", []),
    ]
    for each in held:
        (shop.orders if each.state in {"open", "placed"} else shop.closed_orders)[each.order_id] = each
    shop.revision = 9
    return held


def by(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


async def sales(portal, *options):
    done = await admin(portal, "report", "sales", "--json", *options)
    assert done.exit_code == 0, done.stderr
    return done.result


async def test_sales_by_day_count_the_orders_of_whole_days(portal):
    found = await sales(portal, "--from", "2023-11-15", "--to", "2023-11-16")

    assert by(found["rows"], "day", "state", "orders", "units", "total", "returned", "returned_total") == [
        ("2023-11-15", "placed", 1, 5, 19.99, 0, 0.0),
        ("2023-11-15", "fulfilled", 1, 3, 7.5, 2, 5.0),
        ("2023-11-16", "open", 1, 0, 0.0, 0, 0.0),
        ("2023-11-16", "cancelled", 1, 1, 9.99, 0, 0.0),
    ]
    assert by(found["totals"], "state", "units") == [("open", 0), ("placed", 5), ("fulfilled", 3), ("cancelled", 1)]
    assert (found["sold"], found["sold_total"], found["revision"]) == (1, 2.5, 9)
    assert (found["from"], found["to"], found["time_zone"], found["by"]) == ("2023-11-15", "2023-11-16", "UTC", "day")


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "-03:00"])
async def test_days_are_those_of_the_time_zone(portal, zone):
    found = await sales(portal, "--from", "2023-11-15", "--to", "2023-11-15", "--time-zone", zone)

    assert by(found["rows"], "day", "state") == [
        ("2023-11-15", state) for state in ("open", "placed", "fulfilled", "cancelled")
    ]


async def test_sales_by_product_and_by_customer(portal):
    every = ("--from", "2023-11-01", "--to", "2023-11-30")
    products = await sales(portal, *every, "--by", "product")
    customers = await sales(portal, *every, "--by", "customer")

    assert by(products["rows"], "product_id", "name", "state", "units") == [
        ("caneta", "Caneta", "open", 4),
        ("caneta", "Caneta", "placed", 4),
        ("caneta", "Caneta", "fulfilled", 3),
        ("tinta", "=Tinta", "placed", 1),
        ("tinta", "=Tinta", "cancelled", 1),
    ]
    assert by(customers["rows"], "customer_id", "state", "orders") == [
        ("ana", "open", 1),
        ("ana", "placed", 1),
        ("bia", "open", 1),
        ("bia", "fulfilled", 1),
        ("bia", "cancelled", 1),
    ]
    assert products["totals"] == customers["totals"]


async def test_a_report_for_people_ends_with_totals_and_what_was_sold(portal):
    done = await admin(portal, "report", "sales", "--from", "2023-11-15", "--to", "2023-11-15")
    *_, open_row, fulfilled, sentence = done.stdout.splitlines()

    assert open_row.split()[0] == fulfilled.split()[0] == "total"
    assert sentence == "Sold, without what was returned: 1 unit for 2.50."


async def test_a_report_for_spreadsheets_has_no_totals_and_no_formulas(portal):
    options = ("--from", "2023-11-15", "--to", "2023-11-15", "--by", "product", "-o", "csv")
    done = await admin(portal, "report", "sales", *options)

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert by(rows, "product_id", "name", "total") == [
        ("caneta", "Caneta", "10.00"),
        ("caneta", "Caneta", "7.50"),
        ("tinta", "'=Tinta", "9.99"),
    ]


async def test_the_report_of_today_has_none_of_other_days(portal):
    done = await admin(portal, "report", "today")
    as_json = await admin(portal, "report", "today", "--json")

    assert done.stdout == "Sold, without what was returned: 0 units for 0.00.\n"
    assert (as_json.result["rows"], as_json.result["from"]) == ([], as_json.result["to"])


async def test_a_report_of_many_pages_counts_each_order_once_where_the_snapshot_goes(portal, shop):
    shop.orders.update({each.order_id: each for each in (order(48 + n / 1_000, "eva", [PENS]) for n in range(1_200))})
    portal.plans.extend([None, refused(Reason.PAGE_TOKEN_EXPIRED, "page_token")])
    found = await sales(portal, "--from", "2023-11-17", "--by", "state")

    assert by(found["rows"], "state", "orders", "units") == [("open", 1_200, 4_800)]
    assert len(portal.requests("FindOrders")) == 5


@pytest.mark.parametrize(
    ("options", "at_fault"),
    [
        ([], "--from"),
        (["--from", "yesterday"], "--from"),
        (["--from", "2023-11-15", "--to", "2023-11-14"], "--to"),
        (["--from", "1969-12-31"], "--from"),
        (["--from", "2023-11-15", "--by", "colour"], "--by"),
        (["--from", "2023-11-15", "--time-zone", "Mars/Base"], "--time-zone"),
        (["--from", "2023-11-15", "--time-zone", "America"], "--time-zone"),
        (["--from", "2023-11-15", "--time-zone", "../etc/passwd"], "--time-zone"),
        (["--from", "2023-11-15", "--time-zone", "-99:00"], "--time-zone"),
    ],
)
async def test_a_report_that_cannot_be_is_wrong_use(portal, options, at_fault):
    done = await admin(portal, "report", "sales", *options)

    assert done.exit_code == 2
    assert at_fault in done.message
    assert portal.calls == []


async def test_days_at_the_end_of_all_times_are_asked_for(portal):
    found = await sales(portal, "--from", "1970-01-01", "--to", "9999-12-31", "--time-zone", "+14:00")

    assert sum(row["orders"] for row in found["totals"]) == 5


async def test_orders_are_exported_with_a_row_for_each_item(portal, orders, tmp_path):
    file = tmp_path / "orders.csv"
    done = await admin(portal, "export", "orders", file, "--from", "2023-11-15", "--before", "2023-11-17")

    assert (done.exit_code, done.stdout) == (0, "orders: 4, revision: 9\n"), done.stderr
    rows = list(csv.DictReader(io.StringIO(file.read_text(), newline="")))
    _, placed, fulfilled, cancelled, empty = (each.order_id for each in orders)
    assert by(rows, "order_id", "product_id", "quantity", "returned", "restocked", "total", "item.cor") == [
        (placed, "caneta", "4", "0", "0", "10.00", ""),
        (placed, "tinta", "1", "0", "0", "9.99", "azul"),
        (fulfilled, "caneta", "3", "2", "1", "7.50", ""),
        (cancelled, "tinta", "1", "0", "0", "9.99", "azul"),
        (empty, "", "", "", "", "", ""),
    ]
    assert by(rows[:3], "customer_id", "state", "created", "placed", "state_since") == [
        ("ana", "placed", "2023-11-15T13:00:00.000+00:00", "2023-11-15T13:00:00.000+00:00", ""),
        ("ana", "placed", "2023-11-15T13:00:00.000+00:00", "2023-11-15T13:00:00.000+00:00", ""),
        ("bia", "fulfilled", "2023-11-15T14:00:00.000+00:00", "", "2023-11-15T15:00:00.000+00:00"),
    ]
    assert rows[1]["name"] == "'=Tinta"


async def test_orders_in_some_states_are_exported_as_json_lines(portal, orders, tmp_path):
    file = tmp_path / "orders.jsonl"
    done = await admin(portal, "export", "orders", file, "--state", "fulfilled", "--state", "cancelled", "--json")

    assert done.result == {"orders": 2, "revision": 9, "file": str(file)}
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert [each["order_id"] for each in found] == [orders[2].order_id, orders[3].order_id]
    assert found[0]["items"][0] | {"returned": 2, "restocked": 1} == found[0]["items"][0]


async def test_an_interrupted_export_of_orders_goes_on(portal, shop, tmp_path):
    shop.orders.update({each.order_id: each for each in (order(48 + n / 1_000, "eva", [PENS]) for n in range(1_200))})
    file = tmp_path / "orders.csv"
    command = ("export", "orders", file, "--state", "open")
    portal.plans.extend([None, None, *[Busy()] * 50])
    failed = await admin(portal, *command, "--timeout", PATIENCE)
    portal.plans.clear()
    portal.calls.clear()
    done = await admin(portal, *command, "--timeout", "5")

    assert (failed.exit_code, done.exit_code) == (3, 0)
    assert len(portal.requests("FindOrders")) == 1
    found = [row["order_id"] for row in csv.DictReader(io.StringIO(file.read_text(), newline=""))]
    assert found == sorted(each.order_id for each in shop.orders.values() if each.state == "open")


async def test_states_and_times_choose_orders_only(portal, tmp_path):
    done = await admin(portal, "export", "products", tmp_path / "x.csv", "--state", "open")

    assert done.exit_code == 2
    assert "choose orders" in done.message
