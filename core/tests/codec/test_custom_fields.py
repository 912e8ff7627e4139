"""Unknown fields keep their exact values."""

import pytest
from arbitrary_values import extras
from hypothesis import given

from quitanda.codec.custom_fields import extra_from_pairs, extra_from_values
from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.model import DOCUMENT_DEPTH, ITEM_DEPTH
from quitanda.domain.outcomes import Problem, Refused, invalid


@given(extras)
def test_canonical_texts_stay_as_they_are(extra):
    assert extra_from_pairs(extra) == extra


def test_texts_are_brought_into_the_canonical_form_and_sorted_by_name():
    assert extra_from_pairs([("b", " [ 1 ] "), ("a", '"\\u00e9"')]) == (("a", '"é"'), ("b", "[1]"))


def test_values_that_were_parsed_already_are_kept():
    assert extra_from_values({"b": [1], "a": None}) == (("a", "null"), ("b", "[1]"))


@pytest.mark.parametrize(("depth", "deepest"), [(DOCUMENT_DEPTH, JSON_DEPTH_MAX - 1), (ITEM_DEPTH, JSON_DEPTH_MAX - 3)])
def test_a_value_nests_as_deep_as_its_place_in_the_document_allows(depth, deepest):
    value = "[" * deepest + "]" * deepest

    assert extra_from_pairs([("a", value)], depth=depth) == (("a", value),)
    assert extra_from_pairs([("a", f"[{value}]")], "items[3].extra", depth) == invalid(
        "items[3].extra.a", Problem.TOO_DEEP, limit=deepest
    )


@pytest.mark.parametrize(
    ("pairs", "field", "problem"),
    [
        ([("colour", "red")], "extra.colour", Problem.NOT_JSON),
        ([("a", "1"), ("a", "1")], "extra.a", Problem.DUPLICATE),
        ([("a", "[" * JSON_DEPTH_MAX + "]" * JSON_DEPTH_MAX)], "extra.a", Problem.TOO_DEEP),
        ([("n" * 5_000, "?")], "extra." + "n" * 64, Problem.NOT_JSON),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_field(pairs, field, problem):
    refused = extra_from_pairs(pairs)

    assert isinstance(refused, Refused)
    assert (refused.field, dict(refused.details)["problem"]) == (field, problem)
