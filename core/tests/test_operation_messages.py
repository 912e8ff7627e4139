"""The portals' gRPC requests as commands and reads."""

import pytest

from quitanda.codec.queries import GetDocument, ListDocuments
from quitanda.domain import commands
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.limits import ITEMS_PER_ORDER_MAX
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Problem, Refused
from quitanda.operations import PortalKind, document_operations_of
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import client_portal_pb2 as client
from quitanda.v1.documents_pb2 import CONSISTENCY_CACHED, CONSISTENCY_LINEARIZABLE

GENERATED = {"order_id": "o9", "created_at_ms": 5}


def read(name, portal=None):
    """The reader of an operation's request; of the administrators' where both portals have one of that name."""
    portals = [portal] if portal else PortalKind
    return next(rows[name] for each in portals if name in (rows := document_operations_of(each))).from_message


@pytest.mark.parametrize(
    ("function", "message", "command"),
    [
        (
            read("create_customer"),
            admin.CreateCustomerRequest(customer_id="ana", name="Ana", extra={"b": " 1", "a": "null"}),
            commands.CreateCustomer("ana", "Ana", (("a", "null"), ("b", "1"))),
        ),
        (read("update_customer"), admin.UpdateCustomerRequest(customer_id="ana"), commands.UpdateCustomer("ana")),
        (
            read("update_customer"),
            admin.UpdateCustomerRequest(customer_id="ana", name="", extra={"a": "1"}, expected_version=0),
            commands.UpdateCustomer("ana", "", (("a", "1"),), 0),
        ),
        (
            read("delete_customer"),
            admin.DeleteCustomerRequest(customer_id="ana", cascade=True, expected_version=3),
            commands.DeleteCustomer("ana", cascade=True, expected_version=3),
        ),
        (
            read("create_product"),
            admin.CreateProductRequest(product_id="tea", name="Tea", price_minor_units=0, quantity=0),
            commands.CreateProduct("tea", "Tea", 0, 0),
        ),
        (
            read("create_product"),
            admin.CreateProductRequest(
                product_id="tea", name="Tea", description="d", price_minor_units=-5, quantity=7, extra={"a": "1"}
            ),
            commands.CreateProduct("tea", "Tea", -5, 7, "d", (("a", "1"),)),
        ),
        (read("update_product"), admin.UpdateProductRequest(product_id="tea"), commands.UpdateProduct("tea")),
        (
            read("update_product"),
            admin.UpdateProductRequest(
                product_id="tea",
                name="T",
                description="",
                price_minor_units=0,
                quantity=0,
                extra={"a": "null"},
                expected_version=2**64 - 1,
            ),
            commands.UpdateProduct("tea", "T", "", 0, 0, (("a", "null"),), 2**64 - 1),
        ),
        (
            read("delete_product"),
            admin.DeleteProductRequest(product_id="tea"),
            commands.DeleteProduct("tea"),
        ),
        (read("adjust_stock"), admin.AdjustStockRequest(product_id="tea", delta=-3), commands.AdjustStock("tea", -3)),
        (
            read("set_order_item"),
            client.SetOrderItemRequest(customer_id="ana", order_id="o1", product_id="tea", quantity=0),
            commands.SetOrderItems("ana", "o1", (ItemQuantity("tea", 0),)),
        ),
        (
            read("set_order_items"),
            client.SetOrderItemsRequest(
                customer_id="ana",
                order_id="o1",
                items=[client.ItemQuantity(product_id="tea", quantity=1)],
                expected_version=5,
            ),
            commands.SetOrderItems("ana", "o1", (ItemQuantity("tea", 1),), 5),
        ),
        (
            read("set_order_item"),
            client.SetOrderItemRequest(
                customer_id="ana", order_id="o1", product_id="tea", quantity=1, extra={"cup": " 1", "a": "null"}
            ),
            commands.SetOrderItems("ana", "o1", (ItemQuantity("tea", 1, (("a", "null"), ("cup", "1"))),)),
        ),
        (
            read("set_order_items"),
            client.SetOrderItemsRequest(
                customer_id="ana",
                order_id="o1",
                items=[client.ItemQuantity(product_id="tea", quantity=1, extra={"cup": "[ ]"})],
                extra={"b": "null", "a": " 1 "},
            ),
            commands.SetOrderItems(
                "ana", "o1", (ItemQuantity("tea", 1, (("cup", "[]"),)),), extra=(("a", "1"), ("b", "null"))
            ),
        ),
        (
            read("set_order_items"),
            client.SetOrderItemsRequest(customer_id="ana", order_id="o1", extra={"a": "1"}),
            commands.SetOrderItems("ana", "o1", (), extra=(("a", "1"),)),
        ),
        (
            read("cancel_order"),
            client.CancelOrderRequest(customer_id="ana", order_id="o1"),
            commands.CancelOrder("ana", "o1"),
        ),
    ],
)
def test_a_request_becomes_its_command(function, message, command):
    assert function(message) == command


def test_a_new_order_takes_the_id_and_the_time_that_the_portal_generated():
    message = client.CreateOrderRequest(
        customer_id="ana", items=[client.ItemQuantity(product_id="tea", quantity=1)] * 2
    )

    command = read("create_order")(message, GENERATED)

    assert command == commands.CreateOrder("ana", "o9", 5, (ItemQuantity("tea", 1),) * 2)


