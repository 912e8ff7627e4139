"""What staff do with single units, deadlines and the history in the full-screen interface, in both languages."""

import pytest
from terminal_shop import staff

from quitanda.domain.commands import FulfilOrder, PlaceOrder, UpdateProduct
from quitanda_clients.i18n.languages import Language

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("language", list(Language))]

SAYS = {
    "customer": ("Customer: ana", "Cliente: ana"),
    "cancelled": ("Which units are cancelled?", "Quais unidades são canceladas?"),
    "taken out": ("The units are taken out of the order", "As unidades saíram do pedido"),
    "came back": ("Which units came back?", "Quais unidades voltaram?"),
    "recorded": ("The return is recorded.", "A devolução foi registrada."),
    "given back": ("Given back", "Devolvidas"),
    "until when": ("Until when it is held", "Até quando fica reservado"),
    "example": ("For example 2030", "Por exemplo 2030"),
    "no date": ("Expiry is no date", "data com hora: Validade"),
    "deadline": ("The deadline is changed.", "O prazo foi alterado."),
    "2100": ("Dec 31, 2100", "31 de dez. de 2100"),
    "product changed": ("product changed", "produto alterado"),
    "name": ("Name: Caneta → Caneta azul", "Nome: Caneta → Caneta azul"),
}


@pytest.fixture
def says(language):
    return lambda name: SAYS[name][list(Language).index(language)]


def ordered(portals, *moves):
    portals.order(("caneta", 3))
    for move in moves:
        portals.does(move, "ana" if isinstance(move, PlaceOrder) else "")


async def open_order(rui, says):
    await rui.press("2")
    await rui.sees("ana", "o1")
    await rui.press("enter")
    await rui.sees(says("customer"), "Caneta")


async def test_single_units_of_a_placed_order_are_cancelled(portals, language, says):
    ordered(portals, PlaceOrder("ana", "o1"))
    async with staff(portals, language) as rui:
        await open_order(rui, says)
        await rui.press("enter")
        await rui.sees(says("cancelled"), "Caneta: 3")
        await rui.press("ctrl+u", "1", "enter")
        await rui.sees(says("taken out"))

    assert portals.cluster.state.product("caneta").quantity == 8


async def test_single_units_of_a_fulfilled_order_are_taken_back_into_stock(portals, language, says):
    ordered(portals, PlaceOrder("ana", "o1"), FulfilOrder("o1"))
    async with staff(portals, language) as rui:
        await open_order(rui, says)
        assert says("given back") not in rui.screen
        await rui.press("enter")
        await rui.sees(says("came back"), "Caneta: 3")
        await rui.press("ctrl+u", "2", "tab", "space", "ctrl+s")
        await rui.sees(says("recorded"), says("given back"))

    assert portals.cluster.state.product("caneta").quantity == 9


async def test_the_deadline_of_an_order_is_set_as_people_write_a_time(portals, language, says):
    ordered(portals)
    async with staff(portals, language) as rui:
        await open_order(rui, says)
        await rui.press("d")
        await rui.sees(says("until when"), says("example"), "(UTC)")
        await rui.type("tomorrow")
        await rui.press("enter")
        await rui.sees(says("no date"), "tomorrow")
        await rui.press("ctrl+u")
        await rui.type("2100-12-31 18:00")
        await rui.press("enter")
        await rui.sees(says("deadline"), says("2100"))

    assert portals.cluster.state.order("o1").expires_at_ms == 4_133_959_200_000


async def test_the_history_tells_what_was_changed_and_grows_while_it_is_shown(portals, language, says):
    async with staff(portals, language) as rui:
        await rui.press("enter")
        await rui.sees("Azul")
        await rui.press("h")
        await rui.sees("caneta")
        portals.does(UpdateProduct("caneta", name="Caneta azul"))
        await rui.sees(says("product changed"))
        await rui.press("home", "enter")
        await rui.sees(says("name"))
