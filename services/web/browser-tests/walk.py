"""Every page, with what makes it worth a look: full and empty lists, orders in their states, a refusal."""

from dataclasses import dataclass

from quitanda.domain.commands import ItemQuantity
from quitanda_web.composition import PAGES
from quitanda_web.site import Who

WITHOUT_A_FACE = {
    *("home", "choices", "undo", "acting"),
    *("office_report_file", "office_list_file", "office_import_secrets", "office_import_example"),
}
"""They send the browser elsewhere, or give it a file."""


HOOK = "https://127.0.0.1:1/hook"
"""Where nobody listens."""


@dataclass(frozen=True)
class Sight:
    """A page to look at: what it shows, for whom, and where it is.

    A `press` is sent first, with these fields and, as a file, this text; then a button of what that leads to.
    """

    page: str
    shows: str
    who: Who
    path: str
    press: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    file: str = ""
    then: str = ""


@dataclass(frozen=True)
class Walk:
    """All pages of a shop, and the customer and the token with whom they are seen."""

    sights: tuple[Sight, ...]
    customer_id: str
    customer_token: str

    def of(self, who: Who) -> tuple[Sight, ...]:
        return tuple(sight for sight in self.sights if sight.who is who)


async def prepare(shop) -> Walk:
    """Fill a shop, and list what there is to see in it."""
    low = await shop.product("Café torrado", 1890, 3, description="Do sul de Minas,\ntorra média", reorder_level=5)
    bread, gone = await shop.product(), await shop.product("Goiabada", 1250, 0)
    customer_id, token = await shop.customer("Conceição Aparecida")
    client = await shop.client(customer_id)
    placed, fulfilled, opened = [
        (await client.create_order([ItemQuantity(bread, quantity), ItemQuantity(low, 1)])).document.order_id
        for quantity in (1, 2, 3)
    ]
    for order in (placed, fulfilled):
        await client.place_order(order)
    await shop.office.fulfil_order(fulfilled)
    clerk = (await shop.office.create_credential("clerk", "Bia")).document.credential_id
    webhook = (await shop.office.create_webhook(HOOK, "order_placed", request_id=shop.new_id("hook"))).webhook
    await shop.office.send_test_event(webhook.webhook_id)
    return Walk(
        (
            *_of_anybody(),
            *_of_customer(bread, gone, opened, fulfilled),
            *_of_staff(low, customer_id, placed, fulfilled),
            *_of_back_office(low, customer_id, placed, clerk, webhook.webhook_id),
        ),
        customer_id,
        token,
    )


def _of_anybody():
    yield Sight("sign_in_page", "sign in", Who.ANYBODY, "/sign-in")
    yield Sight("sign_in_page", "session ended", Who.ANYBODY, "/sign-in?done=ended")
    yield Sight("error", "no such page", Who.ANYBODY, "/nothing")


def _of_customer(product, gone, opened, closed):
    yield Sight("products", "products", Who.CUSTOMER, "/products")
    yield Sight("products", "no product found", Who.CUSTOMER, "/products?words=nothing")
    yield Sight("products", "a search refused", Who.CUSTOMER, "/products?price_from=x")
    yield Sight("product", "product", Who.CUSTOMER, f"/products/{product}")
    yield Sight("product", "sold out", Who.CUSTOMER, f"/products/{gone}")
    yield Sight("product", "refused", Who.CUSTOMER, f"/products/{product}", "Set in my order", (("quantity", "1000"),))
    yield Sight("orders", "orders", Who.CUSTOMER, "/orders")
    yield Sight("orders", "no order found", Who.CUSTOMER, "/orders?states=expired")
    yield Sight("order", "open order", Who.CUSTOMER, f"/orders/{opened}")
    yield Sight("order", "closed order", Who.CUSTOMER, f"/orders/{closed}")
    yield Sight("order", "no deadline", Who.CUSTOMER, f"/orders/{opened}", "Set the deadline", ())
    yield Sight("order_cancel", "cancel an order", Who.CUSTOMER, f"/orders/{opened}/cancel")
    yield Sight("access", "access", Who.CUSTOMER, "/access")
    yield Sight("access", "end all sessions", Who.CUSTOMER, "/access", "Sign out everywhere …")


