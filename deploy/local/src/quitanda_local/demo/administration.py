"""Acts about administrators: customers, products, stock, the sample data, and what is refused."""

import os

from quitanda_local.demo.stage import Stage, Step
from quitanda_local.foreground import DATA


async def manage_customers(stage: Stage) -> None:
    """Create, read, change and delete a customer, always reading through the other portal."""
    stage.narrator.act("Administrators register customers; what one portal writes, the other shows at once")
    created = await stage.play_one(
        "Ana is registered",
        stage.admin(1, "customer", "create", "--cid", "ana", "--name", "Ana Conceição", "--field", "city=São Luís"),
    )
    read = await stage.play_one("Ana is found through the other portal", stage.admin(2, "customer", "get", "ana"))
    stage.check(read == created, "both portals show the same Ana, with the city that only the shop knows about", read)
    changed = await stage.play_one(
        "Ana's name is changed", stage.admin(2, "customer", "update", "ana", "--name", "Ana Souza")
    )
    read = await stage.play_one(
        "the new name is read through the first portal", stage.admin(1, "customer", "get", "ana")
    )
    stage.check(read == changed and read["name"] == "Ana Souza", "no portal shows the old name any more", read)
    await stage.play_one(
        "Bento is registered", stage.admin(2, "customer", "create", "--cid", "bento", "--name", "Bento")
    )
    await stage.play(
        Step(
            "Ana cannot be registered twice",
            stage.admin(2, "customer", "create", "--cid", "ana", "--name", "Other Ana"),
            "CUSTOMER_EXISTS",
        ),
        Step(
            "a stranger cannot be changed",
            stage.admin(1, "customer", "update", "nobody", "--name", "X"),
            "CUSTOMER_NOT_FOUND",
        ),
        Step("a stranger cannot be deleted", stage.admin(2, "customer", "delete", "nobody"), "CUSTOMER_NOT_FOUND"),
        Step(
            "a change based on an old copy is refused",
            stage.admin(1, "customer", "update", "ana", "--name", "X", "--expected-version", str(created["version"])),
            "VERSION_MISMATCH",
        ),
        Step(
            "a name must not be empty",
            stage.admin(1, "customer", "create", "--cid", "nameless", "--name", " "),
            "INVALID_ARGUMENT",
        ),
    )
    await stage.play_one("Bento leaves again", stage.admin(1, "customer", "delete", "bento"))
    await stage.play(Step("Bento is gone everywhere", stage.admin(2, "customer", "get", "bento"), "CUSTOMER_NOT_FOUND"))
    stage.customer_ids.add("ana")
    stage.narrator.shown("customers are created, found, changed and deleted, through either portal, never stale")


async def manage_products(stage: Stage) -> None:
    """Create, read, change and delete a product, and adjust its stock."""
    stage.narrator.act("Administrators look after products and stock")
    created = await stage.play_one(
        "a product is created",
        stage.admin(
            1, "product", "create", "--pid", "broa", "--name", "Broa de milho", "--price", "3.90", "--quantity", "40"
        ),
    )
    read = await stage.play_one("it is found through the other portal", stage.admin(2, "product", "get", "broa"))
    stage.check(read == created, f"both portals show the price {read['price']} and {read['quantity']} units", read)
    await stage.play_one("its price goes up", stage.admin(2, "product", "update", "broa", "--price", "4.20"))
    read = await stage.play_one("12 units are delivered", stage.admin(1, "product", "adjust-stock", "broa", "12"))
    stage.check(str(read["price"]) == "4.20" and read["quantity"] == 52, "price and stock changed side by side", read)
    read = await stage.play_one("2 units are broken", stage.admin(2, "product", "adjust-stock", "broa", "-2"))
    stage.ledger.put("broa", 50)
    stage.check(read["quantity"] == 50, "50 units are on hand", read)
    await stage.play(
        Step(
            "no product is created twice",
            stage.admin(
                2, "product", "create", "--pid", "broa", "--name", "Broa", "--price", "1.00", "--quantity", "1"
            ),
            "PRODUCT_EXISTS",
        ),
        Step("what is not sold here is not found", stage.admin(1, "product", "get", "piano"), "PRODUCT_NOT_FOUND"),
        Step("nor changed", stage.admin(2, "product", "update", "piano", "--price", "1"), "PRODUCT_NOT_FOUND"),
        Step(
            "no more units can be taken than there are",
            stage.admin(1, "product", "adjust-stock", "broa", "-51"),
            "OUT_OF_STOCK",
        ),
        Step(
            "a price based on an old copy is refused",
            stage.admin(2, "product", "update", "broa", "--price", "9", "--expected-version", str(created["version"])),
            "VERSION_MISMATCH",
        ),
    )
    stage.narrator.shown("products are created, found, changed and counted; nobody overwrites what another changed")


async def import_sample_data(stage: Stage) -> None:
    """Import both files, each through another portal, and count them through the other one."""
    stage.narrator.act("The whole assortment and all customers come from two files")
    await stage.play(
        Step("the products are imported", stage.admin(1, "product", "import", sample_file("products.csv"))),
        Step("the customers are imported", stage.admin(2, "customer", "import", sample_file("customers.csv"))),
    )
    async with stage.admin_client() as admin:
        products = (await admin.list_products()).documents
        customers = (await admin.list_customers()).documents
    for product in products:
        if product.product_id != "broa":
            stage.ledger.put(product.product_id, product.quantity)
    stage.customer_ids.update(customer.customer_id for customer in customers)
    stage.check(
        len(products) > 1_000 and len(customers) > 200,
        f"the shop now sells {len(products)} products to {len(customers)} customers",
        (len(products), len(customers)),
    )
    stage.narrator.shown(f"{len(products)} products and {len(customers)} customers were imported from CSV files")


def sample_file(name: str) -> str:
    """Name a file of the sample data as it can be typed here."""
    return os.path.relpath(DATA / name)
