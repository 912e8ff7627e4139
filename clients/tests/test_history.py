"""quitanda-admin history: in a table, as JSON and as CSV; newest first, and oldest first."""

import csv
import io

import pytest
from command_line import admin

from quitanda.codec.change_records import HISTORY_ENTRY_CODEC, ChangedField, HistoryEntry

NOW = 1_795_000_000_000


def entry(number, command, *fields, deleted=False, order_id="", who="abcdefghijkl"):
    request_id = f"r{number}"
    return HISTORY_ENTRY_CODEC.write(
        HistoryEntry(number, number + 10, NOW, who, command, "", request_id, order_id, deleted, fields)
    )


@pytest.fixture
def pens(shop, portal):
    shop.history["product", "pen"] = [
        entry(9, "delete_product", deleted=True),
        entry(7, "set_order_items", ChangedField("quantity", "", "10", "8"), order_id="o1"),
        entry(3, "update_product", ChangedField("weight", "", "", "1.50"), who=""),
    ]
    return portal


async def test_the_table_has_a_line_for_each_change_the_newest_first(pens):
    done = await admin(pens, "history", "product", "pen")

    lines = [line.split() for line in done.stdout.splitlines() if line.split()[0].isdecimal()]
    assert [line[0] for line in lines] == ["19", "17", "13"]
    assert "quantity: 10 -> 8" in done.stdout
    assert "weight: - -> 1.50" in done.stdout
    assert "abcdefghijkl" in done.stdout


async def test_json_has_the_values_with_all_their_digits(pens):
    done = await admin(pens, "history", "product", "pen", "--json")

    assert '"after": 1.50' in done.stdout or '"after":1.50' in done.stdout
    entries = done.result["entries"]
    assert [each["revision"] for each in entries] == [19, 17, 13]
    assert entries[0]["deleted"] is True
    assert entries[1]["fields"] == [{"name": "quantity", "before": 10, "after": 8}]
    assert (entries[1]["order_id"], entries[1]["request_id"], entries[1]["received_at_ms"]) == ("o1", "r7", NOW)


async def test_the_oldest_first_shows_the_beginning_also_with_a_limit(pens):
    done = await admin(pens, "history", "product", "pen", "--oldest-first", "--limit", "2", "--json")

    assert [each["revision"] for each in done.result["entries"]] == [13, 17]
    assert done.result["truncated"] is True


async def test_a_limit_shows_the_newest_and_says_that_there_are_more(pens):
    done = await admin(pens, "history", "product", "pen", "--limit", "2")

    assert "There are more" in done.stderr
    assert "update_product" not in done.stdout


async def test_csv_has_a_row_for_each_field(pens):
    done = await admin(pens, "history", "product", "pen", "-o", "csv")

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["command"], row["field"], row["before"], row["after"]) for row in rows] == [
        ("delete_product", "", "", ""),
        ("set_order_items", "quantity", "10", "8"),
        ("update_product", "weight", "", "1.50"),
    ]


async def test_where_nothing_is_recorded_it_says_so(pens):
    done = await admin(pens, "history", "customer", "nobody")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "Nothing is recorded of the customer nobody" in done.stderr


async def test_a_kind_that_there_is_not_is_a_usage_error(pens):
    done = await admin(pens, "history", "shelf", "pen")

    assert done.exit_code == 2
