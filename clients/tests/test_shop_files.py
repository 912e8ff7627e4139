"""Small files of our own in the shapes of those that shops have: each is foreseen, and then imported."""

from pathlib import Path

import pytest
from command_line import admin
from fake_portals import Busy
from hypothesis import given
from hypothesis import strategies as st

from quitanda.domain.model import Customer, Product
from quitanda_clients.csv_import.decimal_signs import DecimalSign, ambiguous, plain, shown_by, without_currency

FILES = Path(__file__).parent / "shop_files"

SHAPES = {
    "shopify.csv": (
        "read as UTF-8, comma, decimal point; a product export of Shopify",
        {
            "CL-1": ("Caneca Lua", "<p>Com <b>asa</b></p>", 3990, 12),
            "camisa-onda-azul-m": ("Camisa Onda - Azul - M", "Algodão", 8000, 5),
            "camisa-onda-azul-g": ("Camisa Onda - Azul - G", "Algodão", 8000, 0),
            "CO-VM": ("Camisa Onda - Verde-água - M", "Algodão", 8550, 0),
        },
    ),
    "woocommerce.csv": (
        "read as UTF-8, comma, decimal point; a product export of WooCommerce",
        {
            "VASO-P": ("Vaso pequeno", "Barro, <em>feito à mão</em>", 2500, 7),
            "TOALHA-A": ("Toalha - Azul", "", 4990, 3),
            "14": ("Toalha - Rosa", "", 4990, 0),
        },
    ),
    "prestashop.csv": (
        "read as UTF-8, semicolon, decimal comma; a product export of PrestaShop",
        {"21": ("Banco baixo", "", 12300, 4), "22": ("Banco alto", "", 18450, 0)},
    ),
    "merchant_center.tsv": (
        "read as UTF-8, tab, decimal point; a product export of Google Merchant Center",
        {"meia-38": ("Meia 38", "Lã", 1500, 0), "meia-40": ("Meia 40", "Lã", 101550, 0)},
    ),
    "planilha.csv": (
        "read as Windows-1252, semicolon, decimal comma; Código is product_id, Nome is name",
        {"pao-1": ("Pão de forma", "fatiado; macio", 750, 20), "cafe-1": ("Café moído", "", 123400, 1000)},
    ),
    "unicode_text.txt": (
        "read as UTF-16, tab, decimal comma; Referência is product_id, Título is name",
        {"mel-1": ("Mel de laranjeira", "", 3200, 0), "mel-2": ("Mel 日本", "", 4190, 3)},
    ),
    "google_sheets.csv": (
        "read as UTF-8, comma, decimal comma; SKU is product_id",
        {"fita-1": ("Fita", "", 250, 40), "fita-2": ("Fita larga", "", 1200, 0)},
    ),
}
"""For each file: how the line that says how it was read begins, and the products that come of it."""


def held(shop):
    return {key: (found.name, found.description, found.price, found.quantity) for key, found in shop.products.items()}


@pytest.mark.parametrize("name", SHAPES)
async def test_a_file_of_each_shape_is_foreseen_and_then_imported(portal, shop, name):
    told, products = SHAPES[name]
    dry = await admin(portal, "product", "import", FILES / name, "--dry-run", "--json")
    assert held(shop) == {}
    done = await admin(portal, "product", "import", FILES / name)

    assert (dry.exit_code, done.exit_code) == (0, 0), done.stderr
    assert [row["id"] for row in dry.result["foreseen"] if row["becomes"] == "created"] == list(products)
    assert held(shop) == products
    assert done.stderr.startswith(f"{FILES / name}: {told}")
    assert f"rows: {len(products)}, created: {len(products)}, " in done.stdout


@pytest.mark.parametrize("name", SHAPES)
async def test_the_same_export_again_is_told_as_imported_earlier(portal, shop, name):
    count = len(SHAPES[name][1])
    await admin(portal, "product", "import", FILES / name)
    before = dict(shop.products)
    again = await admin(portal, "product", "import", FILES / name, "--update", "--json")

    assert again.exit_code == 0
    assert (again.result["rows"], again.result["already_imported"]) == (count, count)
    assert shop.products == before


