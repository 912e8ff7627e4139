"""Two processes of the page behind one address: a person's requests go to one and the other, as it happens."""

import itertools
import time
from urllib.parse import urlencode

import pytest
from importing import PRODUCTS, begin, ended, upload
from open_stream import open_stream
from running_page import running

from quitanda.domain.commands import AdjustStock, CreateOrder, ItemQuantity
from quitanda_web.live.hub import LiveLimits
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


async def test_a_file_that_one_process_checked_is_imported_through_both(secure_shop):
    browser = balanced(secure_shop, await secure_shop.staff())

    checked = await upload(browser, "customer_id,name\ncaio,Caio\n", kind="customers")
    assert "Nothing is changed yet." in checked.text
    done = await begin(browser, checked)
    answers = [await browser.get(link) for link in done.page.links if link.endswith("/secrets.csv") for _ in range(2)]

    assert "The import is done." in done.text
    assert [b"caio," in answer.body for answer in answers] == [True, True]


async def test_an_import_is_followed_and_stopped_through_both_processes(shop):
    browser = balanced(shop, await shop.staff())
    content = "product_id,name,price\n" + "".join(f"p{n},Name,1.00\n" for n in range(40))
    checked = await upload(browser, content)
    (start,) = [form.action for form in checked.page.forms if form.action.endswith("/start")]

    shop.cluster.hold()
    shown = [await browser.open((await browser.send(checked, start)).location) for _ in range(3)]
    (stop,) = [form.action for form in shown[0].page.forms if form.action.endswith("/stop")]
    stopped = await ended(browser, await browser.fill(shown[0], stop))
    shop.cluster.release()

    assert ["Rows done: 0 of 40." in page.text for page in shown] == [True, True, True]
    assert "Send the same file again to go on: nothing is done twice." in stopped.text


async def test_the_other_process_sends_a_browser_on_over_a_new_connection(shop):
    browser = await shop.staff()
    checked = await upload(browser, "product_id,name,price\np1,Name,1.00\n")

    answer = await over_to_another(shop, browser).send_once("GET", checked.path)

    assert (answer.status, answer.header("connection")) == (307, "close")
    assert answer.location.startswith(f"{checked.path}?looked=")


@pytest.mark.parametrize("looked", ["", "x", "1.1", "99999999999.15", "-1.-1", "٣.٣", "1" * 500])
async def test_an_import_whose_process_has_ended_is_not_looked_for_for_ever(shop, looked):
    browser = await shop.staff()
    checked = await upload(browser, "product_id,name,price\np1,Name,1.00\n")
    over_to_another(shop, browser)

    shown = await browser.get(f"{checked.path}?{urlencode({'looked': looked})}")
    form = shown.form("/sign-out").fields
    started = await browser.post(f"{checked.path}/start", {"form_token": form["form_token"]})

    for answer in (shown, started):
        assert answer.status == 503
        assert "that process was stopped: send the file again. Nothing is done twice." in answer.text
    assert "The import is done." in (await begin(browser, await upload(browser, PRODUCTS))).text


@pytest.mark.parametrize("import_id", ["%E2%82%AC.x", "a%3Fb.x", "a%0D%0AX:y.x", "%00.x", "%252e.x"])
async def test_an_import_whose_id_has_strange_letters_is_looked_for_under_the_same_id(shop, import_id):
    answer = await (await shop.staff()).send_once("GET", f"/office/imports/{import_id}")

    assert answer.status == 307
    assert answer.location.startswith(f"/office/imports/{import_id}?looked=")


async def test_an_import_that_no_process_ever_had_is_looked_for_nowhere(shop):
    assert (await (await shop.staff()).get("/office/imports/never-made")).status == 404


def over_to_another(shop, browser):
    """Let a browser meet another process from now on."""
    browser.app = shop.another_process().app
    return browser


async def test_processes_of_the_open_mode_know_each_others_sessions(shop):
    browser = balanced(shop, await shop.customer())

    without = [await browser.open("/products") for _ in range(2)]

    assert ["/sign-out" in [form.action for form in page.page.forms] for page in without] == [True, True]


async def test_a_stream_goes_on_at_the_other_process_where_it_was(shop):
    browser = await shop.customer()
    async with open_stream(browser, "/live/products") as stream:
        revision = (await stream.next("at")).id
    shop.tell(shop.cluster.does(AdjustStock("caneta", -3)))

    over_to_another(shop, browser)
    async with open_stream(browser, "/live/products", last_event_id=revision) as stream:
        heard = await stream.next("changed", "gone")

    assert [change["id"] for change in heard.data["changes"]] == ["caneta"]


async def test_bounds_of_streams_are_those_of_each_process(cluster):
    async with running(cluster, live=LiveLimits(of_session=1)) as shop:
        browser = await shop.customer()
        async with open_stream(browser, "/live/products") as first, open_stream(browser, "/live/products") as second:
            over_to_another(shop, browser)
            async with open_stream(browser, "/live/products") as third:
                assert [first.status, second.status, third.status] == [200, 429, 200]
