"""quitanda-admin order import: files of orders, as exports write them and as others do."""

import csv
import io
import json
from dataclasses import replace

import pytest
from command_line import admin

from quitanda.domain.model import Customer, Order, OrderItem, Product

MADE_MS = 1_700_000_000_123
PENS = OrderItem("caneta", "Caneta de então", 250, 4, (("gravura", '"Ana"'),))
INK = OrderItem("tinta", "=Tinta", 123_456, 1)
SOLD = Order(
    "x-fulfilled", "ana", MADE_MS, (replace(PENS, returned=1, restocked=1), INK), 3, (("nota", '"sem pressa"'),)
)
HELD = [
    Order("x-open", "ana", MADE_MS, (PENS,), 1, expires_at_ms=MADE_MS + 1),
    Order("x-empty", "bia", MADE_MS, (), 2),
    replace(SOLD, state="fulfilled", state_since_ms=MADE_MS + 7, placed_at_ms=MADE_MS + 5),
    Order("x-placed", "bia", MADE_MS, (INK, PENS), 4, state="placed", state_since_ms=MADE_MS, placed_at_ms=MADE_MS),
    Order("x-nobodys", "", MADE_MS, (replace(PENS, extra=()),), 6, state="cancelled", state_since_ms=MADE_MS),
    Order("x-gone", "ana", MADE_MS, (INK,), 5, state="expired", state_since_ms=MADE_MS + 9, expires_at_ms=MADE_MS + 9),
]
HEADER = "order_id,customer_id,state,created,product_id,name,unit_price,quantity"
ROW = "x1,ana,open,2027-01-31T18:00,caneta,Caneta,2.50,4"


@pytest.fixture(autouse=True)
def people(shop):
    shop.customers.update(ana=Customer("ana", "Ana", (), 1), bia=Customer("bia", "Bia", (), 1))
    shop.products["caneta"] = Product("caneta", "Caneta", "", 300, 5, (), 1)
    shop.products["tinta"] = Product("tinta", "Tinta", "", 999, 5, (), 1)


@pytest.fixture
def full(shop):
    for each in HELD:
        (shop.orders if each.state in {"open", "placed"} else shop.closed_orders)[each.order_id] = each
    shop.revision = 9
    return shop


def held(shop):
    return {key: replace(each, version=0) for key, each in (shop.orders | shop.closed_orders).items()}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("orders.jsonl", ()),
        ("orders.csv", ()),
        ("orders.csv", ("--decimal", "comma", "--byte-order-mark")),
        ("orders.csv", ("--delimiter", "tab")),
    ],
    ids=str,
)
async def test_exported_orders_are_imported_into_an_empty_shop_as_they_were(portal, full, tmp_path, name, options):
    file, before = tmp_path / name, held(full)
    await admin(portal, "export", "orders", file, *options)
    full.orders.clear()
    full.closed_orders.clear()
    foreseen = await admin(portal, "order", "import", file, "--dry-run", "--json")
    nothing = held(full)
    done = await admin(portal, "order", "import", file, "--json")

    assert (foreseen.exit_code, foreseen.result["created"], nothing) == (0, 6, {}), foreseen.stderr
    assert (done.exit_code, done.result["created"], done.result["refused"]) == (0, 6, 0), done.stderr
    assert held(full) == before


@pytest.mark.parametrize("name", ["orders.jsonl", "orders.csv"])
async def test_an_import_that_is_repeated_does_nothing_twice(portal, full, tmp_path, name):
    file, before = tmp_path / name, held(full)
    await admin(portal, "export", "orders", file)
    portal.calls.clear()
    done = await admin(portal, "order", "import", file, "--json")

    assert (done.exit_code, done.result["already_imported"], done.result["created"]) == (0, 6, 0)
    assert (held(full), portal.requests("ImportOrder")) == (before, [])


@pytest.mark.usefixtures("full")
async def test_a_repeated_import_of_orders_does_not_say_that_a_label_imports_them_again(portal, tmp_path):
    file = tmp_path / "orders.jsonl"
    await admin(portal, "export", "orders", file)
    done = await admin(portal, "order", "import", file, "--run-label", "again")

    assert "the shop has 6 orders already" in done.stderr
    assert "--run-label" not in done.stderr


async def test_an_order_that_differs_from_the_file_is_refused_and_left_as_it_is(portal, full, tmp_path):
    file = tmp_path / "orders.jsonl"
    await admin(portal, "export", "orders", file)
    full.closed_orders["x-gone"] = replace(full.closed_orders["x-gone"], state="cancelled", expires_at_ms=0)
    before = held(full)
    foreseen = await admin(portal, "order", "import", file, "--dry-run")
    done = await admin(portal, "order", "import", file)

    assert (foreseen.exit_code, done.exit_code) == (1, 1)
    assert "x-gone would be refused" in foreseen.stderr
    assert "Refused (ORDER_EXISTS)" in done.stderr
    assert held(full) == before


async def test_a_number_that_is_no_text_comes_back_as_a_number_from_json_lines(portal, shop, tmp_path):
    order = replace(HELD[0], extra=(("n", "[1.50]"), ("nada", "null")))
    shop.orders["x-open"] = order
    file = tmp_path / "orders.jsonl"
    await admin(portal, "export", "orders", file)
    shop.orders.clear()
    done = await admin(portal, "order", "import", file)

    assert done.exit_code == 0, done.stderr
    assert held(shop) == {"x-open": replace(order, version=0)}


