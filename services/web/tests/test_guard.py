"""What no page ever sees: requests that are too large, too slow, too many, or from elsewhere."""

import asyncio

import pytest
from asgi_browser import AsgiBrowser
from running_page import running

from quitanda.runtime.leaky_buckets import RateLimit
from quitanda_web.guard import BODY_BYTES_MAX, GuardLimits

FORM = {"as": "customer", "customer_id": "ana"}


async def test_every_answer_has_the_headers_that_keep_other_sites_out(shop):
    browser = await shop.customer()

    for path in ("/products", "/nothing", "/assets/pico.min.css", "/health/liveness", "/sign-in"):
        answer = await browser.get(path)
        policy = answer.header("content-security-policy")
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.header("x-content-type-options") == "nosniff"
    assert (await browser.get("/products")).header("cache-control") == "no-store"
    assert "immutable" in (await browser.get(shop.site.asset("pico.min.css"))).header("cache-control")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
async def test_a_form_of_another_site_is_refused(shop, headers):
    answer = await shop.browser().post("/sign-in", FORM, **headers)

    assert answer.status == 403
    assert "another site" in answer.text


async def test_a_browser_that_does_not_say_from_where_a_form_comes_names_its_origin(shop):
    browser = shop.browser()

    async def post(origin):
        headers = {"origin": origin} if origin else {}
        body = b"as=customer&customer_id=ana"
        sent = {"content-type": "application/x-www-form-urlencoded"} | headers
        return (await browser._send("POST", "/sign-in", body, sent)).status

    assert await post("http://127.0.0.1:7080") == 303
    assert await post("http://evil.example") == 403
    assert await post("null") == 403
    assert await post("") == 403


async def test_a_form_without_its_token_or_with_anothers_is_refused(shop):
    browser, other = await shop.customer("ana"), await shop.customer("bia")
    page = await browser.open("/products/caneta")
    stolen = (await other.open("/products/caneta")).form("/products/caneta/order").fields
    own = page.form("/products/caneta/order").fields

    for fields in (stolen, own | {"form_token": ""}, {"quantity": "1"}):
        assert (await browser.post("/products/caneta/order", fields)).status == 403
    assert shop.cluster.state.product("caneta").quantity == 10


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7080", "", "127.0.0.1.evil.example", "169.254.1.1", "localhost:²"]
)
async def test_another_sites_name_that_leads_to_this_machine_is_refused(shop, host):
    assert (await shop.browser(host=host).get("/sign-in")).status == 421


async def test_with_its_address_set_the_page_answers_to_that_name_and_its_cookie_is_for_tls_only(cluster):
    async with running(cluster, web_url="https://shop.example") as shop:
        browser = AsgiBrowser(shop.app, host="shop.example")
        sent = await browser.post("/sign-in", FORM)

        assert (await AsgiBrowser(shop.app).get("/sign-in")).status == 421
        cookie = sent.header("set-cookie")
        assert cookie.startswith("__Host-quitanda=")
        assert "secure" in cookie.lower()
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()
        assert "path=/" in cookie.lower()
        assert sent.header("strict-transport-security")
        assert "This is a trial" not in (await browser.open("/products")).text


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"a" * (BODY_BYTES_MAX + 1), {}, 413),
        (b"as=customer", {"content-length": "99999999999"}, 413),
        (b"as=customer", {"content-length": "x"}, 413),
        (b"{}", {"content-type": "application/json"}, 400),
        (b"x", {"content-type": "multipart/form-data; boundary=x"}, 400),
        (b"customer_id=%ff%fe", {}, 400),
        ("customer_id=é".encode(), {}, 400),
        (b"&".join(b"a=1" for _ in range(501)), {}, 400),
    ],
)
async def test_what_is_no_form_is_refused(shop, body, headers, status):
    answer = await shop.browser().post("/sign-in", body, **headers)

    assert answer.status == status
    assert answer.header("content-type").startswith("text/html")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
