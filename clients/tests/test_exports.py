"""quitanda-admin export: whole lists in files, which import reads again; also after an interruption."""

import csv
import fcntl
import io
import json
import os
import re
from dataclasses import replace

import pytest
from command_line import PATIENCE, admin
from fake_portals import Busy
from hypothesis import given
from hypothesis import strategies as st

from quitanda.domain.model import Customer, Kind, Product
from quitanda.domain.outcomes import Reason, refused
from quitanda_clients.export.fetched_pages import FetchedPages
from quitanda_clients.results import ListPage
from quitanda_clients.spreadsheet_formulas import as_text, from_text

FORMULAS = [
    "=1+1",
    "+5511999",
    "@SUM(A1)",
    "-2+3",
    "\t=1",
    "\r=1",
    "'=1",
    "''-x",
    "\uff1d1+1",
    '=HYPERLINK("http://x";"y")',
]
HARMLESS = ["Lápis", "'quoted'", " =1", "-3", "-3.50", "", "1=1", "'"]


def product(number, **fields):
    kept = Product(f"p{number:04d}", f"Product {number}", "", 100 + number, number, (), number + 1)
    return replace(kept, **fields)


@pytest.fixture
def many(shop):
    """Products on three pages."""
    shop.products.update({each.product_id: each for each in map(product, range(1_200))})
    shop.revision = 1_300
    return shop


def rows_of(path, delimiter=","):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), delimiter=delimiter))


def pages_file(path):
    return path.with_name(f".{path.name}.pages")


def tokens_asked(portal):
    return [request.page_token for request in portal.requests("ListProducts")]


async def test_products_go_through_a_csv_file_and_back(portal, shop, tmp_path):
    shop.products["a"] = Product("a", "Maçã; doce", 'com "aspas",\nduas linhas', 123_456, 7, (("cor", '"azul"'),), 1)
    shop.products["b"] = Product("b", "B", "", 0, 0, (("=nota", '"=1+1"'),), 2)
    file, held = tmp_path / "products.csv", dict(shop.products)
    done = await admin(portal, "export", "products", file, "--json")
    shop.products.clear()
    imported = await admin(portal, "product", "import", file)

    assert (done.exit_code, imported.exit_code) == (0, 0), done.stderr + imported.stderr
    assert done.result == {"products": 2, "revision": shop.revision - 2, "file": str(file)}
    assert {key: replace(each, version=0) for key, each in shop.products.items()} == {
        key: replace(each, version=0) for key, each in held.items()
    }
    assert not pages_file(file).exists()


async def test_customers_go_through_a_csv_file_with_semicolons_and_back(portal, shop, tmp_path):
    shop.customers["ana"] = Customer("ana", "Ana; Maria", (("cidade", '"Rio"'),), 1)
    file = tmp_path / "customers.csv"
    done = await admin(portal, "export", "customers", file, "--delimiter", ";")
    shop.customers.clear()
    imported = await admin(portal, "customer", "import", file)

    assert (done.exit_code, done.stdout) == (0, "customers: 1, revision: 0\n")
    assert imported.exit_code == 0
    assert (shop.customers["ana"].name, shop.customers["ana"].extra) == ("Ana; Maria", (("cidade", '"Rio"'),))


async def test_a_decimal_comma_brings_semicolons_and_is_recognized_by_import(portal, shop, tmp_path):
    shop.products["a"] = Product("a", "1.5 mm", "", 123_456, 1_000, (), 1)
    file = tmp_path / "products.csv"
    options = ("--decimal", "comma", "--byte-order-mark")
    await admin(portal, "export", "products", file, *options)
    shop.products.clear()
    await admin(portal, "product", "import", file)

    assert file.read_bytes() == (
        b"\xef\xbb\xbfproduct_id;name;description;price;quantity;reorder_level\r\na;1.5 mm;;1234,56;1000;\r\n"
    )
    assert (shop.products["a"].price, shop.products["a"].quantity) == (123_456, 1_000)


