"""What the page tells people who make a file to import, and those whose file is wrong."""

import csv
import html
import io
import re

import pytest
from importing import TRANSFER, begin, upload

from quitanda_clients.csv_import.column_guide import Need, columns_of
from quitanda_clients.csv_import.rows import SCHEMAS
from quitanda_web.pages.transfer import KINDS

BROKEN = {
    "a column of another name": (b"ref,name,price\np1,Broa,1\n", {}),
    "a column too few": (b"product_id,name\np1,Broa\n", {}),
    "another separator": (b"product_id;name;price\np1;Broa;1\n", {"separator": "tab"}),
    "bars": (b"product_id|name|price\np1|Broa|1\n", {}),
    "a number of two meanings": (b"product_id,name,price\np1,Broa,1.234\n", {}),
    "JSON Lines read as CSV": (b'{"product_id": "p1", "name": "Broa", "price": "1.00"}\n', {"decimal": "comma"}),
    "UTF-16 without its mark": ("product_id,name,price\n".encode("utf-16-le"), {}),
    "no UTF-16": (b"product_id,name,price\np1,Broa,\x00\xd8", {"encoding": "utf-16-le"}),
    "another encoding": ("product_id,name,price\np1,Pão,1\n".encode("latin-1"), {"encoding": "utf-8"}),
}
LANGUAGES = pytest.mark.parametrize("language", ["en", "pt-BR"])


@LANGUAGES
@pytest.mark.parametrize("what", KINDS)
async def test_the_page_names_each_column_that_the_import_knows_and_says_which_a_file_needs(shop, language, what):
    page = await (await shop.staff(language=language)).open(TRANSFER)
    words = {"en": ("needed", "optional"), "pt-BR": ("necessária", "opcional")}[language]
    (section,) = re.findall(rf'<section aria-labelledby="columns-{what}">.*?</section>', page.body.decode(), re.DOTALL)
    rows = {
        name: re.sub(r"<[^>]+>", " ", rest)
        for name, rest in re.findall(r"<tr><th scope=\"row\"><code [^>]+>(\w+)</code>(.*?)</tr>", section)
    }

    guides = {each.name: each for each in columns_of(SCHEMAS[KINDS[what]])}
    assert list(rows) == list(guides)
    for name, text in rows.items():
        assert words[guides[name].need is Need.NEVER] in text
        assert ", ".join(guides[name].other_names) in text


@pytest.mark.parametrize("what", KINDS)
async def test_a_file_without_a_column_that_the_page_calls_needed_is_refused_and_without_the_others_it_is_not(
    shop, what
):
    values = {"customer_id": "ana", "product_id": "caneta", "order_id": "o9", "state": "open", "price": "1"}
    values |= {"created": "2026-01-05", "quantity": "1", "unit_price": "1", "name": "x"}
    staff = await shop.staff()
    guides = list(columns_of(SCHEMAS[KINDS[what]]))
    needed = [each.name for each in guides if each.need is not Need.NEVER]

    def of(names):
        return ",".join(names) + "\n" + ",".join(values[name] for name in names) + "\n"

    whole = await upload(staff, of(needed), kind=what)
    assert "What is wrong with the file" not in whole.text
    for missing in needed:
        answer = await upload(staff, of([name for name in needed if name != missing]), kind=what)
        assert not [form for form in answer.page.forms if form.action.endswith("/start")], missing


@LANGUAGES
async def test_the_examples_that_the_page_shows_and_gives_can_be_imported(shop, language):
    staff = await shop.staff(language=language)
    page = await staff.open(TRANSFER)
    shown = re.findall(r"<pre [^>]*><code [^>]+>(.*?)</code></pre>", page.body.decode(), re.DOTALL)

    for what, text in zip(KINDS, shown, strict=True):
        given = await staff.get(f"/office/import-example/{what}")
        assert given.header("content-disposition") == f'attachment; filename="{what}-example.csv"'
        assert html.unescape(text).split() == given.body.decode("utf-8-sig").split()
        checked = await upload(staff, given.body, kind=what, update="on")
        assert 'id="problems"' not in checked.body.decode()
        await begin(staff, checked)

    assert shop.cluster.state.product("coffee").price == 1890
    assert shop.cluster.state.product("bread").name == {"en": "Bread", "pt-BR": "Pão"}[language]
    assert shop.cluster.state.customer("bia").name == "Bia Lima"
    assert shop.cluster.state.closed_order("2026-2").total == 1000


async def test_no_other_example_is_given(shop):
    assert (await (await shop.staff()).get("/office/import-example/secrets")).status == 404


@LANGUAGES
@pytest.mark.parametrize("broken", BROKEN)
async def test_what_is_wrong_with_a_file_is_told_without_options_of_the_command_line(shop, language, broken):
    content, typed = BROKEN[broken]
    staff = await shop.staff(language=language)
    where = (await staff.open(TRANSFER)).text

    answer = await upload(staff, content, **typed)

    assert 'id="problems"' in answer.body.decode()
    assert not re.search(r"(?<!\S)--\w|--\w+ ", answer.text), "an option"
    for named in re.findall("“(.+?)”", answer.text):
        assert named in where
    assert ("“" in answer.text) or broken == "a column of another name"


async def test_a_column_that_is_not_known_is_to_be_renamed_in_the_file(shop):
    answer = await upload(await shop.staff(), "product_id,name,custa\np1,Broa,1\n")

    assert "the header lacks price; it has product_id, name, custa. Rename the columns in the file" in answer.text
    assert "choose “Also change what exists already”" in answer.text
    assert "/office/transfer?columns=open#columns" in answer.page.links


async def test_the_page_that_follows_a_wrong_file_shows_the_columns_at_once(shop):
    staff = await shop.staff()

    assert b'<details id="columns" open>' in (await staff.open("/office/transfer?columns=open")).body
    assert b'<details id="columns">' in (await staff.open(TRANSFER)).body


async def test_columns_that_become_fields_of_ones_own_are_named_before_the_import(shop):
    staff = await shop.staff()

    checked = await upload(staff, "product_id,name,price,qtd. na loja\np1,Broa,1,5\n")
    known = await upload(staff, "product_id,name,price,qtd\np1,Broa,1,5\n")
    orders = "order_id,customer_id,state,created,total,order.canal\no9,ana,cancelled,2026-01-05,1,balcão\n"

    assert "Fields of your own qtd. na loja. The import does not know these columns." in checked.text
    assert "Fields of your own" not in known.text
    assert "Fields of your own" not in (await upload(staff, orders, kind="orders")).text


async def test_values_between_bars_can_be_chosen(shop):
    staff = await shop.staff()

    await begin(staff, await upload(staff, "product_id|name|price\np1|Broa|2.50\n", separator="bar"))

    assert shop.cluster.state.product("p1").price == 250


async def test_the_example_is_written_for_the_spreadsheets_of_the_language(shop):
    staff = await shop.staff(language="pt-BR")

    text = (await staff.get("/office/import-example/products")).body.decode("utf-8-sig")

    assert [row["price"] for row in csv.DictReader(io.StringIO(text), delimiter=";")] == ["18,90", "2,50"]