def test_a_new_order_and_its_items_take_unknown_fields():
    message = client.CreateOrderRequest(
        customer_id="ana",
        items=[client.ItemQuantity(product_id="tea", quantity=1, extra={"cup": ' "big"'})],
        extra={"note": '"\\u00e9"'},
    )

    command = read("create_order")(message, GENERATED)

    assert command == commands.CreateOrder(
        "ana", "o9", 5, (ItemQuantity("tea", 1, (("cup", '"big"'),)),), (("note", '"é"'),)
    )


@pytest.mark.parametrize(
    ("function", "message", "asked"),
    [
        (read("get_customer"), admin.GetCustomerRequest(customer_id="ana"), GetDocument(Kind.CUSTOMER, "ana")),
        (
            read("get_product"),
            admin.GetProductRequest(product_id="tea", consistency=CONSISTENCY_LINEARIZABLE),
            GetDocument(Kind.PRODUCT, "tea"),
        ),
        (
            read("get_order", PortalKind.ADMIN),
            admin.GetOrderForStaffRequest(order_id="o1", include_closed=True),
            GetDocument(Kind.ORDER, "o1", include_closed=True),
        ),
        (
            read("get_order", PortalKind.CLIENT),
            client.GetOrderRequest(customer_id="ana", order_id="o1", consistency=CONSISTENCY_CACHED, min_revision=9),
            GetDocument(Kind.ORDER, "o1", "ana", cached=True, min_revision=9),
        ),
        (
            read("get_product", PortalKind.CLIENT),
            client.GetProductForCustomerRequest(customer_id="ana", product_id="tea"),
            GetDocument(Kind.PRODUCT, "tea", "ana"),
        ),
        (read("list_customers"), admin.ListCustomersRequest(), ListDocuments(Kind.CUSTOMER, "", 100)),
        (read("list_products"), admin.ListProductsRequest(page_size=500), ListDocuments(Kind.PRODUCT, "", 500)),
        (
            read("list_orders"),
            client.ListOrdersRequest(customer_id="ana", page_size=1, page_token="t"),
            ListDocuments(Kind.ORDER, "ana", 1, "t"),
        ),
        (
            read("list_products", PortalKind.CLIENT),
            client.ListProductsForCustomerRequest(customer_id="ana"),
            ListDocuments(Kind.PRODUCT, "ana", 100),
        ),
    ],
)
def test_a_request_becomes_its_read(function, message, asked):
    assert function(message) == asked


@pytest.mark.parametrize(
    ("function", "message", "field", "problem"),
    [
        (read("create_customer"), admin.CreateCustomerRequest(extra={"a": "{"}), "extra.a", Problem.NOT_JSON),
        (read("update_customer"), admin.UpdateCustomerRequest(extra={"a": ""}), "extra.a", Problem.NOT_JSON),
        (read("create_product"), admin.CreateProductRequest(quantity=1), "price_minor_units", Problem.MISSING),
        (read("create_product"), admin.CreateProductRequest(price_minor_units=1), "quantity", Problem.MISSING),
        (
            read("create_product"),
            admin.CreateProductRequest(price_minor_units=1, quantity=1, extra={"a": "NaN"}),
            "extra.a",
            Problem.NOT_A_NUMBER,
        ),
        (read("update_product"), admin.UpdateProductRequest(extra={"a": "1,"}), "extra.a", Problem.NOT_JSON),
        (read("adjust_stock"), admin.AdjustStockRequest(product_id="tea"), "delta", Problem.MISSING),
        (read("set_order_item"), client.SetOrderItemRequest(), "quantity", Problem.MISSING),
        (
            read("set_order_item"),
            client.SetOrderItemRequest(quantity=1, extra={"a": "[" * 14 + "]" * 14}),
            "extra.a",
            Problem.TOO_DEEP,
        ),
        (
            read("set_order_items"),
            client.SetOrderItemsRequest(
                items=[client.ItemQuantity(quantity=1), client.ItemQuantity(quantity=1, extra={"a": "{"})]
            ),
            "items[1].extra.a",
            Problem.NOT_JSON,
        ),
        (read("set_order_items"), client.SetOrderItemsRequest(extra={"a": "{"}), "extra.a", Problem.NOT_JSON),
        (
            lambda message: read("create_order")(message, GENERATED),
            client.CreateOrderRequest(extra={"a": "NaN"}),
            "extra.a",
            Problem.NOT_A_NUMBER,
        ),
        (
            read("set_order_items"),
            client.SetOrderItemsRequest(items=[client.ItemQuantity(quantity=1), client.ItemQuantity()]),
            "items[1].quantity",
            Problem.MISSING,
        ),
        (
            read("set_order_items"),
            client.SetOrderItemsRequest(items=[client.ItemQuantity(quantity=1)] * (ITEMS_PER_ORDER_MAX + 1)),
            "items",
            Problem.TOO_MANY,
        ),
        (
            lambda message: read("create_order")(message, GENERATED),
            client.CreateOrderRequest(items=[client.ItemQuantity()]),
            "items[0].quantity",
            Problem.MISSING,
        ),
        (read("get_customer"), admin.GetCustomerRequest(consistency=77), "consistency", Problem.UNKNOWN_VALUE),
        (read("list_customers"), admin.ListCustomersRequest(page_size=-1), "page_size", Problem.NEGATIVE),
        (read("list_orders"), client.ListOrdersRequest(page_size=501), "page_size", Problem.TOO_LARGE),
    ],
)
def test_a_request_that_is_wrong_is_refused_by_its_field(function, message, field, problem):
    refused = function(message)

    assert isinstance(refused, Refused), refused
    assert (refused.field, dict(refused.details)["problem"]) == (field, problem)