def _of_staff(product, customer_id, placed, fulfilled):
    office = "/office"
    yield Sight("office_products", "office products", Who.STAFF, f"{office}/products")
    yield Sight("office_products", "low stock", Who.STAFF, f"{office}/products?low=on")
    yield Sight("office_new_product", "new product", Who.STAFF, f"{office}/new-product")
    yield Sight(
        "office_new_product",
        "new product refused",
        Who.STAFF,
        f"{office}/new-product",
        "Create",
        (("product_id", "broa"), ("name", "Broa"), ("price", "much"), ("quantity", "1")),
    )
    yield Sight("office_product", "office product", Who.STAFF, f"{office}/products/{product}")
    yield Sight("office_product", "undo", Who.STAFF, f"{office}/products/{product}", "Save", (("price", "18.90"),))
    yield Sight("office_delete_product", "delete a product", Who.STAFF, f"{office}/products/{product}/delete_product")
    yield Sight("office_customers", "customers", Who.STAFF, f"{office}/customers")
    yield Sight("office_new_customer", "new customer", Who.STAFF, f"{office}/new-customer")
    yield Sight(
        "office_new_customer",
        "secret",
        Who.STAFF,
        f"{office}/new-customer",
        "Create",
        (("customer_id", "{new}"), ("name", "Ana")),
    )
    yield Sight("office_customer", "customer", Who.STAFF, f"{office}/customers/{customer_id}")
    yield Sight(
        "office_delete_customer", "delete a customer", Who.STAFF, f"{office}/customers/{customer_id}/delete_customer"
    )
    yield Sight("office_orders", "office orders", Who.STAFF, f"{office}/orders")
    yield Sight("office_orders", "no office order found", Who.STAFF, f"{office}/orders?states=expired")
    yield Sight("office_cluster", "cluster", Who.STAFF, f"{office}/cluster")
    yield Sight("office_order", "placed order", Who.STAFF, f"{office}/orders/{placed}")
    yield Sight("office_order", "fulfilled order", Who.STAFF, f"{office}/orders/{fulfilled}")
    yield Sight("office_cancel_order_items", "cancel units", Who.STAFF, f"{office}/orders/{placed}/cancel_order_items")
    yield Sight("office_return_order", "take units back", Who.STAFF, f"{office}/orders/{fulfilled}/return_order")
    yield Sight("access", "access of staff", Who.STAFF, "/access")


def _of_back_office(product, customer_id, order, clerk, webhook):
    office = "/office"
    for by in ("day", "product", "customer"):
        yield Sight("office_sales", f"sales by {by}", Who.STAFF, f"{office}/reports/sales?by={by}")
    yield Sight("office_sales", "days refused", Who.STAFF, f"{office}/reports/sales?from=2026-02-01&to=2026-01-01")
    yield Sight("office_today", "today", Who.STAFF, f"{office}/reports/today")
    yield Sight("office_stock_value", "value of the stock", Who.STAFF, f"{office}/reports/stock-value")
    for kind, document_id in (("product", product), ("customer", customer_id), ("order", order), ("credential", clerk)):
        yield Sight("office_history", f"history of {kind}", Who.STAFF, f"{office}/history/{kind}/{document_id}")
    yield Sight("office_stock_card", "stock card", Who.STAFF, f"{office}/stock-card/{product}")
    transfer, check = f"{office}/transfer", "Check the file"
    head = "product_id,name,price\n"
    yield Sight("office_transfer", "import and export", Who.STAFF, transfer)
    yield Sight("office_import", "wrong file", Who.STAFF, transfer, check, file=f"{head}{{new}},Broa,x\nq,Broa,1\n")
    yield Sight("office_import", "checked file", Who.STAFF, transfer, check, file=f"{head}{{new}},Broa,1\n")
    yield Sight("office_import", "import", Who.STAFF, transfer, check, file=f"{head}{{new}},Broa,1\n", then="Import it")
    yield Sight("office_import", "import forgotten", Who.STAFF, f"{office}/imports/nothing")
    yield Sight("office_more", "administration", Who.STAFF, f"{office}/more")
    yield Sight("office_tokens", "tokens", Who.STAFF, f"{office}/tokens")
    yield Sight("office_tokens", "a new token", Who.STAFF, f"{office}/tokens", "Create the token", (("label", "Caio"),))
    yield Sight("office_token", "token", Who.STAFF, f"{office}/tokens/{clerk}")
    yield Sight("office_revoke_token", "revoke a token", Who.STAFF, f"{office}/tokens/{clerk}/revoke_credential")
    yield Sight("office_webhooks", "webhooks", Who.STAFF, f"{office}/webhooks")
    yield Sight(
        "office_webhooks",
        "webhook refused",
        Who.STAFF,
        f"{office}/webhooks",
        "Create the webhook",
        (("url", "ftp://x"),),
    )
    yield Sight("office_webhook", "webhook", Who.STAFF, f"{office}/webhooks/{webhook}")
    yield Sight("office_delete_webhook", "delete a webhook", Who.STAFF, f"{office}/webhooks/{webhook}/delete_webhook")


def unseen(walk: Walk) -> set[str]:
    """Name the pages that the walk does not visit."""
    return {page.name for page in PAGES} - WITHOUT_A_FACE - {sight.page for sight in walk.sights}


async def sign_in(person, walk: Walk, shop, who: Who) -> None:
    """Let a person be one of those for whom pages are."""
    if who is Who.CUSTOMER:
        await person.sign_in_as_customer(walk.customer_id, walk.customer_token)
    elif who is Who.STAFF:
        await person.sign_in_as_staff(shop.staff_token)


async def look(person, sight: Sight, shop) -> None:
    """Go to what there is to see."""
    await person.open(sight.path)
    if sight.press:
        new = shop.new_id("customer")
        if sight.file:
            content = sight.file.replace("{new}", new).encode()
            await person.field("file").set_input_files({"name": "f.csv", "mimeType": "text/csv", "buffer": content})
        await person.press(sight.press, **{name: value.replace("{new}", new) for name, value in sight.fields})
    if sight.then:
        await person.press(sight.then)
    for details in await person.page.locator("details").all():
        await details.evaluate("element => element.open = true")
