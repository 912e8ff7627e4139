"""What a customer asks over MQTT, as JSON objects: read field by field, and refused by the field at fault."""

from decimal import Decimal

import pytest

from quitanda.codec.queries import GetDocument, ListDocuments
from quitanda.domain.commands import CancelOrder, CreateOrder, ItemQuantity, SetOrderItems
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Problem, Refused
from quitanda.operations import PortalKind, document_operations_of

OPERATIONS = document_operations_of(PortalKind.CLIENT)
ENVELOPE = {"request_id": "r1", "reply_to": "s1"}


@pytest.mark.parametrize(
    ("operation", "fields", "asked"),
    [
        (
            "set_order_item",
            {"order_id": "o1", "product_id": "tea", "quantity": 2},
            SetOrderItems("ana", "o1", (ItemQuantity("tea", 2),)),
        ),
        (
            "set_order_items",
            {"order_id": "o1", "items": [{"product_id": "tea", "quantity": 0}], "expected_version": 7},
            SetOrderItems("ana", "o1", (ItemQuantity("tea", 0),), 7),
        ),
        (
            "set_order_item",
            {"order_id": "o1", "product_id": "tea", "quantity": 2, "extra": {"sugar": None, "cup": ["big"]}},
            SetOrderItems("ana", "o1", (ItemQuantity("tea", 2, (("cup", '["big"]'), ("sugar", "null"))),)),
        ),
        (
            "set_order_items",
            {"order_id": "o1", "extra": {"note": "be quick", "tip": Decimal("1.50")}},
            SetOrderItems("ana", "o1", (), extra=(("note", '"be quick"'), ("tip", "1.50"))),
        ),
        (
            "set_order_items",
            {"order_id": "o1", "items": [{"product_id": "tea", "quantity": 1, "extra": {"sugar": 2}}], "extra": {}},
            SetOrderItems("ana", "o1", (ItemQuantity("tea", 1, (("sugar", "2"),)),)),
        ),
        ("set_order_items", {"order_id": "o1"}, SetOrderItems("ana", "o1", ())),
        ("cancel_order", {"order_id": "o1"}, CancelOrder("ana", "o1")),
        ("cancel_order", {"order_id": "o1", "expected_version": 3}, CancelOrder("ana", "o1", 3)),
        ("get_order", {"order_id": "o1"}, GetDocument(Kind.ORDER, "o1", "ana")),
        (
            "get_order",
            {"order_id": "o1", "consistency": "cached", "min_revision": 9},
            GetDocument(Kind.ORDER, "o1", "ana", cached=True, min_revision=9),
        ),
        (
            "get_product",
            {"product_id": "tea", "consistency": "linearizable"},
            GetDocument(Kind.PRODUCT, "tea", "ana"),
        ),
        ("list_orders", {}, ListDocuments(Kind.ORDER, "ana", 100)),
        ("list_orders", {"page_size": 0}, ListDocuments(Kind.ORDER, "ana", 100)),
        ("list_products", {"page_size": 5, "page_token": "t"}, ListDocuments(Kind.PRODUCT, "ana", 5, "t")),
    ],
)
def test_an_operation_becomes_what_it_asks_for(operation, fields, asked):
    assert OPERATIONS[operation].from_fields("ana", {**ENVELOPE, **fields}) == asked


@pytest.mark.parametrize(
    ("fields", "items", "extra"),
    [
        ({}, (), ()),
        ({"items": None, "extra": None}, (), ()),
        ({"items": [{"product_id": "tea", "quantity": 2}]}, (ItemQuantity("tea", 2),), ()),
        (
            {"items": [{"product_id": "tea", "quantity": 2, "extra": {"cup": "big"}}], "extra": {"b": [1], "a": None}},
            (ItemQuantity("tea", 2, (("cup", '"big"'),)),),
            (("a", "null"), ("b", "[1]")),
        ),
    ],
)
def test_a_new_order_takes_the_id_and_the_time_that_the_portal_generated(fields, items, extra):
    generated = {"order_id": "o9", "created_at_ms": 5}
    command = OPERATIONS["create_order"].from_fields("ana", {**ENVELOPE, **fields}, generated)

    assert command == CreateOrder("ana", "o9", 5, items, extra)


@pytest.mark.parametrize(
    ("operation", "fields", "field", "problem"),
    [
        ("set_order_item", {}, "order_id", Problem.MISSING),
        ("set_order_item", {"order_id": "o1", "product_id": "tea"}, "quantity", Problem.MISSING),
        ("set_order_item", {"order_id": "o1", "product_id": "tea", "quantity": "2"}, "quantity", Problem.WRONG_TYPE),
        ("set_order_items", {"items": []}, "order_id", Problem.MISSING),
        ("set_order_items", {"order_id": "o1", "items": [], "extra": [1]}, "extra", Problem.WRONG_TYPE),
        (
            "set_order_items",
            {"order_id": "o1", "items": [{"product_id": "tea", "quantity": 1, "extra": "x"}]},
            "items[0].extra",
            Problem.WRONG_TYPE,
        ),
        (
            "set_order_items",
            {"order_id": "o1", "items": [{"product_id": "tea", "quantity": 1, "colour": "red"}]},
            "items[0].colour",
            Problem.UNKNOWN_FIELD,
        ),
        ("set_order_items", {"order_id": "o1", "items": [1]}, "items[0]", Problem.WRONG_TYPE),
        ("cancel_order", {"order_id": "o1", "expected_version": "1"}, "expected_version", Problem.WRONG_TYPE),
        ("cancel_order", {"order_id": "o1", "force": True}, "force", Problem.UNKNOWN_FIELD),
        ("cancel_order", {"order_id": "o1", "customer_id": "bob"}, "customer_id", Problem.UNKNOWN_FIELD),
        ("get_order", {}, "order_id", Problem.MISSING),
        ("get_order", {"order_id": "o1", "consistency": "eventual"}, "consistency", Problem.UNKNOWN_VALUE),
        ("get_order", {"order_id": "o1", "consistency": 2}, "consistency", Problem.WRONG_TYPE),
        ("get_order", {"order_id": "o1", "min_revision": -1}, "min_revision", Problem.NEGATIVE),
        ("list_orders", {"page_size": -1}, "page_size", Problem.NEGATIVE),
        ("list_orders", {"page_size": 501}, "page_size", Problem.TOO_LARGE),
        ("list_orders", {"page_token": 5}, "page_token", Problem.WRONG_TYPE),
        ("list_products", {"page": 1}, "page", Problem.UNKNOWN_FIELD),
    ],
)
def test_an_operation_that_is_wrong_is_refused_by_its_field(operation, fields, field, problem):
    refused = OPERATIONS[operation].from_fields("ana", {**ENVELOPE, **fields})

    assert isinstance(refused, Refused), refused
    assert (refused.field, dict(refused.details)["problem"]) == (field, problem)
