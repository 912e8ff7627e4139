"""What a customer does in the full-screen interface."""

import pytest
from terminal_shop import customer

from quitanda.domain.commands import AdjustStock, CreateProduct, ItemQuantity, SetOrderItems
from quitanda.domain.model import OrderState

pytestmark = pytest.mark.slow

EVIL = "\u202egnp.exe \u2066x"
UNSAFE = set("\u202e\u2066")


def orders(portals):
    return [*portals.cluster.state.orders(), *portals.cluster.state.closed_orders()]


async def test_a_customer_browses_searches_and_sees_stock_and_prices(portals):
    portals.does(AdjustStock("lapis", -5))
    async with customer(portals) as ana:
        shown = await ana.sees("Caneta", "Lápis")
        assert "R$2.50" in shown
        assert "sold out" in shown

        await ana.press("slash")
        await ana.type("LAP")
        await ana.press("enter")
        await ana.sees_no("Caneta")
        await ana.press("escape")
        await ana.sees("Caneta")
        await ana.press("f")
        await ana.sees_no("Lápis")


async def test_what_is_not_found_says_so_and_how_to_see_all(portals):
    async with customer(portals) as ana:
        await ana.press("slash")
        await ana.type("nothing")
        await ana.press("enter")

        await ana.sees("Nothing found. Esc shows all.")
        await ana.press("escape")
        await ana.sees("Caneta")


async def test_stock_and_prices_change_on_the_screen_without_a_key(portals):
    async with customer(portals) as ana:
        await ana.sees("Caneta", "10")

        portals.does(AdjustStock("caneta", 32))
        await ana.sees("42")
        portals.does(CreateProduct("borracha", "Borracha", price=99, quantity=3))
        await ana.sees("Borracha")


async def test_a_product_is_shown_with_its_description(portals):
    async with customer(portals) as ana:
        await ana.press("enter")
        await ana.sees("Description: Azul", "Stock: 10")

        portals.does(AdjustStock("caneta", -1))
        await ana.sees("Stock: 9")
        await ana.press("escape")
        await ana.sees("Lápis")


async def test_an_order_is_begun_changed_placed_and_listed(portals):
    async with customer(portals) as ana:
        await ana.press("a")
        await ana.sees("How many units of Caneta")
        await ana.type("10")
        await ana.press("enter")
        await ana.sees("Your order is changed.")
        await ana.press("2")
        await ana.sees("My order", "R$25.00", "State: open")
        await ana.press("minus")
        await ana.sees("Your order is changed.", "R$22.50")
        await ana.press("p")
        await ana.sees("Place the order for R$22.50?")
        await ana.press("enter")
        await ana.sees("Your order is placed.", "No order is open.")
        await ana.press("3")
        await ana.sees("placed", "R$22.50")
        await ana.press("enter")
        await ana.sees("State: placed", "Caneta")

    assert [order.state for order in orders(portals)] == [OrderState.PLACED]
    assert portals.cluster.state.product("caneta").quantity == 1


async def test_a_line_is_taken_out_and_a_cancelled_order_gives_its_units_back(portals):
    portals.order(("caneta", 2), ("lapis", 1))
    async with customer(portals) as ana:
        await ana.press("2")
        await ana.sees("Caneta", "Lápis")
        await ana.press("delete")
        await ana.sees("Your order is changed.")
        assert [item.product_id for item in portals.cluster.state.order("o1").items] == ["lapis"]
        await ana.press("x")
        await ana.sees("Cancel the order, and give its units back?")
        await ana.press("enter")
        await ana.sees("The order is cancelled")

    assert portals.cluster.state.product("lapis").quantity == 5


async def test_more_than_there_are_is_refused_and_what_was_typed_stays(portals):
    async with customer(portals) as ana:
        await ana.press("a")
        await ana.sees("How many")
        await ana.type("11")
        await ana.press("enter")

        await ana.sees("you asked for 11")
        assert "\n11" in ana.screen
        await ana.type("10")
        await ana.press("enter")
        await ana.sees("Your order is changed.")


async def test_what_is_no_number_is_told_with_the_name_of_the_field(portals):
    async with customer(portals) as ana:
        await ana.press("a")
        await ana.sees("How many")
        await ana.type("x")
        await ana.press("enter")

        await ana.sees("Quantity is not a number")
        assert orders(portals) == []


async def test_a_change_whose_answer_was_lost_is_repeated_with_the_same_id_and_has_one_effect(portals):
    async with customer(portals) as ana:
        portals.cluster.lose_next_answer()
        await ana.press("plus")
        await ana.sees("Your order is changed.")

    assert len({request.request_id for request in portals.cluster.requests}) == 1
    assert [item.quantity for order in orders(portals) for item in order.items] == [1]