async def test_json_lines_have_each_document_as_get_shows_it(portal, shop, tmp_path):
    shop.products["a"] = Product("a", "=A", "", 250, 1, (("n", "[1.50]"),), 1)
    shop.products["b"] = Product("b", "B", "", 1, 0, (), 2)
    file = tmp_path / "products.jsonl"
    done = await admin(portal, "export", "products", file)
    shown = await admin(portal, "product", "get", "a", "--json")

    assert done.exit_code == 0, done.stderr
    first, second = file.read_text().splitlines()
    assert f'"product":{first}' in shown.stdout
    assert '"n":[1.50]' in first
    assert json.loads(second)["product_id"] == "b"


@pytest.mark.parametrize("name", [each for each in FORMULAS if each.isprintable()])
async def test_a_text_that_a_spreadsheet_takes_for_a_formula_is_written_as_a_text_and_comes_back(
    portal, shop, tmp_path, name
):
    extra = (("nota", json.dumps(name, ensure_ascii=False)),)
    shop.customers["ana"] = Customer("ana", name, extra, 1)
    file = tmp_path / "customers.csv"
    await admin(portal, "export", "customers", file)
    (row,) = rows_of(file)
    shop.customers.clear()
    imported = await admin(portal, "customer", "import", file)

    assert (row["name"], row["nota"]) == (f"'{name}", f"'{name}")
    assert imported.exit_code == 0, imported.stderr
    assert (shop.customers["ana"].name, shop.customers["ana"].extra) == (name, extra)


@given(st.one_of(st.text(), st.sampled_from([*FORMULAS, *HARMLESS]), st.text(alphabet="'=+-@1.\t\r")))
def test_every_text_comes_back_from_a_cell_and_none_begins_as_a_formula(text):
    cell = as_text(text)

    assert from_text(cell) == text
    assert cell[:1] not in set("=+@\t\r\n\uff1d\uff0b\uff0d\uff20")
    assert cell[:1] != "-" or re.fullmatch(r"-[0-9]+(\.[0-9]+)?", cell)


@pytest.mark.parametrize("text", HARMLESS)
def test_a_text_that_is_no_formula_is_written_as_it_is(text):
    assert as_text(text) == text


async def test_an_interrupted_export_goes_on_after_the_last_page_at_the_same_snapshot(portal, many, tmp_path):
    file = tmp_path / "products.csv"
    portal.plans.extend([None, None, None, *[Busy()] * 50])  # the status, and two pages
    failed = await admin(portal, "export", "products", file, "--timeout", PATIENCE)
    portal.plans.clear()
    left = pages_file(file)
    mode, there = left.stat().st_mode & 0o777, file.exists()
    portal.calls.clear()
    done = await admin(portal, "export", "products", file, "--timeout", "5")

    assert (failed.exit_code, there, mode) == (3, False, 0o600)
    assert "Give the same command again" in failed.stderr
    assert (done.exit_code, "Going on after the 1000 products" in done.stderr) == (0, True), done.stderr
    assert tokens_asked(portal) == ["1000"]
    assert [row["product_id"] for row in rows_of(file)] == list(many.products)
    assert not left.exists()


@pytest.mark.parametrize(
    "refusal",
    [
        refused(Reason.PAGE_TOKEN_EXPIRED, "page_token"),
        refused(Reason.INVALID_ARGUMENT, "page_token", problem="malformed"),
    ],
    ids=["expired", "of another cluster"],
)
async def test_where_the_snapshot_is_gone_an_export_begins_anew(portal, many, tmp_path, refusal):
    file = tmp_path / "products.csv"
    portal.plans.extend([None, None, *[Busy()] * 50])
    await admin(portal, "export", "products", file, "--timeout", PATIENCE)
    portal.plans.clear()
    portal.calls.clear()
    many.products["p0000"] = product(0, name="Changed")
    portal.plans.extend([None, refusal])
    done = await admin(portal, "export", "products", file)

    assert done.exit_code == 0, done.stderr
    assert tokens_asked(portal) == ["500", "", "500", "1000"]
    assert [row["product_id"] for row in rows_of(file)] == list(many.products)
    assert rows_of(file)[0]["name"] == "Changed"


async def test_where_the_snapshot_goes_in_the_middle_every_product_is_there_once(portal, many, tmp_path):
    file = tmp_path / "products.csv"
    portal.plans.extend([None, None, refused(Reason.PAGE_TOKEN_EXPIRED, "page_token")])
    done = await admin(portal, "export", "products", file)

    assert done.exit_code == 0, done.stderr
    assert tokens_asked(portal) == ["", "500", "", "500", "1000"]
    assert [row["product_id"] for row in rows_of(file)] == list(many.products)


