"""What the shop's staff do in the full-screen interface."""

import pytest
from terminal_shop import staff

from quitanda.domain.commands import (
    AdjustStock,
    CreateCustomer,
    FulfilOrder,
    PlaceOrder,
    UpdateProduct,
)
from quitanda.domain.model import OrderState

pytestmark = pytest.mark.slow


def order_in(portals, state):
    portals.order()
    if state in {OrderState.PLACED, OrderState.FULFILLED}:
        portals.does(PlaceOrder("ana", "o1"), "ana")
    if state is OrderState.FULFILLED:
        portals.does(FulfilOrder("o1"))


async def test_a_product_is_created_changed_and_deleted(portals):
    state = portals.cluster.state
    async with staff(portals) as rui:
        await rui.press("n")
        await rui.sees("New product", "Product id*", "Letters without accents")
        await rui.type("borracha")
        await rui.press("tab")
        await rui.type("Borracha")
        await rui.press("tab", "tab")
        await rui.type("1.20")
        await rui.press("tab", "tab")
        await rui.type("7")
        await rui.press("ctrl+s")
        await rui.sees("Created.", "Borracha")
        assert (state.product("borracha").price, state.product("borracha").quantity) == (120, 7)

        await rui.press("home", "enter")
        await rui.sees("Price: R$1.20")
        await rui.press("e")
        await rui.sees("Description")
        await rui.type("Branca")
        await rui.press("enter")
        await rui.sees("Saved.", "Name: Branca")
        await rui.press("d")
        await rui.sees("Delete Branca? Nobody can bring it back.")
        await rui.press("ctrl+s")
        await rui.sees("Deleted.", "Lápis")

    assert state.product("borracha") is None


async def test_a_price_that_is_none_is_told_with_its_field_and_what_was_typed_stays(portals):
    async with staff(portals) as rui:
        await rui.press("enter")
        await rui.sees("Azul")
        await rui.press("e")
        await rui.sees("Reorder level")
        await rui.press("tab", "tab")
        await rui.type("dear")
        await rui.press("enter")

        await rui.sees("Price is not a number", "dear")
        await rui.press("ctrl+u")
        await rui.type("3")
        await rui.press("enter")
        await rui.sees("Saved.", "R$3.00")


async def test_a_product_that_somebody_else_changed_meanwhile_is_not_overwritten(portals):
    async with staff(portals) as rui:
        await rui.press("enter")
        await rui.sees("Azul")
        await rui.press("e")
        await rui.sees("Reorder level")
        portals.does(UpdateProduct("caneta", price=999))
        await rui.type("Caneta azul")
        await rui.press("enter")

        await rui.sees("Somebody else has changed this", "Price: 9.99", "Caneta azul")
        assert portals.cluster.state.product("caneta").name == "Caneta"


async def test_the_stock_is_adjusted_and_what_runs_low_is_listed(portals):
    async with staff(portals) as rui:
        await rui.sees("10 (low)")
        await rui.press("3")
        await rui.sees("Low stock", "Caneta")
        await rui.press("s")
        await rui.sees("Adjust the stock", "Caneta: 10")
        await rui.type("90")
        await rui.press("enter")
        await rui.sees("The stock is adjusted.", "Nothing runs low.")

        portals.does(AdjustStock("caneta", -95))
        await rui.sees("5 (low)")

    assert portals.cluster.state.product("caneta").quantity == 5


async def test_a_placed_order_is_fulfilled_and_taken_back_into_stock(portals):
    order_in(portals, OrderState.PLACED)
    async with staff(portals) as rui:
        await rui.press("2")
        await rui.sees("ana", "placed")
        await rui.press("enter")
        await rui.sees("Customer: ana", "Fulfil")
        await rui.press("f")
        await rui.sees("Its units leave the shop.")
        await rui.press("enter")
        await rui.sees("The order is fulfilled.", "State: fulfilled", "Take back")
        await rui.press("t")
        await rui.sees("Take all units of the order back?", "Back into stock")
        await rui.press("space", "ctrl+s")
        await rui.sees("The return is recorded.", "State: returned")

    assert portals.cluster.state.product("caneta").quantity == 10


async def test_an_order_is_cancelled_and_its_units_are_back(portals):
    order_in(portals, OrderState.OPEN)
    async with staff(portals) as rui:
        await rui.press("2")
        await rui.sees("open")
        await rui.press("enter")
        await rui.sees("Customer: ana")
        await rui.press("x")
        await rui.sees("Cancel the order, and give its units back?")
        await rui.press("enter")
        await rui.sees("The order is cancelled", "State: cancelled")

    assert portals.cluster.state.product("caneta").quantity == 10


async def test_an_order_that_was_fulfilled_meanwhile_is_not_cancelled(portals):
    order_in(portals, OrderState.PLACED)
    async with staff(portals) as rui:
        await rui.press("2")
        await rui.sees("placed")
        await rui.press("enter")
        await rui.sees("Customer: ana")
        await rui.press("x")
        await rui.sees("give its units back?")
        portals.does(FulfilOrder("o1"))
        await rui.press("enter")
        await rui.sees("is fulfilled, which does not allow this")

    assert portals.cluster.state.closed_order("o1").state == OrderState.FULFILLED


async def test_new_orders_appear_and_are_shown_by_their_state(portals):
    async with staff(portals) as rui:
        await rui.press("2")
        await rui.sees("No orders here.")
        order_in(portals, OrderState.FULFILLED)
        await rui.sees("ana", "fulfilled")
        await rui.press("f")
        await rui.sees("Orders (open)", "No orders here.")


async def test_customers_are_registered_found_changed_and_deleted(portals):
    portals.does(CreateCustomer("caio", "Caio"))
    async with staff(portals) as rui:
        await rui.press("4")
        await rui.sees("Ana", "Caio")
        await rui.press("slash")
        await rui.type("cai")
        await rui.press("enter")
        await rui.sees_no("Ana")
        await rui.press("escape", "n")
        await rui.sees("New customer")
        await rui.type("bia")
        await rui.press("tab")
        await rui.type("Bia")
        await rui.press("enter")
        await rui.sees("Created.", "Bia")
        await rui.press("end", "enter")
        await rui.sees("Name: Caio")
        await rui.press("e")
        await rui.sees("^S Send")
        await rui.type("Caio Prado")
        await rui.press("enter")
        await rui.sees("Saved.", "Name: Caio Prado")
        await rui.press("d")
        await rui.sees("Delete Caio Prado?")
        await rui.press("ctrl+s")
        await rui.sees("Deleted.")

    assert portals.cluster.state.customer("caio") is None
    assert portals.cluster.state.customer("bia").name == "Bia"


async def test_a_customer_who_exists_already_is_refused_and_the_form_stays(portals):
    async with staff(portals) as rui:
        await rui.press("4")
        await rui.sees("Ana")
        await rui.press("n")
        await rui.sees("New customer")
        await rui.type("ana")
        await rui.press("tab")
        await rui.type("Ana")
        await rui.press("enter")

        await rui.sees("already exists", "New customer")


async def test_the_replicas_are_shown_with_who_leads_and_which_is_missing(portals):
    async with staff(portals) as rui:
        await rui.press("5")

        await rui.sees("replica1", "leader", "not reachable", "replica2: connection refused")
