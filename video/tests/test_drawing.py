"""A recording as HTML and as an animated picture."""

import re
import xml.etree.ElementTree as ET

import pytest

from video.animation import draw_animation
from video.cast import Cast, CastEvent
from video.chapters import ChapterFailed
from video.exercise import Words
from video.screens import Run, Screen, Style, screens
from video.stage import page, terminal, title
from video.terminal_svg import animated_svg

SVG = "{http://www.w3.org/2000/svg}"
ONE, TWO = (Run(0, "one", Style()),), (Run(2, 'a < "b"', Style("green", bold=True)),)
SCREENS = [Screen(1.0, (ONE, ())), Screen(2.0, (ONE, TWO)), Screen(1.0, (TWO, ()))]
SAID = Words("Nothing <lost>", "Nada perdido")


def parsed():
    return ET.fromstring(animated_svg(SCREENS, 20, "A < demo"))


def test_the_picture_has_a_title_and_draws_each_row_once():
    picture = parsed()

    assert picture.find(f"{SVG}title").text == "A < demo"
    assert picture.get("aria-label") == "A < demo"
    assert [text.text for text in picture.iter(f"{SVG}text")] == ["one", 'a < "b"']
    assert len(list(picture.iter(f"{SVG}use"))) == 4


def test_each_screen_has_its_time_and_the_last_one_is_shown_where_nothing_may_move():
    sheet = parsed().find(f"{SVG}style").text

    assert "animation:s 4.0s step-end infinite" in sheet
    assert re.findall(r"([\d.]+)%\{transform", sheet) == ["0.000", "25.000", "75.000", "100"]
    still = sheet.partition("prefers-reduced-motion:reduce")[2]
    assert f"translateY({-2 * 2 * 18}px)" in still


def test_the_picture_loads_nothing_and_runs_nothing():
    drawn = animated_svg(SCREENS, 20, "A demo")

    assert re.findall(r"(?:https?:)?//[^\"'< ]+", drawn) == ["http://www.w3.org/2000/svg"]
    assert "<script" not in drawn
    assert re.findall(r'href="(.)', drawn) == ["#"] * 4


def test_a_picture_too_large_for_a_page_is_not_written(tmp_path):
    cast = Cast("a test", 20, 3, (CastEvent(0.0, "one"), CastEvent(1.0, "two")))

    with pytest.raises(ChapterFailed, match="at most 500"):
        draw_animation(cast, tmp_path / "demo.svg", bytes_max=500)
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_is_drawn_with_its_columns_and_colours_and_what_it_shows():
    html = terminal(SCREENS[1], SAID)

    assert 'one\n  <span style="color:#5fd38d;font-weight:bold">a &lt; &quot;b&quot;</span>' in html
    assert "Nothing &lt;lost&gt;" in html
    assert "Nada perdido" in html


def test_rows_of_a_recording_keep_their_places():
    [screen] = screens(Cast("a test", 20, 1, (CastEvent(0.0, "a   \x1b[31mb\x1b[0m    c"),)))

    assert re.sub("<[^>]+>", "", terminal(screen, None)).endswith("a   b    c")


def test_a_page_is_drawn_with_the_requirement_and_what_happens_in_both_languages():
    html = page(b"picture", SAID, Words("Ana buys", "Ana compra"))

    assert "Ana buys · Ana compra" in html
    assert 'src="data:image/png;base64,cGljdHVyZQ=="' in html


def test_a_title_names_what_its_chapter_shows_in_both_languages():
    html = title(Words("The shop", "A loja"), [SAID])

    assert all(text in html for text in ("The shop", "A loja", "Nothing &lt;lost&gt;", "Nada perdido"))