def two_pages(path):
    with FetchedPages(Kind.PRODUCT, path) as fetched:
        fetched.add(ListPage((product(1), product(2)), "first", 7))
        first = path.stat().st_size
        fetched.add(ListPage((product(3),), "second", 7))
    return first


def test_a_page_that_was_cut_off_does_not_count(tmp_path):
    path = tmp_path / "pages"
    first = two_pages(path)
    content = path.read_bytes()
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        with FetchedPages(Kind.PRODUCT, path) as fetched:
            found = [each.product_id for each in fetched.documents()]
            told = (fetched.token, fetched.count, fetched.revision)
        whole = [("", 0, 0), ("first", 2, 7), ("second", 3, 7)][(length >= first) + (length == len(content))]
        assert (told, found) == (whole, ["p0001", "p0002", "p0003"][: whole[1]])


def test_what_comes_after_a_page_that_was_cut_off_stands_behind_the_last_whole_one(tmp_path):
    path = tmp_path / "pages"
    first = two_pages(path)
    path.write_bytes(path.read_bytes()[: first + 20])
    with FetchedPages(Kind.PRODUCT, path) as fetched:
        fetched.add(ListPage((product(4),), "", 7))
        assert [each.product_id for each in fetched.documents()] == ["p0001", "p0002", "p0004"]


def test_pages_of_another_kind_and_those_of_a_finished_list_are_of_no_use(tmp_path):
    path = tmp_path / "pages"
    two_pages(path)
    with FetchedPages(Kind.CUSTOMER, path) as fetched:
        assert (fetched.count, list(fetched.documents())) == (0, [])
    two_pages(path)
    with FetchedPages(Kind.PRODUCT, path) as fetched:
        fetched.add(ListPage((), "", 7))
    with FetchedPages(Kind.PRODUCT, path) as fetched:
        assert (fetched.count, fetched.token, list(fetched.documents())) == (0, "", [])


async def test_two_exports_do_not_write_the_same_file(portal, shop, tmp_path):
    file = tmp_path / "products.csv"
    descriptor = os.open(pages_file(file), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    other = await admin(portal, "export", "products", file, "--json")
    os.close(descriptor)
    alone = await admin(portal, "export", "products", file)

    assert (other.exit_code, other.error["error"]["reason"]) == (3, "NO_EXPORT")
    assert "another export" in other.error["error"]["message"]
    assert alone.exit_code == 0
    assert shop.products == {}


async def test_pages_that_others_can_read_are_not_used(portal, tmp_path):
    file = tmp_path / "products.csv"
    pages_file(file).touch(0o644)
    pages_file(file).chmod(0o644)
    done = await admin(portal, "export", "products", file)

    assert done.exit_code == 3
    assert "can be read by them" in done.stderr
    assert not file.exists()


async def test_a_file_that_exists_is_replaced_only_by_force(portal, shop, tmp_path):
    shop.customers["ana"] = Customer("ana", "Ana", (), 1)
    file = tmp_path / "customers.csv"
    file.write_text("precious")
    kept = await admin(portal, "export", "customers", file)
    before = file.read_text()
    forced = await admin(portal, "export", "customers", file, "--force")
    nowhere = await admin(portal, "export", "customers", tmp_path / "no" / "file.csv")

    assert (kept.exit_code, before, forced.exit_code, nowhere.exit_code) == (2, "precious", 0, 2)
    assert [row["name"] for row in rows_of(file)] == ["Ana"]


async def test_a_full_disk_leaves_no_file_and_says_so(portal, shop):
    shop.customers["ana"] = Customer("ana", "Ana", (), 1)
    done = await admin(portal, "export", "customers", "/dev/full", "--force", "--json")

    assert (done.exit_code, done.error["error"]["reason"]) == (3, "NO_EXPORT")
    assert "No space left" in done.error["error"]["message"]


@pytest.mark.parametrize("arguments", [["orders!", "x.csv"], ["products"], ["products", "x.csv", "--delimiter", "ab"]])
async def test_an_export_that_cannot_be_is_wrong_use(portal, arguments):
    done = await admin(portal, "export", *arguments)

    assert done.exit_code == 2
    assert portal.calls == []
