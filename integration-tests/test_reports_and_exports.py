"""Reports and exports of a running shop: they add up to what its customers ordered."""

import csv
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from printed_examples import run

from quitanda.domain.commands import ItemQuantity

PROGRAM = Path(sys.executable).parent / "quitanda-admin"


@pytest.fixture
def quitanda_admin(cluster, tmp_path):
    """Run a command of administrators in a folder of its own; give what it printed."""

    async def run_command(*arguments):
        environment = cluster.callers.environment()
        code, out, err = await run(PROGRAM, *arguments, folder=tmp_path, environment=environment)
        assert code == 0, err
        return out

    return run_command


async def test_sales_and_exported_orders_tell_what_became_of_each_order(shop, quitanda_admin, tmp_path):
    admin, ana = await shop.admin(), await shop.customer()
    bread, cheese = await shop.product(100, price=250), await shop.product(100, price=1_001)
    items = [ItemQuantity(bread.product_id, 4), ItemQuantity(cheese.product_id, 1)]
    held, placed, sold, cancelled = [(await ana.create_order(items)).document.order_id for _ in range(4)]
    for order_id in (placed, sold):
        await ana.place_order(order_id)
    await admin.fulfil_order(sold)
    await admin.return_order(sold, [ItemQuantity(bread.product_id, 3)])
    await ana.cancel_order(cancelled)
    yesterday = str(datetime.now(UTC).date() - timedelta(days=1))

    by_customer = json.loads(await quitanda_admin("report", "sales", "--from", yesterday, "--by", "customer", "--json"))
    by_product = json.loads(await quitanda_admin("report", "sales", "--from", yesterday, "--by", "product", "--json"))
    exported = await quitanda_admin("export", "orders", "orders.csv", "--from", yesterday)

    amounts = ("orders", "units", "total", "returned", "returned_total")
    found = {
        row["state"]: [row[name] for name in amounts]
        for row in by_customer["rows"]
        if row["customer_id"] == ana.customer_id
    }
    assert found == {
        "open": [1, 5, 20.01, 0, 0.0],
        "placed": [1, 5, 20.01, 0, 0.0],
        "fulfilled": [1, 5, 20.01, 3, 7.5],
        "cancelled": [1, 5, 20.01, 0, 0.0],
    }
    units = {(row["product_id"], row["state"]): row["units"] - row["returned"] for row in by_product["rows"]}
    assert (units[bread.product_id, "fulfilled"], units[cheese.product_id, "fulfilled"]) == (1, 1)
    assert exported.startswith("orders: ")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "orders.csv").read_text(), newline="")))
    assert [
        (row["order_id"], row["state"], row["quantity"], row["returned"])
        for row in rows
        if row["customer_id"] == ana.customer_id
    ] == [
        *((held, "open", quantity, "0") for quantity in ("4", "1")),
        *((placed, "placed", quantity, "0") for quantity in ("4", "1")),
        *((sold, "fulfilled", quantity, returned) for quantity, returned in (("4", "3"), ("1", "0"))),
        *((cancelled, "cancelled", quantity, "0") for quantity in ("4", "1")),
    ]


async def test_exported_products_are_imported_into_the_same_shop_without_a_change(shop, quitanda_admin, tmp_path):
    product = await shop.product(7, price=12_345)
    await quitanda_admin("export", "products", "products.csv", "--decimal", "comma")
    header, *lines = (tmp_path / "products.csv").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{product.product_id};")]
    (tmp_path / "one.csv").write_text(f"{header}\n{line}\n")
    done = json.loads(await quitanda_admin("product", "import", "one.csv", "--update", "--json"))
    value = json.loads(await quitanda_admin("report", "stock-value", "--json"))

    assert "123,45" in line
    assert (done["unchanged"], done["rows"]) == (1, 1)
    assert [row["value"] for row in value["rows"] if row["product_id"] == product.product_id] == [864.15]


async def test_exported_orders_are_imported_as_they_were_and_move_on(shop, quitanda_admin, tmp_path):
    admin, ana, bia = await shop.admin(), await shop.customer(), await shop.customer()
    bread, cheese = await shop.product(100, price=250), await shop.product(100, price=1_001)
    items = [ItemQuantity(bread.product_id, 4), ItemQuantity(cheese.product_id, 1)]
    held, placed, sold, cancelled = [(await ana.create_order(items)).document.order_id for _ in range(4)]
    for order_id in (placed, sold):
        await ana.place_order(order_id)
    await admin.fulfil_order(sold)
    await admin.return_order(sold, [ItemQuantity(bread.product_id, 3)])
    await ana.cancel_order(cancelled)
    await admin.update_product(bread.product_id, price=1)
    yesterday = str(datetime.now(UTC).date() - timedelta(days=1))
    await quitanda_admin("export", "orders", "all.jsonl", "--from", yesterday)
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    moved = [
        line | {"order_id": f"i{line['order_id'][1:]}", "customer_id": bia.customer_id}
        for line in lines
        if line["customer_id"] == ana.customer_id
    ]
    (tmp_path / "moved.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in moved))
    on_hand = [(await admin.get_product(each.product_id)).document.quantity for each in (bread, cheese)]

    first = json.loads(await quitanda_admin("order", "import", "moved.jsonl", "--json"))
    again = json.loads(await quitanda_admin("order", "import", "moved.jsonl", "--json"))
    await quitanda_admin("export", "orders", "again.jsonl", "--from", "1970-01-01")

    assert (first["created"], again["created"], again["already_imported"]) == (4, 0, 4)
    found = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    of_bia = [line for line in found if line["customer_id"] == bia.customer_id]
    assert {each["order_id"]: each | {"version": 0} for each in of_bia} == {
        each["order_id"]: each | {"version": 0} for each in moved
    }
    assert on_hand == [(await admin.get_product(each.product_id)).document.quantity for each in (bread, cheese)]
    await bia.cancel_order(f"i{held[1:]}")
    await admin.fulfil_order(f"i{placed[1:]}")
    left = (await admin.get_product(bread.product_id)).document.quantity
    assert left == on_hand[0] + 4