async def test_other_columns_of_an_export_are_left_out_unless_they_are_asked_for(portal, shop):
    file = FILES / "shopify.csv"
    await admin(portal, "product", "import", file, "--map", "vendor=Vendor")
    assert shop.products["CL-1"].extra == (("vendor", '"Oficina"'),)


async def test_a_column_of_another_name_is_named_by_map(portal, shop, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("ref;o que é;custa\na;Anel;3,10\n")
    unknown = await admin(portal, "product", "import", file)
    names = ["--map", "product_id=ref", "--map", "name=o que é", "--map", "price=custa"]
    done = await admin(portal, "product", "import", file, *names)
    wrong = await admin(portal, "product", "import", file, *names, "--map", "quantity=n")

    assert (unknown.exit_code, done.exit_code, wrong.exit_code) == (2, 0, 2)
    assert "--map NAME=COLUMN" in unknown.stderr
    assert "--map quantity=n: the file has no such column; it has ref, o que é, custa" in wrong.stderr
    assert held(shop) == {"a": ("Anel", "", 310, 0)}


@pytest.mark.parametrize("text", ["", "price", "price=", "=x"])
async def test_a_map_that_is_none_is_wrong_use(portal, text):
    done = await admin(portal, "product", "import", FILES / "planilha.csv", "--map", text)

    assert done.exit_code == 2
    assert "--map" in done.message


@pytest.mark.parametrize(
    ("begin", "kind"), [(b"PK\x03\x04", "workbook (.xlsx, .ods)"), (bytes.fromhex("d0cf11e0a1b11ae1"), ".xls")]
)
async def test_a_workbook_is_refused_by_name(portal, tmp_path, begin, kind):
    file = tmp_path / "products.xlsx"
    file.write_bytes(begin + bytes(100))
    done = await admin(portal, "product", "import", file)

    assert done.exit_code == 2
    assert kind in done.stderr
    assert "export the sheet as CSV" in done.stderr
    assert "--skip-invalid" not in done.stderr


async def test_skip_invalid_is_offered_only_where_rows_are_valid(portal, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price\na,A,x\nb,B,y\n")
    none = await admin(portal, "product", "import", file)
    file.write_text("product_id,name,price\na,,x\nb,B,1\n")
    one = await admin(portal, "product", "import", file)

    assert "--skip-invalid" not in none.stderr
    assert "problems in" in one.stderr
    assert (
        " has 2 problems in 1 of 2 rows. Correct the file, or give --skip-invalid to import the other row."
        in one.stderr
    )


async def test_at_most_twenty_problems_are_printed_and_the_others_counted(portal, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price\n" + "".join(f"p{number},A,x\n" for number in range(27)))
    done = await admin(portal, "product", "import", file)

    assert sum("column price" in line for line in done.stderr.splitlines()) == 20
    assert "... and 7 more" in done.stderr


async def test_encoding_separator_and_decimals_can_be_forced(portal, shop, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_bytes("product_id|name|price\na|Maçã|1.250\n".encode("utf-16-be"))
    forced = ["--encoding", "utf-16-be", "--delimiter", "|", "--decimal", "comma"]
    done = await admin(portal, "product", "import", file, *forced)

    assert done.exit_code == 0, done.stderr
    assert "read as UTF-16 (big-endian), bar, decimal comma" in done.stderr
    assert held(shop) == {"a": ("Maçã", "", 125000, 0)}


async def test_a_price_that_may_be_a_thousand_times_another_is_refused_by_name(portal, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("product_id;name;price\na;A;1.250\nb;B;3\n")
    done = await admin(portal, "product", "import", file)

    assert done.exit_code == 2
    assert "'1.250' may be 1250 or 1.250; give --decimal point or --decimal comma" in done.stderr


async def test_prices_with_both_decimal_signs_or_two_currencies_are_refused(portal, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("product_id;name;price\na;A;1,50\nb;B;2.50\n")
    signs = await admin(portal, "product", "import", file)
    file.write_text("product_id;name;price\na;A;1,50 BRL\nb;B;2,50 EUR\n")
    currencies = await admin(portal, "product", "import", file)

    assert (signs.exit_code, currencies.exit_code) == (2, 2)
    assert "others a decimal comma" in signs.stderr
    assert "prices in BRL and EUR" in currencies.stderr


async def test_a_line_that_names_the_separator_is_no_header(portal, shop, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("sep=|\r\nproduct_id|name|price\r\na|A|1\r\nb|B|x\r\n")
    done = await admin(portal, "product", "import", file, "--skip-invalid")

    assert f"{file}:4: column price" in done.stderr
    assert list(shop.products) == ["a"]


@pytest.mark.parametrize(
    ("text", "point", "comma", "certain"),
    [
        ("12.50", "12.50", None, DecimalSign.POINT),
        ("12,50", None, "12.50", DecimalSign.COMMA),
        ("1.234,56", None, "1234.56", DecimalSign.COMMA),
        ("1,234.56", "1234.56", None, DecimalSign.POINT),
        ("1 234,56", None, "1234.56", DecimalSign.COMMA),
        ("1'234.50", "1234.50", None, DecimalSign.POINT),
        ("1.234.567", None, "1234567", DecimalSign.COMMA),
        ("0.125", "0.125", None, DecimalSign.POINT),
        ("1.234", "1.234", "1234", None),
        ("-3", "-3", "-3", None),
        ("12.34,5.6", None, None, None),
        ("1,23,456", None, None, None),
        ("abc", None, None, None),
        ("٣", None, None, None),
    ],
)
def test_a_number_means_what_its_decimal_sign_says(text, point, comma, certain):
    assert (plain(text, DecimalSign.POINT), plain(text, DecimalSign.COMMA)) == (point, comma)
    assert shown_by(text) is certain
    assert ambiguous(text) is (None not in {point, comma} and point != comma)


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("R$ 12,50", ("12,50", "R$")),
        ("15.00 USD", ("15.00", "USD")),
        ("7€", ("7", "€")),
        ("NaN", ("NaN", "")),
        ("$1", ("$1", "")),
    ],
)
def test_a_currency_is_split_from_its_price(text, split):
    assert without_currency(text) == split


async def test_an_absent_column_changes_nothing_and_an_empty_value_empties(portal, shop, tmp_path):
    """Seen: without `description`, an update emptied the descriptions."""
    shop.products["a"] = Product("a", "Old", "long text", 100, 7, (("cor", '"azul"'), ("n", "1")), 1)
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price,cor\na,New,2,\n")
    await admin(portal, "product", "import", file, "--update")
    without = shop.products["a"]
    file.write_text("product_id,description\na,\n")
    await admin(portal, "product", "import", file, "--update")

    assert (without.name, without.description, without.price, without.quantity) == ("New", "long text", 200, 7)
    assert without.extra == (("n", "1"),)
    assert (shop.products["a"].description, shop.products["a"].name) == ("", "New")


async def test_a_price_list_never_touches_the_stock(portal, shop, tmp_path):
    """Seen: `quantity` was compulsory, so a price list reset the stock while orders held units."""
    shop.products["a"] = Product("a", "A", "text", 100, 7, (), 1)
    file = tmp_path / "prices.csv"
    file.write_text("product_id,price\na,2.50\nb,3.50\n")
    alone = await admin(portal, "product", "import", file)
    foreseen = await admin(portal, "product", "import", file, "--update", "--dry-run", "--json")
    done = await admin(portal, "product", "import", file, "--update", "--json")

    assert alone.exit_code == 2
    assert "give --update" in alone.stderr
    assert [(row["becomes"], row["fields"]) for row in foreseen.result["foreseen"]] == [
        ("updated", ["price"]),
        ("refused", []),
    ]
    assert (done.result["updated"], done.result["refused_rows"][0]["reason"]) == (1, "PRODUCT_NOT_FOUND")
    assert (shop.products["a"].price, shop.products["a"].quantity) == (250, 7)
    assert all(not request.HasField("quantity") for request in portal.requests("UpdateProduct"))


async def test_an_empty_stock_value_leaves_the_stock(portal, shop, tmp_path):
    shop.products["a"] = Product("a", "A", "", 100, 7, (), 1)
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price,quantity\na,A,2,\nb,B,2,\n")
    await admin(portal, "product", "import", file, "--update")

    assert (shop.products["a"].quantity, shop.products["b"].quantity) == (7, 0)


async def test_quantity_change_adds_and_takes_once(portal, shop, tmp_path):
    shop.products["a"] = Product("a", "A", "", 100, 7, (), 1)
    file = tmp_path / "delivery.csv"
    file.write_text("product_id,name,price,quantity_change\na,A,1,-2\nb,B,1,5\n")
    first = await admin(portal, "product", "import", file, "--update", "--json")
    again = await admin(portal, "product", "import", file, "--update", "--json")

    assert (first.result["updated"], first.result["created"]) == (1, 1)
    assert again.result["already_imported"] == 2
    assert (shop.products["a"].quantity, shop.products["b"].quantity) == (5, 5)


async def test_the_same_file_again_does_not_say_that_it_created_anything(portal, shop, tmp_path):
    """Seen: `created: 2, updated: 1` though nothing was done, also after the rows were changed or deleted."""
    shop.products["c"] = Product("c", "Old", "", 100, 7, (), shop.next_revision())
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price\na,A,1\nb,B,1\nc,C,1\n")
    first = await admin(portal, "product", "import", file, "--update", "--json")
    again = await admin(portal, "product", "import", file, "--update")
    del shop.products["a"]
    await admin(portal, "product", "update", "c", "--price", "9")
    since = await admin(portal, "product", "import", file, "--update")
    left = dict(shop.products)
    anew = await admin(portal, "product", "import", file, "--update", "--run-label", "2", "--json")

    assert (first.result["created"], first.result["updated"]) == (2, 1)
    assert "an earlier run imported 3 rows already; --run-label TEXT imports them again" in again.stderr
    assert "rows: 3, created: 0, updated: 0, unchanged: 0, already imported: 3, changed since: 0" in again.stdout
    assert (again.exit_code, since.exit_code) == (0, 1)
    assert "somebody changed or deleted since (lines 2, 4)" in since.stderr
    assert "already imported: 1, changed since: 2" in since.stdout
    assert ("a" in left, left["c"].price) == (False, 900)
    assert (anew.result["created"], anew.result["updated"], anew.result["unchanged"]) == (1, 1, 1)
    assert (shop.products["a"].price, shop.products["c"].price) == (100, 100)


async def test_a_file_in_which_one_row_changed_imports_that_row(portal, shop, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price,quantity\na,A,1,10\nb,B,1,10\n")
    await admin(portal, "product", "import", file, "--update")
    await admin(portal, "product", "adjust-stock", "a", "-3")  # sold meanwhile
    file.write_text("product_id,name,price,quantity\nb,B,2,10\na,A,1,10\n")
    done = await admin(portal, "product", "import", file, "--update", "--json")

    assert (done.result["updated"], done.result["changed_since"], done.result["changed_since_lines"]) == (1, 1, [3])
    assert (shop.products["a"].quantity, shop.products["b"].price) == (7, 200)


async def test_a_row_set_back_to_earlier_values_is_told_and_not_skipped_in_silence(portal, shop, tmp_path):
    file = tmp_path / "rows.csv"
    for price in ("1", "2"):
        file.write_text(f"product_id,name,price\na,A,{price}\n")
        await admin(portal, "product", "import", file, "--update")
    file.write_text("product_id,name,price\na,A,1\n")
    back = await admin(portal, "product", "import", file, "--update")
    anew = await admin(portal, "product", "import", file, "--update", "--run-label", "3")

    assert (back.exit_code, anew.exit_code) == (1, 0)
    assert "(line 2); this import left them as they are; --run-label TEXT imports them again" in back.stderr
    assert shop.products["a"].price == 100


async def test_a_row_refused_for_a_document_that_is_gone_is_created_when_it_is_given_again(portal, shop, tmp_path):
    shop.products["a"] = Product("a", "Old", "", 100, 7, (), shop.next_revision())
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price\na,A,1\n")
    refused = await admin(portal, "product", "import", file)
    del shop.products["a"]
    again = await admin(portal, "product", "import", file, "--json")

    assert refused.exit_code == 1
    assert (again.exit_code, again.result["created"]) == (0, 1)
    assert shop.products["a"].name == "A"


async def test_a_row_that_updated_a_document_that_was_deleted_since_does_not_bring_it_back(portal, shop, tmp_path):
    shop.products["a"] = Product("a", "Old", "", 100, 7, (), shop.next_revision())
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price\na,A,1\n")
    await admin(portal, "product", "import", file, "--update")
    del shop.products["a"]
    again = await admin(portal, "product", "import", file, "--update", "--json")

    assert (again.exit_code, again.result["changed_since"]) == (1, 1)
    assert shop.products == {}


async def test_fields_that_do_not_fit_are_refused_before_the_stock_is_adjusted(portal, shop, tmp_path):
    full = tuple((f"f{number:02d}", "1") for number in range(50))
    shop.products["a"] = Product("a", "A", "", 100, 7, full, 1)
    file = tmp_path / "rows.csv"
    file.write_text("product_id,quantity_change,cor\na,-2,azul\n")
    done = await admin(portal, "product", "import", file, "--update", "--json")

    assert (done.exit_code, done.result["refused"]) == (1, 1)
    assert portal.requests("AdjustStock") == []


async def test_problems_and_rows_are_counted_apart_and_counts_add_up(portal, shop, tmp_path):
    shop.products["c"] = Product("c", "C", "", 100, 0, (), 1)
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price,quantity\na,A,1,1\nb,,x,y\nc,C,1,1\n,,,\n")
    done = await admin(portal, "product", "import", file, "--skip-invalid", "--json")
    problems = await admin(portal, "product", "import", file, "--json")

    parts = (
        "created",
        "updated",
        "unchanged",
        "already_imported",
        "changed_since",
        "refused",
        "invalid",
        "not_imported",
    )
    assert done.result["rows"] == sum(done.result[name] for name in parts) == 3
    assert (done.result["created"], done.result["refused"], done.result["invalid"]) == (1, 1, 1)
    assert (problems.error["problem_count"], problems.error["invalid_rows"], problems.error["valid_rows"]) == (3, 1, 2)


async def test_the_names_of_columns_in_the_first_line_do_not_command_the_terminal(portal, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price,\u202e\x1b[2Jcor\na,A,1,x\n")
    done = await admin(portal, "product", "import", file, "--map", "cor=\u202e\x1b[2Jcor")

    assert done.exit_code == 0, done.stderr
    assert {"\x1b", "\u202e"} & set(done.stderr + done.stdout) == set()
    assert "\\x1b[2Jcor is cor" in done.stderr


async def test_an_import_that_cannot_look_at_what_there_is_sends_nothing_and_says_so(portal, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("product_id,name,price\na,A,1\n")
    portal.plans.extend([Busy()] * 50)
    done = await admin(portal, "product", "import", file, "--timeout", "0.3")
    portal.plans.clear()

    assert done.exit_code == 3, done.stderr
    assert {name for name, _ in portal.calls} == {"ListProducts"}


@given(units=st.integers(0, 10_000_000), cents=st.integers(0, 99), group=st.sampled_from(["", " ", "\u00a0", "'"]))
def test_a_number_written_with_any_separators_is_read_as_itself(units, cents, group):
    for decimal, thousands in ((",", "."), (".", ",")):
        for separator in {group, thousands}:
            text = f"{units:,}".replace(",", separator) + f"{decimal}{cents:02d}"
            sign = DecimalSign.COMMA if decimal == "," else DecimalSign.POINT
            assert plain(text, sign) == f"{units}.{cents:02d}"
            assert shown_by(text) is sign


async def test_a_dry_run_of_customers_says_which_fields_would_change(portal, shop, tmp_path):
    shop.customers["ana"] = Customer("ana", "Ana", (("cidade", '"Rio"'),), 1)
    file = tmp_path / "customers.csv"
    file.write_text("Código;Nome completo;cidade\nana;Ana;\nbia;Bia;Recife\n")
    dry = await admin(portal, "customer", "import", file, "--update", "--dry-run")
    done = await admin(portal, "customer", "import", file, "--update", "--json")

    assert f"{file}:2: ana would be updated: cidade\n{file}:3: bia would be created\n" in dry.stderr
    assert (dry.exit_code, done.exit_code) == (0, 0)
    assert (done.result["updated"], done.result["created"]) == (1, 1)
    assert shop.customers["ana"].extra == ()
