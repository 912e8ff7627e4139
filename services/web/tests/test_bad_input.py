"""What a browser, or somebody who only says to be one, may send: a page says that it is wrong, and nothing changes."""

import asyncio
import contextlib
from urllib.parse import quote

import pytest
from running_page import running

from quitanda.domain.commands import CreateOrder, CreateProduct, ItemQuantity
from quitanda_web.composition import WebServer
from quitanda_web.guard import GuardLimits
from quitanda_web.pages.listing import PAGE_SIZE
from quitanda_web.settings import WebSettings

SCRIPT = '"><script>alert(1)</script>'
OFFICE_FORMS = (
    "/office/new-product",
    "/office/products/caneta/update_product",
    "/office/products/caneta/adjust_stock",
    "/office/products/caneta/delete_product",
    "/office/new-customer",
    "/office/customers/ana/update_customer",
    "/office/customers/ana/delete_customer",
    "/office/customers/ana/act",
    "/office/orders/o1/set_order_deadline",
    "/office/orders/o1/cancel_order_items",
    "/office/orders/o1/fulfil_order",
    "/office/orders/o1/return_order",
)
SHOP_FORMS = (
    "/products/caneta/order",
    "/orders/o1/items",
    "/orders/o1/deadline",
    "/orders/o1/place",
    "/orders/o1/cancel",
)
OF_BOTH = ("/access", "/access/end", "/undo")


def state_of(shop):
    state = shop.cluster.state
    return (state.product("caneta"), state.customer("ana"), state.order("o1"), state.last_version)


@pytest.fixture
async def filled(shop):
    shop.cluster.does(CreateOrder("ana", "o1", 1_700_000_000_000, (ItemQuantity("caneta", 1),)), "ana")
    return shop


async def forms_of(shop):
    yield await shop.staff(), (*OFFICE_FORMS, *OF_BOTH)
    yield await shop.customer(), (*SHOP_FORMS, *OF_BOTH)


async def test_no_form_without_its_token_has_an_effect(filled):
    before = state_of(filled)

    async for browser, paths in forms_of(filled):
        for path in paths:
            for fields in ({"cascade": "on"}, {"form_token": "0" * 64, "quantity": "1", "delta": "1"}):
                assert (await browser.post(path, fields)).status == 403, path

    assert state_of(filled) == before


async def test_no_form_of_another_site_has_an_effect_with_whatever_token(filled):
    before = state_of(filled)

    async for browser, paths in forms_of(filled):
        token = (await browser.open("/access")).form("/sign-out").fields["form_token"]
        for path in paths:
            answer = await browser.post(
                path, {"form_token": token, "quantity": "1"}, **{"sec-fetch-site": "cross-site"}
            )
            assert answer.status == 403, path

    assert state_of(filled) == before


async def test_no_form_of_somebody_who_has_signed_out_has_an_effect_and_none_of_a_session_before(filled):
    before = state_of(filled)

    async for browser, paths in forms_of(filled):
        page = await browser.open("/access")
        fields = page.form("/sign-out").fields | {"quantity": "1", "delta": "1"}
        await browser.send(page, "/sign-out")
        for path in paths:
            assert (await browser.post(path, fields)).location.startswith("/sign-in"), path
        session = await (filled.customer() if paths[0] == SHOP_FORMS[0] else filled.staff())
        for path in paths:
            assert (await session.post(path, fields)).status == 403, path

    assert state_of(filled) == before


async def test_nothing_that_stands_in_an_address_is_taken_for_html(filled):
    typed = quote(SCRIPT)
    async for browser, _ in forms_of(filled):
        for path in (
            f"/products?words={typed}",
            f"/products?price_from={typed}",
            f"/products?page_token={typed}",
            f"/products/{typed}",
            f"/orders/{typed}",
            f"/orders?states={typed}",
            f"/office/products?words={typed}",
            f"/office/orders?customer_id={typed}&product_id={typed}&states={typed}",
            f"/office/customers/{typed}",
            f"/sign-in?next={typed}&done={typed}",
            f"/access?done={typed}&undo={typed}",
            f"/nothing/{typed}",
        ):
            answer = await browser.open(path)
            assert answer.status < 500, path
            assert b"<script>alert" not in answer.body, path


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/products",
        "/office/../office/products",
        "/office/%2e%2e/products",
        "/./products",
        "/products/..;/office",
        "/PRODUCTS",
        "/products/",
        "/office//products",
        "/assets/",
        "/assets/%00",
        "/assets/htmx.min.js/..",
        "/assets/%252e%252e/settings.py",
        "/templates/base.html",
        "/health/",
        "/health/liveness/../readiness",
    ],
)
async def test_a_path_that_plays_tricks_leads_nowhere(shop, path):
    answer = await (await shop.staff()).get(path)

    assert answer.status in {303, 404, 422}
    assert b"QUITANDA_" not in answer.body
    assert answer.location in {"", "/"}


@pytest.mark.parametrize("path", ["/products", "/office/products"])
async def test_an_address_with_fields_that_nobody_asks_for_shows_its_list(shop, path):
    for number in range(PAGE_SIZE):
        shop.cluster.does(CreateProduct(f"p{number}", "Pão", price=100, quantity=1))
    browser = await (shop.staff() if path.startswith("/office") else shop.customer())

    first = await browser.get(f"{path}?path=x&query=y&self=z")
    (more,) = [link for link in first.page.links if "page_token=" in link]

    assert (first.status, (await browser.get(more)).status) == (200, 200)


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "=",
        "quitanda",
        "quitanda=",
        "quitanda=\xff\xfe",
        'quitanda="a; b',
        "quitanda=" + "A" * 12_000,
        "quitanda=a; " * 500,
        "quitanda=a\x00b",
        "quitanda-language=<script>; quitanda-theme=<script>",
        "quitanda-language=" + "x" * 5_000,
        "__Host-quitanda=gAAAA; quitanda=gAAAA",
    ],
)
async def test_a_cookie_that_is_none_of_ours_is_nobodys(shop, cookie):
    answer = await shop.browser().get("/products", cookie=cookie)
    page = await shop.browser().get("/sign-in", cookie=cookie)

    assert answer.location.startswith("/sign-in")
    assert page.status == 200
    assert b"<script>;" not in page.body


