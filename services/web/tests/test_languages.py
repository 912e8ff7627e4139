"""English and Portuguese: each page in each language, without a text of the other one."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import quitanda_clients
import quitanda_web
from quitanda import error_messages
from quitanda.domain.commands import CreateOrder, ItemQuantity, PlaceOrder
from quitanda.domain.webhook_commands import CreateWebhook, SendTestEvent
from quitanda_clients.i18n import catalogue, labels
from quitanda_clients.i18n.languages import Language, accepted_language, parse_language
from quitanda_web.forms import CommandForm
from quitanda_web.pages import office, office_orders, order_units, tokens, webhooks
from quitanda_web.pages import shop as shop_pages

WEB = Path(quitanda_web.__file__).parent
I18N = Path(quitanda_clients.__file__).parent / "i18n"
KEYWORDS = {"N_": None, "gettext": None, "_": None, "ngettext": (1, 2)}
MAP = [("**/templates/**.html", "jinja2"), ("**.py", "python")]
OF_CUSTOMER = (
    "/products",
    "/products/caneta",
    "/orders",
    "/orders/o1",
    "/orders/o1/cancel",
    "/access",
    "/products?words=nothing",
    "/orders?states=expired",
)
OF_STAFF = (
    "/office/products",
    "/office/products?words=nothing",
    "/office/new-product",
    "/office/products/caneta",
    "/office/customers",
    "/office/customers?words=nothing",
    "/office/new-customer",
    "/office/customers/ana",
    "/office/customers/ana/delete_customer",
    "/office/products/caneta/delete_product",
    "/office/orders",
    "/office/orders?states=expired",
    "/office/orders/o1",
    "/office/orders/o2",
    "/office/reports/sales",
    "/office/reports/sales?from=2023-11-14&to=2023-11-15&by=product",
    "/office/reports/sales?from=2023-11-14&to=2023-11-15&by=customer",
    "/office/reports/sales?from=x",
    "/office/reports/today",
    "/office/reports/stock-value",
    "/office/history/product/caneta",
    "/office/history/order/o2",
    "/office/history/customer/nobody",
    "/office/stock-card/caneta",
    "/office/stock-card/nothing",
    "/office/more",
    "/office/transfer",
    "/office/imports/nothing",
    "/office/tokens",
    "/office/tokens?customer_id=ana",
    "/office/webhooks",
    "/office/webhooks/w1",
    "/office/webhooks/w1/delete_webhook",
    "/office/cluster",
    "/office/orders/o2/cancel_order_items",
    "/office/orders/o2/return_order",
    "/access",
)
OF_ALL = ("/sign-in", "/nothing", "/sign-in?done=ended")
SAME = {"Total", "Tokens", "Quitanda", "English", "Português", "Cluster"}
"""Words that both languages have."""


def catalog():
    with (catalogue.FOLDER / "pt_BR.po").open("rb") as file:
        return read_po(file, locale="pt_BR")


def texts_of_source():
    """Every text of page, labels and errors that is to be translated; of a plural both forms together."""
    options = {"**/templates/**.html": {"trimmed": "true"}}
    found = {
        message
        for folder in (WEB, I18N)
        for _, _, message, _, _ in extract_from_dir(folder, MAP, options_map=options, keywords=KEYWORDS)
    }
    tables = (error_messages.REASONS, error_messages.PROBLEMS, error_messages.TOKEN_PROBLEMS)
    return (
        found
        | {text for table in tables for text in table.values()}
        | {error_messages.FAILED, error_messages.THE_REQUEST}
    )


def test_every_text_is_translated_and_the_catalogue_has_no_others():
    known = {message.id: message for message in catalog() if message.id}
    source = {tuple(text) if isinstance(text, list | tuple) else text for text in texts_of_source()}

    assert source - known.keys() == set()
    assert known.keys() - source == set()
    for message in known.values():
        assert not message.fuzzy
        assert all(message.string if isinstance(message.string, tuple) else (message.string,)), message.id


def test_a_translation_names_the_same_facts():
    for message in catalog():
        if not message.id:
            continue
        first = message.id if isinstance(message.id, str) else message.id[1]
        translated = message.string if isinstance(message.string, str) else message.string[1]
        for pattern in (r"\{([a-z_]+)", r"%\(([a-z_]+)\)s"):
            assert set(re.findall(pattern, first)) == set(re.findall(pattern, translated)), first


@pytest.fixture
async def filled(shop):
    for order_id in ("o1", "o2"):
        shop.cluster.does(CreateOrder("ana", order_id, 1_700_000_000_000, (ItemQuantity("caneta", 1),)), "ana")
    shop.cluster.does(PlaceOrder("ana", "o2"), "ana")
    shop.cluster.does(CreateWebhook("w1", "https://example.org/", "order_placed,product_low", "ab" * 32, 1))
    shop.cluster.does(SendTestEvent("w1"))
    return shop


async def pages(shop, language):
    customer = await shop.customer(language=language)
    staff = await shop.staff(language=language)
    anybody = shop.browser(language=language)
    for browser, paths in ((customer, OF_CUSTOMER), (staff, OF_STAFF), (anybody, OF_ALL)):
        for path in paths:
            yield path, await browser.open(path)


def plain(text):
    return " ".join(text.split())


@pytest.mark.parametrize("language", list(Language))
async def test_no_page_has_a_text_of_the_other_language(filled, language):
    pairs = [
        (plain(en), plain(pt))
        for message in catalog()
        if message.id
        for en, pt in zip(
            message.id if isinstance(message.id, tuple) else (message.id,),
            message.string if isinstance(message.string, tuple) else (message.string,),
            strict=False,
        )
    ]
    others = {pt if language is Language.ENGLISH else en for en, pt in pairs} - SAME
    own = {en if language is Language.ENGLISH else pt for en, pt in pairs}

    async for path, answer in pages(filled, language.value):
        assert answer.page.language == language.value, path
        texts = {plain(text) for text in answer.page.texts} - set(answer.page.names)
        assert texts & (others - own) == set(), path
        assert texts & own, path


@pytest.mark.parametrize("language", list(Language))
async def test_every_page_can_be_read_by_a_screen_reader_and_loads_nothing_from_outside(filled, language):
    async for path, answer in pages(filled, language.value):
        assert answer.page.outside == [], path
        assert len(answer.page.ids) == len(set(answer.page.ids)), path
        assert set(answer.page.labelled) <= set(answer.page.ids), path
        assert "main" in answer.page.ids


async def test_the_language_is_chosen_by_the_browser_and_then_by_the_person(shop):
    browser = shop.browser(language="pt-PT,pt;q=0.9,en;q=0.5")
    page = await browser.open("/sign-in")
    assert "Entrar" in page.text

    form = page.form("/language").fields
    answer = await browser.open((await browser.post("/language", form | {"language": "en"})).location)

    assert answer.page.language == "en"
    assert "Sign in" in answer.text
    await browser.post("/language", form | {"language": "xx"})
    assert (await browser.open("/")).page.language == "en"


async def test_the_theme_is_chosen_by_the_person(shop):
    browser = shop.browser()

    await browser.post("/theme", {"theme": "dark", "next": "/sign-in"})
    assert b'data-theme="dark"' in (await browser.open("/sign-in")).body
    await browser.post("/theme", {"theme": "browser"})
    assert b"data-theme" not in (await browser.open("/sign-in")).body


async def test_money_is_written_and_read_in_portuguese(shop):
    browser = await shop.staff(language="pt-BR")
    product = await browser.open("/office/products/lapis")
    assert "R$\xa011,20" in product.text or "R$ 11,20" in product.text
    assert product.form("/office/products/lapis/update_product").fields["price"] == "11,20"

    changed = await browser.fill(product, "/office/products/lapis/update_product", price="1.234,50")

    assert "Salvo." in changed.text
    assert shop.cluster.state.product("lapis").price == 123_450


async def test_a_refusal_is_told_in_portuguese_with_the_facts(shop):
    browser = await shop.customer(language="pt-BR")
    page = await browser.open("/products/caneta")

    answer = await browser.send(page, "/products/caneta/order", quantity="11")

    assert "você pediu 11" in answer.text
    assert "10 restam" in answer.text or "restam" in answer.text


def test_every_field_of_a_form_has_a_label():
    forms = [
        each
        for module in (office, office_orders, order_units, shop_pages, tokens, webhooks)
        for each in vars(module).values()
        if isinstance(each, CommandForm)
    ]

    assert len(forms) > 10
    assert {field.name for form in forms for field in form.fields()} <= labels.FIELDS.keys() | labels.FORM_FIELDS.keys()


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("pt", Language.PORTUGUESE),
        ("pt_BR.UTF-8", Language.PORTUGUESE),
        ("pt-PT", Language.PORTUGUESE),
        ("en-GB", Language.ENGLISH),
        ("de", None),
        ("", None),
        ("C.UTF-8", None),
        ("p" * 100, None),
    ],
)
def test_a_tag_or_a_locale_names_the_nearest_language(tag, language):
    assert parse_language(tag) is language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de, en;q=0.2, pt;q=0.7", Language.PORTUGUESE),
        ("en;q=0, pt;q=0.1", Language.PORTUGUESE),
        ("*", None),
        ("", None),
        ("pt;q=abc", None),
        (",,;;q=", None),
        ("x" * 10_000 + ",pt", None),
    ],
)
def test_the_language_that_a_browser_wants_most_is_chosen(header, language):
    assert accepted_language(header) is language


def test_the_catalogue_is_part_of_the_package():
    assert (Path(quitanda_clients.__file__).parent / "i18n" / "pt_BR.po").is_file()
