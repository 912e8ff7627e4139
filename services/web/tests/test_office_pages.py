"""What the shop's staff do in a browser."""

import pytest
from fake_cluster import FakeCluster
from running_page import running

from quitanda.domain.commands import CreateOrder, ItemQuantity, PlaceOrder, UpdateProduct


def placed_order(shop, order_id="o1"):
    shop.cluster.does(CreateOrder("ana", order_id, 1_700_000_000_000, (ItemQuantity("caneta", 2),)), "ana")
    shop.cluster.does(PlaceOrder("ana", order_id), "ana")
    return f"/office/orders/{order_id}"


async def test_a_product_is_added_changed_and_deleted(shop):
    browser = await shop.staff()

    new = await browser.open("/office/new-product")
    product = await browser.fill(
        new, "/office/new-product", product_id="borracha", name="Borracha", price="1.20", quantity="7"
    )
    assert "Created." in product.text
    assert "R$1.20" in product.text
    changed = await browser.fill(product, "/office/products/borracha/update_product", price="1.5", description="Macia")
    assert "R$1.50" in changed.text
    assert "Macia" in changed.text
    sure = await browser.open("/office/products/borracha/delete_product")
    gone = await browser.fill(sure, "/office/products/borracha/delete_product")
    assert "Deleted." in gone.text
    assert shop.cluster.state.product("borracha") is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/office/products", "There is no product yet. Add the first one"),
        ("/office/products?words=x", "No product is like this."),
        ("/office/products?low=on", "No such product runs low."),
        ("/office/customers", "There is no customer yet. Register the first one"),
        ("/office/customers?words=x", "No customer is like this."),
        ("/office/orders", "There is no order yet."),
        ("/office/orders?states=open", "No order is like this."),
    ],
)
async def test_a_list_of_an_empty_shop_says_what_to_do_first(path, told):
    async with running(FakeCluster()) as empty:
        answer = await (await empty.staff()).get(path)

    assert told in answer.text


async def test_stock_is_adjusted_once_however_often_the_form_is_sent(shop):
    browser = await shop.staff()
    product = await browser.open("/office/products/caneta")

    for _ in range(2):
        answer = await browser.send(product, "/office/products/caneta/adjust_stock", delta="-3")

    assert answer.status == 303
    assert shop.cluster.state.product("caneta").quantity == 7


async def test_products_that_run_low_are_listed_by_themselves(shop):
    browser = await shop.staff()

    low = await browser.open("/office/products?low=on")

    assert "Caneta" in low.text
    assert "Lápis" not in low.text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"price": ""}, "Price is missing"),
        ({"price": "12,x"}, "Price is not a number"),
        ({"price": "-1"}, "Price is negative"),
        ({"price": "1.005"}, "Price has too many decimals"),
        ({"price": "99999999999"}, "Price is too large; the limit is 10000000.00"),
        ({"quantity": "1.5"}, "Quantity is not a number"),
        ({"quantity": "-1"}, "Quantity is negative"),
        ({"quantity": "9" * 25}, "Quantity is too large"),
        ({"product_id": "não"}, "Product id has a character that is not allowed"),
        ({"product_id": ""}, "Product id is missing"),
        ({"product_id": "../x"}, "Product id has a character that is not allowed"),
        ({"name": "x" * 201}, "Name is too long"),
        ({"name": "a\x00b"}, "Name has a control character"),
        ({"product_id": "caneta"}, "already exists"),
    ],
)
async def test_a_wrong_field_is_named_and_what_was_typed_stays(shop, typed, told):
    browser = await shop.staff()
    new = await browser.open("/office/new-product")
    fields = {"product_id": "p1", "name": "Name", "price": "1", "quantity": "1", "description": "kept"} | typed

    answer = await browser.send(new, "/office/new-product", **fields)

    assert answer.status in {409, 422}
    assert told in answer.text
    assert answer.form("/office/new-product").fields["description"] == "kept"
    assert shop.cluster.state.product("p1") is None


