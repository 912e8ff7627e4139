"""What stands in `data` is read strictly, with numbers as numbers or as their texts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.codec.money import format_price
from quitanda.compat.data import read_data
from quitanda.domain.limits import ITEM_QUANTITY_MAX, ITEMS_PER_ORDER_MAX, QUANTITY_MAX
from quitanda.domain.outcomes import Refused


def units(text):
    reader = read_data(f'{{"quantity": {text}}}')
    return reader.finish(reader.units("quantity", QUANTITY_MAX))


def price(text):
    reader = read_data(f'{{"price": {text}}}')
    return reader.finish(reader.price("price"))


def identity(data, given=""):
    reader = read_data(data)
    return reader.finish(reader.identity("CID", given))


def problem_of(refused):
    assert isinstance(refused, Refused), refused
    return refused.field, dict(refused.details)["problem"]


@given(st.integers(0, QUANTITY_MAX))
def test_units_are_the_same_as_a_number_and_as_a_text(quantity):
    written = (f"{quantity}", f'"{quantity}"', f"{quantity}.0", f'"{quantity}.00"', f'"+{quantity}"')

    assert {units(text) for text in written} == {quantity}


@given(st.integers(0, 10**9))
def test_prices_are_the_same_as_a_number_and_as_a_text(minor):
    written = format_price(minor)

    assert price(written) == price(f'"{written}"') == price(f"{written}000") == minor


@pytest.mark.parametrize(("text", "minor"), [("2", 200), ('"2"', 200), ("2.5", 250), ('"2.5"', 250), ("25e-1", 250)])
def test_a_price_needs_no_decimals(text, minor):
    assert price(text) == minor


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('"many"', "not_a_number"),
        ('""', "not_a_number"),
        ('" 4"', "not_a_number"),
        ('"4e1"', "not_a_number"),
        ('"NaN"', "not_a_number"),
        ('"1_000"', "not_a_number"),
        ('"٤"', "not_a_number"),
        ("4.5", "not_an_integer"),
        ('"4.5"', "not_an_integer"),
        ("true", "wrong_type"),
        ("[4]", "wrong_type"),
        ("null", "missing"),
        ("1e100", "too_large"),
        (f'"{10**39}"', "too_large"),
    ],
)
def test_what_is_not_a_number_of_units_is_refused_by_its_field(text, problem):
    assert problem_of(units(text)) == ("quantity", problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('"cheap"', "not_a_number"),
        ('"2,50"', "not_a_number"),
        ("2.505", "too_many_decimals"),
        ("-1", "negative"),
        ("{}", "wrong_type"),
    ],
)
def test_what_is_not_a_price_is_refused_by_its_field(text, problem):
    assert problem_of(price(text)) == ("price", problem)


@pytest.mark.parametrize(
    ("data", "given", "stored"),
    [
        ('{"CID": "7"}', "7", "7"),
        ('{"CID": 7}', "7", "7"),
        ('{"CID": 7}', "", "7"),
        ("{}", "7", "7"),
        ('{"CID": null}', "7", "7"),
        ('{"CID": ""}', "7", "7"),
        ("", "7", "7"),
        ('{"CID": "a b"}', "a b", "a~20b"),
        ('{"CID": -7}', "", "0~-7"),
    ],
)
def test_an_id_stands_in_the_message_or_in_the_data_or_in_both(data, given, stored):
    assert identity(data, given) == stored


@pytest.mark.parametrize(
    ("data", "given", "problem"),
    [
        ('{"CID": "8"}', "7", "duplicate"),
        ('{"CID": "07"}', "7", "duplicate"),
        ("{}", "", "missing"),
        ('{"CID": ""}', "", "missing"),
        ("{}", "0", "zero"),
        ('{"CID": 0}', "", "zero"),
        ('{"CID": true}', "", "wrong_type"),
        ('{"CID": 7.5}', "", "wrong_type"),
        ('{"CID": ["7"]}', "7", "wrong_type"),
    ],
)
def test_ids_that_differ_or_are_absent_or_mean_nothing_are_refused(data, given, problem):
    assert problem_of(identity(data, given)) == ("CID", problem)


@pytest.mark.parametrize(
    ("data", "field", "problem"),
    [
        ("{", "data", "not_json"),
        ("[]", "data", "wrong_type"),
        ('"x"', "data", "wrong_type"),
        ('{"a": 1, "a": 2}', "a", "duplicate"),
        ('{"a": NaN}', "a", "not_a_number"),
        ('{"a": {"b": "\\ud800"}}', "a.b", "not_utf8"),
        ("[" * 17 + "]" * 17, "data", "too_deep"),
        ('{"a": ' + "9" * 1001 + "}", "a", "too_large"),
    ],
)
def test_what_is_not_one_strict_json_object_is_refused_by_its_place(data, field, problem):
    assert problem_of(read_data(data)) == (field, problem)


def test_no_data_counts_as_no_fields():
    assert all(read_data(text).finish(()) == () for text in ("", " \n", "{}"))


def test_a_list_has_a_bound():
    reader = read_data('{"products": [' + ",".join(["{}"] * (ITEMS_PER_ORDER_MAX + 1)) + "]}")

    assert reader.objects("products", ITEMS_PER_ORDER_MAX) == []
    assert problem_of(reader.finish(())) == ("products", "too_many")


def test_numbers_of_other_fields_stay_exact():
    reader = read_data('{"x": 2.50}')

    assert reader.peek("x") == Decimal("2.50")
    assert reader.rest(()) == (("x", "2.50"),)


@pytest.mark.parametrize("text", ["1e400", "9223372036854775808", '"9223372036854775808"', f'"{10**39}"'])
def test_units_of_ten_to_the_400_are_refused_with_the_true_limit(text):
    reader = read_data(f'{{"products": [{{"quantity": {text}}}]}}')
    (line,) = reader.objects("products", 1)
    refused = line.finish(line.units("quantity", ITEM_QUANTITY_MAX))

    assert problem_of(refused) == ("products[0].quantity", "too_large")
    assert dict(refused.details)["limit"] == str(ITEM_QUANTITY_MAX)


@pytest.mark.parametrize(("cid", "length", "allowed"), [("é" * 12, "12", "10"), ("x" * 70, "70", "64")])
def test_the_length_of_an_id_and_its_limit_are_told_in_the_clients_own_characters(cid, length, allowed):
    refused = identity(f'{{"CID": "{cid}"}}')

    assert problem_of(refused) == ("CID", "too_long")
    assert (dict(refused.details)["length"], dict(refused.details)["limit"]) == (length, allowed)
    assert isinstance(identity(f'{{"CID": "{cid[: int(allowed)]}"}}'), str)


def test_a_bare_array_is_the_field_that_it_may_stand_for():
    reader = read_data('[{"PID": "3"}]', array="products")

    assert reader.peek("products") == [{"PID": "3"}]
    assert problem_of(read_data('[{"PID": "3"}]')) == ("data", "wrong_type")
    assert problem_of(read_data('[{"a": 1, "a": 2}]', array="products")) == ("products[0].a", "duplicate")
