"""Portals that die and come back, seen from every screen of the full-screen interface."""

import pytest
from terminal_shop import customer, staff

from quitanda.domain.commands import AdjustStock, PlaceOrder
from quitanda_clients.i18n.languages import Language

pytestmark = pytest.mark.slow

LOST = {Language.ENGLISH: "No portal answers", Language.PORTUGUESE: "Nenhum portal responde"}
OF_A_CUSTOMER = {"products": "", "my order": "2", "my orders": "3", "a product": "enter", "an order": "3 enter"}
OF_STAFF = {
    "products": "",
    "orders": "2",
    "low stock": "3",
    "customers": "4",
    "cluster": "5",
    "a product": "enter",
    "an order": "2 enter",
    "a customer": "4 enter",
    "a history": "enter h",
}
SCREENS = [
    *(pytest.param(customer, keys, id=f"shop, {name}") for name, keys in OF_A_CUSTOMER.items()),
    *(pytest.param(staff, keys, id=f"office, {name}") for name, keys in OF_STAFF.items()),
]


async def gone_to(user, keys):
    for key in keys.split():
        await user.press(key)
        await user.until(lambda: getattr(user.app.screen, "shown_at", 1) > 0, "what the screen shows")


@pytest.mark.parametrize(("program", "keys"), SCREENS)
async def test_a_screen_says_that_no_portal_answers_keeps_what_it_shows_and_goes_on_by_itself(portals, program, keys):
    portals.order()
    async with program(portals) as user:
        await gone_to(user, keys)
        screen = user.app.screen
        body = {line.strip() for line in user.screen.splitlines()[1:-2] if line.strip()}
        await portals.stop()
        await user.press("r")
        kept = await user.sees("No portal answers; as of")
        assert body <= {line.strip() for line in kept.splitlines()}

        await portals.restart()
        await user.sees_no("No portal answers")
        assert user.app.screen is screen
        portals.does(AdjustStock("caneta", 32))
        await user.press("r")
        await user.sees("As of")


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("program", [customer, staff])
async def test_who_begins_while_no_portal_answers_sees_the_shop_as_soon_as_one_does(portals, program, language):
    await portals.stop()
    async with program(portals, language=language, waits=False) as user:
        await user.sees(LOST[language])
        await portals.restart()
        await user.sees("Caneta")
        await user.sees_no(LOST[language])


async def test_a_dialog_survives_portals_that_die_and_come_back(portals):
    portals.order()
    portals.does(PlaceOrder("ana", "o1"), "ana")
    async with staff(portals) as rui:
        await gone_to(rui, "2 enter")
        await rui.press("f")
        await rui.sees("Its units leave the shop.")
        await portals.stop()
        await rui.press("enter")
        await rui.sees("No portal answers, so nothing happened.")
        await portals.restart()
        await rui.press("enter")
        await rui.sees("The order is fulfilled.")

    assert len({request.request_id for request in portals.cluster.requests}) == 1
