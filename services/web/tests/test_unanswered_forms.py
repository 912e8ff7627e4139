"""Forms that no portal answers: what was typed is kept, and what nobody knows is not said to be known."""

import pytest
from running_page import running

from quitanda.domain.commands import CreateOrder, ItemQuantity

END_MS = 253_402_300_799_999
UNKNOWN = "the change may or may not have been made"


@pytest.fixture
async def hasty(cluster):
    async with running(cluster, request_timeout_seconds=0.5) as shop:
        yield shop


async def test_what_was_typed_is_kept_while_no_portal_answers_and_is_sent_again_with_one_effect(hasty):
    staff = await hasty.staff()
    page = await staff.open("/office/new-product")
    typed = {"product_id": "broa", "name": "Broa", "price": "2.50", "quantity": "3", "description": "fresh\nand warm"}

    hasty.cluster.hold()
    lost = await staff.send(page, "/office/new-product", **typed)
    hasty.cluster.release()
    answers = [await staff.send(lost, "/office/new-product") for _ in range(2)]

    assert lost.status in {503, 504}
    assert [answer.status for answer in answers] == [303, 303]
    product = hasty.cluster.state.product("broa")
    assert (product.name, product.price, product.quantity) == ("Broa", 250, 3)
    assert product.description == "fresh\nand warm"


async def test_a_form_whose_page_cannot_be_shown_is_sent_again_from_the_page_that_says_so(hasty):
    browser = await hasty.customer()
    page = await browser.open("/products/caneta")

    hasty.cluster.hold()
    lost = await browser.send(page, "/products/caneta/order", quantity="4")
    still = await browser.send(lost, "/products/caneta/order")
    hasty.cluster.release()
    answers = [await browser.send(still, "/products/caneta/order") for _ in range(2)]

    for answer in (lost, still):
        assert answer.status == 504
        assert UNKNOWN in answer.text
        assert "nothing happened" not in answer.text
        assert "Send it again" in answer.text
    assert answers[0].location == answers[1].location
    assert hasty.cluster.state.product("caneta").quantity == 6


async def test_a_page_that_cannot_be_shown_offers_nothing_to_send(hasty):
    browser = await hasty.customer()

    hasty.cluster.hold()
    answer = await browser.get("/products?request_id=x")
    hasty.cluster.release()

    assert answer.status == 503
    assert "Send it again" not in answer.text


async def test_an_order_that_is_held_until_the_end_of_all_times_is_shown_in_every_zone(cluster):
    cluster.does(CreateOrder("ana", "o1", 1_700_000_000_000, (ItemQuantity("caneta", 1),), (), END_MS), "ana")
    async with running(cluster, time_zone="Asia/Tokyo") as shop:
        answers = [
            await (await shop.customer()).open("/orders/o1"),
            await (await shop.staff()).open("/office/orders/o1"),
        ]

    assert [answer.status for answer in answers] == [200, 200]
