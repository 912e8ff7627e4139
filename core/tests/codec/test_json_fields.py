"""Reading JSON objects: every refusal names its field and its problem."""

from decimal import Decimal

import pytest
from arbitrary_values import json_values
from hypothesis import given
from hypothesis import strategies as st

from quitanda.codec.json_fields import FieldReader, parse_object
from quitanda.codec.json_objects import ObjectCodec
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.limits import ITEMS_PER_ORDER_MAX
from quitanda.domain.outcomes import Problem, Refused

LIMIT = 1_000


def fault(answer):
    assert isinstance(answer, Refused), answer
    return answer.field, dict(answer.details)["problem"]


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_refusal(data):
    assert isinstance(parse_object(data, LIMIT), dict | Refused)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", Problem.NOT_JSON),
        (b"\xff\xfe", Problem.NOT_UTF8),
        (b'{"a": "\xff"}', Problem.NOT_UTF8),
        (b"[]", Problem.WRONG_TYPE),
        (b"3", Problem.WRONG_TYPE),
        (b"null", Problem.WRONG_TYPE),
        (b'{"a":' * 100 + b"1" + b"}" * 100, Problem.TOO_DEEP),
        (b" " * LIMIT + b"{}", Problem.TOO_LARGE),
    ],
)
def test_bytes_that_are_no_acceptable_object_are_refused_as_a_whole(data, problem):
    assert fault(parse_object(data, LIMIT)) == ("request", problem)


@pytest.mark.parametrize(
    ("data", "field", "problem"),
    [
        (b'{"order_id": 1, "order_id": 2}', "order_id", Problem.DUPLICATE),
        (b'{"items": [{"quantity": 1}, {"quantity": 1, "quantity": 2}]}', "items[1].quantity", Problem.DUPLICATE),
        (b'{"quantity": NaN}', "quantity", Problem.NOT_A_NUMBER),
        (b'{"items": [{"quantity": -Infinity}]}', "items[0].quantity", Problem.NOT_A_NUMBER),
        (b'{"quantity": ' + b"9" * 1_001 + b', "b": NaN}', "quantity", Problem.TOO_LARGE),
        (b'{"a": 1, "price": 1e9999}', "price", Problem.TOO_LARGE),
        (b'{"order_id": "\\ud800"}', "order_id", Problem.NOT_UTF8),
        (b'{"\\ud800": 1}', "?", Problem.NOT_UTF8),
        (b'{"\\ud800": 1, "\\ud800": 2}', "?", Problem.DUPLICATE),
        (b"[NaN]", "request[0]", Problem.NOT_A_NUMBER),
        (b'{"%s": NaN}' % (b"x" * 100), "x" * 64, Problem.NOT_A_NUMBER),
    ],
)
def test_what_cannot_stand_in_json_is_named_by_its_place(data, field, problem):
    assert fault(parse_object(data, 2_000)) == (field, problem)


def test_numbers_of_an_object_are_exact():
    assert parse_object(b'{"a": 0.10, "b": 9007199254740993}', LIMIT) == {"a": Decimal("0.10"), "b": 2**53 + 1}


READ = {
    "text": FieldReader.text,
    "integer": FieldReader.integer,
    "flag": FieldReader.flag,
    "price": FieldReader.price,
    "items": lambda reader, name: reader.records(name, ObjectCodec(ItemQuantity).take, ITEMS_PER_ORDER_MAX),
    "texts": lambda reader, name: reader.texts(name, 2),
    "custom_fields": FieldReader.custom_fields,
}


@pytest.mark.parametrize(
    ("getter", "value", "expected"),
    [
        ("text", "x", "x"),
        ("texts", ["b", "a"], ("b", "a")),
        ("texts", [], ()),
        ("texts", None, ()),
        ("integer", 3, 3),
        ("integer", Decimal("3.0"), 3),
        ("integer", Decimal("3E+2"), 300),
        ("integer", -7, -7),
        ("flag", True, True),
        ("flag", None, False),
        ("price", Decimal("2.50"), 250),
        ("price", "2.50", 250),
        ("price", 2, 200),
        ("items", None, ()),
        ("items", [], ()),
        ("items", [{"product_id": "tea", "quantity": 2}], (ItemQuantity("tea", 2),)),
        ("items", [{"product_id": "tea", "quantity": 2, "extra": None}], (ItemQuantity("tea", 2),)),
        (
            "items",
            [{"product_id": "tea", "quantity": 2, "extra": {"b": True, "a": Decimal("0.10")}}],
            (ItemQuantity("tea", 2, (("a", "0.10"), ("b", "true"))),),
        ),
        ("custom_fields", None, ()),
        ("custom_fields", {}, ()),
        ("custom_fields", {"b": None, "a": {"é": [1]}}, (("a", '{"é":[1]}'), ("b", "null"))),
    ],
)
def test_a_field_of_the_right_type_is_read(getter, value, expected):
    reader = FieldReader({"f": value})

    assert reader.finish(READ[getter](reader, "f")) == expected


