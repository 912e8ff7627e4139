"""Each field of each command: what is valid at its bounds, and what is refused just beyond them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    Request,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.outcomes import Problem, Reason
from quitanda.domain.validation import check, check_request
from quitanda.domain.value_checks import check_extra_size, check_id

COMMANDS = [
    CreateCustomer("c", "Ana", (("age", "30"),)),
    UpdateCustomer("c", "Ana", (("age", "30"),), 1),
    DeleteCustomer("c", cascade=True, expected_version=1),
    CreateProduct("p", "Rice", 250, 10, "White", (("bio", "true"),), 5),
    UpdateProduct("p", "Rice", "White", 250, 10, (("bio", "true"),), 1, 5),
    DeleteProduct("p", cascade=True, expected_version=1),
    AdjustStock("p", -1, 1),
    CreateOrder("c", "o", 1000, (ItemQuantity("p", 1),)),
    SetOrderItems("c", "o", (ItemQuantity("p", 1),), 1),
    CancelOrder("c", "o", 1),
]

IDS = [
    ("a", None),
    ("A" * 64, None),
    ("0._~@:-z", None),
    ("019353a2-6c1e-7000-8000-000000000000", None),
    ("ana@example.org", None),
    ("", "missing"),
    ("A" * 65, "too_long length=65 limit=64"),
    ("a b", "alphabet position=1"),
    ("-a", "alphabet position=0"),
    (".a", "alphabet position=0"),
    ("a/b", "alphabet position=1"),
    ("a+", "alphabet position=1"),
    ("a#", "alphabet position=1"),
    ("a\n", "alphabet position=1"),
    ("joão", "alphabet position=2"),
    ("a\x00", "alphabet position=1"),
    ("a\ud800", "alphabet position=1"),
    (" ", "alphabet position=0"),
    ("٣", "alphabet position=0"),
    (None, "wrong_type expected=string got=null"),
    (1, "wrong_type expected=string got=integer"),
    (b"a", "wrong_type expected=string got=bytes"),
    (["a"], "wrong_type expected=string got=list"),
]

NAMES = [
    ("x", None),
    ("x" * 200, None),
    ("🍚" * 200, None),
    ("João d'Ávila, neto", None),
    ("a b", None),
    ("", "missing"),
    ("   ", "missing"),
    ("\u200b\u3000\ufeff\u00a0", "missing"),
    ("\t", "missing"),
    ("x" * 201, "too_long length=201 limit=200"),
    (" " * 201, "too_long length=201 limit=200"),
    ("a\nb", "control_character position=1"),
    ("a\x00", "control_character position=1"),
    ("a\x7f", "control_character position=1"),
    ("a\x85", "control_character position=1"),
    ("a\u2028", "control_character position=1"),
    ("ab\ud800", "not_utf8 position=2"),
    ("\udfffa", "not_utf8 position=0"),
    (1.5, "wrong_type expected=string got=number"),
    (b"x", "wrong_type expected=string got=bytes"),
    ({}, "wrong_type expected=string got=object"),
    (True, "wrong_type expected=string got=boolean"),
]

DESCRIPTIONS = [
    ("", None),
    ("x" * 2000, None),
    ("two\nlines\tand a tab\r\n", None),
    ("x" * 2001, "too_long length=2001 limit=2000"),
    ("a\x1b", "control_character position=1"),
    ("\ud800", "not_utf8 position=0"),
    (7, "wrong_type expected=string got=integer"),
]

NOT_INTEGERS = [
    (True, "wrong_type expected=integer got=boolean"),
    (1.0, "wrong_type expected=integer got=number"),
    (float("nan"), "wrong_type expected=integer got=number"),
    (float("inf"), "wrong_type expected=integer got=number"),
    ("1", "wrong_type expected=integer got=string"),
    (Decimal(1), "wrong_type expected=integer got=other"),
    ((), "wrong_type expected=integer got=list"),
]

NONE_IS_NO_INTEGER = [(None, "wrong_type expected=integer got=null")]

UP_TO_A_BILLION = [
    (0, None),
    (1_000_000_000, None),
    (1_000_000_001, "too_large limit=1000000000 value=1000000001"),
    (-1, "negative limit=0 value=-1"),
    (2**64 - 1, "too_large limit=1000000000 value=18446744073709551615"),
    (10**5000, "too_large limit=1000000000"),
    (-(10**5000), "negative limit=0"),
    *NOT_INTEGERS,
]

DELTAS = [
    (1, None),
    (-1, None),
    (1_000_000_000, None),
    (-1_000_000_000, None),
    (0, "zero"),
    (1_000_000_001, "too_large limit=1000000000 value=1000000001"),
    (-1_000_000_001, "too_large limit=1000000000 value=-1000000001"),
    *NOT_INTEGERS,
    *NONE_IS_NO_INTEGER,
]

VERSIONS = [
    (None, None),
    (1, None),
    (2**63 - 1, None),
    (0, "zero"),
    (-1, "negative limit=0 value=-1"),
    (2**63, f"too_large limit={2**63 - 1} value={2**63}"),
    *NOT_INTEGERS,
]

TIMES = [
    (0, None),
    (253_402_300_799_999, None),
    (-1, "negative limit=0 value=-1"),
    (253_402_300_800_000, "too_large limit=253402300799999 value=253402300800000"),
    *NOT_INTEGERS,
    *NONE_IS_NO_INTEGER,
]

FLAGS = [
    (True, None),
    (False, None),
    (1, "wrong_type expected=boolean got=integer"),
    (None, "wrong_type expected=boolean got=null"),
    ("true", "wrong_type expected=boolean got=string"),
]

EVERY = tuple(map(type, COMMANDS))
CREATES = (CreateCustomer, CreateProduct)
UPDATES = (UpdateCustomer, UpdateProduct)
FIELDS: list[tuple[str, Any, Any]] = [
    ("customer_id", EVERY, IDS),
    ("product_id", EVERY, IDS),
    ("order_id", EVERY, IDS),
    ("name", EVERY, NAMES),
    ("name", CREATES, [(None, "wrong_type expected=string got=null")]),
    ("name", UPDATES, [(None, None)]),
    ("description", EVERY, DESCRIPTIONS),
    ("description", CREATES, [(None, "wrong_type expected=string got=null")]),
    ("description", UPDATES, [(None, None)]),
    ("price", EVERY, UP_TO_A_BILLION),
    ("quantity", EVERY, UP_TO_A_BILLION),
    ("price", CREATES, NONE_IS_NO_INTEGER),
    ("quantity", CREATES, NONE_IS_NO_INTEGER),
    ("delta", EVERY, DELTAS),
    ("expected_version", EVERY, VERSIONS),
    ("created_at_ms", EVERY, TIMES),
    ("cascade", EVERY, FLAGS),
]
ROWS: list[tuple[Any, str, Any, Any]] = [
    (command, field, value, expected)
    for field, commands, table in FIELDS
    for command in COMMANDS
    if isinstance(command, commands) and hasattr(command, field)
    for value, expected in table
]


def problem(refused, field):
    """Write a refusal of this field: its problem and its facts; None where there is none."""
    if refused is None:
        return None
    assert (refused.reason, refused.field) == (Reason.INVALID_ARGUMENT, field)
    facts = dict(refused.details)
    return " ".join([facts.pop("problem"), *(f"{name}={value}" for name, value in facts.items())])


def name_of(cell):
    if isinstance(cell, EVERY):
        return type(cell).__name__
    return hex(cell)[:30] if type(cell) is int else ascii(cell)[:30]  # Python does not print very long integers


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_command_with_all_its_fields_in_order_is_valid(command):
    assert check(command) is None
    assert check_request(Request("", "r1", command)) is None


def test_every_value_of_every_field_is_judged_as_its_table_says():
    def row(command, field, value, judgement):
        return type(command).__name__, field, type(value).__name__, name_of(value), judgement

    judged = [
        row(command, field, value, problem(check(replace(command, **{field: value})), field))
        for command, field, value, _ in ROWS
    ]

    assert judged == [row(*expected) for expected in ROWS]


@pytest.mark.parametrize(("value", "expected"), IDS, ids=name_of)
def test_request_ids_have_the_alphabet_of_ids(value, expected):
    assert problem(check_request(Request("", value, COMMANDS[0])), "request_id") == expected
    assert problem(check_id("request_id", value), "request_id") == expected


@pytest.mark.parametrize(("value", "expected"), [row for row in IDS if row[0] != ""] + [("", None)], ids=name_of)
def test_a_scope_is_a_customers_id_or_empty_for_administrators(value, expected):
    assert problem(check_request(Request(value, "r1", COMMANDS[0])), "scope") == expected


@pytest.mark.parametrize("command", [None, 1, "create", object(), Request, CreateCustomer, ItemQuantity("p", 1)])
def test_what_is_no_command_is_refused(command):
    assert problem(check(command), "command").startswith("wrong_type")
    assert problem(check_request(Request("", "r1", command)), "command").startswith("wrong_type")
    assert problem(check_request(command), "request").startswith("wrong_type")


@pytest.mark.parametrize(
    "command",
    [
        UpdateCustomer("c"),
        UpdateCustomer("c", expected_version=3),
        UpdateProduct("p"),
        UpdateProduct("p", expected_version=3),
    ],
    ids=str,
)
def test_an_update_must_change_something(command):
    assert problem(check(command), "") == "nothing_to_change"


@pytest.mark.parametrize(
    "command",
    [
        UpdateCustomer("c", "x"),
        UpdateCustomer("c", extra=(("a", "1"),)),
        UpdateProduct("p", "x"),
        UpdateProduct("p", description=""),
        UpdateProduct("p", price=0),
        UpdateProduct("p", quantity=0),
        UpdateProduct("p", reorder_level=0),
        UpdateProduct("p", extra=(("a", "1"),)),
    ],
    ids=str,
)
def test_an_update_of_any_one_field_is_enough(command):
    assert check(command) is None


def fields(count, length=1):
    return tuple((f"x{number:02}", "1" * length) for number in range(count))


EXTRAS = [
    ((), "", None),
    ((("a", "1"), ("b", "null")), "", None),
    ((("a", '{\n\t"b": [1]\r\n}'),), "", None),
    ((("a", '"\x7f\u2028"'),), "", None),
    ((("A", "1"), ("a", "1"), ("é", "1")), "", None),
    (fields(50), "", None),
    (fields(51), "extra", "too_many length=51 limit=50"),
    ((("a", "1" * 16_383),), "", None),
    ((("a", "1" * 16_384),), "extra", "too_large length=16385 limit=16384"),
    ((("a", "1" * 16_385),), "extra.a", "too_large length=16385 limit=16384"),
    ((("é", '"' + "é" * 8_190 + '"'),), "", None),
    ((("é", '"' + "é" * 8_191 + '"'),), "extra", "too_large length=16386 limit=16384"),
    (fields(50, 325), "extra", "too_large length=16400 limit=16384"),
    ((("x" * 64, "1"),), "", None),
    ((("x" * 65, "1"),), "extra", "too_long length=65 limit=64"),
    ((("", "1"),), "extra", "missing"),
    (((" ", "1"),), "extra", "missing"),
    ((("a\n", "1"),), "extra", "control_character position=1"),
    ((("a\ud800", "1"),), "extra", "not_utf8 position=1"),
    (((1, "1"),), "extra", "wrong_type expected=string got=integer"),
    ((("a", ""),), "extra.a", "missing"),
    ((("a", "\x01"),), "extra.a", "control_character position=0"),
    ((("a", "1\x00"),), "extra.a", "control_character position=1"),
    ((("a", '"\ud800"'),), "extra.a", "not_utf8 position=1"),
    ((("a", 1),), "extra.a", "wrong_type expected=string got=integer"),
    ((("a", None),), "extra.a", "wrong_type expected=string got=null"),
    ((("a", "1"), ("a", "2")), "extra.a", "duplicate"),
    ((("b", "1"), ("a", "2")), "extra.a", "malformed"),
    ((("version", "1"),), "extra.version", "reserved"),
    ((("a", "1", "2"),), "extra", "wrong_type expected=name and JSON text got=list"),
    (("ab",), "extra", "wrong_type expected=name and JSON text got=string"),
    ((None,), "extra", "wrong_type expected=name and JSON text got=null"),
    ([("a", "1")], "extra", "wrong_type expected=list got=list"),
    ({"a": "1"}, "extra", "wrong_type expected=list got=object"),
    (None, "extra", "wrong_type expected=list got=null"),
]


@pytest.mark.parametrize("command", [command for command in COMMANDS if hasattr(command, "extra")], ids=name_of)
@pytest.mark.parametrize(("extra", "field", "expected"), EXTRAS, ids=name_of)
def test_unknown_fields_are_judged_so(command, extra, field, expected):
    assert problem(check(replace(command, extra=extra)), field) == expected


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (COMMANDS[0], ["customer_id", "name"]),
        (COMMANDS[1], ["customer_id", "name"]),
        (COMMANDS[3], ["description", "name", "price", "product_id", "quantity"]),
        (COMMANDS[4], ["description", "name", "price", "product_id", "quantity"]),
        (COMMANDS[7], ["created_at_ms", "customer_id", "items", "order_id", "total"]),
        (COMMANDS[8], ["created_at_ms", "customer_id", "items", "order_id", "total"]),
    ],
    ids=name_of,
)
def test_each_kind_of_document_reserves_the_names_that_it_uses_itself(command, names):
    for name in names:
        assert problem(check(replace(command, extra=((name, "1"),))), f"extra.{name}") == "reserved"


def test_a_customer_may_have_an_unknown_field_that_only_products_know():
    assert check(CreateCustomer("c", "Ana", (("price", "1"),))) is None


ORDER_COMMANDS = [command for command in COMMANDS if hasattr(command, "items")]


def with_item_extra(command, extra):
    return replace(command, items=(ItemQuantity("q", 1), ItemQuantity("p", 1, extra)))


@pytest.mark.parametrize("command", ORDER_COMMANDS, ids=name_of)
@pytest.mark.parametrize(
    ("extra", "field", "expected"), [row for row in EXTRAS if row[1] != "extra.version"], ids=name_of
)
def test_unknown_fields_of_an_item_are_judged_as_those_of_a_document(command, extra, field, expected):
    place = f"items[1].{field}" if field else ""

    assert problem(check(with_item_extra(command, extra)), place) == expected


@pytest.mark.parametrize("command", ORDER_COMMANDS, ids=name_of)
@pytest.mark.parametrize("name", ["product_id", "name", "unit_price", "quantity", "total"])
def test_an_item_reserves_the_names_that_it_uses_itself(command, name):
    assert problem(check(with_item_extra(command, ((name, "1"),))), f"items[1].extra.{name}") == "reserved"


@pytest.mark.parametrize("command", ORDER_COMMANDS, ids=name_of)
def test_an_order_and_its_items_may_have_unknown_fields_that_only_the_other_knows(command):
    described = replace(command, extra=(("price", "1"), ("quantity", "1"), ("unit_price", "1")))

    assert check(with_item_extra(described, (("customer_id", "1"), ("price", "1"), ("version", "1")))) is None


@pytest.mark.parametrize("command", ORDER_COMMANDS, ids=name_of)
def test_one_bound_holds_for_the_unknown_fields_of_an_order_and_its_items_together(command):
    items = (ItemQuantity("p", 1, (("a", "1" * 8_000),)), ItemQuantity("p", 1, (("a", "1" * 8_000),)))

    assert check(replace(command, items=items, extra=(("a", "1" * 381),))) is None
    too_large = check(replace(command, items=items, extra=(("a", "1" * 382),)))
    assert problem(too_large, "extra") == "too_large length=16385 limit=16384"


@pytest.mark.parametrize("command", ORDER_COMMANDS, ids=name_of)
def test_each_item_may_have_as_many_unknown_fields_as_a_document(command):
    items = tuple(ItemQuantity(f"p{number}", 1, fields(50)) for number in range(60))

    assert check(replace(command, items=items, extra=fields(50))) is None


def test_the_size_of_merged_fields_can_be_asked_for_alone():
    assert check_extra_size(fields(50)) is None
    assert check_extra_size(fields(51)).field == "extra"


def many(count):
    return tuple(ItemQuantity(f"p{number}", 1) for number in range(count))


ITEMS = [
    ((ItemQuantity("p", 0),), "", None),
    ((ItemQuantity("p", 1_000_000),), "", None),
    (many(200), "", None),
    (many(201), "items", "too_many length=201 limit=200"),
    ((ItemQuantity("p", 600_000), ItemQuantity("p", 400_000)), "", None),
    (
        (ItemQuantity("p", 600_000), ItemQuantity("q", 1), ItemQuantity("p", 400_001)),
        "items[2].quantity",
        "too_large limit=1000000 value=1000001",
    ),
    (
        (ItemQuantity("p", 1), ItemQuantity("q", 1_000_001)),
        "items[1].quantity",
        "too_large limit=1000000 value=1000001",
    ),
    ((ItemQuantity("p", -1),), "items[0].quantity", "negative limit=0 value=-1"),
    ((ItemQuantity("p", 1.0),), "items[0].quantity", "wrong_type expected=integer got=number"),
    ((ItemQuantity("p", True),), "items[0].quantity", "wrong_type expected=integer got=boolean"),
    ((ItemQuantity("p", None),), "items[0].quantity", "wrong_type expected=integer got=null"),
    ((ItemQuantity("p", 1), ItemQuantity("", 1)), "items[1].product_id", "missing"),
    ((ItemQuantity("p q", 1),), "items[0].product_id", "alphabet position=1"),
    ((ItemQuantity(None, 1),), "items[0].product_id", "wrong_type expected=string got=null"),
    ((ItemQuantity([], 1),), "items[0].product_id", "wrong_type expected=string got=list"),
    ((("p", 1),), "items[0]", "wrong_type expected=item got=list"),
    ((None,), "items[0]", "wrong_type expected=item got=null"),
    ([ItemQuantity("p", 1)], "items", "wrong_type expected=list got=list"),
    (None, "items", "wrong_type expected=list got=null"),
    ("p", "items", "wrong_type expected=list got=string"),
    ({"p": 1}, "items", "wrong_type expected=list got=object"),
]


@pytest.mark.parametrize("command", [command for command in COMMANDS if hasattr(command, "items")], ids=name_of)
@pytest.mark.parametrize(("items", "field", "expected"), ITEMS, ids=name_of)
def test_items_are_judged_so(command, items, field, expected):
    assert problem(check(replace(command, items=items)), field) == expected


def test_an_order_may_begin_empty_but_setting_items_needs_one_or_an_unknown_field():
    assert check(CreateOrder("c", "o", 0, ())) is None
    assert problem(check(SetOrderItems("c", "o", ())), "items") == "missing"
    assert check(SetOrderItems("c", "o", (), extra=(("a", "null"),))) is None


def test_the_first_field_at_fault_is_named():
    assert check(CreateProduct("", "", -1, -1)).field == "product_id"
    assert check(CreateProduct("p", "", -1, -1)).field == "name"
    assert check(CreateProduct("p", "x", -1, -1)).field == "price"
    assert check(CreateProduct("p", "x", 1, -1)).field == "quantity"


def test_every_problem_named_here_is_one_of_the_contract():
    named = {expected.split()[0] for _, _, _, expected in ROWS if expected}

    assert named <= {problem.value for problem in Problem}
