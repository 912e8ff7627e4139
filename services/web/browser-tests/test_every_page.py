"""Every page: for people with a screen reader, on a telephone, and by the content security policy."""

import asyncio
import hashlib
import re
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect
from walk import look, prepare, sign_in, unseen

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.limits import ID_LENGTH_MAX, NAME_LENGTH_MAX
from quitanda_clients.i18n.languages import Language
from quitanda_web.site import Who

VENDORED = Path(__file__).parent / "vendored"
AXE = VENDORED / "axe.min.js"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""Of the file in the package axe-core 4.14.1."""
TELEPHONE = {"width": 360, "height": 640}
DESK = {"width": 1280, "height": 800}
THEMES = ("light", "dark")
AXE_SCRIPT = AXE.read_text(encoding="utf-8")
TOO_WIDE = """
    [
      ...(document.documentElement.scrollWidth > window.innerWidth ? ["the whole page"] : []),
      ...[...document.querySelectorAll("button, input:not([type=hidden]), select, textarea")]
        .filter(e => e.getBoundingClientRect().right > window.innerWidth)
        .map(e => `${e.tagName} ${e.name || e.innerText} beyond the edge`),
      ...[...document.querySelectorAll("th[scope=row]")]
        .filter(e => e.clientWidth < 100).map(e => `${e.innerText} has ${e.clientWidth} pixels`),
    ]
"""
"""What of a page a telephone does not show, or only letter by letter."""
WIDTHS = "[...document.querySelectorAll('.overflow-auto')].map(e => e.scrollWidth)"
"""Of all that is in each table, also of what is seen only by moving it."""
BELOW = "below the name"
AT_ONCE = f"""
    [...document.querySelectorAll(".overflow-auto")].flatMap(box =>
      [...box.querySelectorAll("thead th, tbody th .narrow")]
        .filter(e => e.getClientRects().length && e.getBoundingClientRect().right <= box.getBoundingClientRect().right)
        .map(e => e.matches(".narrow") ? "{BELOW}" : e.innerText))
