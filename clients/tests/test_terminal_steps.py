"""Keys that change an order at once: all of them count, in their order, however quickly they are pressed."""

import pytest
from terminal_shop import customer, customer_at_order

from quitanda.domain.commands import CancelOrder, DeleteProduct
from quitanda.domain.model import OrderState
from quitanda_clients.terminal.change_view import ChangeView
from quitanda_clients.terminal.steps import Step, StepQueue

pytestmark = pytest.mark.slow


@pytest.fixture
def order(portals):
    """An open order of ana, with two pens."""
    portals.order()
    return lambda: {item.product_id: item.quantity for item in portals.cluster.state.order("o1").items}


async def nothing(_by):
    return None


def test_steps_of_one_subject_and_direction_are_one_change_and_others_keep_their_order():
    queue = StepQueue()
    for subject, by in (("pen", 1), ("pen", 1), ("pen", -1), ("tea", -1), ("tea", -1), ("pen", 1)):
        queue.add(Step((subject,), by, nothing))

    begun = [queue.begin() for _ in range(5)]
    assert [(step.subject[0], step.by) for step in begun if step] == [("pen", 2), ("pen", -1), ("tea", -2), ("pen", 1)]
    assert not queue.drop()


@pytest.mark.usefixtures("order")
@pytest.mark.parametrize("screen", ["1", "1 enter", "2"], ids=["products", "product", "order"])
async def test_keys_that_are_pressed_quickly_all_count(portals, order, screen):
    """The second one was lost: it ended the first one's look at the order, or met the screen that sent it."""
    async with customer(portals) as ana:
        await ana.press(*screen.split())
        await ana.sees("State: open" if screen == "2" else "Azul" if "enter" in screen else "Caneta")
        await ana.press("plus", "plus", "plus", "minus")
        await ana.until(lambda: order() == {"caneta": 4}, "four pens")
        await ana.sees("Your order is changed.")


async def test_keys_that_are_pressed_while_a_change_is_sent_are_made_after_it(portals, order):
    async with customer_at_order(portals) as ana:
        portals.cluster.hold_writes()
        await ana.press("plus")
        await ana.sees("Sending")
        await ana.press("plus", "plus", "delete", "plus")
        portals.cluster.release()
        await ana.until(lambda: order() == {"caneta": 1}, "one pen")

    assert len({request.request_id for request in portals.cluster.requests}) == 4


async def test_a_key_counts_though_another_screen_is_opened_at_once(portals, order):
    async with customer(portals) as ana:
        await ana.press("plus", "2")
        await ana.until(lambda: order() == {"caneta": 3}, "three pens")
        await ana.sees("My order", "R$7.50")


async def test_a_question_after_a_key_is_asked_of_what_the_key_has_changed(portals, order):
    async with customer_at_order(portals) as ana:
        await ana.press("plus", "plus", "p")
        await ana.sees("Place the order for R$10.00?")
        await ana.press("enter")
        await ana.sees("Your order is placed.")

    assert portals.cluster.state.order("o1").state == OrderState.PLACED
    assert order() == {"caneta": 4}


@pytest.mark.usefixtures("order")
async def test_a_key_that_is_refused_says_why_and_the_keys_after_it_do_not_count(portals):
    async with customer_at_order(portals) as ana:
        portals.cluster.hold_writes()
        await ana.press("plus")
        await ana.sees("Sending")
        await ana.press("plus", "minus")
        portals.does(CancelOrder("ana", "o1"), "ana")
        portals.cluster.release()
        await ana.sees("The keys that you pressed after it do not count.")
        assert isinstance(ana.app.screen, ChangeView)

    assert portals.cluster.state.closed_order("o1").state == OrderState.CANCELLED


async def test_a_key_that_asks_for_more_than_there_is_shows_the_number_and_the_reason(portals):
    portals.order(("caneta", 10))
    async with customer(portals) as ana:
        await ana.press("plus")
        await ana.sees("How many units of Caneta", "\n11", "you asked for 11")
        await ana.press("escape")
        await ana.sees("Lápis")


async def test_a_key_for_a_product_that_is_gone_is_refused_with_the_reason(portals):
    async with customer(portals) as ana:
        portals.cluster.does(DeleteProduct("caneta", cascade=True))
        await ana.press("plus")
        await ana.sees("There is no product caneta")


async def test_to_quit_waits_for_the_keys_before_it_and_ctrl_c_does_not(portals, order):
    async with customer(portals) as ana:
        portals.cluster.hold_writes()
        await ana.press("plus")
        await ana.sees("Sending")
        await ana.press("plus", "q")
        assert ana.app.return_value is None
        portals.cluster.release()
        await ana.until(lambda: ana.app.return_value == 0, "the end")
    assert order() == {"caneta": 4}

    async with customer(portals) as ana:
        portals.cluster.hold_writes()
        await ana.press("plus")
        await ana.sees("Sending")
        await ana.press("ctrl+c")
        sent = [request.request_id for request in portals.cluster.requests]
        portals.cluster.release()
    assert ana.app.return_value == 130
    assert [each.request_id for each in ana.app.unknown] == sent[-1:]


async def test_a_key_whose_outcome_is_unknown_can_be_repeated_with_its_id(portals, order):
    async with customer(portals, timeout=2.0) as ana:
        await ana.press("2")
        await ana.sees("State: open")
        portals.cluster.hold_writes()
        await ana.press("plus")
        await ana.sees("may or may not have been made", "Repeat")
        portals.cluster.release()
        await ana.press("ctrl+r")
        await ana.sees("Your order is changed.")

    assert order() == {"caneta": 3}
    assert len({request.request_id for request in portals.cluster.requests}) == 1
