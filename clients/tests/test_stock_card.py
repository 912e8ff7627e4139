"""quitanda-admin product stock-card: the movements of a product's units on hand, made of its history."""

import csv
import io
import itertools

import pytest
from command_line import admin
from test_history import NOW, entry

from quitanda.codec.change_records import HISTORY_ENTRY_CODEC, ChangedField
from quitanda_clients.i18n import labels
from quitanda_clients.reports.stock_card import movements


def moved(before, after):
    return ChangedField("quantity", "", before, after)


HISTORY = [
    entry(9, "create_product", ChangedField("name", "", "", '"Pen"'), moved("", "5")),
    entry(8, "delete_product", deleted=True),
    entry(7, "return_order", moved("8", "9"), order_id="o1"),
    entry(6, "update_product", ChangedField("price", "", "2.50", "3.00")),
    entry(5, "set_order_items", moved("10", "8"), order_id="o1"),
    entry(4, "adjust_stock", moved("12", "10"), who=""),
]
"""The newest first, as a portal shows it; what is older is not kept any more."""

MOVES = [
    ("adjust_stock", "", -2, 10),
    ("set_order_items", "o1", -2, 8),
    ("return_order", "o1", 1, 9),
    ("delete_product", "", -9, 0),
    ("create_product", "", 5, 5),
]


@pytest.fixture
def pens(shop, portal):
    shop.history["product", "pen"] = HISTORY
    return portal


async def test_the_card_has_a_line_for_each_movement_the_oldest_first(pens):
    done = await admin(pens, "product", "stock-card", "pen", "--json")

    made = done.result["movements"]
    assert [(each["reason"], each["order_id"], each["change"], each["on_hand"]) for each in made] == MOVES
    assert (made[0]["credential_id"], made[1]["credential_id"]) == ("", "abcdefghijkl")
    assert (made[1]["request_id"], made[1]["revision"], made[1]["received_at_ms"]) == ("r5", 15, NOW)
    assert done.result["truncated"] is False


async def test_people_see_what_came_and_went_with_its_sign(pens):
    done = await admin(pens, "product", "stock-card", "pen")
    lines = [line.split() for line in done.stdout.splitlines() if "UTC" in line]

    assert len(lines) == len(MOVES)
    assert all(labels.COMMANDS[reason] in " ".join(line) for line, (reason, *_) in zip(lines, MOVES, strict=True))
    assert [("-2" in line, "+1" in line, "+5" in line) for line in lines][2] == (False, True, False)


async def test_a_limit_shows_the_last_movements_and_says_that_there_are_older_ones(pens):
    done = await admin(pens, "product", "stock-card", "pen", "--limit", "2", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))

    assert [(row["reason"], row["change"], row["on_hand"]) for row in rows] == [
        ("delete_product", "-9", "0"),
        ("create_product", "5", "5"),
    ]
    assert "older movements" in done.stderr


async def test_where_nothing_moved_it_says_so(portal):
    done = await admin(portal, "product", "stock-card", "nothing")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "No movement of the product nothing is recorded." in done.stderr


def test_each_movement_starts_from_what_the_one_before_left():
    entries = [HISTORY_ENTRY_CODEC.read(each) for each in HISTORY]
    made = movements(entries)

    for before, after in itertools.pairwise(made):
        assert before.on_hand + after.change == after.on_hand


def test_the_units_of_a_deleted_product_are_unknown_where_the_history_does_not_reach_back():
    (only,) = movements([HISTORY_ENTRY_CODEC.read(entry(8, "delete_product", deleted=True))])

    assert (only.change, only.on_hand) == (None, 0)