async def test_an_unknown_change_says_so_and_can_be_repeated_later(portals):
    async with customer(portals, timeout=2.0) as ana:
        await ana.press("a")
        await ana.sees("How many")
        portals.cluster.hold()
        await ana.press("enter")
        await ana.sees("may or may not have been made", "Repeat")
        sent = {request.request_id for request in portals.cluster.requests}
        await ana.press("escape")
        await ana.sees("A change is not known to be made: u")
        portals.cluster.release()

        await ana.press("u")
        await ana.sees("may or may not have been made")
        await ana.press("ctrl+r")
        await ana.sees("Your order is changed.")
        assert ana.app.unknown == []

    assert {request.request_id for request in portals.cluster.requests} == sent
    assert [item.quantity for order in orders(portals) for item in order.items] == [1]


async def test_a_change_by_another_is_shown_and_not_overwritten(portals):
    portals.order()
    async with customer(portals) as ana:
        await ana.press("2")
        await ana.sees("R$5.00")
        await ana.press("enter")
        await ana.sees("How many")
        portals.does(SetOrderItems("ana", "o1", (ItemQuantity("caneta", 5),)), "ana")
        await ana.press("backspace")
        await ana.type("3")
        await ana.press("enter")

        await ana.sees("Somebody else has changed this", "It is now:", "Quantity: 5")
        assert portals.cluster.state.order("o1").items[0].quantity == 5
        await ana.press("enter")
        await ana.sees("Your order is changed.")

    assert portals.cluster.state.order("o1").items[0].quantity == 3


async def test_orders_are_shown_by_their_state(portals):
    portals.order()
    async with customer(portals) as ana:
        await ana.press("3")
        await ana.sees("o1", "Orders")
        await ana.press("f")
        await ana.sees("Orders (open)", "o1")
        await ana.press("f")
        await ana.sees("Orders (placed)", "No orders here.")


async def test_who_has_not_said_who_she_is_is_asked(portals):
    async with customer(portals, "") as user:
        await user.sees("Customer id", "QUITANDA_TOKEN")
        await user.type("ana")
        await user.press("enter")

        await user.sees("Caneta", "Quitanda · ana")


async def test_while_no_portal_answers_it_says_so_and_goes_on_by_itself(portals):
    async with customer(portals) as ana:
        await ana.sees("Caneta", "As of")
        await portals.stop()
        await ana.press("r")
        shown = await ana.sees("No portal answers; as of")
        assert "Caneta" in shown

        await portals.restart()
        await ana.sees_no("No portal answers")
        portals.does(AdjustStock("caneta", 32))
        await ana.sees("42")


async def test_a_change_without_a_portal_did_not_happen_and_can_be_sent_again(portals):
    async with customer(portals) as ana:
        await ana.press("a")
        await ana.sees("How many")
        await portals.stop()
        await ana.press("enter")
        await ana.sees("No portal answers, so nothing happened.")

        await portals.restart()
        await ana.press("enter")
        await ana.sees("Your order is changed.")


async def test_nothing_that_a_product_says_commands_the_terminal(portals):
    portals.does(CreateProduct("zz", EVIL, price=1, quantity=1, description=EVIL + "[bold]x[/bold]"))
    async with customer(portals) as ana:
        shown = await ana.sees("gnp.exe")
        assert UNSAFE & set(shown) == set()
        await ana.press("end", "enter")
        shown = await ana.sees("Description", "[bold]x[/bold]")
        assert UNSAFE & set(shown) == set()
        await ana.press("a")
        shown = await ana.sees("How many")
        assert UNSAFE & set(shown) == set()


async def test_a_long_list_is_fetched_as_it_is_read(portals):
    for number in range(150):
        portals.cluster.does(CreateProduct(f"p{number:03}", f"Number {number}", price=1, quantity=1))
    async with customer(portals) as ana:
        await ana.press("end")
        await ana.until(lambda: len(ana.app.screen.rows) == 152)
        await ana.press("end")
        await ana.sees("Number 149")


async def test_every_key_is_listed(portals):
    async with customer(portals) as ana:
        await ana.press("question_mark")

        await ana.sees("One more", "In stock only", "Leave at once", "My orders")
        await ana.press("escape")
        await ana.sees("Caneta")


async def test_ctrl_c_ends_it_anywhere_and_q_where_nothing_is_typed(portals):
    async with customer(portals) as ana:
        await ana.press("slash", "q")
        assert ana.app.return_value is None
        await ana.press("ctrl+c")
    assert ana.app.return_value == 130

    async with customer(portals) as ana:
        await ana.press("q")
    assert ana.app.return_value == 0
