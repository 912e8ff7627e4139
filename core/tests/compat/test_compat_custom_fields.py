"""Fields that the contract does not name are kept under every name, and shown under their own."""

import pytest
from arbitrary_values import exactly, json_values
from hypothesis import example, given
from hypothesis import strategies as st

from quitanda.codec.json_text import parse_json
from quitanda.compat import custom_fields

RESERVED = ("version", "description")
names = st.text(st.sampled_from("abversion.cou "), max_size=10) | st.sampled_from(
    ["version", "course.version", "course.course.version", "course.", "course.a", "", " ", "description"]
)


@given(names)
@example("course.version")
def test_every_name_is_shown_as_it_was_given(name):
    assert custom_fields.shown_name(custom_fields.stored_name(name, RESERVED), RESERVED) == name


@given(names.filter(lambda name: name.strip() and name not in RESERVED))
def test_every_stored_name_is_shown_under_a_name_of_its_own(stored):
    assert custom_fields.stored_name(custom_fields.shown_name(stored, RESERVED), RESERVED) == stored


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("colour", "colour"),
        ("course.colour", "course.colour"),
        ("version", "course.version"),
        ("course.version", "course.course.version"),
        ("", "course."),
    ],
)
def test_only_names_that_cannot_be_stored_are_changed(name, stored):
    assert custom_fields.stored_name(name, RESERVED) == stored


@given(st.dictionaries(names, json_values, max_size=4))
def test_values_come_back_exactly(fields):
    shown = dict(custom_fields.shown(custom_fields.stored(fields, RESERVED), RESERVED, own=()))

    assert exactly({name: parse_json(text, "x").value for name, text in shown.items()}) == exactly(fields)


def test_a_field_under_a_name_of_the_contract_cannot_be_shown():
    assert list(custom_fields.shown((("CID", "1"), ("a", "2")), RESERVED, own=("CID", "name"))) == [("a", "2")]
