"""Documents as JSON: one canonical stored form, and a form to be shown."""

import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated

import pytest
import simplejson
from arbitrary_values import credentials, documents, orders
from hypothesis import given

from quitanda.codec.documents import (
    OrderSummary,
    compile_reader,
    compile_writer,
    decode_document,
    encode_document,
    id_of,
    kind_of,
    present_document,
    present_summary,
    read_shown_document,
    read_summary,
    stored_text,
    summarize,
)
from quitanda.domain.field_types import CustomFields, Identifier, TextRule, since
from quitanda.domain.model import Credential, Customer, Kind, Order, OrderItem, Product

ANA = Customer("ana", "Ana", (("email", '"ana@example.org"'), ("since", "2019")), 7)
TEA = Product("tea", 'Tea "green"', "dried\nleaves", 1250, 40, (("weight", "0.50"),), 8)
ORDER = Order("o1", "ana", 1_700_000_000_000, (OrderItem("tea", "Tea", 1250, 3), OrderItem("cup", "Cup", 5, 1)), 9)
ORDER_WITH_EXTRA = Order(
    "o1",
    "ana",
    1_700_000_000_000,
    (OrderItem("tea", "Tea", 1250, 3, (("gift", "true"), ("price", '"ask"'))), OrderItem("cup", "Cup", 5, 1)),
    9,
    (("note", '"ring twice"'), ("quantity", "null")),
)


@given(documents)
def test_a_stored_document_is_read_back_the_same(document):
    assert decode_document(kind_of(document), encode_document(document)) == document


@pytest.mark.parametrize("document", [ANA, TEA], ids=["customer", "product"])
def test_only_orders_and_items_have_a_total_of_their_own(document):
    described = replace(document, extra=(("total", "7"),))

    assert decode_document(kind_of(document), encode_document(described)) == described


@pytest.mark.parametrize("document", [ANA, TEA, ORDER], ids=["customer", "product", "order"])
def test_a_custom_field_may_have_the_name_by_which_the_rules_keep_custom_fields(document):
    """A reader of stored documents took `extra` for a field of its own, and lost what customers had stored there."""
    described = replace(document, extra=(("extra", '"mine"'),))
    if isinstance(document, Order):
        described = replace(described, items=tuple(replace(item, extra=(("extra", "1"),)) for item in document.items))

    assert decode_document(kind_of(document), encode_document(described)) == described


@given(documents)
def test_a_stored_document_is_one_valid_json_object(document):
    fields = json.loads(encode_document(document))

    assert fields["version"] == document.version
    assert id_of(document) == fields[f"{kind_of(document)}_id"]


@given(documents)
def test_a_shown_document_is_read_back_the_same(document):
    shown = simplejson.loads(present_document(document), use_decimal=True)

    assert read_shown_document(kind_of(document), shown) == as_shown(document)


@given(credentials)
def test_nobody_is_shown_the_hashes_of_a_credential(credential):
    shown = present_document(credential)

    assert credential.secret_hash not in shown
    assert "hash" not in shown
    assert credential.secret_hash not in repr(credential)
    assert credential.secret_hash in stored_text(credential)


def as_shown(document):
    return replace(document, secret_hash="", previous_hash="") if isinstance(document, Credential) else document


@given(orders)
def test_a_shown_order_has_exact_totals(order):
    shown = simplejson.loads(present_document(order), use_decimal=True)

    assert int(shown["total"] * 100) == order.total
    assert [int(item["total"] * 100) for item in shown["items"]] == [item.total for item in order.items]


