"""Prices are exact, whichever way they are written."""

from decimal import Decimal

import pytest
from arbitrary_values import prices
from hypothesis import given
from hypothesis import strategies as st

from quitanda.codec.money import format_price, parse_price
from quitanda.domain.limits import PRICE_MAX
from quitanda.domain.outcomes import Problem, Refused


@given(prices)
def test_a_price_that_was_written_is_read_exactly(minor):
    assert parse_price(format_price(minor), "price") == minor


@given(prices)
def test_a_price_is_the_same_as_text_and_as_a_number(minor):
    assert parse_price(Decimal(format_price(minor)), "price") == minor


@given(st.text(max_size=30) | st.integers() | st.decimals())
def test_whatever_is_not_a_price_is_refused_and_never_raises(value):
    price = parse_price(value, "price")

    assert isinstance(price, Refused) or 0 <= price <= PRICE_MAX


@pytest.mark.parametrize(
    ("minor", "text"),
    [(0, "0.00"), (1, "0.01"), (10, "0.10"), (1250, "12.50"), (-250, "-2.50"), (PRICE_MAX, "10000000.00")],
)
def test_prices_are_written_with_two_decimals(minor, text):
    assert format_price(minor) == text


@pytest.mark.parametrize(
    ("value", "minor"),
    [
        ("2.50", 250),
        ("2.5", 250),
        ("2", 200),
        (2, 200),
        (Decimal("2.5"), 250),
        (Decimal("2.5000"), 250),
        (Decimal("1E+2"), 10_000),
        (Decimal("25E-1"), 250),
        ("0", 0),
        ("-0.00", 0),
        (Decimal("0E+999"), 0),
        ("+7.00", 700),
        ("007.00", 700),
        ("10000000.00", PRICE_MAX),
    ],
)
def test_a_price_may_be_written_in_many_ways(value, minor):
    assert parse_price(value, "price") == minor


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", Problem.NOT_A_NUMBER),
        ("abc", Problem.NOT_A_NUMBER),
        ("2,50", Problem.NOT_A_NUMBER),
        (" 2.50", Problem.NOT_A_NUMBER),
        ("1e3", Problem.NOT_A_NUMBER),
        ("٢", Problem.NOT_A_NUMBER),
        ("1_000", Problem.NOT_A_NUMBER),
        ("NaN", Problem.NOT_A_NUMBER),
        ("9" * 10_000, Problem.NOT_A_NUMBER),
        (True, Problem.NOT_A_NUMBER),
        (Decimal("NaN"), Problem.NOT_A_NUMBER),
        (Decimal("sNaN"), Problem.NOT_A_NUMBER),
        (Decimal("Infinity"), Problem.NOT_A_NUMBER),
        ("-2.50", Problem.NEGATIVE),
        (-1, Problem.NEGATIVE),
        ("2.505", Problem.TOO_MANY_DECIMALS),
        (Decimal("1E-999999"), Problem.TOO_MANY_DECIMALS),
        ("10000000.01", Problem.TOO_LARGE),
        (10**30, Problem.TOO_LARGE),
        (Decimal("1E+999999"), Problem.TOO_LARGE),
    ],
)
def test_what_is_not_a_price_is_refused_by_its_problem(value, problem):
    price = parse_price(value, "price")

    assert isinstance(price, Refused)
    assert price.field == "price"
    assert dict(price.details)["problem"] == problem


@pytest.mark.parametrize(("sign", "problem"), [(1, Problem.TOO_LARGE), (-1, Problem.NEGATIVE)])
def test_a_huge_integer_is_refused_although_python_would_not_print_it(sign, problem):
    price = parse_price(sign * 10**10_000, "price")

    assert isinstance(price, Refused)
    assert dict(price.details)["problem"] == problem
