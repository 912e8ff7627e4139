"""The film shows every requirement of the exercise, and follows the demonstration as it is."""

import ast
import string
from pathlib import Path

import pytest

from quitanda_local import demo
from video import chapters
from video.animation import drawn
from video.cast import read
from video.exercise import REQUIREMENTS, Requirement
from video.screens import screens

ROOT = Path(__file__).parents[2]
CAST = ROOT / "docs/demo.cast"
WITHOUT_A_REQUIREMENT = {"Everything is stopped"}


def parsed_demonstration():
    return [ast.parse(path.read_text(encoding="utf-8")) for path in Path(demo.__file__).parent.glob("*.py")]


def texts_of_the_demonstration():
    for tree in parsed_demonstration():
        yield from (
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )


def acts_of_the_demonstration():
    for tree in parsed_demonstration():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "act":
                yield from (each.value for each in node.args if isinstance(each, ast.Constant))


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_requirement_of_the_exercise_is_said_in_both_languages():
    assert set(REQUIREMENTS) == set(Requirement)
    assert [each for each in REQUIREMENTS.values() if not each.english or not each.portuguese] == []
    assert len(set(REQUIREMENTS.values())) == len(REQUIREMENTS)


def test_every_requirement_of_the_exercise_has_a_chapter():
    assert set(chapters.shown_requirements()) == set(Requirement)


def test_every_act_of_the_demonstration_names_a_requirement():
    acts = set(acts_of_the_demonstration()) - WITHOUT_A_REQUIREMENT
    unnamed = [act for act in acts if not any(begin in act for begin in chapters.DEMONSTRATION.moments)]

    assert len(acts) >= 10
    assert unnamed == [], "add a moment to video/chapters.py"


def test_whatever_begins_a_moment_is_still_told_by_the_demonstration():
    told = list(texts_of_the_demonstration())
    gone = [begin for begin in chapters.DEMONSTRATION.moments if not any(begin in text for text in told)]

    assert gone == []


def test_what_happens_is_told_with_the_same_facts_in_both_languages():
    told = [moment.happens for moment in chapters.PAGE.moments.values()]

    assert [each for each in told if placeholders(each.english) != placeholders(each.portuguese)] == []


def test_the_film_ends_with_the_demonstration_which_counts():
    assert chapters.FILM[-1] is chapters.DEMONSTRATION


def test_the_recording_of_the_demonstration_ends_with_the_balance_check():
    chapters.require_last_words(screens(read(CAST))[-1].text)


def test_the_animated_picture_of_the_readme_is_that_of_the_recording():
    assert (ROOT / "docs/pictures/demo.svg").read_bytes() == drawn(read(CAST)), "make record-demo"


def test_a_last_picture_without_the_balance_check_is_told():
    with pytest.raises(chapters.ChapterFailed, match="does not say 'exit code 0'"):
        chapters.require_last_words(" ".join(chapters.LAST_WORDS[:-1]))


def test_the_recording_of_the_demonstration_shows_every_moment_in_order():
    shown = [screen.heading for screen in screens(read(CAST), chapters.DEMONSTRATION.moments)]

    assert [*dict.fromkeys(shown)] == ["", *chapters.DEMONSTRATION.moments], "make record-demo"
