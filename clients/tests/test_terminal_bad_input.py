"""What may reach the full-screen interface, and does no harm: pastes, signs of all widths, keys at the wrong moment."""

import pytest
from rich.cells import cell_len
from terminal_shop import customer, customer_at_order, staff

from quitanda.domain.commands import CreateProduct
from quitanda.domain.model import OrderState
from quitanda_clients.cli.streams import is_printable
from quitanda_clients.i18n.languages import Language
from quitanda_clients.terminal.change_view import ChangeView

pytestmark = pytest.mark.slow

PASTED = "0123456789" * 1_000
COMMANDS = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\t\x7f\x00"
NAMES = {
    "cjk": "日本語のノート、赤い表紙、百二十ページ、とても長い名前",
    "combining": "Cafe\u0301 a\u0303o\u0308u\u0323 " + "e\u0301" * 40,
    "emoji": "👩‍👩‍👧‍👦 🇧🇷 ☕️ 👍🏽",
    "rtl": "قلم أزرق",
}


def shown(user):
    return [line.rstrip() for line in user.screen.splitlines()]


async def test_a_paste_of_10_kb_into_a_search_is_refused_with_the_reason_and_the_list_comes_back(portals):
    async with customer(portals) as ana:
        await ana.press("slash")
        await ana.paste(PASTED)
        await ana.press("enter")
        await ana.sees("is too long")
        await ana.press("escape")
        await ana.sees("Caneta", "Lápis")


async def test_a_paste_of_10_kb_into_the_fields_of_a_product_is_not_taken_or_refused_by_its_field(portals):
    async with staff(portals) as rui:
        await rui.press("n")
        await rui.sees("Product id*")
        await rui.paste("x" + PASTED)
        assert "x012" not in await rui.sees(
            "Product id: at most 64 characters. What you typed or pasted last was left out"
        )
        await rui.type("borracha")
        await rui.press("tab")
        await rui.paste(PASTED)
        await rui.type("Borracha")
        await rui.press("tab")
        await rui.paste(PASTED)
        await rui.press("tab")
        await rui.paste(PASTED)
        await rui.type("1.20")
        await rui.press("tab", "tab")
        await rui.type("7")
        await rui.press("ctrl+s")
        await rui.sees("Description is too long")

    assert portals.cluster.state.product("borracha") is None


async def test_an_id_that_nobody_can_have_is_refused_where_it_is_typed(portals):
    async with customer(portals, "") as user:
        await user.sees("Customer id")
        await user.press("enter")
        await user.sees("is missing")
        await user.paste("ana maria")
        await user.press("enter")
        await user.sees("Customer id has a character that is not allowed")
        await user.press("ctrl+u")
        await user.type("ana")
        await user.press("enter")
        await user.sees("Caneta", "Quitanda · ana")


async def test_of_a_paste_of_several_lines_the_first_is_taken_and_that_is_said(portals):
    async with customer(portals, "") as user:
        await user.sees("Customer id")
        await user.paste("ana\nbia\n")
        await user.sees("Customer id: one line. Of what you pasted only the first line was taken.", "\nana")
        await user.press("enter")
        await user.sees("Caneta", "Quitanda · ana")


async def test_a_paste_that_is_longer_than_its_field_says_so_in_a_small_window_too(portals):
    """It was dropped, and only a bell rang."""
    async with staff(portals, size=(40, 10), language=Language.PORTUGUESE) as rui:
        await rui.press("4", "n")
        await rui.sees("Código do cliente*")
        await rui.paste(PASTED)
        await rui.sees("no máximo 64", "ficou de fora")
        await rui.type("bia")
        await rui.sees("\nbia")


async def test_a_paste_where_nothing_is_typed_does_nothing(portals):
    async with customer(portals) as ana:
        await ana.paste("q\np\n\n\x03")
        await ana.sees("Caneta")
        assert ana.app.return_value is None


@pytest.mark.parametrize("size", [(80, 24), (40, 10)], ids=str)
async def test_no_sign_that_commands_the_terminal_is_shown_in_a_field(portals, size):
    portals.does(CreateProduct("zz", "\u202egnp.exe \u2066x", price=1, quantity=1, description="\u202e\u2066x"))
    async with staff(portals, size=size) as rui:
        await rui.press("end", "enter")
        await rui.sees("gnp.exe")
        await rui.press("e")
        await rui.sees("^S Send", "gnp.exe")
        assert is_printable(rui.screen)
        await rui.press("ctrl+u")
        await rui.paste(COMMANDS)
        await rui.sees("gnp.exe")
        assert is_printable(rui.screen)
        await rui.press("ctrl+s")
        await rui.sees("control character")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("size", [(80, 24), (40, 10)], ids=str)
