"""What a customer does in a browser, in both languages, with and without JavaScript, and by keyboard alone."""

import pytest
from playwright.async_api import expect

from quitanda_clients.i18n.languages import Language

LANGUAGES = pytest.mark.parametrize("language", list(Language))
JAVASCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])


@LANGUAGES
@JAVASCRIPT
async def test_a_customer_searches_fills_an_order_changes_it_places_it_and_cancels_another(
    people, shop, language, javascript
):
    bread, coffee = await shop.product(price=250, quantity=10), await shop.product("Café", 1890, 5)
    customer_id, token = await shop.customer()
    ana = await people(language, javascript=javascript)
    await ana.sign_in_as_customer(customer_id, token)

    await ana.field("words").fill(bread)
    if not javascript:
        async with ana.page.expect_navigation():
            await ana.field("words").press("Enter")
    await expect(ana.page.locator("#results tbody tr")).to_have_count(1)  # with JavaScript while she types
    await ana.follow(ana.page.get_by_role("link", name=bread))
    await ana.press("Begin an order with it", quantity="2")
    await ana.see("in-order")
    order = ana.path
    await ana.follow(ana.link("To all products"))
    await ana.follow(ana.page.get_by_role("link", name=coffee))
    await ana.press("Set in my order", quantity="1")
    row = ana.page.get_by_role("row").filter(has_text=bread)
    await row.get_by_role("textbox").fill("3")
    await ana.follow(row.get_by_role("button"))
    await expect(ana.page.get_by_role("definition").last).to_have_text(ana.formats.money(3 * 250 + 1890))
    await ana.press("Place the order")
    await ana.see("placed")

    await ana.open(f"/products/{coffee}")
    await ana.press("Begin an order with it", quantity="4")
    assert ana.path != order
    await ana.follow(ana.link("Cancel the order …"))
    await ana.press("Cancel it, and give its units back")
    await ana.see("cancelled")
    await expect(ana.page.locator("#results tbody tr")).to_have_count(2)

    assert await shop.orders(customer_id) == [("placed", {bread: 3, coffee: 1}), ("cancelled", {coffee: 4})]
    assert (await shop.stock(bread), await shop.stock(coffee)) == (7, 4)


@LANGUAGES
@JAVASCRIPT
async def test_what_was_typed_survives_a_refusal_which_names_the_field(people, shop, language, javascript):
    product = await shop.product(quantity=3)
    ana = await people(language, javascript=javascript)
    await ana.sign_in_as_customer(*await shop.customer())

    await ana.open(f"/products/{product}")
    await ana.press("Begin an order with it", quantity="4")

    await expect(ana.problem).to_be_visible()
    await expect(ana.field("quantity")).to_have_value("4")
    await expect(ana.field("quantity")).to_have_attribute("aria-invalid", "true")
    await ana.press("Begin an order with it", quantity="3")
    await ana.see("in-order")
    assert await shop.stock(product) == 0


async def test_a_search_that_is_refused_while_it_is_typed_says_why_until_it_is_mended(people, shop):
    product = await shop.product(price=250)
    ana = await people()
    await ana.sign_in_as_customer(*await shop.customer())

    await ana.field("price_from").fill("two")
    await expect(ana.problem).to_contain_text(ana.t("Price from"))
    await expect(ana.field("price_from")).to_have_value("two")
    await ana.field("words").fill(product)
    await ana.field("price_from").fill("2.00")

    await expect(ana.page.locator("#results tbody tr")).to_have_count(1)
    await expect(ana.problem).to_have_count(0)


async def test_whose_session_has_ended_while_she_searches_is_asked_who_she_is_and_finds_what_she_searched(people, shop):
    product = await shop.product()
    customer_id, token = await shop.customer()
    ana = await people()
    await ana.sign_in_as_customer(customer_id, token)
    await ana.page.context.clear_cookies()

    await ana.field("words").fill(product)
    await ana.page.wait_for_url("**/sign-in?**")
    await ana.press("Sign in as a customer", customer_id=customer_id, secret=token)

    await expect(ana.field("words")).to_have_value(product)
    await expect(ana.page.locator("#results tbody tr")).to_have_count(1)


async def test_an_order_by_the_keyboard_alone(people, shop):
    product = await shop.product(quantity=10)
    customer_id, token = await shop.customer()
    ana = await people()
    await ana.open("/sign-in")

    await ana.type_into(ana.field("customer_id"), customer_id)
    await ana.type_into(ana.field("secret"), token)
    await ana.enter(ana.button("Sign in as a customer"))
    await ana.type_into(ana.field("words"), product)
    await expect(ana.page.locator("#results tbody tr")).to_have_count(1)
    await ana.enter(ana.page.get_by_role("link", name=product))
    await ana.type_into(ana.field("quantity"), "2")
    await ana.enter(ana.button("Begin an order with it"))
    row = ana.page.get_by_role("row").filter(has_text=product)
    await ana.type_into(row.get_by_role("textbox"), "5")
    await ana.enter(row.get_by_role("button"))
    await ana.enter(ana.button("Place the order"))

    await ana.see("placed")
    assert await shop.orders(customer_id) == [("placed", {product: 5})]


async def test_the_first_place_of_the_keyboard_leads_past_the_navigation(people, shop):
    ana = await people()
    await ana.sign_in_as_customer(*await shop.customer())
    skip = ana.page.get_by_role("link", name=ana.t("Skip to the content"))

    await ana.page.keyboard.press("Tab")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await ana.page.keyboard.press("Enter")
    await ana.page.keyboard.press("Tab")

    await expect(ana.field("words")).to_be_focused()
