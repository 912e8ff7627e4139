"""quitanda-admin history: in a table, as JSON and as CSV; newest first, and oldest first."""

import csv
import io

import pytest
from command_line import admin, run
from language_words import ENGLISH, words_of

from quitanda.codec.change_records import HISTORY_ENTRY_CODEC, ChangedField, HistoryEntry
from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.i18n import labels

NOW = 1_795_000_000_000


IN_BRAZIL = {"QUITANDA_LANG": "pt-BR", "QUITANDA_CURRENCY": "BRL", "QUITANDA_TIME_ZONE": "America/Sao_Paulo"}
IN_BOTH = {"Total"}


def entry(number, command, *fields, deleted=False, order_id="", who="abcdefghijkl", scope=""):
    request_id = f"r{number}"
    return HISTORY_ENTRY_CODEC.write(
        HistoryEntry(number, number + 10, NOW, who, command, scope, request_id, order_id, deleted, fields)
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
    assert "Quantity: 10 -> 8" in done.stdout
    assert "weight: - -> 1.50" in done.stdout
    assert "order's products changed" in done.stdout
    assert "abcdefghijkl" in done.stdout


async def test_people_read_values_as_they_write_them_and_who_asked_by_the_customers_id(pens, shop):
    shop.history["order", "o1"] = [
        entry(
            2,
            "set_order_deadline",
            ChangedField("expires_at_ms", "", "0", str(NOW)),
            ChangedField("state", "", '"open"', '"placed"'),
            ChangedField("total", "", "5.00", "7.50"),
            scope="ana",
        )
    ]
    done = await run(admin_app, "--portal", pens.address, "history", "order", "o1", env=IN_BRAZIL | {"COLUMNS": "300"})

    assert "Validade: - -> 18/11/2026 08:06:40 -03" in done.stdout
    assert "Situação: aberto -> confirmado" in done.stdout
    assert "Total: R$ 5,00 -> R$ 7,50" in done.stdout
    assert "prazo do pedido alterado" in done.stdout
    assert " ana " in done.stdout


@pytest.mark.parametrize("asked", [("history", "product", "pen"), ("product", "stock-card", "pen")], ids=" ".join)
async def test_no_command_and_no_field_has_its_english_name_in_portuguese(pens, shop, asked):
    values = {name: "true" if name in {"cascade", "restock"} else "5" for name in labels.FIELDS}
    shop.history["product", "pen"] = [
        entry(number, command, *(ChangedField(name, "", "", value) for name, value in values.items()))
        for number, command in enumerate(labels.COMMANDS, 1)
    ]
    done = await run(admin_app, "--portal", pens.address, *asked, env=IN_BRAZIL | {"COLUMNS": "3000"})
    told = done.stdout.replace("\n", " ")

    assert done.exit_code == 0
    assert [name for name in labels.COMMANDS if name in told] == []
    assert [text for text in labels.COMMANDS.values() if text in told] == []
    assert [name for name in labels.FIELDS if f"{name}: " in told] == []
    assert [text for text in labels.FIELDS.values() if f"{text}: " in told and text not in IN_BOTH] == []
    assert words_of(told, ENGLISH) == set()


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
    assert "product changed" not in done.stdout


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
