"""What staff do in a browser beyond products and orders: files that come and go, reports, tokens."""

import csv

import pytest
from playwright.async_api import expect

from quitanda_clients.i18n.languages import Language

ROWS = 600
"""More than an import does before its first page is shown."""
BOTH_WAYS = pytest.mark.parametrize(
    ("language", "javascript"), [(Language.ENGLISH, True), (Language.PORTUGUESE, False)]
)


def as_file(*rows):
    text = "\r\n".join(("product_id,name,price,quantity", *rows))
    return {"name": "products.csv", "mimeType": "text/csv", "buffer": text.encode()}


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@BOTH_WAYS
async def test_a_file_is_imported_with_the_keyboard_alone(people, shop, language, javascript):
    bia = await people(language, javascript=javascript)
    await bia.sign_in_as_staff(shop.staff_token)
    product = shop.new_id("product")

    await bia.enter(bia.tab("Administration"))
    await bia.enter(bia.link("Import and export"))
    # The browser gets keys and the request to report choosers on two ways. Each step of the walk waits for an answer on
    # the second one, so the key does not overtake the request.
    async with bia.page.expect_file_chooser() as opened:
        await bia.tab_to(bia.page.get_by_label(bia.t("File"), exact=True))
        await bia.page.keyboard.press("Enter")
    await (await opened.value).set_files(as_file(f"{product},Broa,2.50,7"))
    await bia.enter(bia.button("Check the file"))
    await expect(bia.page.get_by_text(bia.t("Nothing is changed yet."))).to_be_visible()
    await bia.enter(bia.button("Import it"))

    await expect(bia.notice).to_have_text(bia.t("The import is done."))
    assert await shop.stock(product) == 7


@BOTH_WAYS
async def test_the_page_shows_the_end_of_a_long_import_by_itself(people, shop, language, javascript):
    bia = await people(language, javascript=javascript)
    await bia.sign_in_as_staff(shop.staff_token)
    products = [shop.new_id("product") for _ in range(ROWS)]

    await bia.open("/office/transfer")
    await bia.page.get_by_label(bia.t("File"), exact=True).set_input_files(
        as_file(*(f"{product},Broa,2.50,1" for product in products))
    )
    await bia.press("Check the file")
    await bia.press("Import it")

    await expect(bia.notice).to_have_text(bia.t("The import is done."))
    assert await shop.stock(products[-1]) == 1


async def test_an_export_is_a_file_with_everything(people, shop, tmp_path):
    product = await shop.product("=1+1", price=1250, quantity=3)
    bia = await people()
    await bia.sign_in_as_staff(shop.staff_token)
    await bia.open("/office/transfer")

    async with bia.page.expect_download() as download:
        await bia.page.get_by_role("button", name="Export: Products").click()
    await (await download.value).save_as(tmp_path / "products.csv")

    (row,) = [row for row in rows_of(tmp_path / "products.csv") if row["product_id"] == product]
    assert (row["name"], row["price"], row["quantity"]) == (f"'=1+1 {product}", "12.50", "3")


@BOTH_WAYS
async def test_a_new_token_lets_somebody_in_until_it_is_revoked(people, shop, language, javascript):
    bia = await people(language, javascript=javascript)
    await bia.sign_in_as_staff(shop.staff_token)
    name = shop.new_id("clerk")
    await bia.open("/office/tokens")
    await bia.press("Create the token", label=name)
    token = await bia.page.locator("code.secret").inner_text()
    caio = await people(language, javascript=javascript)
    await caio.sign_in_as_staff(token)

    await bia.open("/office/tokens")
    await bia.follow(bia.link(name))
    await bia.follow(bia.link("Revoke the token …"))
    await bia.press("Revoke it")
    await bia.see("revoked")

    await caio.open("/office/products")
    assert caio.path == "/sign-in"


async def test_a_report_has_a_picture_that_a_screen_reader_names(people, shop):
    await shop.product()
    bia = await people()
    await bia.sign_in_as_staff(shop.staff_token)

    await bia.open("/office/reports/stock-value")

    picture = bia.page.get_by_role("img", name="The products whose stock is worth most")
    await expect(picture).to_be_visible()
    await expect(bia.page.get_by_role("table")).to_be_visible()
