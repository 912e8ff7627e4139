"""Importing JSON Lines: what an export writes comes back with all its types, and each wrong line is named."""

import json

import pytest
from command_line import admin
from hypothesis import given
from hypothesis import strategies as st

from quitanda.codec.custom_fields import extra_from_values
from quitanda.codec.documents import present_document
from quitanda.domain.model import KNOWN_FIELDS, Customer, Kind, Product
from quitanda_clients.csv_import.checked_file import check_file
from quitanda_clients.csv_import.json_lines import LINE_BYTES_MAX
from quitanda_clients.csv_import.options import ImportOptions
from quitanda_clients.csv_import.rows import SCHEMAS

VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(10**15), 10**15), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda name: name not in KNOWN_FIELDS[Kind.PRODUCT])


@st.composite
def products(draw):
    own = extra_from_values(draw(st.dictionaries(NAMES, VALUES, max_size=4)))
    texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30)
    name = draw(texts.filter(str.strip))
    price, quantity = draw(st.integers(0, 1_000_000_000)), draw(st.integers(0, 1_000_000_000))
    return Product(
        draw(st.from_regex(r"[A-Za-z0-9]{1,10}", fullmatch=True)), name, draw(texts), price, quantity, own, 7
    )


@given(st.lists(products(), unique_by=lambda each: each.product_id, min_size=1, max_size=4))
def test_products_come_back_from_json_lines_as_they_were(written):
    data = "".join(f"{present_document(each)}\n" for each in written).encode()
    checked = check_file(data, SCHEMAS[Kind.PRODUCT], ImportOptions())

    assert checked.problems == ()
    commands = [row.create for row in checked.valid_rows]
    assert [
        (each.product_id, each.name, each.description, each.price, each.quantity, each.extra) for each in commands
    ] == [(each.product_id, each.name, each.description, each.price, each.quantity, each.extra) for each in written]


async def test_an_export_in_json_lines_is_imported_with_all_its_types(portal, shop, tmp_path):
    own = (("caixa", "[1.50,null]"), ("nota", '"=1"'), ("zero", "0"))
    shop.customers["ana"] = Customer("ana", "Ana", own, 1)
    file = tmp_path / "customers.jsonl"
    await admin(portal, "export", "customers", file)
    shop.customers.clear()
    done = await admin(portal, "customer", "import", file, "--json")
    again = await admin(portal, "customer", "import", file, "--json")

    assert (done.exit_code, done.result["created"]) == (0, 1), done.stderr
    assert done.result["read_as"]["delimiter"] == "JSON Lines"
    assert (shop.customers["ana"].name, shop.customers["ana"].extra) == ("Ana", own)
    assert again.result["already_imported"] == 1


async def test_what_a_line_does_not_have_stays_and_null_removes_a_field_of_ones_own(portal, shop, tmp_path):
    shop.products["a"] = Product("a", "A", "text", 100, 7, (("cor", '"azul"'), ("n", "1")), 1)
    file = tmp_path / "prices"
    file.write_text('{"product_id": "a", "price": 2.5, "cor": null, "version": 99, "name": null}\n')
    alone = await admin(portal, "product", "import", file)
    done = await admin(portal, "product", "import", file, "--update", "--run-label", "2")

    assert (alone.exit_code, done.exit_code) == (1, 0), done.stderr
    assert "read as UTF-8, JSON Lines" in done.stderr
    found = shop.products["a"]
    assert (found.name, found.description, found.price, found.quantity) == ("A", "text", 250, 7)
    assert found.extra == (("n", "1"),)


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ('{"product_id": "b", "name": "B", "price": 1', "", "not JSON"),
        ("[1]", "", "object"),
        ('{"name": "B", "price": 1}', "product_id", "missing"),
        ('{"product_id": 7, "name": "B", "price": 1}', "product_id", "string"),
        ('{"product_id": "b", "name": ["B"], "price": 1}', "name", "string"),
        ('{"product_id": "b", "name": "B", "price": true}', "price", "number"),
        ('{"product_id": "b", "name": "B", "price": 1.005}', "price", ""),
        ('{"product_id": "b", "name": "B", "price": -1}', "price", ""),
        ('{"product_id": "b", "name": "B", "price": 1, "quantity": "3"}', "quantity", "integer"),
        ('{"product_id": "b", "name": "B", "price": 1, "quantity": 1.5}', "quantity", ""),
        ('{"product_id": "b c", "name": "B", "price": 1}', "product_id", ""),
        ('{"product_id": "a", "name": "B", "price": 1}', "product_id", "already on line 1"),
        ('{"product_id": "b", "name": "B", "price": 1, "price": 2}', "price", ""),
        (json.dumps({"product_id": "b", "name": "B", "price": 1, "x": "y" * LINE_BYTES_MAX}), "", "1048576"),
    ],
)
def test_a_line_that_is_wrong_is_named_and_the_others_are_read(line, column, message):
    data = f'{{"product_id": "a", "name": "A", "price": 1}}\n\n{line}\n'.encode()
    checked = check_file(data, SCHEMAS[Kind.PRODUCT], ImportOptions())

    ((problem,), rows) = checked.problems, checked.valid_rows
    assert (problem.line, problem.column) == (3, column)
    assert message.lower() in problem.message.lower()
    assert [row.document_id for row in rows] == ["a"]


@pytest.mark.parametrize("options", [["--map", "price=p"], ["--delimiter", ";"], ["--decimal", "comma"]])
async def test_options_of_csv_are_refused_for_json_lines(portal, tmp_path, options):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"product_id": "a", "name": "A", "price": 1}\n')
    done = await admin(portal, "product", "import", file, *options)

    assert done.exit_code == 2
    assert "are for CSV" in done.stderr
    assert portal.calls == []
