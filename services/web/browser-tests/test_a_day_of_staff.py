"""What staff do in a browser: products, stock, customers and orders."""

import pytest
from playwright.async_api import expect

from quitanda.domain.commands import ItemQuantity
from quitanda_clients.i18n.languages import Language


@pytest.mark.parametrize(("language", "javascript"), [(Language.ENGLISH, True), (Language.PORTUGUESE, False)])
async def test_staff_add_products_count_stock_register_a_customer_and_move_her_orders_on(
    people, shop, language, javascript
):
    bia = await people(language, javascript=javascript)
    await bia.sign_in_as_staff(shop.staff_token)
    product, customer = shop.new_id("product"), shop.new_id("customer")

    await bia.follow(bia.page.get_by_role("button", name=bia.t("New product")))
    price = bia.formats.amount(1250)
    await bia.press(
        "Create", product_id=product, name=f"Goiabada {product}", price=price, quantity="3", reorder_level="4"
    )
    await bia.see("created")
    await expect(bia.page.get_by_text(bia.formats.money(1250)).first).to_be_visible()
    await bia.press("Adjust the stock", delta="10")
    await bia.see("adjusted")
    await bia.press("Save", description="De Minas")
    await bia.see("saved")
    assert (await shop.office.get_product(product)).document.description == "De Minas"
    await bia.press("Adjust the stock", delta="-10")
    await bia.follow(bia.tab("Low stock"))
    await expect(bia.page.get_by_role("link", name=product, exact=True)).to_be_visible()

    await bia.follow(bia.tab("Customers"))
    await bia.follow(bia.page.get_by_role("button", name=bia.t("New customer")))
    await bia.press("Create", customer_id=customer, name="Ana")
    secret = await bia.page.locator("code.secret").inner_text()
    ana = await people(language, javascript=javascript)
    await ana.sign_in_as_customer(customer, secret)  # the secret that the page showed is hers
    for _ in range(2):
        await ana.open(f"/products/{product}")
        await ana.press("Begin an order with it", quantity="1")
        await ana.press("Place the order")
        await ana.see("placed")

    await bia.follow(bia.tab("Orders"))
    await bia.page.get_by_label(bia.t("Customer id")).fill(customer)
    await bia.follow(bia.button("Search")) if not javascript else await bia.page.keyboard.press("Tab")
    rows = bia.page.locator("#results tbody tr")
    await expect(rows).to_have_count(2)
    addresses = [await rows.nth(n).get_by_role("link").first.get_attribute("href") for n in range(2)]
    await bia.open(addresses[0])
    await bia.press("Fulfil: its units leave the shop")
    await bia.see("fulfilled")
    await bia.follow(bia.link("Take units back …"))
    await bia.page.get_by_label(bia.t("Back into stock")).check()
    await bia.press("Take these units back")
    await bia.see("returned")
    await bia.open(addresses[1])
    await bia.follow(bia.link("Cancel units of it …"))
    await bia.press("Cancel these units, and give them back")
    await bia.see("cancelled")

    assert sorted(await shop.orders(customer)) == [("cancelled", {product: 1}), ("returned", {product: 1})]
    assert await shop.stock(product) == 3


async def test_a_link_that_looks_like_a_button_is_pressed_by_the_space_bar(people, shop):
    bia = await people()
    await bia.sign_in_as_staff(shop.staff_token)

    await bia.tab_to(bia.button("New product"))
    async with bia.page.expect_navigation():
        await bia.page.keyboard.press("Space")

    assert bia.path == "/office/new-product"


async def test_a_change_by_somebody_else_is_shown_and_not_overwritten(people, shop):
    product = await shop.product(price=250)
    bia = await people()
    await bia.sign_in_as_staff(shop.staff_token)
    await bia.open(f"/office/products/{product}")
    await shop.office.update_product(product, price=300)

    await bia.press("Save", name="Broa")

    await expect(bia.problem).to_contain_text("Somebody else has changed this meanwhile")
    await expect(bia.field("name")).to_have_value("Broa")
    assert (await shop.office.get_product(product)).document.name != "Broa"
    await bia.press("Save", price="3.00")
    await bia.see("saved")
    changed = (await shop.office.get_product(product)).document
    assert (changed.name, changed.price) == ("Broa", 300)


async def test_a_customers_browser_is_not_led_into_the_back_office(people, shop):
    ana = await people()
    await ana.sign_in_as_customer(*await shop.customer())

    for path in ("/office/products", "/office/orders", "/office/new-product"):
        await ana.open(path)
        assert ana.path == "/products"


async def test_an_order_of_another_customer_is_not_shown(people, shop):
    product = await shop.product()
    other, _ = await shop.customer()
    order = (await (await shop.client(other)).create_order([ItemQuantity(product, 1)])).document
    ana = await people()
    await ana.sign_in_as_customer(*await shop.customer())

    await ana.open(f"/orders/{order.order_id}")

    await expect(ana.problem).to_be_visible()
    await expect(ana.page.get_by_text(product)).to_have_count(0)
