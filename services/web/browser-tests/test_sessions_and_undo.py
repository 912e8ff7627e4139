"""What people do about a mistake, and about a telephone that is lost."""

import pytest
from playwright.async_api import expect

from quitanda.domain.commands import ItemQuantity
from quitanda_clients.i18n.languages import Language

KINDS = pytest.mark.parametrize(("language", "javascript"), [(Language.ENGLISH, True), (Language.PORTUGUESE, False)])


@KINDS
async def test_a_customer_ends_the_session_on_a_lost_telephone_and_signs_in_with_her_new_secret(
    people, shop, language, javascript
):
    customer_id, secret = await shop.customer()
    here, telephone = [await people(language, javascript=javascript) for _ in range(2)]
    for ana in (here, telephone):
        await ana.sign_in_as_customer(customer_id, secret)

    await here.follow(here.tab("Access"))
    await here.press("Sign out everywhere …")
    await telephone.open("/orders")
    assert telephone.path == "/orders"  # nothing has ended yet
    await here.press("End them, and show me the new one")
    shown = await here.page.locator("code.secret").inner_text()

    await telephone.open("/orders")
    assert telephone.path == "/sign-in"
    await telephone.see("ended")
    await telephone.sign_in_as_customer(customer_id, shown)
    await here.follow(here.link("I have noted it"))
    assert here.path == "/products"


@KINDS
async def test_a_customer_sets_a_password_and_signs_in_with_it_until_she_sets_another(
    people, shop, language, javascript
):
    customer_id, secret = await shop.customer()
    ana, telephone = [await people(language, javascript=javascript) for _ in range(2)]
    await ana.sign_in_as_customer(customer_id, secret)

    await ana.follow(ana.tab("Access"))
    await ana.press("Set the password", password="nine green bottles")
    await ana.see("password-set")
    await telephone.sign_in_as_customer(customer_id, "nine green bottles")
    await ana.press("Set the password", password="ten blue bottles")
    await ana.see("password-set")
    await telephone.open("/orders")

    assert telephone.path == "/sign-in"
    await telephone.sign_in_as_customer(customer_id, "ten blue bottles")


@KINDS
async def test_staff_take_back_a_price_and_a_deletion(people, shop, language, javascript):
    product = await shop.product(price=250, quantity=7)
    bia = await people(language, javascript=javascript)
    await bia.sign_in_as_staff(shop.staff_token)
    await bia.open(f"/office/products/{product}")

    await bia.press("Save", price=bia.formats.amount(25))
    await bia.press("Undo")
    await bia.see("undone")
    assert (await shop.office.get_product(product)).document.price == 250
    await bia.follow(bia.link("Delete the product …"))
    await bia.press("Delete it")
    await bia.see("deleted")
    await bia.press("Undo")
    await bia.see("undone")
    assert bia.path == f"/office/products/{product}"
    assert await shop.stock(product) == 7


@KINDS
async def test_a_deadline_is_chosen_and_units_of_one_item_are_cancelled(people, shop, language, javascript):
    bread, coffee = await shop.product(quantity=10), await shop.product("Café", quantity=10)
    customer_id, secret = await shop.customer()
    client = await shop.client(customer_id)
    order = (await client.create_order([ItemQuantity(bread, 4), ItemQuantity(coffee, 2)])).document.order_id
    ana, bia = [await people(language, javascript=javascript) for _ in range(2)]
    await ana.sign_in_as_customer(customer_id, secret)
    await bia.sign_in_as_staff(shop.staff_token)

    await ana.open(f"/orders/{order}")
    await ana.press("Set the deadline", expires_at_ms="2199-12-31T18:30")
    await ana.see("deadline")
    await expect(ana.field("expires_at_ms")).to_have_value("2199-12-31T18:30")
    await bia.open(f"/office/orders/{order}")
    await bia.follow(bia.link("Cancel units of it …"))
    units = bia.page.get_by_role("main").get_by_role("textbox")
    await units.nth(0).fill("1")
    await units.nth(1).fill("0")
    await bia.press("Cancel these units, and give them back")
    await bia.see("partly-cancelled")

    assert await shop.orders(customer_id) == [("open", {bread: 3, coffee: 2})]


async def test_staff_order_for_a_customer_at_the_counter(people, shop):
    product = await shop.product(quantity=10)
    customer_id, _ = await shop.customer()
    bia = await people()
    await bia.sign_in_as_staff(shop.staff_token)

    await bia.open(f"/office/customers/{customer_id}")
    await bia.press("Act for this customer")
    await bia.open(f"/products/{product}")
    await bia.press("Begin an order with it", quantity="2")
    await bia.press("Place the order")
    await bia.see("placed")
    await bia.press("Act for nobody any longer")

    assert bia.path == f"/office/customers/{customer_id}"
    assert await shop.orders(customer_id) == [("placed", {product: 2})]
