"""What changes in the shop is shown on open pages, while tabs, portals and leaders come and go."""

import pytest
from playwright.async_api import expect

from quitanda.domain.commands import ItemQuantity
from quitanda_clients.i18n.languages import Language

LIVE = "Live: what changes is shown at once."


def live_mark(person, page=None):
    return (page or person.page).locator("[data-live]")


async def is_live(person, page=None):
    await expect(live_mark(person, page)).to_have_text(person.t(LIVE))


def streams_of(person):
    """Count the streams that a browser has begun, from now on."""
    begun = []
    person.page.context.on("request", lambda request: begun.append(request.url) if "/live/" in request.url else None)
    return begun


@pytest.mark.parametrize("language", list(Language))
async def test_price_and_stock_change_on_an_open_page_and_what_is_typed_stays(people, shop, language):
    product = await shop.product(price=250, quantity=10)
    ana = await people(language)
    await ana.sign_in_as_customer(*await shop.customer())
    await ana.open(f"/products/{product}")
    await is_live(ana)
    await ana.field("quantity").fill("7")

    await shop.office.update_product(product, price=1_999)
    await shop.office.adjust_stock(product, -10)

    await expect(ana.page.locator("[data-field=price]")).to_have_text(ana.formats.money(1_999))
    await expect(ana.page.locator("[data-field=shelf]")).to_have_text(ana.t("sold out"))
    await expect(ana.field("quantity")).to_have_value("7")


async def test_staff_see_orders_come_and_move_on_and_are_told_of_a_change_by_somebody_else(people, shop):
    product = await shop.product(quantity=50)
    customer_id, _ = await shop.customer()
    client = await shop.client(customer_id)
    first = (await client.create_order([ItemQuantity(product, 1)])).document.order_id
    bia = await people()
    await bia.sign_in_as_staff(shop.staff_token)
    await bia.open(f"/office/orders?customer_id={customer_id}")
    await is_live(bia)
    row = bia.page.locator(f"[data-live-id='{first}']")
    await expect(row.locator("[data-field=state]")).to_have_text("open")

    await client.place_order(first)
    await expect(row.locator("[data-field=state]")).to_have_text("placed")
    await client.create_order([ItemQuantity(product, 2)])
    await bia.follow(bia.page.get_by_role("link", name="Show them"))
    await expect(bia.page.locator("#results tbody tr")).to_have_count(2)

    await bia.open(f"/office/products/{product}")
    await is_live(bia)
    await bia.field("description").fill("half of a te")
    await shop.office.update_product(product, price=300)
    await expect(bia.page.get_by_role("link", name="Load it again")).to_be_visible()
    await expect(bia.field("description")).to_have_value("half of a te")


async def test_tabs_share_a_stream_and_another_tab_goes_on_when_the_one_that_held_it_is_closed(people, shop):
    product = await shop.product(quantity=10)
    ana = await people()
    await ana.sign_in_as_customer(*await shop.customer())
    begun = streams_of(ana)
    await ana.open(f"/products/{product}")
    await is_live(ana)
    second = await ana.page.context.new_page()
    await second.goto(f"{ana.origin}/products/{product}")
    await is_live(ana, second)
    shelf = second.locator("[data-field=shelf]")

    await shop.office.adjust_stock(product, -1)
    await expect(shelf).to_have_text("9 units in stock")
    assert len(begun) == 1

    await ana.page.close()
    await shop.office.adjust_stock(product, -1)
    await expect(shelf).to_have_text("8 units in stock")
    assert len(begun) == 2


async def test_a_page_misses_nothing_while_the_portal_that_it_hears_dies_and_while_the_page_itself_is_away(
    people, shop, cluster
):
    product = await shop.product(quantity=10)
    ana = await people()
    await ana.sign_in_as_customer(*await shop.customer())
    await ana.open(f"/products/{product}")
    await is_live(ana)
    shelf = ana.page.locator("[data-field=shelf]")
    try:
        cluster.kill(cluster.client_portals[0])
        await shop.office.adjust_stock(product, -1)
        await expect(shelf).to_have_text("9 units in stock")
        await cluster.restart(cluster.client_portals[0])
        cluster.kill(cluster.client_portals[1])
        await shop.office.adjust_stock(product, -1)
        await expect(shelf).to_have_text("8 units in stock")
        cluster.kill("web")
        await shop.office.adjust_stock(product, -1)
        await cluster.restart("web")
        await expect(shelf).to_have_text("7 units in stock")
        await is_live(ana)
    finally:
        await cluster.mend()
    ana.complaints[:] = [each for each in ana.complaints if "net::ERR_" not in each]


async def test_the_cluster_page_shows_that_the_leader_is_killed_and_that_another_one_leads(people, shop, cluster):
    bia = await people()
    await bia.sign_in_as_staff(shop.staff_token)
    await bia.open("/office/cluster")
    await is_live(bia)
    verdict = bia.page.locator("[data-field=verdict]")
    await expect(verdict).to_have_text("All is well.")
    leader = await cluster.wait_for_leader()
    try:
        cluster.kill(leader)
        row = bia.page.locator(f"[data-live-id={leader}]")
        await expect(row.locator("[data-field=role]")).to_have_text("does not answer")
        await expect(verdict).to_have_text(f"The shop works, but does not hear from {leader}.")
        await expect(bia.page.locator("[data-field=leader]")).not_to_have_text(leader)
        await expect(bia.page.get_by_role("cell", name="leads", exact=True)).to_have_count(1)
    finally:
        await cluster.mend()
    await expect(verdict).to_have_text("All is well.")


async def test_without_javascript_a_page_shows_what_it_showed_and_says_nothing_of_being_live(people, shop):
    product = await shop.product(quantity=10)
    ana = await people(javascript=False)
    await ana.sign_in_as_customer(*await shop.customer())

    await ana.open(f"/products/{product}")

    await expect(live_mark(ana)).to_be_hidden()
    await expect(ana.page.locator("[data-field=shelf]")).to_have_text("10 units in stock")
