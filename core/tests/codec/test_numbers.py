"""One rule says which numbers are whole, however they are written."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.codec.json_text import parse_json
from quitanda.codec.numbers import INT64_MAX, whole_number
from quitanda.domain.outcomes import Problem, Refused


def problem_of(value, limit=7):
    refused = whole_number(value, "quantity", limit)
    assert isinstance(refused, Refused), refused
    assert refused.field == "quantity"
    return dict(refused.details)["problem"], dict(refused.details).get("limit")


@given(st.integers(-INT64_MAX, INT64_MAX))
def test_a_number_counts_by_its_value_in_any_notation(number):
    written = (
        number,
        Decimal(number),
        Decimal(f"{number}.00"),
        f"{number}",
        f"{number}.0",
        parse_json(f"{number}e0", "x").value,
    )

    assert {whole_number(value, "quantity") for value in written} == {number}


@pytest.mark.parametrize("text", ["2.0", "2e0", "0.2e1", "20e-1", "2"])
def test_json_may_write_a_whole_number_in_any_way(text):
    assert whole_number(parse_json(text, "x").value, "quantity") == 2


@pytest.mark.parametrize("text", ["", " 5", "5 ", "5,0", "5e0", "1_000", "0x5", "NaN", "five", "+", ".5", "5."])
def test_a_text_is_digits_with_a_sign_before_and_decimals_behind_and_nothing_else(text):
    assert problem_of(text) == (Problem.NOT_A_NUMBER, None)


@pytest.mark.parametrize("value", ["5.5", Decimal("5.5"), Decimal("1e-3")])
def test_what_has_decimals_is_not_whole(value):
    assert problem_of(value) == (Problem.NOT_AN_INTEGER, None)


@pytest.mark.parametrize("value", [2**63, 10**400, Decimal("1e400"), Decimal("1e999999"), str(2**63), "9" * 40])
def test_what_is_too_large_to_carry_is_refused_with_the_fields_own_limit(value):
    assert problem_of(value) == (Problem.TOO_LARGE, "7")


@pytest.mark.parametrize("value", [-(2**63), -(10**400), Decimal("-1e400"), str(-(2**63))])
def test_what_is_too_far_below_zero_is_negative(value):
    assert problem_of(value) == (Problem.NEGATIVE, "0")


@given(st.integers() | st.decimals() | st.text(max_size=50) | st.booleans())
def test_anything_else_is_refused_and_never_raises(value):
    number = whole_number(value, "quantity")

    assert isinstance(number, Refused) or (type(number) is int and abs(number) <= INT64_MAX)
