"""What a customer does in a browser."""

import re

from quitanda.domain.commands import AdjustStock, CreateProduct, ItemQuantity, SetOrderItems


async def begun_order(browser, product="caneta", quantity="2"):
    """Begin an order with a product; give the order's page."""
    page = await browser.open(f"/products/{product}")
    return await browser.fill(page, f"/products/{product}/order", quantity=quantity)


async def test_a_customer_browses_searches_and_sees_stock_and_prices(shop):
    browser = await shop.customer()

    all_products = await browser.open("/")
    found = await browser.send(all_products, "/products", words="lap")

    assert "Caneta" in all_products.text
    assert "R$2.50" in all_products.text
    assert "10" in all_products.text
    assert "Lápis" in found.text
    assert "Caneta" not in found.text


async def test_a_search_for_prices_and_for_what_is_in_stock(shop):
    shop.cluster.does(AdjustStock("lapis", -5))
    browser = await shop.customer()

    cheap = await browser.open("/products?price_to=3")
    there = await browser.open("/products?in_stock=on")

    assert "Caneta" in cheap.text
    assert "Lápis" not in cheap.text
    assert "Lápis" not in there.text
    assert "sold out" in (await browser.open("/products?words=lapis")).text


async def test_a_search_that_cannot_be_understood_says_so_and_keeps_what_was_typed(shop):
    browser = await shop.customer()

    answer = await browser.get("/products?price_from=cheap&words=pen")

    assert answer.status == 422
    assert "Price from is not a number" in answer.text
    assert answer.form("/products").fields == {"words": "pen", "price_from": "cheap", "price_to": ""}


async def test_an_order_is_begun_changed_placed_and_listed(shop):
    browser = await shop.customer()

    order = await begun_order(browser)
    path = order.path.partition("?")[0]
    assert "Your order is changed." in order.text
    assert "R$5.00" in order.text
    changed = await browser.fill(order, f"{path}/items", quantity="3")
    assert "R$7.50" in changed.text
    placed = await browser.fill(changed, f"{path}/place")
    assert "Your order is placed." in placed.text
    assert not [form for form in placed.page.forms if form.action.startswith(path)]
    assert "placed" in (await browser.open("/orders?states=placed")).text
    assert shop.cluster.state.product("caneta").quantity == 7


async def test_a_cancelled_order_gives_its_units_back(shop):
    browser = await shop.customer()
    order = await begun_order(browser)
    path = order.path.partition("?")[0]

    cancelled = await browser.fill(await browser.open(f"{path}/cancel"), f"{path}/cancel")

    assert "cancelled" in cancelled.text
    assert shop.cluster.state.product("caneta").quantity == 10


async def test_a_second_product_goes_into_the_open_order(shop):
    browser = await shop.customer()
    first = await begun_order(browser)

    second = await begun_order(browser, "lapis", "1")

    assert second.path.partition("?")[0] == first.path.partition("?")[0]
    assert "Lápis" in second.text
    assert "Caneta" in second.text


async def test_a_form_sent_twice_has_one_effect(shop):
    browser = await shop.customer()
    page = await browser.open("/products/caneta")

    first = await browser.send(page, "/products/caneta/order", quantity="2")
    again = await browser.send(page, "/products/caneta/order", quantity="2")

    assert (first.status, again.status) == (303, 303)
    assert first.location == again.location
    assert shop.cluster.state.product("caneta").quantity == 8


async def test_a_form_whose_answer_was_lost_is_sent_again_and_has_one_effect(shop):
    browser = await shop.customer()
    page = await browser.open("/products/caneta")
    shop.cluster.lose_next_answer()

    lost = await browser.send(page, "/products/caneta/order", quantity="2")
    answer = lost if lost.status == 303 else await browser.send(lost, "/products/caneta/order")

    assert answer.status == 303
    assert shop.cluster.state.product("caneta").quantity == 8


async def test_more_than_there_are_is_refused_and_what_was_typed_stays(shop):
    browser = await shop.customer()
    page = await browser.open("/products/caneta")

    answer = await browser.send(page, "/products/caneta/order", quantity="11")

    assert answer.status == 409
    assert "you asked for 11" in answer.text
    assert answer.form("/products/caneta/order").fields["quantity"] == "11"
    assert shop.cluster.state.product("caneta").quantity == 10


async def test_of_the_last_unit_one_browser_gets_it_and_the_other_is_told(shop):
    one, other = await shop.customer("ana"), await shop.customer("bia")
    pages = [await browser.open("/products/caneta") for browser in (one, other)]

    first = await one.send(pages[0], "/products/caneta/order", quantity="10")
    second = await other.send(pages[1], "/products/caneta/order", quantity="1")

    assert first.status == 303
    assert second.status == 409
    assert "none left" in second.text or "not enough units" in second.text


async def test_a_change_by_another_is_shown_and_not_overwritten(shop):
    browser = await shop.customer()
    order = await begun_order(browser)
    path = order.path.partition("?")[0]
    order_id = path.rpartition("/")[2]
    shop.cluster.does(SetOrderItems("ana", order_id, (ItemQuantity("caneta", 5),)), "ana")

    answer = await browser.send(order, f"{path}/items", quantity="3")

    assert answer.status == 409
    assert "Somebody else has changed this" in answer.text
    assert answer.form(f"{path}/items").fields["quantity"] == "3"
    assert shop.cluster.state.order(order_id).items[0].quantity == 5
    again = await browser.fill(answer, f"{path}/items")
    assert again.status == 200
    assert shop.cluster.state.order(order_id).items[0].quantity == 3


async def test_anothers_order_is_not_there(shop):
    order = await begun_order(await shop.customer("ana"))

    answer = await (await shop.customer("bia")).get(order.path)

    assert answer.status == 404
    assert "no order" in answer.text


async def test_a_customer_is_kept_out_of_the_back_office(shop):
    browser = await shop.customer()

    assert (await browser.get("/office/products")).location == "/"


async def test_nothing_that_a_product_says_is_taken_for_html(shop):
    shop.cluster.does(CreateProduct("x", '<script>alert("1")</script>', price=1, quantity=1, description="<b>bold</b>"))
    browser = await shop.customer()

    for path in ("/products", "/products/x"):
        answer = await browser.open(path)
        assert b"<script>alert" not in answer.body
        assert b"&lt;script&gt;alert" in answer.body
    assert b"<b>bold" not in answer.body


async def test_while_no_portal_answers_the_page_says_so_and_nothing_happened(shop):
    browser = await shop.customer()
    shop.cluster.hold()

    answer = await browser.get("/products")

    assert answer.status in {503, 504}
    assert re.search("cannot take the request now|did not come in time", answer.text)
