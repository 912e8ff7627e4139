"""Processes that die, or start too early: a form in flight, an import half-way, a page before its portals."""

import asyncio
import urllib.error
import urllib.request

import pytest
from page_cluster import OTHER_WEB, WEB
from playwright.async_api import expect
from test_two_processes import check, forget_losses

from quitanda_local.waiting import wait_until
from quitanda_testing.scraping import families

ROWS = 800
"""More than are imported before somebody can kill the leader."""
IN_FLIGHT = ("quitanda_admission_in_flight", "writes")
JAVASCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])


@JAVASCRIPT
async def test_a_form_that_had_its_effect_when_its_process_died_is_sent_again_to_another_one_and_has_no_second_effect(
    people, shop, cluster, both, javascript
):
    product = await shop.product(quantity=10)
    bia = await people(at=both, javascript=javascript)
    await bia.sign_in_as_staff(shop.staff_token)
    await bia.open(f"/office/products/{product}")
    await bia.field("delta").fill("5")
    before = adjustments(cluster)
    try:
        cluster.kill(OTHER_WEB)
        leader = await cluster.wait_for_leader()
        cluster.pause(leader)
        async with bia.page.expect_request(lambda request: request.method == "POST"):
            await bia.page.keyboard.press("Enter")

        async def a_portal_has_what_the_page_asks_for():
            return await writes_in_flight(cluster) or adjustments(cluster) > before

        await wait_until(a_portal_has_what_the_page_asks_for, "the page to ask a portal", 30)
        cluster.pause(WEB)
        cluster.resume(leader)

        async def a_portal_has_answered():
            return adjustments(cluster) > before

        await wait_until(a_portal_has_answered, "an answer to the page", 30)
        cluster.kill(WEB)
        await cluster.restart(OTHER_WEB)
        await bia.page.reload()
        await bia.see("adjusted")
    finally:
        await cluster.mend()

    assert await shop.stock(product) == 15
    forget_losses(bia)


async def test_an_import_ends_with_all_rows_and_none_twice_though_the_leader_dies(people, shop, cluster):
    products = [shop.new_id("product") for _ in range(ROWS)]
    bia = await people()
    await bia.sign_in_as_staff(shop.staff_token)
    await check(bia, table("product_id,name,price,quantity", [f"{each},Broa,2.50,10" for each in products]))
    await bia.press("Import it")
    await expect(bia.notice).to_have_text("The import is done.")
    try:
        file = table("product_id,quantity_change", [f"{each},1" for each in products])
        await check(bia, file, "Also change what exists already")
        await bia.press("Import it")
        await expect(bia.page.get_by_role("progressbar")).to_be_visible()
        cluster.kill(await cluster.wait_for_leader())
        await expect(bia.notice).to_have_text("The import is done.")
    finally:
        await cluster.mend()

    listed = {each.product_id: each.quantity for each in (await shop.office.list_products()).documents}
    assert [listed[each] for each in products] == [11] * ROWS


@JAVASCRIPT
async def test_a_page_that_starts_before_its_portals_says_so_and_is_ready_once_they_are(
    people, shop, cluster, javascript
):
    ana = await people(javascript=javascript)
    await ana.sign_in_as_customer(*await shop.customer())
    try:
        await cluster.crash(WEB, *cluster.client_portals, *cluster.admin_portals)
        await cluster.restart(WEB, wait=False)

        async def lives():
            return await health(cluster, WEB, "liveness") == (200, "serving")

        await wait_until(lives, "the page to serve", 30)
        status, problem = await health(cluster, WEB, "readiness")
        assert (status, "no AdminPortal" in problem, "no ClientPortal" in problem) == (503, True, True)
        answer = await ana.page.goto(f"{ana.origin}/products")
        assert answer.status == 503
        await expect(ana.problem).to_contain_text("Try again in a moment")

        for portal in (*cluster.client_portals, *cluster.admin_portals):
            await cluster.restart(portal)
        await cluster.wait_until_ready(WEB)
        await ana.follow(ana.link("Load this page again"))
        await expect(ana.page.get_by_role("heading", name="Products")).to_be_visible()
    finally:
        await cluster.mend()
    forget_losses(ana)


def table(head, rows):
    return {"name": "products.csv", "mimeType": "text/csv", "buffer": "\r\n".join((head, *rows)).encode()}


def adjustments(cluster) -> int:
    """Count the adjustments of stock that portals have answered."""
    logs = [line for portal in cluster.admin_portals for line in cluster.log(portal)]
    return sum('"adjust_stock"' in line and '"OK"' in line for line in logs)


async def writes_in_flight(cluster) -> bool:
    """Tell whether an admin portal works on a command."""
    shown = [await families(cluster, portal) for portal in cluster.admin_portals]
    samples = [sample for found in shown for family in found for sample in family.samples]
    return any(sample.value for sample in samples if (sample.name, sample.labels.get("kind")) == IN_FLIGHT)


async def health(cluster, name, asked):
    """Ask a page's process for its health: the status and the text; 0 where nobody takes the connection."""
    return await asyncio.to_thread(_health, f"http://{cluster.address(name)}/health/{asked}")


def _health(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode().strip()
    except OSError as error:
        return 0, str(error)