async def test_the_rows_of_an_order_may_stand_apart_and_in_portuguese_with_a_decimal_comma(portal, shop, tmp_path):
    file = tmp_path / "pedidos.csv"
    file.write_text(
        "Pedido;Cliente;Situação;Criado em;SKU;Produto;Preço unitário;Qtd\n"
        "7;ana;placed;2027-01-31T15:00-03:00;caneta;Caneta;R$ 2,50;4\n"
        "8;bia;open;2027-01-31;;;;\n"
        "7;ana;placed;2027-01-31T15:00-03:00;tinta;Tinta;R$ 1.234,50;1\n"
    )
    done = await admin(portal, "order", "import", file, "--json")

    assert (done.exit_code, done.result["created"]) == (0, 2), done.stderr
    seven = shop.orders["7"]
    assert [(each.product_id, each.unit_price, each.quantity) for each in seven.items] == [
        ("caneta", 250, 4),
        ("tinta", 123_450, 1),
    ]
    assert seven.created_at_ms - shop.orders["8"].created_at_ms == 18 * 3_600_000


def faulty(*changes, header=HEADER):
    """A file with a row, and rows that are changed in some columns."""
    names = header.split(",")
    base = dict(zip(HEADER.split(","), ROW.split(","), strict=True))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="")
    writer.writeheader()
    for each in changes:
        writer.writerow({name: value for name, value in (base | each).items() if name in names})
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "at_fault"),
    [
        (faulty({"state": "sold"}), "2: column state:"),
        (faulty({"state": ""}), "2: column state:"),
        (faulty({"created": "yesterday"}), "2: column created:"),
        (faulty({"created": ""}), "2: column created: created is missing"),
        (faulty({"unit_price": "dear"}), "2: column unit_price:"),
        (faulty({"unit_price": ""}), "2: column unit_price: unit_price is missing"),
        (faulty({"quantity": "0"}), "2: column quantity:"),
        (faulty({"quantity": "1.5"}), "2: column quantity:"),
        (faulty({"order_id": "a b"}), "2: column order_id:"),
        (faulty({"customer_id": ""}), "2: column customer_id:"),
        (faulty({"product_id": "", "state": "placed"}), "2: column product_id: product_id is missing"),
        (faulty({"product_id": ""}), "2: column product_id: product_id is missing"),
        (faulty({}, header=HEADER.replace("product_id,", "")), "2: column product_id: product_id is missing"),
        (faulty({}, {"quantity": "1"}), "3: column product_id:"),
        (
            faulty({}, {"product_id": "tinta", "customer_id": "bia"}),
            "3: column customer_id: line 2 says something else",
        ),
        (faulty({}, header="order_id,customer_id,state"), "1: the header lacks created"),
        (faulty({}) + "x2,ana\n", "3: the row has 2 values"),
        ('{"order_id":"x1","customer_id":"ana","created_at_ms":1,"state":null}\n', "1: column state: state is missing"),
        ('{"order_id":"x1","customer_id":"ana","created_at_ms":"x","state":"open"}\n', "1: column created_at_ms:"),
        (
            '{"order_id":"x1","customer_id":"ana","created_at_ms":1,"state":"open","items":[{"product_id":"p"}]}\n',
            "1: column items[0].name:",
        ),
        ('{"order_id":"x1","customer_id":"ana","created_at_ms":1,"state":"open","items":{}}\n', "1: column items:"),
        ('{"order_id":1}\n', "1: column order_id:"),
        ("[]\n", "1:"),
    ],
    ids=range(23),
)
async def test_a_fault_is_told_by_line_and_column_and_nothing_is_sent(portal, shop, tmp_path, content, at_fault):
    file = tmp_path / "orders.csv"
    file.write_text(content)
    done = await admin(portal, "order", "import", file)

    assert done.exit_code == 2, done.stderr
    assert f"{file}:{at_fault}" in done.stderr
    assert "Nothing was imported" in done.stderr
    assert (shop.orders, portal.requests("ImportOrder")) == ({}, [])


async def test_of_an_order_with_a_faulty_row_nothing_is_imported_and_the_others_are_where_that_is_wanted(
    portal, shop, tmp_path
):
    file = tmp_path / "orders.csv"
    file.write_text(faulty({}, {"product_id": "tinta", "quantity": "x"}, {"order_id": "x2", "unit_price": "1.50"}))
    done = await admin(portal, "order", "import", file, "--skip-invalid", "--json")

    assert (done.exit_code, done.result["created"], list(shop.orders)) == (1, 1, ["x2"])


async def test_with_a_row_that_cannot_be_read_no_order_is_imported_as_it_may_be_of_any(portal, shop, tmp_path):
    file = tmp_path / "orders.csv"
    file.write_text(faulty({}) + "x1,ana\n")
    done = await admin(portal, "order", "import", file, "--skip-invalid")

    assert (done.exit_code, shop.orders) == (2, {})


async def test_a_dry_run_tells_which_customers_and_products_are_missing(portal, tmp_path):
    file = tmp_path / "orders.csv"
    file.write_text(faulty({"customer_id": "eva"}, {"order_id": "x2", "product_id": "tea"}, {"order_id": "x3"}))
    foreseen = await admin(portal, "order", "import", file, "--dry-run", "--json")

    assert (foreseen.exit_code, foreseen.result["created"], foreseen.result["refused"]) == (1, 1, 2)
    assert [each["becomes"] for each in foreseen.result["foreseen"]] == ["refused", "refused", "created"]
    assert portal.requests("ImportOrder") == []


async def test_no_option_that_changes_orders_is_offered(portal, tmp_path):
    file = tmp_path / "orders.jsonl"
    file.write_text(json.dumps({"order_id": "x1"}))
    done = await admin(portal, "order", "import", file, "--update")

    assert done.exit_code == 2
    assert "--update" in done.stderr