async def test_other_methods_are_refused(shop, method):
    assert (await shop.browser()._send(method, "/sign-in", b"", {})).status == 405


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/assets/../settings.py", 404),
        ("/assets/%2e%2e/settings.py", 404),
        ("/assets/..%2f..%2fsettings.py", 404),
        ("/products/" + "x" * 5_000, 414),
        ("/products/%00", 422),
        ("/products/%ff", 422),
        ("/products/..%2f..%2fetc", 404),
        ("/products/nothing", 404),
        ("/orders/nothing", 404),
        ("/products?page_token=nothing", 422),
        ("/products?words=...", 422),
    ],
)
async def test_a_path_that_leads_nowhere_ends_in_a_page_that_says_so(shop, path, status):
    answer = await (await shop.customer()).get(path)

    assert answer.status == status
    assert answer.text or answer.body


async def test_too_many_requests_of_one_address_are_refused_and_others_are_served(cluster):
    limits = GuardLimits(of_address=RateLimit(3, 60.0))
    async with running(cluster, limits=limits) as shop:
        browser = shop.browser()
        answers = [(await browser.get("/sign-in")).status for _ in range(4)]

        assert answers == [200, 200, 200, 429]
        assert (await shop.browser(address="192.0.2.8").get("/sign-in")).status == 200
        assert (await browser.get("/health/liveness")).status == 200


async def test_attempts_to_sign_in_are_bounded_for_each_address_and_for_all(cluster):
    limits = GuardLimits(sign_ins_of_address=RateLimit(2, 60.0), sign_ins=RateLimit(3, 60.0))
    async with running(cluster, limits=limits) as shop:

        async def sign_in(address):
            return (await shop.browser(address=address).post("/sign-in", FORM)).status

        assert [await sign_in("192.0.2.1") for _ in range(3)] == [303, 303, 429]
        assert [await sign_in("192.0.2.2") for _ in range(2)] == [303, 429]


@pytest.mark.parametrize(
    ("path", "limits"),
    [("/sign-in", GuardLimits(body_seconds=0.05)), ("/office/imports", GuardLimits(upload_seconds=0.05))],
)
async def test_a_form_that_does_not_come_is_not_waited_for(cluster, path, limits):
    async with running(cluster, limits=limits) as shop:
        staff = await shop.staff()
        cookies = "; ".join(f"{name}={value}" for name, value in staff.cookies.items())
        told = []

        async def receive():
            await asyncio.Event().wait()

        async def send(message):
            told.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "scheme": "http",
            "headers": [
                (b"host", b"127.0.0.1"),
                (b"sec-fetch-site", b"same-origin"),
                (b"content-length", b"9"),
                (b"cookie", cookies.encode()),
            ],
            "client": ("192.0.2.1", 1),
            "server": ("127.0.0.1", 7080),
        }
        await shop.app(scope, receive, send)

        assert told[0]["status"] == 408


async def test_a_requests_page_and_outcome_are_counted(shop):
    browser = await shop.customer()
    await browser.open("/products")
    await browser.get("/products/nothing")

    def counted(operation, reason):
        labels = {"operation": operation, "transport": "http", "reason": reason}
        return shop.registry.get_sample_value("quitanda_requests_total", labels)

    assert counted("products", "OK") == 1
    assert counted("product", "PRODUCT_NOT_FOUND") == 1
    assert counted("sign_in", "OK") == 1


async def test_a_page_is_ready_only_while_a_portal_of_each_kind_is(shop):
    """Portals that listen and cannot answer yet, as at a start, are not enough: each page would be a 503."""
    browser = shop.browser(host="anything")

    for portal in shop.portals:
        await portal.set_ready(ready=False)
        assert (await browser.get("/health/readiness")).status == 503
        await portal.set_ready(ready=True)
        assert (await browser.get("/health/readiness")).status == 200


async def test_health_tells_whether_portals_can_be_reached(shop):
    browser = shop.browser(host="anything")

    assert (await browser.get("/health/liveness")).status == 200
    assert (await browser.get("/health/readiness")).status == 200
    await shop.site.callers.close()
    assert (await browser.get("/health/readiness")).status == 503
    assert (await browser.get("/health/other")).status == 404
