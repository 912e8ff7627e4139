"""One effect: double clicks, reloads, the last unit, and a cluster of which parts die."""

import asyncio

import pytest
from playwright.async_api import expect

from quitanda_clients.i18n.languages import Language
from quitanda_local.waiting import wait_until

ASKED_FOR_ONE = {Language.ENGLISH: "you asked for 1", Language.PORTUGUESE: "você pediu 1"}
WEB = "web"
JAVASCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])


@JAVASCRIPT
async def test_a_double_click_begins_one_order(people, shop, javascript):
    product = await shop.product(quantity=10)
    customer_id, token = await shop.customer()
    ana = await people(javascript=javascript)
    await ana.sign_in_as_customer(customer_id, token)
    await ana.open(f"/products/{product}")
    await ana.field("quantity").fill("2")

    await ana.button("Begin an order with it").dblclick()

    await ana.see("in-order")
    await ana.page.reload()
    await ana.open("/orders")
    await expect(ana.page.locator("#results tbody tr")).to_have_count(1)
    assert await shop.orders(customer_id) == [("open", {product: 2})]
    assert await shop.stock(product) == 8


@JAVASCRIPT
async def test_who_sends_a_form_again_while_no_answer_comes_adjusts_the_stock_once_and_by_a_reload_not_at_all(
    people, shop, cluster, javascript
):
    """A double click is one sending for Chromium, and a person who presses again after a while two."""
    product = await shop.product(quantity=10)
    bia = await people(javascript=javascript)
    await bia.sign_in_as_staff(shop.staff_token)
    await bia.open(f"/office/products/{product}")
    await bia.field("delta").fill("5")

    before = adjustments(cluster)
    cluster.pause(WEB)
    try:
        for _ in range(2):
            async with bia.page.expect_request(lambda request: request.method == "POST"):
                await bia.page.keyboard.press("Enter")
    finally:
        cluster.resume(WEB)

    await bia.see("adjusted")

    async def both_were_done():
        return adjustments(cluster) - before >= 2

    await wait_until(both_were_done, "two answers to the form", 10)
    await bia.page.reload()
    await bia.see("adjusted")
    assert await shop.stock(product) == 15


def adjustments(cluster) -> int:
    """Count the forms of this kind that the page has answered."""
    return sum('"adjust_stock"' in line and '"OK"' in line for line in cluster.log(WEB))


async def test_a_reload_of_a_page_that_answered_a_form_sends_it_again_and_shows_the_same(people, shop):
    customer_id = shop.new_id("customer")
    bia = await people()
    await bia.sign_in_as_staff(shop.staff_token)
    await bia.open("/office/new-customer")
    await bia.press("Create", customer_id=customer_id, name="Ana")
    secret = await bia.page.locator("code.secret").inner_text()

    await bia.page.reload()

    await expect(bia.page.locator("code.secret")).to_have_text(secret)
    assert bia.sent[1:] == ["/office/new-customer"] * 2
    ana = await people()
    await ana.sign_in_as_customer(customer_id, secret)


async def test_of_two_browsers_that_want_the_last_unit_one_gets_it_and_the_other_is_told(people, shop):
    product = await shop.product(quantity=1)
    buyers = [await people(language) for language in Language]
    for buyer in buyers:
        await buyer.sign_in_as_customer(*await shop.customer())
        await buyer.open(f"/products/{product}")

    await asyncio.gather(*(buyer.press("Begin an order with it") for buyer in buyers))

    served = [await buyer.notice.count() for buyer in buyers]
    assert sorted(served) == [0, 1]
    (loser,) = (buyer for buyer, has in zip(buyers, served, strict=True) if not has)
    await expect(loser.problem).to_contain_text(ASKED_FOR_ONE[loser.language])
    assert await shop.stock(product) == 0


async def test_an_order_goes_on_while_a_portal_dies_and_is_placed_while_the_leader_dies(people, shop, cluster):
    bread, coffee = await shop.product(quantity=10), await shop.product("Café", 1890, 10)
    customer_id, token = await shop.customer()
    ana = await people()
    await ana.sign_in_as_customer(customer_id, token)
    try:
        await ana.open(f"/products/{bread}")
        cluster.kill(cluster.client_portals[0])
        await ana.press("Begin an order with it", quantity="2")
        await ana.see("in-order")
        await cluster.restart(cluster.client_portals[0])
        cluster.kill(cluster.client_portals[1])
        await ana.open(f"/products/{coffee}")
        cluster.kill(await cluster.wait_for_leader())
        await ana.press("Set in my order", quantity="1")
        await ana.see("in-order")
        await ana.press("Place the order")
        await ana.see("placed")
    finally:
        await cluster.mend()

    assert await shop.orders(customer_id) == [("placed", {bread: 2, coffee: 1})]
    assert (await shop.stock(bread), await shop.stock(coffee)) == (8, 9)
