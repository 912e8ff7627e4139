"""Acts about administrators: customers, products, stock, the sample data, and what is refused."""

import asyncio
import os
from dataclasses import replace

from quitanda.domain.model import CallerRole
from quitanda_local.demo.caller_folders import CallerFolders
from quitanda_local.demo.context import DemoContext, DemoStep
from quitanda_local.foreground import DATA


async def manage_customers(context: DemoContext) -> None:
    """Create, read, change and delete a customer, always reading through the other portal."""
    context.reporter.act("Administrators register customers; what one portal writes, the other shows at once")
    created = await context.play_one(
        "Ana is registered",
        context.admin(1, "customer", "create", "--cid", "ana", "--name", "Ana Conceição", "--field", "city=São Luís"),
    )
    read = await context.play_one("Ana is found through the other portal", context.admin(2, "customer", "get", "ana"))
    context.check(read == created, "both portals show the same Ana, with the city that only the shop knows about", read)
    changed = await context.play_one(
        "Ana's name is changed", context.admin(2, "customer", "update", "ana", "--name", "Ana Souza")
    )
    read = await context.play_one(
        "the new name is read through the first portal", context.admin(1, "customer", "get", "ana")
    )
    context.check(read == changed and read["name"] == "Ana Souza", "no portal shows the old name any more", read)
    await context.play_one(
        "Bento is registered", context.admin(2, "customer", "create", "--cid", "bento", "--name", "Bento")
    )
    await context.play(
        DemoStep(
            "Ana cannot be registered twice",
            context.admin(2, "customer", "create", "--cid", "ana", "--name", "Other Ana"),
            "CUSTOMER_EXISTS",
        ),
        DemoStep(
            "an unknown customer cannot be changed",
            context.admin(1, "customer", "update", "nobody", "--name", "X"),
            "CUSTOMER_NOT_FOUND",
        ),
        DemoStep(
            "an unknown customer cannot be deleted",
            context.admin(2, "customer", "delete", "nobody"),
            "CUSTOMER_NOT_FOUND",
        ),
        DemoStep(
            "a change based on an old copy is refused",
            context.admin(1, "customer", "update", "ana", "--name", "X", "--expected-version", str(created["version"])),
            "VERSION_MISMATCH",
        ),
        DemoStep(
            "a name must not be empty",
            context.admin(1, "customer", "create", "--cid", "nameless", "--name", " "),
            "INVALID_ARGUMENT",
        ),
    )
    await context.play_one("Bento leaves again", context.admin(1, "customer", "delete", "bento"))
    await context.play(
        DemoStep("Bento is gone everywhere", context.admin(2, "customer", "get", "bento"), "CUSTOMER_NOT_FOUND")
    )
    context.customer_ids.add("ana")
    context.reporter.shown("customers are created, found, changed and deleted, through either portal, never stale")


async def manage_products(context: DemoContext) -> None:
    """Create, read, change and delete a product, and adjust its stock."""
    context.reporter.act("Administrators look after products and stock")
    created = await context.play_one(
        "a product is created",
        context.admin(
            1, "product", "create", "--pid", "broa", "--name", "Broa de milho", "--price", "3.90", "--quantity", "40"
        ),
    )
    read = await context.play_one("it is found through the other portal", context.admin(2, "product", "get", "broa"))
    context.check(read == created, f"both portals show the price {read['price']} and {read['quantity']} units", read)
    await context.play_one("its price goes up", context.admin(2, "product", "update", "broa", "--price", "4.20"))
    read = await context.play_one("12 units are delivered", context.admin(1, "product", "adjust-stock", "broa", "12"))
    context.check(str(read["price"]) == "4.20" and read["quantity"] == 52, "price and stock changed side by side", read)
    read = await context.play_one("2 units are broken", context.admin(2, "product", "adjust-stock", "broa", "-2"))
    context.audit.put("broa", 50)
    context.check(read["quantity"] == 50, "50 units are on hand", read)
    await context.play(
        DemoStep(
            "no product is created twice",
            context.admin(
                2, "product", "create", "--pid", "broa", "--name", "Broa", "--price", "1.00", "--quantity", "1"
            ),
            "PRODUCT_EXISTS",
        ),
        DemoStep(
            "what is not sold here is not found", context.admin(1, "product", "get", "piano"), "PRODUCT_NOT_FOUND"
        ),
        DemoStep("nor changed", context.admin(2, "product", "update", "piano", "--price", "1"), "PRODUCT_NOT_FOUND"),
        DemoStep(
            "no more units can be taken than there are",
            context.admin(1, "product", "adjust-stock", "broa", "-51"),
            "OUT_OF_STOCK",
        ),
        DemoStep(
            "a price based on an old copy is refused",
            context.admin(
                2, "product", "update", "broa", "--price", "9", "--expected-version", str(created["version"])
            ),
            "VERSION_MISMATCH",
        ),
    )
    context.reporter.shown("products are created, found, changed and counted; nobody overwrites what another changed")


async def import_sample_data(context: DemoContext) -> None:
    """Import both files, each through another portal, and count them through the other one."""
    context.reporter.act("The whole assortment and all customers come from two files")
    await context.play(
        DemoStep("the products are imported", context.admin(1, "product", "import", sample_file("products.csv"))),
        DemoStep("the customers are imported", context.admin(2, "customer", "import", sample_file("customers.csv"))),
    )
    async with context.admin_client() as admin:
        products = (await admin.list_products()).documents
        customers = (await admin.list_customers()).documents
    for product in products:
        if product.product_id != "broa":
            context.audit.put(product.product_id, product.quantity)
    context.customer_ids.update(customer.customer_id for customer in customers)
    context.check(
        len(products) > 1_000 and len(customers) > 200,
        f"the shop now sells {len(products)} products to {len(customers)} customers",
        (len(products), len(customers)),
    )
    context.reporter.shown(f"{len(products)} products and {len(customers)} customers were imported from CSV files")


async def give_tokens(context: DemoContext, callers: CallerFolders) -> None:
    """Give every imported customer a token: the import showed none. Ana was shown hers when she was registered."""
    context.reporter.act("Every imported customer gets a token; Ana was shown hers when she was registered")
    customer_ids = sorted(context.customer_ids - {"ana"})
    async with context.admin_client() as admin:
        made = await asyncio.gather(
            *(admin.create_credential(CallerRole.CUSTOMER, "imported", customer_id=one) for one in customer_ids)
        )
    for customer_id, result in zip(customer_ids, made, strict=True):
        callers.let_in(customer_id, result.token)
    context.check(all(result.token for result in made), f"the administrator created {len(made)} tokens")
    another = replace(context.shop(1, customer_ids[0], "order", "create"), holder="ana")
    await context.play(DemoStep(f"with Ana's token nobody orders as {customer_ids[0]}", another, "FORBIDDEN"))
    context.reporter.shown("every customer proves by a token of her own who calls, and acts for nobody else")


def sample_file(name: str) -> str:
    """Name a file of the sample data as it can be typed here."""
    return os.path.relpath(DATA / name)