"""
"""What of the tables is seen without moving them: the heads of columns, and what stands below the names of rows."""
IMPORTANT = {
    "products": {"Product", "Price", "In stock"},
    "orders": {"Order", "State", "Total"},
    "open order": {"Product", BELOW, "Quantity", "Total"},
    "closed order": {"Product", BELOW, "Quantity", "Total"},
    "office products": {"Product id", BELOW, "Price", "In stock"},
    "low stock": {"Product id", BELOW, "Price", "In stock"},
    "office orders": {"Order", "State", "Total"},
    "placed order": {"Product", BELOW, "Quantity", "Total"},
    "value of the stock": {"Product", BELOW, "In stock", "Value"},
    "stock card": {"When", "In or out", "In stock"},
}
"""What somebody with a telephone looks for on a page of the walk. Below stands what has a column on wider screens: the
price of an order's product, and the name of a product."""
WITHOUT_FILES = "document.querySelectorAll('pre').forEach(e => { e.hidden = true })"
"""Examples of files have no blanks where sentences have them."""
WORDS_TOGETHER = re.compile(r"[a-z0-9][.:;,][A-Z][a-z]+")
""""See the order.It is yours": templates lose line breaks."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def walk(shop):
    return await prepare(shop)


def test_axe_is_the_published_one_and_has_its_licence():
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == AXE_SHA256
    assert "Mozilla Public License" in (VENDORED / "axe.LICENSE").read_text(encoding="utf-8")


async def test_the_walk_leads_to_every_page(walk):
    assert unseen(walk) == set()


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("who", list(Who))
async def test_axe_finds_nothing_on_any_page_in_either_theme_and_a_telephone_is_wide_enough(
    people, shop, walk, language, who
):
    person = await people(language)
    await sign_in(person, walk, shop, who)
    found = []
    for sight in walk.of(who):
        await person.page.set_viewport_size(DESK)
        await look(person, sight, shop)
        await person.page.evaluate(AXE_SCRIPT)  # from the tool, beside the page's policy
        for theme in THEMES:
            await person.page.emulate_media(color_scheme=theme)
            found += [(sight.shows, theme, *fault) for fault in faults(await person.page.evaluate("axe.run()"))]
        await person.page.set_viewport_size(TELEPHONE)
        found += [(sight.shows, "on a telephone", each) for each in await person.page.evaluate(TOO_WIDE)]
        await person.page.evaluate(WITHOUT_FILES)
        found += [(sight.shows, "words without a blank", *WORDS_TOGETHER.findall(await person.text()))]

    assert [each for each in found if len(each) > 2] == []


@pytest.mark.parametrize("language", list(Language))
async def test_on_a_telephone_what_matters_most_is_seen_without_moving_the_table(people, shop, walk, language):
    missing = {}
    for who in (Who.CUSTOMER, Who.STAFF):
        person = await people(language)
        await sign_in(person, walk, shop, who)
        await person.page.set_viewport_size(TELEPHONE)
        for sight in (each for each in walk.of(who) if each.shows in IMPORTANT):
            await look(person, sight, shop)
            wanted = {person.t(text) if text != BELOW else text for text in IMPORTANT[sight.shows]}
            missing[sight.shows] = wanted - set(await person.page.evaluate(AT_ONCE))

    assert missing == {each: set() for each in IMPORTANT}


async def test_names_of_one_long_word_make_no_page_and_no_table_wider_on_a_telephone(people, shop):
    widths = [await widths_at_a_telephone(people, shop, name) for name in ("Bolo", "W" * NAME_LENGTH_MAX)]

    assert widths[0] == widths[1]


async def widths_at_a_telephone(people, shop, name):
    """Give the width of each table that shows a product, a customer or an order with this name and such ids."""
    product_id, customer_id = (shop.new_id(kind).ljust(len(name), "w")[:ID_LENGTH_MAX] for kind in ("p", "c"))
    await shop.office.create_product(product_id, name, 250, 9, description=name, reorder_level=10)
    await shop.office.create_customer(customer_id, name)
    client = await shop.client(customer_id)
    order_id = (await client.create_order([ItemQuantity(product_id, 2)])).document.order_id
    ana, bia = await people(), await people()
    await ana.sign_in_as_customer(customer_id, shop.cluster.callers.token_of(customer_id))
    await bia.sign_in_as_staff(shop.staff_token)
    of_product, of_order = f"/office/products/{product_id}", f"/office/orders/{order_id}"
    widths = []
    for person, paths in (
        (ana, (f"/products?words={product_id}", f"/products/{product_id}", "/orders", f"/orders/{order_id}")),
        (bia, (f"/office/products?words={product_id}", of_product, f"{of_product}/delete_product")),
        (bia, (f"/office/customers?words={customer_id}", f"/office/customers/{customer_id}")),
        (bia, (f"/office/orders?customer_id={customer_id}", of_order, f"{of_order}/cancel_order_items")),
        (bia, (f"/office/history/product/{product_id}", f"/office/stock-card/{product_id}")),
    ):
        await person.page.set_viewport_size(TELEPHONE)
        for path in paths:
            await person.open(path)
            assert await person.page.evaluate(TOO_WIDE) == [], path
            widths += await person.page.evaluate(WIDTHS)
    return widths


async def test_axe_and_the_looks_at_a_telephone_find_what_is_wrong(people):
    """Without this their silence would mean nothing."""
    person = await people()
    await person.page.set_viewport_size(TELEPHONE)
    await person.open("/sign-in")
    await person.page.evaluate(AXE_SCRIPT)

    await person.page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    await person.page.evaluate("document.querySelector('h1').style.color = 'white'")
    await person.page.evaluate("document.querySelector('h2').style.color = '#ddd'")
    await person.page.evaluate("document.querySelector('main button').style.marginLeft = '300px'")

    found = faults(await person.page.evaluate("axe.run()"))
    assert {rule for rule, _ in found} == {"label", "color-contrast", "invisible"}
    assert [each for each in await person.page.evaluate(TOO_WIDE) if each.startswith("BUTTON")]


def faults(told):
    """Give what axe found: violations, and what has the colour of its background, of which axe is not certain."""
    for violation in told["violations"]:
        yield violation["id"], [node["html"][:120] for node in violation["nodes"]]
    for doubt in told["incomplete"]:
        for node in doubt["nodes"]:
            if any((check["data"] or {}).get("messageKey") == "equalRatio" for check in node["any"]):
                yield "invisible", node["html"][:120]


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere():
    """A server of somebody else, and who called there."""
    calls = []

    def note(_reader, writer):
        calls.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/", calls


@pytest.mark.parametrize(
    "breach",
    [
        "document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))",
        "document.head.append(Object.assign(document.createElement('script'), {src: 'ELSEWHERE'}))",
        "document.head.append(Object.assign(document.createElement('style'), {textContent: 'p {}'}))",
        "new Image().src = 'ELSEWHERE'",
        "void fetch('ELSEWHERE').catch(() => 0)",
    ],
    ids=["inline script", "script from elsewhere", "inline style", "picture from elsewhere", "call to elsewhere"],
)
async def test_a_breach_of_the_content_security_policy_is_prevented_and_told(people, elsewhere, breach):
    """Without this the silence of the browsers in the other tests would mean nothing."""
    address, calls = elsewhere
    person = await people()
    await person.open("/sign-in")

    async with person.page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        await person.page.evaluate(breach.replace("ELSEWHERE", address))

    assert person.complaints
    assert set(person.outside) <= {address}
    assert await person.page.evaluate("window.ran") is None
    assert calls == []
    person.complaints.clear()
    person.outside.clear()


async def test_the_choice_of_language_and_theme_is_kept(people, shop):
    person = await people()
    await person.sign_in_as_customer(*await shop.customer())

    await person.follow(person.page.get_by_role("button", name="Português"))
    await person.follow(person.page.get_by_role("button", name="Escuro"))

    await expect(person.page.locator("html")).to_have_attribute("lang", "pt-BR")
    await expect(person.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert person.path == "/products"