@pytest.mark.parametrize(
    "fields",
    [
        {"request_id": "x" * 10_000},
        {"request_id": "é\x00"},
        {"expected_version": "-1"},
        {"expected_version": "9" * 30},
        {"expected_version": "one"},
        {"delta": "1" * 5_000},
        {"delta": "٣"},
        {"delta": "1e9"},
        {"delta": "0x10"},
        {"delta": "NaN"},
        {"delta": "+-1"},
        {"delta": " "},
        {"delta": "1\x00"},
        {"delta": "\ud800"},
    ],
)
async def test_a_hidden_or_a_typed_field_with_nonsense_is_refused_and_changes_nothing(filled, fields):
    browser = await filled.staff()
    page = await browser.open("/office/products/caneta")
    action = "update_product" if "expected_version" in fields else "adjust_stock"
    form = page.form(f"/office/products/caneta/{action}").fields
    before = state_of(filled)
    body = "&".join(
        f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}"
        for name, value in ({"delta": "2"} | form | fields).items()
    )

    answer = await browser.post(f"/office/products/caneta/{action}", body.encode())

    assert answer.status in {400, 422}
    assert state_of(filled) == before


async def test_a_request_id_of_another_form_is_refused_with_other_values(filled):
    browser = await filled.staff()
    page = await browser.open("/office/products/caneta")
    action = "/office/products/caneta/adjust_stock"
    await browser.send(page, action, delta="3")

    answer = await browser.send(page, action, delta="-3")

    assert answer.status == 409
    assert "sent before with other values" in answer.text
    assert filled.cluster.state.product("caneta").quantity == 12


async def test_who_has_no_proxy_is_counted_by_the_address_from_which_she_calls(cluster):
    """Whoever writes X-Forwarded-For herself is no proxy."""
    async with running(cluster) as shop:
        server = WebServer(WebSettings(web_listen="127.0.0.1:0"), shop.app)
        await server.start()
        try:
            answers = [
                await spoken(
                    server,
                    b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 192.0.2.%d\r\nConnection: close\r\n"
                    b"Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                    b"Content-Length: 11\r\n\r\nas=customer" % number,
                )
                for number in range(12)
            ]
        finally:
            await server.stop(2.0)

    assert [b" 429 " in answer.partition(b"\r\n")[0] for answer in answers][-1]


async def spoken(server, *parts, pause=0.0):
    """Send the parts one after the other; give everything that comes back until the connection ends."""
    reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
    answer = asyncio.create_task(reader.read())
    try:
        for part in parts:
            with contextlib.suppress(ConnectionError):
                writer.write(part)
                await writer.drain()
            if pause and (await asyncio.wait([answer], timeout=pause))[0]:
                break
        async with asyncio.timeout(10):
            return await answer
    except ConnectionError:
        return b""
    finally:
        answer.cancel()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.fixture
async def server(cluster):
    async with running(cluster, limits=GuardLimits(body_seconds=0.4)) as shop:
        server = WebServer(WebSettings(web_listen="127.0.0.1:0"), shop.app, head_seconds=0.4)
        await server.start()
        yield server
        await server.stop(2.0)


FORM_HEAD = (
    b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)


async def test_a_form_that_comes_letter_by_letter_is_given_up_after_its_time(server):
    drip = [b"a"] * 200
    answer = await spoken(server, FORM_HEAD + b"Content-Length: 1000\r\n\r\n", *drip, pause=0.05)

    assert b" 408 " in answer.partition(b"\r\n")[0]
    assert b"connection: close" in answer.lower()
    assert b"did not come in time" in answer


async def test_headers_that_come_letter_by_letter_end_the_connection(server):
    answer = await spoken(server, b"GET /sign-in HTTP/1.1\r\n", *[b"X: y\r\n"] * 200, pause=0.05)

    assert b" 200 " not in answer


async def test_a_form_that_names_two_places_where_it_comes_from_is_refused(server):
    head = b"POST /language HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\nlanguage=en"

    assert b" 303 " in (await spoken(server, head + form)).partition(b"\r\n")[0]
    assert b" 403 " in (await spoken(server, head + b"Sec-Fetch-Site: cross-site\r\n" + form)).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "request_bytes",
    [
        FORM_HEAD
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"10000\r\n"
        + b"a" * 65_536
        + b"\r\n"
        + b"1\r\na\r\n0\r\n\r\n",
        FORM_HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /office HTTP/1.1\r\n\r\n",
        FORM_HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nas=ab",
        FORM_HEAD + b"Content-Length: -1\r\n\r\n",
        FORM_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/sign-in HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: quitanda="
        + b"a" * 20_000
        + b"\r\nConnection: close\r\n\r\n",
        b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Bad: a\x00b\r\nConnection: close\r\n\r\n",
        b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nX Bad: a\r\nConnection: close\r\n\r\n",
        b"GET /sign-in HTTP/1.1\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n",
    ],
)
async def test_a_request_that_can_be_understood_in_two_ways_is_served_to_nobody(server, request_bytes):
    answer = await spoken(server, request_bytes)

    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert b" 303 " not in answer.partition(b"\r\n")[0]
    assert answer.count(b"HTTP/1.1 ") <= 1
    good = b"GET /health/liveness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert b" 200 " in await spoken(server, good)