async def test_names_with_signs_of_any_width_keep_the_columns_in_their_places(portals, size, name):
    portals.does(CreateProduct("zz", name, price=123_456, quantity=7))
    portals.order(("zz", 2))
    async with customer(portals, size=size) as ana:
        await ana.sees("R$1,234.56")
        rows = [line for line in shown(ana) if "R$" in line]
        assert {cell_len(row[: row.index("R$") + len("R$")]) for row in rows if "1,234.56" in row} <= {
            cell_len(row[: row.index("R$")]) - 4 + len("R$") for row in rows if "R$2.50" in row
        }
        assert all(cell_len(line) <= size[0] for line in shown(ana))
        await ana.press("end", "a")
        await ana.sees("How many units")
        await ana.press("escape", "2")
        await ana.sees("State: open")
        assert all(cell_len(line) <= size[0] for line in shown(ana))


async def test_a_name_of_signs_without_width_can_be_changed(portals):
    async with staff(portals) as rui:
        await rui.press("enter")
        await rui.sees("Azul")
        await rui.press("e")
        await rui.sees("^S Send")
        await rui.press("ctrl+u")
        await rui.paste("日本語 e\u0301")
        await rui.press("left", "left", "backspace", "enter")
        await rui.sees("Saved.")

    assert portals.cluster.state.product("caneta").name != "Caneta"


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (10, 3), (40, 5)], ids=str)
async def test_a_window_that_is_too_small_for_anything_ends_nothing(portals, size):
    async with staff(portals) as rui:
        for keys in ((), ("enter",), ("e",), ("escape", "escape", "n"), ("escape", "question_mark"), ("escape", "5")):
            await rui.press(*keys)
            await rui.pilot.resize_terminal(*size)
            await rui.pilot.resize_terminal(80, 24)
        await rui.sees("replica1", "leader")


async def test_a_dialog_is_whole_again_after_the_window_was_small(portals):
    async with customer_at_order(portals) as ana:
        await ana.press("p")
        await ana.sees("Place the order for R$5.00?")
        await ana.pilot.resize_terminal(40, 10)
        await ana.sees("Place the order", "Enter Yes")
        await ana.pilot.resize_terminal(120, 30)
        await ana.sees("Place the order for R$5.00? Then only the shop can change it.")
        await ana.press("enter")
        await ana.sees("Your order is placed.")


async def test_no_key_leaves_a_change_that_is_being_sent(portals):
    """The list of keys could be opened over it, and from there a first screen: nobody heard what became of it."""
    async with customer_at_order(portals) as ana:
        await ana.press("p")
        await ana.sees("Place the order")
        portals.cluster.hold()
        await ana.press("enter")
        await ana.sees("Sending")
        await ana.press("question_mark", "1", "u", "3", "enter", "escape")
        await ana.sees("An answer is awaited")
        assert isinstance(ana.app.screen, ChangeView)
        portals.cluster.release()
        await ana.sees("Your order is placed.")

    assert len(portals.cluster.requests) == 1


async def test_the_keys_of_a_question_can_be_listed_and_lead_nowhere_else(portals):
    async with customer_at_order(portals) as ana:
        await ana.press("p")
        await ana.sees("Place the order")
        await ana.press("question_mark")
        await ana.sees("Leave at once")
        await ana.press("1", "escape")
        await ana.sees("Place the order for R$5.00?")
        await ana.press("escape")
        await ana.sees("State: open")


async def test_a_question_that_comes_after_somebody_has_gone_elsewhere_is_not_asked(portals):
    """Enter, meant for the list of products, placed the order."""
    async with customer_at_order(portals) as ana:
        portals.cluster.hold()
        await ana.press("r", "p", "1")
        await ana.until(lambda: portals.cluster.waiting > 0, "a read")
        portals.cluster.release()
        await ana.sees("Product id", "Caneta")
        await ana.until(lambda: not [each for each in ana.app.workers if each.group == "prepare"], "what was asked for")
        await ana.press("enter")
        await ana.sees("Description: Azul")

    assert portals.cluster.state.order("o1").state == OrderState.OPEN


async def test_ctrl_c_while_a_change_is_sent_says_at_the_end_which_one_it_was(portals):
    async with customer(portals) as ana:
        await ana.press("a")
        await ana.sees("How many")
        portals.cluster.hold()
        await ana.press("enter")
        await ana.sees("Sending")
        await ana.press("ctrl+c")
        sent = [request.request_id for request in portals.cluster.requests]
        portals.cluster.release()

    assert ana.app.return_value == 130
    assert [each.request_id for each in ana.app.unknown] == sent


@pytest.mark.parametrize("keys", ["slash", "n", "enter e", "s", "question_mark", "2", "enter h", "enter d"])
async def test_ctrl_c_ends_it_from_every_kind_of_screen(portals, keys):
    async with staff(portals) as rui:
        for key in keys.split():
            await rui.press(key)
            await rui.pilot.pause()
        await rui.press("ctrl+c")

    assert rui.app.return_value == 130
    assert rui.app.unknown == []
