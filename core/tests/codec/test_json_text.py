"""JSON texts: what is read is what was written; what is not JSON, or too much, is refused by name."""

import sys

import pytest
from arbitrary_values import exactly, json_values
from hypothesis import given
from hypothesis import strategies as st

from quitanda.codec.json_text import EXPONENT_MAX, NUMBER_LENGTH_MAX, Json, dump_json, load_canonical_json, parse_json
from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.outcomes import Problem, Refused


def problem_of(text):
    parsed = parse_json(text, "extra.x")

    assert isinstance(parsed, Refused), parsed
    assert parsed.field.startswith("extra.x")
    return dict(parsed.details)["problem"]


@given(json_values)
def test_a_value_that_was_written_is_read_exactly(value):
    assert exactly(parse_json(dump_json(value), "x").value) == exactly(value)


@given(st.text(max_size=60) | st.text('[]{}",:0123456789.eE+-\\untrfals ', max_size=60))
def test_any_text_is_read_or_refused_and_the_canonical_form_is_stable(text):
    parsed = parse_json(text, "x")

    if isinstance(parsed, Json):
        canonical = dump_json(parsed.value)
        assert dump_json(parse_json(canonical, "x").value) == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (' { "b" : 1 , "a" : [ true , null ] } ', '{"b":1,"a":[true,null]}'),
        ("1.10", "1.10"),
        ("-0.0", "-0.0"),
        ("1e5", "1E+5"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0.1234567890123456789012345678901234567890", "0.1234567890123456789012345678901234567890"),
        ('"\\u00e9\\ud83d\\ude00"', '"é😀"'),
        ('"\\/"', '"/"'),
    ],
)
def test_the_canonical_form_keeps_every_digit_and_the_order_of_members(text, canonical):
    assert dump_json(parse_json(text, "x").value) == canonical


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", Problem.NOT_JSON),
        ("nul", Problem.NOT_JSON),
        ("{'a': 1}", Problem.NOT_JSON),
        ('{"a": 1,}', Problem.NOT_JSON),
        ("01", Problem.NOT_JSON),
        ("+1", Problem.NOT_JSON),
        (".5", Problem.NOT_JSON),
        ("1 2", Problem.NOT_JSON),
        ('"\t"', Problem.NOT_JSON),
        ('"unterminated', Problem.NOT_JSON),
        ("NaN", Problem.NOT_A_NUMBER),
        ("-Infinity", Problem.NOT_A_NUMBER),
        ("[Infinity]", Problem.NOT_A_NUMBER),
        ('{"a": 1, "a": 1}', Problem.DUPLICATE),
        ('[{"a": {"b": 1, "b": 2}}]', Problem.DUPLICATE),
        ('"\\ud800"', Problem.NOT_UTF8),
        ('{"\\udfff": 1}', Problem.NOT_UTF8),
        ('"\\ud83d x \\ude00"', Problem.NOT_UTF8),
        ('{"\\ud800": 1, "\\ud800": 1}', Problem.DUPLICATE),
        ("1" * (NUMBER_LENGTH_MAX + 1), Problem.TOO_LARGE),
        ("1" * 1_000_000, Problem.TOO_LARGE),
        ("0." + "1" * NUMBER_LENGTH_MAX, Problem.TOO_LARGE),
        (f"1e{EXPONENT_MAX + 1}", Problem.TOO_LARGE),
        ("1e-999999999999999999999", Problem.TOO_LARGE),
        ("1e999999999999999999999", Problem.TOO_LARGE),
        ("[" * (JSON_DEPTH_MAX + 1) + "]" * (JSON_DEPTH_MAX + 1), Problem.TOO_DEEP),
        ('{"a":' * (JSON_DEPTH_MAX + 1) + "1" + "}" * (JSON_DEPTH_MAX + 1), Problem.TOO_DEEP),
        ("[" * 1_000_000, Problem.TOO_DEEP),
    ],
)
def test_what_is_not_acceptable_json_is_refused_by_its_problem(text, problem):
    assert problem_of(text) == problem


def depth_by_scanning(text):
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string, escaped = escaped or character != '"', not escaped and character == "\\"
        elif character == '"':
            in_string = True
        else:
            depth += (character in "[{") - (character in "]}")
            deepest = max(deepest, depth)
    return deepest


@given(st.text('[]{}"\\a,', max_size=60) | st.recursive(st.just("1"), lambda inner: inner.map("[{}]".format)))
def test_how_deep_a_text_is_nested_is_what_a_scan_of_its_characters_finds(text):
    for depth_max in range(6):
        parsed = parse_json(text, "x", depth_max=depth_max)
        too_deep = isinstance(parsed, Refused) and dict(parsed.details)["problem"] == Problem.TOO_DEEP

        assert too_deep == (depth_by_scanning(text) > depth_max)


@given(json_values)
def test_a_canonical_text_is_read_as_any_text_is(value):
    text = dump_json(value)

    assert exactly(load_canonical_json(text)) == exactly(parse_json(text, "x").value)


@pytest.mark.parametrize("text", ["", "nul", "NaN", '"\\ud800"', "[" * 100_000, "1" * 100_000])
def test_what_no_process_writes_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        load_canonical_json(text)


def test_the_deepest_allowed_nesting_is_read():
    assert isinstance(parse_json("[" * JSON_DEPTH_MAX + "]" * JSON_DEPTH_MAX, "x"), Json)


def test_brackets_inside_strings_are_not_nesting():
    assert parse_json('"' + "[" * 100 + '\\"{"', "x") == Json("[" * 100 + '"{')


def test_a_long_run_of_escapes_is_scanned_in_one_go():
    assert problem_of('"' + '\\"' * 500_000) == Problem.NOT_JSON


def test_the_longest_allowed_number_stays_below_pythons_own_limit():
    assert sys.get_int_max_str_digits() > NUMBER_LENGTH_MAX
    assert parse_json("9" * NUMBER_LENGTH_MAX, "x") == Json(10**NUMBER_LENGTH_MAX - 1)
