"""Two processes of the page behind one address, of which one dies while people work."""

import pytest
from page_cluster import OTHER_WEB, WEB
from playwright.async_api import expect
from test_live_pages import is_live

from quitanda_clients.i18n.languages import Language

ROWS = 1_500
"""More than are imported before somebody can kill the process."""
JAVASCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])


@JAVASCRIPT
async def test_an_order_is_filled_changed_and_placed_while_either_process_dies(people, shop, cluster, both, javascript):
    bread = await shop.product(quantity=10)
    customer_id, token = await shop.customer()
    ana = await people(at=both, javascript=javascript)
    await ana.sign_in_as_customer(customer_id, token)
    try:
        await ana.open(f"/products/{bread}")
        cluster.kill(WEB)
        await ana.press("Begin an order with it", quantity="2")
        await ana.see("in-order")
        await cluster.restart(WEB)
        row = ana.page.get_by_role("row").filter(has_text=bread)
        await row.get_by_role("textbox").fill("3")
        cluster.kill(OTHER_WEB)
        await ana.follow(row.get_by_role("button"))
        await ana.see("in-order")
        await cluster.restart(OTHER_WEB)
        cluster.kill(WEB)
        await ana.press("Place the order")
        await ana.see("placed")
    finally:
        await cluster.mend()

    assert await shop.orders(customer_id) == [("placed", {bread: 3})]
    forget_losses(ana)


async def test_a_page_goes_on_to_be_live_when_the_process_that_told_it_dies(people, shop, cluster, both):
    product = await shop.product(quantity=10)
    ana = await people(at=both)
    await ana.sign_in_as_customer(*await shop.customer())
    await ana.open(f"/products/{product}")
    await is_live(ana)
    try:
        for dies in (WEB, OTHER_WEB):
            cluster.kill(dies)
            await shop.office.adjust_stock(product, -1)
            left = f"{await shop.stock(product)} units in stock"
            await expect(ana.page.locator("[data-field=shelf]")).to_have_text(left)
            await cluster.restart(dies)
    finally:
        await cluster.mend()
    forget_losses(ana)


@JAVASCRIPT
async def test_an_import_whose_process_dies_is_told_so_by_itself_and_goes_on_with_the_same_file(
    people, shop, cluster, both, javascript
):
    products = [shop.new_id("product") for _ in range(ROWS)]
    rows = "\r\n".join(("product_id,name,price,quantity", *(f"{each},Broa,2.50,1" for each in products)))
    file = {"name": "products.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    bia = await people(Language.ENGLISH, at=both, javascript=javascript)
    await bia.sign_in_as_staff(shop.staff_token)
    try:
        before = checked(cluster)
        await check(bia, file)
        (keeper,) = [name for name, count in checked(cluster).items() if count > before[name]]
        await bia.press("Import it")
        await expect(bia.page.get_by_role("progressbar")).to_be_visible()
        cluster.kill(keeper)

        await expect(bia.problem).to_contain_text("that process was stopped: send the file again")
        await cluster.restart(keeper)
        await check(bia, file)
        await bia.press("Import it")
        await expect(bia.notice).to_have_text("The import is done.")
    finally:
        await cluster.mend()

    assert [await shop.stock(each) for each in (products[0], products[-1])] == [1, 1]
    forget_losses(bia)


async def check(person, file, *ticked):
    await person.open("/office/transfer")
    for label in ticked:
        await person.page.get_by_label(label).check()
    await person.page.get_by_label("File", exact=True).set_input_files(file)
    await person.press("Check the file")
    await expect(person.page.get_by_text("Nothing is changed yet.")).to_be_visible()


def checked(cluster):
    """Count the files that each process has checked."""
    return {name: sum('"check_import"' in line for line in cluster.log(name)) for name in (WEB, OTHER_WEB)}


def forget_losses(person):
    """Browsers tell of each connection that a killed process has ended, and of each page that says 503."""
    person.complaints[:] = [
        each for each in person.complaints if "Failed to load resource" not in each and "Failed to fetch" not in each
    ]
