"""The full-screen interface in windows of all kinds: small, without colours, without Unicode, in both languages."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from terminal_screens import PICTURE, PROGRAMS, SIZES, file_of, picture, screens
from terminal_shop import customer, portals_in_memory, staff, texts

import quitanda_clients
from quitanda.domain.commands import UpdateProduct
from quitanda_clients.i18n import catalogue
from quitanda_clients.i18n.languages import Language
from quitanda_clients.terminal.ascii_filter import ascii_text, shows_ascii_alone
from quitanda_clients.terminal.rows import RowColumn, fitting, line, without_middle

pytestmark = pytest.mark.slow

SAID_BY_THE_SYSTEM = "connection refused"
"""Why a portal does not reach a replica is told in the words of the system."""
SOURCE = Path(quitanda_clients.__file__).parent / "terminal"


def catalog(name):
    with (catalogue.FOLDER / name).open("rb") as file:
        return {message.id: message.string for message in read_po(file, locale="pt_BR") if message.id}


def test_every_text_is_translated_and_the_catalogue_has_no_others():
    keywords = {"N_": None, "gettext": None}
    source = {found for _, _, found, _, _ in extract_from_dir(SOURCE, [("**.py", "python")], keywords=keywords)}
    own, shared = catalog("terminal.pt_BR.po"), catalog("pt_BR.po")

    assert source - own.keys() - shared.keys() == set()
    assert own.keys() - source == set()
    assert own.keys() & shared.keys() == set()
    for text, translated in own.items():
        assert translated, text
        assert set(re.findall(r"\{[a-z_]+", text)) == set(re.findall(r"\{[a-z_]+", translated)), text


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("program", PROGRAMS)
async def test_the_main_screens_look_as_they_did_and_speak_one_language(program, language, size):
    pairs = catalog("terminal.pt_BR.po") | {
        text: translated for text, translated in catalog("pt_BR.po").items() if isinstance(text, str)
    }
    texts = pairs.values() if language is Language.ENGLISH else pairs.keys()
    own = set(pairs.keys() if language is Language.ENGLISH else pairs.values())
    others = {text for text in texts if len(text) > 3 and "{" not in text and text not in own}
    words = re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in sorted(others)))

    async for name, text in screens(program, language, size):
        assert text == file_of(program, name, language, size).read_text(), name
        assert words.findall(text.replace(SAID_BY_THE_SYSTEM, "")) == [], name
        assert all(len(line) <= size[0] for line in text.splitlines()), name


async def test_the_picture_of_the_shop_shows_it_as_it_is():
    """It showed an old layout: nothing had told that it was to be made anew."""
    assert await picture() == PICTURE.read_text()


async def test_a_window_can_change_its_size_at_any_moment():
    async with portals_in_memory() as portals, customer(portals) as ana:
        await ana.sees("Caneta", "Product id", "1 Products")
        await ana.pilot.resize_terminal(40, 10)
        await ana.sees_no("Product id")
        assert "Caneta" in ana.screen
        await ana.press("a")
        await ana.pilot.resize_terminal(20, 5)
        await ana.pilot.resize_terminal(120, 40)
        await ana.sees("How many units of Caneta")
        await ana.press("escape")
        await ana.sees("Product id", "1 Products")


async def test_an_order_can_be_placed_in_a_window_of_40_by_10():
    async with portals_in_memory() as portals, customer(portals, size=(40, 10)) as ana:
        await ana.press("plus")
        await ana.sees("Your order is changed.")
        await ana.press("2")
        await ana.sees("State: open")
        await ana.press("p", "enter")
        await ana.sees("Your order is placed.")


async def test_what_is_said_is_read_to_its_end_in_a_window_of_40_by_10():
    """Half of the window was filled, and the rest was cut off without a sign: what somebody else had changed."""
    async with portals_in_memory() as portals, staff(portals, size=(40, 10)) as rui:
        await rui.press("enter")
        await rui.sees("Azul")
        await rui.press("e")
        await rui.sees("^S Send")
        portals.does(UpdateProduct("caneta", name="Lapiseira", price=999, reorder_level=3))
        await rui.press("enter")
        await rui.sees("Somebody else has changed this", "F1 shows all")
        await rui.press("f1")
        await rui.press("pagedown")
        await rui.sees("Price: 9.99", "Reorder level: 3")
        await rui.press("escape")
        await rui.sees("F1 shows all")
        await rui.pilot.resize_terminal(80, 24)
        await rui.sees("Somebody else has changed this", "Price: 9.99", "Reorder level: 3")


async def test_a_form_that_is_longer_than_the_window_is_scrolled_to_the_field():
    async with portals_in_memory() as portals, staff(portals, size=(40, 10)) as rui:
        await rui.press("n")
        await rui.sees("Product id")
        await rui.press("tab", "tab", "tab", "tab", "tab")
        await rui.sees("Quantity")


async def test_a_terminal_without_unicode_is_shown_ascii_alone():
    async with (
        portals_in_memory() as portals,
        customer(portals, language=Language.PORTUGUESE, ascii_alone=True) as ana,
    ):
        assert (await ana.sees("Lapis", "Preco")).isascii()
        await ana.press("a")
        assert (await ana.sees("unidades de Caneta")).isascii()


async def test_without_colours_the_cursor_is_seen_and_no_colour_is_written(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with portals_in_memory() as portals, customer(portals) as ana:
        segments = [segment for strip in ana.app.screen._compositor.render_strips() for segment in strip]

    styles = [segment.style for segment in segments if segment.style]
    assert {style.color.name for style in styles if style.color} <= {"default"}
    assert {style.bgcolor.name for style in styles if style.bgcolor} <= {"default"}
    marked = [segment.text for segment in segments if segment.style.bold and segment.style.underline]
    assert any("Caneta" in text for text in marked)


async def test_whether_a_box_is_ticked_is_told_by_its_sign():
    async with portals_in_memory() as portals, staff(portals) as rui:
        await rui.press("enter")
        await rui.sees("Azul")
        await rui.press("d")
        await rui.sees("[ ] Also from open orders")
        await rui.press("space")
        await rui.sees("[X] Also from open orders")


@pytest.mark.parametrize(
    ("environment", "encoding", "ascii_alone"),
    [
        ({}, "utf-8", False),
        ({"LANG": "pt_BR.UTF-8"}, "utf-8", False),
        ({"LANG": "pt_BR"}, "utf-8", False),
        ({"LC_ALL": "C", "LANG": "pt_BR.UTF-8"}, "utf-8", True),
        ({"LC_CTYPE": "POSIX"}, "utf-8", True),
        ({"LANG": "pt_BR.ISO-8859-1"}, "utf-8", True),
        ({"LANG": "C.UTF-8"}, "utf-8", False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "utf-8", True),
        ({"LC_CTYPE": "C.UTF-8"}, "utf-8", False),
        ({"LANG": "C", "LC_CTYPE": "pt_BR.UTF-8"}, "utf-8", False),
        ({}, "ascii", True),
        ({}, None, True),
    ],
)
def test_whether_a_terminal_shows_unicode_is_told_by_its_locale(environment, encoding, ascii_alone):
    assert shows_ascii_alone(environment, encoding) is ascii_alone


def test_ids_that_begin_alike_are_told_apart_where_they_are_cut():
    ids = [f"018bcfe5-6800-7000-8000-0000000000{end}" for end in ("a1", "b2")]
    columns = fitting([RowColumn("Order", str, is_id=True)], 13)

    assert [line([each], columns) for each in ids] == ["018bcf…0000a1", "018bcf…0000b2"]
    assert [without_middle("018bcfe5", width) for width in (8, 4, 2, 1, 0)] == ["018bcfe5", "0…e5", "…5", "…", "…"]


def test_a_time_in_a_list_has_its_zone_in_every_language():
    begun = [texts(language).formats.minute(1_700_000_000_000) for language in Language]

    assert [text.replace("\N{NARROW NO-BREAK SPACE}", " ") for text in begun] == [
        "Nov 14, 2023 10:13 PM UTC",
        "14 de nov. de 2023 22:13 UTC",
    ]
    assert texts().formats.minute(0) == ""


def test_every_sign_has_an_ascii_likeness_of_its_width():
    assert ascii_text("ação \N{EN DASH} “Lápis” … 日") == 'acao - "Lapis" . ??'
