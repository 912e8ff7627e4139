"""Undo: what was changed is taken back, once, and not where somebody has changed it since."""

import pytest

from quitanda.domain.commands import AdjustStock, CreateOrder, CreateProduct, ItemQuantity, UpdateProduct

LONG = "Ωß" * 1_000
PRODUCT = "/office/products/caneta"


async def edited(browser, **typed):
    return await browser.fill(await browser.open(PRODUCT), f"{PRODUCT}/update_product", **typed)


async def test_a_change_of_a_product_is_undone(shop):
    browser = await shop.staff()
    saved = await edited(browser, price="3.10", name="Pena", description="")

    undone = await browser.fill(saved, "/undo")

    product = shop.cluster.state.product("caneta")
    assert "Undone." in undone.text
    assert undone.path.startswith(PRODUCT)
    assert (product.price, product.name, product.description) == (250, "Caneta", "Azul")


async def test_an_adjustment_of_stock_is_undone_once_however_often_that_is_asked_for(shop):
    browser = await shop.staff()
    adjusted = await browser.fill(await browser.open(PRODUCT), f"{PRODUCT}/adjust_stock", delta="7")
    again = await browser.open(adjusted.path)

    for page in (adjusted, adjusted, again):
        assert (await browser.fill(page, "/undo")).status == 200

    assert shop.cluster.state.product("caneta").quantity == 10


@pytest.mark.parametrize("since", [UpdateProduct("caneta", price=999), AdjustStock("caneta", -1)])
async def test_what_somebody_has_changed_since_is_not_undone(shop, since):
    browser = await shop.staff()
    saved = await edited(browser, price="3.10")
    shop.cluster.does(since)
    left = shop.cluster.state.product("caneta")

    answer = await browser.send(saved, "/undo")

    assert answer.status == 409
    assert "changed once more since" in answer.text
    assert answer.page.links.count(PRODUCT) == 1
    assert shop.cluster.state.product("caneta") == left


async def test_a_customers_new_name_is_undone(shop):
    browser = await shop.staff()
    path = "/office/customers/ana"
    saved = await browser.fill(await browser.open(path), f"{path}/update_customer", name="Anna")

    await browser.fill(saved, "/undo")

    assert shop.cluster.state.customer("ana").name == "Ana"


async def test_a_deleted_product_comes_back_as_it_was(shop):
    shop.cluster.does(UpdateProduct("caneta", extra=(("shelf", '{"row":[1,2]}'),)))
    before = shop.cluster.state.product("caneta")
    browser = await shop.staff()
    sure = await browser.open(f"{PRODUCT}/delete_product")
    gone = await browser.fill(sure, f"{PRODUCT}/delete_product")
    assert shop.cluster.state.product("caneta") is None

    undone = await browser.fill(gone, "/undo")

    product = shop.cluster.state.product("caneta")
    assert "Undone." in undone.text
    assert undone.path.startswith(PRODUCT)
    assert {name: getattr(product, name) for name in ("name", "price", "quantity", "extra", "reorder_level")} == {
        name: getattr(before, name) for name in ("name", "price", "quantity", "extra", "reorder_level")
    }


async def test_a_product_that_somebody_has_added_under_the_id_since_stays_as_it_is(shop):
    browser = await shop.staff()
    gone = await browser.fill(await browser.open(f"{PRODUCT}/delete_product"), f"{PRODUCT}/delete_product")
    shop.cluster.does(CreateProduct("caneta", "Another", price=1, quantity=1))

    assert (await browser.send(gone, "/undo")).status == 409
    assert shop.cluster.state.product("caneta").name == "Another"


async def test_what_a_deletion_took_out_of_orders_is_not_offered_for_an_undo(shop):
    shop.cluster.does(CreateOrder("ana", "o1", 1, (ItemQuantity("caneta", 2),)), "ana")
    browser = await shop.staff()
    sure = await browser.open(f"{PRODUCT}/delete_product")

    gone = await browser.fill(sure, f"{PRODUCT}/delete_product", cascade="on")

    assert "Deleted." in gone.text
    assert not [form for form in gone.page.forms if form.action == "/undo"]


