"""The streams of live pages, before real portals that hear a change feed."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from known_callers import let_in
from open_stream import SECONDS, open_stream
from running_page import running

from quitanda.domain.commands import (
    AdjustStock,
    CreateOrder,
    DeleteProduct,
    ItemQuantity,
    PlaceOrder,
    RevokeCredential,
    UpdateProduct,
)
from quitanda.domain.model import Kind
from quitanda.identity.tokens import parse_token
from quitanda_web.live.hub import LiveLimits


def change_price(shop, price, product_id="caneta"):
    return shop.tell(shop.cluster.does(UpdateProduct(product_id, price=price)))


async def wait_until(condition):
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)


async def test_a_change_of_price_and_stock_comes_in_the_words_and_language_of_the_page(shop):
    english, portuguese = await shop.customer(), await shop.customer("bia", language="pt-BR")
    async with open_stream(english, "/live/products") as one, open_stream(portuguese, "/live/products") as other:
        assert one.status == 200
        assert one.headers["content-type"].startswith("text/event-stream")
        assert one.headers["cache-control"] == "no-store"
        await one.next("at")
        await other.next("at")

        shop.cluster.does(UpdateProduct("caneta", price=123_456))
        revision = shop.tell(shop.cluster.does(AdjustStock("caneta", -10)))

        heard = await one.next("changed")
        (change,) = heard.data["changes"]
        assert (change["id"], change["texts"]["price"], change["texts"]["shelf"]) == (
            "caneta",
            "R$1,234.56",
            "sold out",
        )
        assert (heard.id, heard.data["revision"]) == (str(revision), revision)
        (change,) = (await other.next("changed")).data["changes"]
        assert (change["texts"]["price"].replace("\xa0", " "), change["texts"]["available"]) == (
            "R$ 1.234,56",
            "esgotado",
        )


async def test_the_open_streams_are_a_metric_by_what_they_follow(shop):
    def shown(stream):
        return shop.registry.get_sample_value("quitanda_page_streams", {"stream": stream})

    customer, staff = await shop.customer(), await shop.staff()
    async with open_stream(customer, "/live/products"), open_stream(staff, "/live/products"):
        async with open_stream(customer, "/live/orders"):
            assert (shown("products"), shown("orders"), shown("cluster")) == (2.0, 1.0, 0.0)
        await wait_until(lambda: shown("orders") == 0.0)


async def test_all_streams_of_customers_share_one_watch(shop):
    async with AsyncExitStack() as stack:
        streams = []
        for customer_id in ("ana", "bia", "ana"):
            browser = await shop.customer(customer_id)
            streams.append(await stack.enter_async_context(open_stream(browser, "/live/products")))
        for stream in streams:
            await stream.next("at")

        change_price(shop, 300)

        for stream in streams:
            assert (await stream.next("changed")).data["changes"][0]["id"] == "caneta"
        assert len(shop.site.live) == 3
        assert len(shop.site.live._topics) == 1


async def test_what_was_missed_is_told_by_the_last_event_id_or_by_the_revision_that_the_page_shows(shop):
    browser = await shop.customer()
    async with open_stream(browser, "/live/products") as stream:
        shown = int((await stream.next("at")).id)
        first = change_price(shop, 300)
        await stream.next("changed")
    second = change_price(shop, 400)

    async with open_stream(browser, f"/live/products?after={shown}", last_event_id=str(first)) as again:
        heard = await again.next("changed")
        assert (heard.id, heard.data["changes"][0]["texts"]["price"]) == (str(second), "R$4.00")
    async with open_stream(browser, f"/live/products?after={shown}") as from_page:
        assert [(await from_page.next("changed")).id for _ in range(2)] == [str(first), str(second)]


@pytest.mark.parametrize("after", ["1", "999999999999999999"])
async def test_a_revision_that_is_not_known_any_more_or_not_yet_lets_the_page_be_fetched_again(shop, after):
    browser = await shop.customer()

    async with open_stream(browser, "/live/products", last_event_id=after) as stream:
        assert (await stream.next("gone", "changed")).kind == "gone"
        change_price(shop, 300)
        await stream.next("changed")


@pytest.mark.parametrize("after", ["-1", "x", "1" * 400, "1.5", "\u0661", ""])
async def test_a_text_that_is_no_revision_counts_as_none(shop, after):
    browser = await shop.customer()

    async with open_stream(browser, "/live/products", last_event_id=after.encode().decode("latin-1")) as stream:
        assert (await stream.next()).kind == "at"


async def test_customers_hear_of_their_own_orders_and_staff_of_all(shop):
    ana, bia, staff = await shop.customer(), await shop.customer("bia"), await shop.staff()
    async with (
        open_stream(ana, "/live/orders") as hers,
        open_stream(bia, "/live/orders") as others,
        open_stream(staff, "/live/orders") as all_of_them,
    ):
        for stream in (hers, others, all_of_them):
            await stream.next("at")
        shop.cluster.does(CreateOrder("ana", "o1", 5, (ItemQuantity("caneta", 2),)), "ana")
        shop.tell(shop.cluster.does(PlaceOrder("ana", "o1"), "ana"))
        for stream in (hers, all_of_them):
            (change,) = (await stream.next("changed")).data["changes"]
            assert (change["id"], change["began"], change["texts"]["state"]) == ("o1", 5, "placed")
            assert change["texts"]["total"] == "R$5.00"
        shop.cluster.does(CreateOrder("bia", "o2", 6, (ItemQuantity("caneta", 1),)), "bia")
        shop.tell(shop.cluster.state.order("o2"))

        assert (await others.next("changed")).data["changes"][0]["id"] == "o2"


async def test_a_product_that_is_deleted_is_said_to_be_gone(shop):
    async with open_stream(await shop.customer(), "/live/products") as stream:
        await stream.next("at")
        shop.cluster.does(DeleteProduct("lapis"))
        shop.tell((Kind.PRODUCT, "lapis"))

        (change,) = (await stream.next("changed")).data["changes"]
    assert (change["id"], change["texts"]["shelf"]) == ("lapis", "no longer there")


async def test_who_is_not_signed_in_or_asks_for_what_is_for_staff_is_told_that_there_is_nothing_to_hear(shop):
    for browser, path in ((shop.browser(), "/live/products"), (await shop.customer(), "/live/cluster")):
        answer = await browser.get(path)
        assert answer.status == 200
        assert answer.body.startswith(b"event: ended\n")
    assert (await (await shop.customer()).get("/live/secrets")).status == 404
    assert (await (await shop.customer()).post("/live/products", {})).status == 405


async def test_a_stream_of_a_revoked_token_ends_and_the_others_go_on_with_another_watch(secure_shop):
    shop = secure_shop
    ana = await shop.customer()
    shop.tokens["bia"] = let_in(shop.cluster, "customer", "bia").text()
    bia = await shop.customer("bia")
    async with open_stream(ana, "/live/products") as first, open_stream(bia, "/live/products") as second:
        await first.next("at")
        await second.next("at")
        credential_id = parse_token(shop.tokens["ana"]).credential_id
        shop.cluster.does(RevokeCredential(credential_id))
        shop.tell((Kind.CREDENTIAL, credential_id))

        await first.next("ended")
        async with asyncio.timeout(SECONDS):
            await first.ended.wait()
        change_price(shop, 300)
        await second.next("changed")
    assert (await ana.get("/live/products")).body.startswith(b"event: ended\n")


async def test_too_many_streams_of_a_session_or_an_address_are_refused_politely_and_a_place_is_given_back(cluster):
    async with running(cluster, live=LiveLimits(of_address=3, of_session=2)) as shop:
        ana, bia = await shop.customer(), await shop.customer("bia", language="pt-BR")
        elsewhere = await shop.customer("bia", address="192.0.2.99")
        async with AsyncExitStack() as stack:
            for browser in (ana, ana, bia):
                await stack.enter_async_context(open_stream(browser, "/live/products"))
            for browser in (ana, bia):
                refused = await browser.get("/live/products")
                assert refused.status == 429
                assert refused.header("retry-after") == "30"
            assert "Páginas demais" in refused.body.decode()
            await stack.enter_async_context(open_stream(elsewhere, "/live/products"))
            assert (await ana.get("/products")).status == 200
        await wait_until(lambda: len(shop.site.live) == 0)
        async with open_stream(bia, "/live/products") as stream:
            assert (await stream.next()).kind == "at"


async def test_a_hundred_streams_of_one_address_get_the_places_that_there_are(shop):
    async with AsyncExitStack() as stack:
        statuses = []
        for number in range(100):
            if number % 10 == 0:
                browser = await shop.customer(address=f"2001:db8::{number + 1:x}")
            statuses.append((await stack.enter_async_context(open_stream(browser, "/live/products"))).status)

    assert statuses.count(200) == LiveLimits().of_address
    assert statuses.count(429) == 100 - LiveLimits().of_address


async def test_a_browser_that_does_not_read_is_dropped_and_disturbs_nobody(shop):
    slow, quick = await shop.customer(), await shop.customer("bia")
    async with open_stream(slow, "/live/products") as unread, open_stream(quick, "/live/products") as read:
        await unread.next("at")
        await read.next("at")
        unread.reads.clear()
        for number in range(70):
            change_price(shop, 1_000 + number)
            await read.next("changed")
        await wait_until(lambda: len(shop.site.live) == 1)
        unread.reads.set()

        async with asyncio.timeout(SECONDS):
            await unread.ended.wait()


async def test_a_page_is_fetched_again_when_a_portal_missed_a_change(shop):
    async with open_stream(await shop.customer(), "/live/products") as stream:
        await stream.next("at")
        shop.cluster.does(UpdateProduct("caneta", price=300))
        for feed in shop.feeds:
            feed.lose_one()
        change_price(shop, 301)

        assert (await stream.next("gone")).kind == "gone"


async def test_all_streams_end_when_the_process_stops(shop):
    async with open_stream(await shop.customer(), "/live/products") as stream:
        await stream.next("at")

        await shop.site.live.stop(1.0)

        async with asyncio.timeout(SECONDS):
            await stream.ended.wait()
    assert (await (await shop.customer()).get("/live/products")).status == 429


async def test_the_access_log_counts_the_wait_for_a_stream_and_not_its_length(shop):
    async with open_stream(await shop.staff(), "/live/cluster") as stream:
        for _ in range(3):  # one comes in a second
            await stream.next("changed")

    labels = {"operation": "live_cluster", "transport": "http"}
    assert shop.registry.get_sample_value("quitanda_request_seconds_count", labels) == 1
    assert shop.registry.get_sample_value("quitanda_request_seconds_sum", labels) < 1.0


async def test_a_page_says_what_it_follows_and_what_it_shows(shop):
    staff = await shop.staff()
    for path, stream in (
        ("/office/products", "products"),
        ("/office/orders", "orders"),
        ("/office/cluster", "cluster"),
    ):
        body = (await staff.open(path)).body.decode()
        assert f'data-live="/live/{stream}"' in body
    product = (await staff.open("/office/products/caneta")).body.decode()
    version = shop.cluster.state.product("caneta").version
    assert f'data-live-id="caneta" data-version="{version}"' in product
    assert f'data-live-after="{shop.cluster.revision}"' in product


async def test_tabs_share_a_stream_only_within_a_session_and_a_language(shop):
    def key(answer):
        return answer.body.decode().partition('data-live-key="')[2].partition('"')[0]

    ana, again = await shop.customer(), await shop.customer()
    keys = [
        key(await ana.open("/products")),
        key(await ana.open("/products/caneta")),
        key(await again.open("/products")),
    ]
    ana.language = "pt-BR"

    assert keys[0] == keys[1]
    assert len({keys[0], keys[2], key(await ana.open("/products"))}) == 3
