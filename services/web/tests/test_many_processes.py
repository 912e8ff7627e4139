"""Two processes of the page behind one address: a person's requests go to one and the other, as it happens."""

import itertools
import time

from quitanda.domain.commands import CreateOrder, ItemQuantity
from quitanda_web.sessions import SessionSeal


class Balanced:
    """An application that gives each request to the next of several, as a balancer does without knowing anything."""

    def __init__(self, *apps):
        self._next = itertools.cycle(apps)

    async def __call__(self, scope, receive, send):
        await next(self._next)(scope, receive, send)


def balanced(shop, browser):
    browser.app = Balanced(shop.another_process().app, shop.app)
    return browser


async def test_a_customer_signs_in_at_one_and_goes_on_at_the_other(secure_shop):
    browser = balanced(secure_shop, await secure_shop.customer())

    product = await browser.open("/products/caneta")
    order = await browser.fill(product, "/products/caneta/order", quantity="2")
    path = order.path.partition("?")[0]
    changed = await browser.fill(order, f"{path}/items", quantity="3")
    placed = await browser.fill(changed, f"{path}/place")

    assert "Your order is placed." in placed.text
    assert secure_shop.cluster.state.product("caneta").quantity == 7


async def test_a_form_that_both_processes_get_has_one_effect(secure_shop):
    browser = balanced(secure_shop, await secure_shop.staff())
    product = await browser.open("/office/products/caneta")

    answers = [await browser.send(product, "/office/products/caneta/adjust_stock", delta="-3") for _ in range(4)]

    assert {answer.status for answer in answers} == {303}
    assert secure_shop.cluster.state.product("caneta").quantity == 7


async def test_a_form_whose_answer_one_process_lost_has_one_effect_at_the_other(secure_shop):
    browser = balanced(secure_shop, await secure_shop.customer())
    page = await browser.open("/products/caneta")
    secure_shop.cluster.lose_next_answer()

    for _ in range(2):
        answer = await browser.send(page, "/products/caneta/order", quantity="2")

    assert answer.status == 303
    assert secure_shop.cluster.state.product("caneta").quantity == 8


async def test_what_one_process_did_the_other_undoes(secure_shop):
    secure_shop.cluster.does(CreateOrder("ana", "o1", 1, (ItemQuantity("caneta", 2),)), "ana")
    browser = balanced(secure_shop, await secure_shop.customer())

    without = await browser.fill(await browser.open("/orders/o1"), "/orders/o1/items", quantity="0")
    await browser.fill(without, "/undo")

    assert secure_shop.cluster.state.order("o1").items[0].quantity == 2


async def test_a_process_that_starts_anew_knows_the_sessions_of_the_one_before(secure_shop):
    browser = await secure_shop.staff("clerk")
    form = await browser.open("/office/products/caneta")

    browser.app = secure_shop.another_process().app

    assert (await browser.send(form, "/office/products/caneta/adjust_stock", delta="1")).status == 303


async def test_a_session_of_another_key_is_nobodys_and_its_forms_do_nothing(secure_shop):
    browser = await secure_shop.customer()
    form = await browser.open("/products/caneta")
    session = secure_shop.site.seal.open(browser.cookies["quitanda"], time.time())
    browser.cookies["quitanda"] = SessionSeal(b"another key").seal(session)

    assert (await browser.get("/products")).location.startswith("/sign-in")
    assert (await browser.send(form, "/products/caneta/order", quantity="2")).location.startswith("/sign-in")
    assert secure_shop.cluster.state.product("caneta").quantity == 10