@given(orders)
def test_a_shown_summary_is_read_back_the_same(order):
    summary = summarize(order)

    assert read_summary(simplejson.loads(present_summary(summary), use_decimal=True)) == summary


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (ANA, '{"customer_id":"ana","name":"Ana","version":7,"email":"ana@example.org","since":2019}'),
        (
            TEA,
            (
                '{"product_id":"tea","name":"Tea \\"green\\"","description":"dried\\nleaves","price":12.50,'
                '"quantity":40,"version":8,"weight":0.50}'
            ),
        ),
        (
            ORDER,
            (
                '{"order_id":"o1","customer_id":"ana","created_at_ms":1700000000000,"items":['
                '{"product_id":"tea","name":"Tea","unit_price":12.50,"quantity":3},'
                '{"product_id":"cup","name":"Cup","unit_price":0.05,"quantity":1}],"version":9}'
            ),
        ),
        (
            ORDER_WITH_EXTRA,
            (
                '{"order_id":"o1","customer_id":"ana","created_at_ms":1700000000000,"items":['
                '{"product_id":"tea","name":"Tea","unit_price":12.50,"quantity":3,"gift":true,"price":"ask"},'
                '{"product_id":"cup","name":"Cup","unit_price":0.05,"quantity":1}],"version":9,'
                '"note":"ring twice","quantity":null}'
            ),
        ),
    ],
)
def test_the_stored_form_has_known_fields_in_a_fixed_order_and_then_the_others(document, text):
    assert stored_text(document) == text


def test_an_order_without_unknown_fields_is_read_from_what_was_always_stored():
    stored = (
        b'{"order_id":"o1","customer_id":"ana","created_at_ms":1000,"items":['
        b'{"product_id":"rice","name":"Rice","unit_price":2.50,"quantity":5}],"version":6}'
    )
    order = Order("o1", "ana", 1000, (OrderItem("rice", "Rice", 250, 5),), 6)

    assert decode_document(Kind.ORDER, stored) == order
    assert encode_document(order) == stored


def test_unknown_fields_of_an_order_are_shown_after_those_that_are_known():
    assert present_document(ORDER_WITH_EXTRA) == (
        '{"order_id":"o1","customer_id":"ana","created_at_ms":1700000000000,"items":['
        '{"product_id":"tea","name":"Tea","unit_price":12.50,"quantity":3,"total":37.50,"gift":true,"price":"ask"},'
        '{"product_id":"cup","name":"Cup","unit_price":0.05,"quantity":1,"total":0.05}],"total":37.55,"version":9,'
        '"note":"ring twice","quantity":null}'
    )


def test_an_order_is_shown_with_totals():
    assert present_document(ORDER) == (
        '{"order_id":"o1","customer_id":"ana","created_at_ms":1700000000000,"items":['
        '{"product_id":"tea","name":"Tea","unit_price":12.50,"quantity":3,"total":37.50},'
        '{"product_id":"cup","name":"Cup","unit_price":0.05,"quantity":1,"total":0.05}],"total":37.55,"version":9}'
    )


def test_a_summary_counts_products_and_sums_prices():
    assert summarize(ORDER) == OrderSummary("o1", 1_700_000_000_000, 2, 3755, 9)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Kind.CUSTOMER, b""),
        (Kind.CUSTOMER, b"\xff"),
        (Kind.CUSTOMER, b"[]"),
        (Kind.CUSTOMER, b"null"),
        (Kind.CUSTOMER, b'{"customer_id":"ana","name":"Ana"}'),
        (Kind.CUSTOMER, b'{"customer_id":1,"name":"Ana","version":1}'),
        (Kind.CUSTOMER, b'{"customer_id":"ana","name":"Ana","version":"1"}'),
        (Kind.CUSTOMER, b'{"customer_id":"ana","name":"Ana","version":true}'),
        (Kind.PRODUCT, encode_document(ANA)),
        (Kind.PRODUCT, encode_document(TEA).replace(b"12.50", b"12.505")),
        (Kind.PRODUCT, encode_document(TEA).replace(b"12.50", b"12")),
        (Kind.PRODUCT, encode_document(TEA).replace(b"12.50", b'"12.50"')),
        (Kind.ORDER, encode_document(ORDER).replace(b'"cup"', b"null")),
        (Kind.ORDER, encode_document(ORDER)[:-1]),
    ],
)
def test_corrupt_bytes_are_a_value_error(kind, data):
    with pytest.raises(ValueError, match=r"."):
        decode_document(kind, data)


NOT_EXACT = {"order_id": "o1", "created_at_ms": 1, "item_count": 1, "total": Decimal("1.005"), "version": 1}