async def test_a_change_by_another_is_shown_and_what_was_typed_stays(shop):
    browser = await shop.staff()
    product = await browser.open("/office/products/caneta")
    shop.cluster.does(UpdateProduct("caneta", price=300))

    answer = await browser.send(product, "/office/products/caneta/update_product", name="Caneta azul")

    assert answer.status == 409
    assert "Somebody else has changed this" in answer.text
    assert "R$3.00" in answer.text
    assert answer.form("/office/products/caneta/update_product").fields["name"] == "Caneta azul"
    assert shop.cluster.state.product("caneta").name == "Caneta"


async def test_a_customer_is_registered_renamed_found_and_deleted(shop):
    browser = await shop.staff()

    new = await browser.open("/office/new-customer")
    customer = await browser.fill(new, "/office/new-customer", customer_id="caio", name="Caio")
    renamed = await browser.fill(customer, "/office/customers/caio/update_customer", name="Caio Prado")
    assert "Caio Prado" in renamed.text
    assert "Caio Prado" in (await browser.open("/office/customers?words=prado")).text
    sure = await browser.open("/office/customers/caio/delete_customer")
    gone = await browser.fill(sure, "/office/customers/caio/delete_customer")
    assert "Deleted." in gone.text


async def test_an_order_is_found_fulfilled_and_taken_back(shop):
    path = placed_order(shop)
    browser = await shop.staff()

    found = await browser.open("/office/orders?states=placed&customer_id=ana")
    assert "o1" in found.text
    order = await browser.fill(await browser.open(path), f"{path}/fulfil_order")
    assert "fulfilled" in order.text
    sure = await browser.open(f"{path}/return_order")
    returned = await browser.fill(sure, f"{path}/return_order", restock="on")
    assert "returned" in returned.text
    assert shop.cluster.state.product("caneta").quantity == 10


async def test_a_placed_order_is_cancelled_by_the_shop(shop):
    path = placed_order(shop)
    browser = await shop.staff()

    order = await browser.fill(await browser.open(f"{path}/cancel_order_items"), f"{path}/cancel_order_items")

    assert "cancelled" in order.text
    assert shop.cluster.state.product("caneta").quantity == 10


async def test_orders_cannot_be_found_in_a_state_that_there_is_not(shop):
    answer = await (await shop.staff()).get("/office/orders?states=lost")

    assert answer.status == 422
    assert "State cannot have this value" in answer.text


@pytest.mark.parametrize(
    ("role", "shown", "hidden"),
    [
        ("clerk", {"adjust_stock"}, {"update_product", "delete_product"}),
        ("read-only", set(), {"adjust_stock", "update_product", "delete_product"}),
        ("admin", {"adjust_stock", "update_product", "delete_product"}, set()),
    ],
)
async def test_a_role_sees_the_forms_that_it_may_send_and_the_shop_refuses_the_others(secure_shop, role, shown, hidden):
    browser = await secure_shop.staff(role)

    product = await browser.open("/office/products/caneta")

    actions = {
        target.rpartition("/")[2] for target in [form.action for form in product.page.forms] + product.page.links
    }
    assert shown <= actions
    assert not hidden & actions
    token = product.form("/sign-out").fields["form_token"]
    for action in hidden:
        fields = {"form_token": token, "delta": "1", "price": "1", "name": "x", "reorder_level": "0"}
        answer = await browser.post(f"/office/products/caneta/{action}", fields)
        assert answer.status == 403
        assert "You may not do this" in answer.text


async def test_a_new_customers_secret_is_shown_once_and_lets_her_in(secure_shop):
    staff = await secure_shop.staff()
    new = await staff.open("/office/new-customer")

    answer = await staff.send(new, "/office/new-customer", customer_id="caio", name="Caio")

    secret = next(text for text in answer.page.texts if text.startswith("qt1_"))
    secure_shop.tokens["caio"] = secret
    assert "Products" in (await (await secure_shop.customer("caio")).open("/")).text
