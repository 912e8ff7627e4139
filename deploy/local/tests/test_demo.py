"""The parts of the demo that are worth checking by themselves; the story itself is run by `make demo`."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from quitanda.domain.model import Order, OrderItem, Product
from quitanda.errors import OutcomeUnknown
from quitanda_clients.results import DocumentResult, Listing
from quitanda_local.demo.inventory_audit import Count, InventoryAudit, count, differences
from quitanda_local.demo.programs import ProgramCall, Programs
from quitanda_local.demo.reporter import CheckFailed, Reporter
from quitanda_local.demo.traffic import Buyer, BuyerLog

ORDER = Order("o1", "ana", 1, (OrderItem("broa", "Broa", 390, 3), OrderItem("cafe", "Café", 1000, 2)), 7)


class FakeAdmin:
    """Shows two products."""

    async def list_products(self):
        products = (Product("broa", "Broa", "", 390, 7, (), 1), Product("cafe", "Café", "", 1000, 0, (), 2))
        return Listing(products, 9, truncated=False)


class ForgetfulShop:
    """Has one order; loses the first answer to every new request."""

    def __init__(self):
        self.request_ids = []

    async def list_orders(self):
        return Listing((ORDER,), 9, truncated=False)

    async def get_order(self, order_id):
        assert order_id == ORDER.order_id
        return DocumentResult(ORDER, 9)

    async def create_order(self, items, *, request_id):
        self.request_ids.append(request_id)
        if len(self.request_ids) % 2:
            raise OutcomeUnknown("no answer")
        return DocumentResult(replace(ORDER, items=tuple(OrderItem(i.product_id, "", 1, i.quantity) for i in items)), 9)


class Stop:
    """An event that is set after so many looks."""

    def __init__(self, looks):
        self.looks = looks

    def is_set(self):
        self.looks -= 1
        return self.looks < 0


class AddressesOnly:
    """Knows addresses where nothing listens."""

    broker = "broker"

    def address(self, _name):
        return "127.0.0.1:9"


def reporter():
    output = io.StringIO()
    return Reporter(Console(file=output, width=80)), output


async def test_units_are_counted_on_hand_and_in_orders():
    counted = await count(FakeAdmin(), [ForgetfulShop()])

    assert counted == Count({"broa": 7, "cafe": 0}, {"broa": 3, "cafe": 2}, {"o1": ORDER})
    assert counted.units() == {"broa": 10, "cafe": 2}


def test_the_books_balance_or_name_the_product_that_does_not():
    audit = InventoryAudit()
    audit.put("broa", 12)
    audit.put("broa", -2)
    audit.put("cafe", 1)
    audit.put("gone", 5)
    audit.forget("gone")

    assert differences(audit.units(), {"broa": 10, "cafe": 1}) == {}
    assert differences(audit.units(), {"broa": 9, "cafe": 1, "piano": 1}) == {"broa": (10, 9), "piano": (0, 1)}


def test_a_product_with_no_units_anywhere_is_still_counted():
    assert Count({"broa": 0}, {}, {}).units() == {"broa": 0}


async def test_a_customer_repeats_an_unanswered_request_with_its_id_and_remembers_the_order():
    shop = ForgetfulShop()
    customer = Buyer(shop, ["broa", "cafe", "pao", "mel"], seed=1)
    await customer.shop_until(Stop(1))

    assert shop.request_ids[0] == shop.request_ids[1]
    assert customer.log.repeated == 1
    assert list(customer.log.orders) == ["o1"]


def test_the_longest_pause_spans_the_moment_it_is_asked_from():
    assert BuyerLog(answered_at=[1.0, 2.0, 5.0, 5.5]).longest_pause(since=3.0) == 3.0


def test_a_story_tells_what_is_true_and_stops_at_what_is_not():
    voice, output = reporter()
    voice.check(True, "the sun shines", "look up")
    with pytest.raises(CheckFailed, match="it is dry: instead, rain"):
        voice.check(False, "it is dry", instead="rain")
    voice.shown("that there is weather")
    voice.summary()

    assert "the sun shines   [look up]" in output.getvalue()
    assert "2 checks" in output.getvalue()
    assert "\x1b" not in output.getvalue()


async def test_a_program_is_run_as_people_run_it_and_its_failure_is_read():
    ended = await Programs(AddressesOnly()).run(
        ProgramCall("client-portal-1", ("--timeout", "0.2", "order", "list"), "ana")
    )

    assert (ended.code, ended.reason) == (3, "UNAVAILABLE")
    assert dict(ended.document()) == {}


def test_a_command_is_shown_without_addresses_and_with_ids_cut_short():
    call = ProgramCall("broker", ("order", "show", "018f0000-0000-7000-8000-000000000000"), "ana")

    assert call.shown == "quitanda-shop --customer ana order show 018f0000..."
