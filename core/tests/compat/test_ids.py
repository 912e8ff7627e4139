"""Every id that a client of the course may choose has one id that is stored, and every stored id is somebody's."""

import pytest
from arbitrary_values import ids as native_ids
from hypothesis import example, given
from hypothesis import strategies as st

from quitanda.compat.ids import NOTHING, course_id, id_of_something, native_id
from quitanda.domain.limits import ID_LENGTH_MAX
from quitanda.domain.value_checks import check_id

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
tricky = st.text(st.sampled_from("0~_.-7ec3a9fé字 \n"), min_size=1, max_size=12)
tricky_native_ids = st.from_regex(r"\A[0-9a-f][0~7ec3a9f_]{0,20}\Z")


@given(texts | tricky)
@example("~c3~a9")
@example("~7ec3~a9")
@example("~é")
@example("0~_x")
@example("0~0~_x")
@example("0~é")
def test_a_stored_id_gives_back_what_the_client_chose(chosen):
    assert course_id(native_id(chosen)) == chosen


@given(native_ids | tricky_native_ids)
@example("a~41")
@example("a~20b")
@example("a~7e20b")
@example("a~ff")
@example("0~~c3~a9")
def test_every_native_id_can_be_asked_for_under_the_id_that_is_shown(stored):
    assert native_id(course_id(stored)) == stored


@given(texts | tricky)
def test_what_is_stored_is_an_id_unless_it_is_too_long(chosen):
    stored = native_id(chosen)

    assert check_id("id", stored) is None or len(stored) > ID_LENGTH_MAX


@given(native_ids.filter(lambda stored: "~" not in stored))
def test_an_id_of_the_native_alphabet_stands_for_itself(chosen):
    assert native_id(chosen) == chosen


@pytest.mark.parametrize(
    ("chosen", "stored"),
    [
        ("a b", "a~20b"),
        ("São", "S~c3~a3o"),
        ("字", "0~~e5~ad~97"),
        ("_x", "0~_x"),
        ("-5", "0~-5"),
        ("a~20b", "a~7e20b"),
        ("a~41", "a~41"),
        ("0~_x", "0~0~_x"),
        ("0~", "0~"),
    ],
)
def test_ids_are_written_as_the_documentation_shows(chosen, stored):
    assert native_id(chosen) == stored


@pytest.mark.parametrize("chosen", ["", NOTHING, "x" * 65, "é" * 11, "x" * 1_000_000, "~7e" * 300_000])
def test_no_document_has_an_id_that_is_empty_too_long_or_means_nothing(chosen):
    assert id_of_something(chosen) is None


def test_an_id_fits_by_what_is_stored():
    assert id_of_something("é" * 10) == "0~" + "~c3~a9" * 10