async def test_a_product_too_long_for_an_undo_says_so_before_it_is_deleted(shop):
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(2_000))
    shop.cluster.does(UpdateProduct("caneta", description=noise))
    browser = await shop.staff()

    sure = await browser.open(f"{PRODUCT}/delete_product")
    gone = await browser.fill(sure, f"{PRODUCT}/delete_product")

    assert "This cannot be undone." in sure.text
    assert "Deleted." in gone.text
    assert not [form for form in gone.page.forms if form.action == "/undo"]


async def test_a_deleted_customer_is_registered_again_and_gets_a_new_secret(secure_shop):
    browser = await secure_shop.staff()
    path = "/office/customers/ana"
    gone = await browser.fill(await browser.open(f"{path}/delete_customer"), f"{path}/delete_customer")

    again = await browser.send(gone, "/undo")

    secret = next(text for text in again.page.texts if text.startswith("qt1_"))
    assert secret != secure_shop.tokens["ana"]
    secure_shop.tokens["ana"] = secret
    assert (await (await secure_shop.customer()).get("/products")).status == 200


async def test_an_item_that_was_taken_out_comes_back_with_its_fields(shop):
    item = ItemQuantity("caneta", 2, (("engraving", '"Ana"'),))
    shop.cluster.does(CreateOrder("ana", "o1", 1, (item, ItemQuantity("lapis", 1))), "ana")
    browser = await shop.customer()
    page = await browser.open("/orders/o1")

    without = await browser.fill(page, "/orders/o1/items", quantity="0")
    assert [item.product_id for item in shop.cluster.state.order("o1").items] == ["lapis"]
    undone = await browser.fill(without, "/undo")

    assert "Undone." in undone.text
    (back,) = (item for item in shop.cluster.state.order("o1").items if item.product_id == "caneta")
    assert (back.quantity, back.extra) == (2, (("engraving", '"Ana"'),))


async def test_a_product_that_was_put_into_an_open_order_is_taken_out_again(shop):
    shop.cluster.does(CreateOrder("ana", "o1", 1, (ItemQuantity("caneta", 2),)), "ana")
    browser = await shop.customer()
    added = await browser.fill(await browser.open("/products/lapis"), "/products/lapis/order", quantity="4")

    await browser.fill(added, "/undo")

    assert [item.product_id for item in shop.cluster.state.order("o1").items] == ["caneta"]
    assert shop.cluster.state.product("lapis").quantity == 5


async def test_an_undo_whose_answer_was_lost_is_sent_again_and_has_one_effect(shop):
    browser = await shop.staff()
    adjusted = await browser.fill(await browser.open(PRODUCT), f"{PRODUCT}/adjust_stock", delta="7")
    shop.cluster.lose_next_answer()

    lost = await browser.send(adjusted, "/undo")
    answer = lost if lost.status == 303 else await browser.send(lost, "/undo")

    assert answer.status == 303
    assert shop.cluster.state.product("caneta").quantity == 10


async def test_an_undo_of_another_session_or_of_nobody_is_not_shown_and_does_nothing(shop):
    browser, other = await shop.staff(), await shop.staff()
    saved = await edited(browser, price="3.10")
    own = saved.form("/undo").fields["undo"]
    token = (await other.open(PRODUCT)).form("/sign-out").fields["form_token"]

    for sealed in (own, own[:-4], "é", "", "x" * 3_000):
        page = await other.get(f"{PRODUCT}?done=saved&undo={sealed}" if sealed.isascii() else PRODUCT)
        assert not [form for form in page.page.forms if form.action == "/undo"]
        assert (await other.post("/undo", {"form_token": token, "undo": sealed})).location == "/"
    assert (await browser.post("/undo", {"undo": own})).status == 403
    assert shop.cluster.state.product("caneta").price == 310


async def test_the_longest_text_of_letters_that_repeat_can_be_undone(shop):
    shop.cluster.does(UpdateProduct("caneta", description=LONG))
    browser = await shop.staff()
    saved = await edited(browser, description="short")

    await browser.fill(saved, "/undo")

    assert shop.cluster.state.product("caneta").description == LONG