@pytest.mark.parametrize(
    ("getter", "value", "field", "problem"),
    [
        ("text", None, "f", Problem.MISSING),
        ("text", 3, "f", Problem.WRONG_TYPE),
        ("integer", None, "f", Problem.MISSING),
        ("integer", True, "f", Problem.WRONG_TYPE),
        ("integer", "3", "f", Problem.WRONG_TYPE),
        ("integer", Decimal("3.5"), "f", Problem.NOT_AN_INTEGER),
        ("integer", 2**63, "f", Problem.TOO_LARGE),
        ("integer", -(10**900), "f", Problem.NEGATIVE),
        ("integer", Decimal("1E+900"), "f", Problem.TOO_LARGE),
        ("flag", "true", "f", Problem.WRONG_TYPE),
        ("flag", 1, "f", Problem.WRONG_TYPE),
        ("price", None, "f", Problem.MISSING),
        ("price", True, "f", Problem.WRONG_TYPE),
        ("price", {}, "f", Problem.WRONG_TYPE),
        ("price", Decimal(-1), "f", Problem.NEGATIVE),
        ("price", "1.001", "f", Problem.TOO_MANY_DECIMALS),
        ("items", {"product_id": "tea", "quantity": 2}, "f", Problem.WRONG_TYPE),
        ("items", [{}] * (ITEMS_PER_ORDER_MAX + 1), "f", Problem.TOO_MANY),
        ("items", ["tea"], "f[0]", Problem.WRONG_TYPE),
        ("texts", "a", "f", Problem.WRONG_TYPE),
        ("texts", ["a", None], "f[1]", Problem.WRONG_TYPE),
        ("texts", ["a"] * 3, "f", Problem.TOO_MANY),
        ("items", [{"product_id": "tea", "quantity": 1}, {}], "f[1].product_id", Problem.MISSING),
        ("items", [{"product_id": "tea"}], "f[0].quantity", Problem.MISSING),
        ("items", [{"product_id": "tea", "quantity": 1, "price": 0}], "f[0].price", Problem.UNKNOWN_FIELD),
        ("items", [{"product_id": "tea", "quantity": 1, "extra": []}], "f[0].extra", Problem.WRONG_TYPE),
        ("custom_fields", [["a", 1]], "f", Problem.WRONG_TYPE),
        ("custom_fields", "a", "f", Problem.WRONG_TYPE),
    ],
)
def test_a_field_that_is_wrong_is_refused_by_its_name(getter, value, field, problem):
    reader = FieldReader({"f": value})

    assert fault(reader.finish(READ[getter](reader, "f"))) == (field, problem)


@given(st.sampled_from(sorted(READ)), json_values)
def test_any_json_value_is_read_or_refused(getter, value):
    reader = FieldReader({"f": value})

    reader.finish(READ[getter](reader, "f"))


def test_the_first_wrong_field_counts():
    reader = FieldReader({"a": 1, "b": 2})
    reader.text("a")
    reader.text("b")

    assert fault(reader.finish("")) == ("a", Problem.WRONG_TYPE)


def test_a_field_that_nobody_asked_for_is_refused():
    reader = FieldReader({"quantity": 1, "quantiy": 2})

    assert fault(reader.finish(reader.integer("quantity"))) == ("quantiy", Problem.UNKNOWN_FIELD)


def test_an_unknown_field_without_a_name_is_named_by_what_it_stands_in():
    assert fault(FieldReader({"": 1}).finish(None)) == ("request", Problem.UNKNOWN_FIELD)
    assert fault(FieldReader({"": 1}, "items[0].").finish(None)) == ("items[0]", Problem.UNKNOWN_FIELD)


def test_the_name_of_an_unknown_field_is_cut():
    assert fault(FieldReader({"n" * 5_000: 1}).finish(None)) == ("n" * 64, Problem.UNKNOWN_FIELD)