@pytest.mark.parametrize("fields", [None, [], {}, {"order_id": "o1"}, NOT_EXACT])
def test_what_is_not_a_summary_is_a_value_error(fields):
    with pytest.raises(ValueError, match="not a summary"):
        read_summary(fields)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A document whose field `label` came with level 2."""

    shelf_id: Identifier
    extra: CustomFields
    version: int
    label: Annotated[str, TextRule(10)] = field(default="", metadata=since(2))


WRITE, READ, READ_BEFORE = compile_writer(Shelf), compile_reader(Shelf), compile_reader(Shelf, level=1)
CUSTOM = (("a", "1"), ("z", "2"))


def parsed(text):
    return simplejson.loads(text, use_decimal=True)


def test_a_field_that_came_later_is_not_written_while_it_has_its_default():
    assert WRITE(Shelf("s1", CUSTOM, 3)) == '{"shelf_id":"s1","version":3,"a":1,"z":2}'


def test_a_field_that_came_later_stands_where_a_custom_field_of_its_name_stands():
    text = WRITE(Shelf("s1", CUSTOM, 3, "top"))

    assert text == '{"shelf_id":"s1","version":3,"a":1,"label":"top","z":2}'
    assert READ(parsed(text)) == Shelf("s1", CUSTOM, 3, "top")


def test_a_document_without_a_field_that_came_later_has_its_default():
    assert READ(parsed('{"shelf_id":"s1","version":3}')) == Shelf("s1", (), 3)


def test_below_its_level_a_field_is_a_custom_one_and_the_bytes_are_the_same():
    text = WRITE(Shelf("s1", CUSTOM, 3, "top"))
    before = READ_BEFORE(parsed(text))

    assert before == Shelf("s1", (("a", "1"), ("label", '"top"'), ("z", "2")), 3)
    assert WRITE(before) == text


def test_a_custom_field_of_another_type_stays_one_when_a_field_of_its_name_comes():
    text = '{"shelf_id":"s1","version":3,"label":[1]}'

    assert READ(parsed(text)) == Shelf("s1", (("label", "[1]"),), 3)
    assert WRITE(READ(parsed(text))) == text


def test_a_custom_field_of_before_is_never_taken_for_a_field_that_the_rules_set():
    extra = (("returned", "7"), ("state", '"fulfilled"'))
    item = OrderItem("pen", "Pen", 250, 2, (("restocked", "9"),))
    before = Order("o1", "ana", 1, (item,), 5, extra)

    stored = encode_document(before)

    for level in (3, 4):
        assert decode_document(Kind.ORDER, stored, level) == before
    placed = replace(before, state="placed", placed_at_ms=9, items=(replace(item, returned=1),))
    assert decode_document(Kind.ORDER, encode_document(placed)) == placed
    assert encode_document(placed).count(b'"state"') == 2


def test_a_custom_reorder_level_of_before_stays_beside_the_one_that_the_shop_sets():
    before = Product("pen", "Pen", "", 250, 3, (("reorder_level", "17"),), 5)

    assert decode_document(Kind.PRODUCT, encode_document(before)) == before
    level_set = replace(before, reorder_level=3)
    assert decode_document(Kind.PRODUCT, encode_document(level_set)) == level_set
    assert json.loads(present_document(level_set))["reorder_level"] == 3


def test_a_shown_order_has_its_state_once_under_its_own_name():
    order = Order("o1", "ana", 1, (), 5, (("note", '"x"'), ("state", '"mine"')), "placed", 7, 8, 9)

    shown = present_document(order)

    assert shown.endswith(
        '"version":5,"expires_at_ms":9,"note":"x","placed_at_ms":8,"state":"placed","state_since_ms":7}'
    )
    assert read_shown_document(Kind.ORDER, json.loads(shown, parse_float=Decimal)) == replace(
        order, extra=(("note", '"x"'),)
    )


@pytest.mark.parametrize("apart", ["[]", '{"state":5}', '{"colour":"red"}', '"placed"'])
def test_what_only_the_rules_write_is_refused_in_another_form(apart):
    stored = encode_document(Order("o1", "ana", 1, (), 5)).decode()

    with pytest.raises(ValueError, match="not a"):
        decode_document(Kind.ORDER, f'{stored[:-1]},"":{apart}}}'.encode())
