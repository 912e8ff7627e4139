"""The portals' gRPC requests as commands and reads.

Only shapes are converted, and required numbers must be there; every other check is the rules'
(`domain.validation`). What a portal mints (an order's id, the time) is a parameter.
"""

from collections.abc import Iterable

from quitanda.codec.custom_fields import ITEM_LEVEL, extra_from_map
from quitanda.codec.proto_commands import optional
from quitanda.codec.queries import GetDocument, ListDocuments, page_size_or_refused
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.limits import ITEMS_PER_ORDER_MAX
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import client_portal_pb2 as client
from quitanda.v1 import documents_pb2


def create_customer(message: admin.CreateCustomerRequest) -> CreateCustomer | Refused:
    """Read the request to create a customer."""
    extra = extra_from_map(message.extra)
    if isinstance(extra, Refused):
        return extra
    return CreateCustomer(message.customer_id, message.name, extra)


def update_customer(message: admin.UpdateCustomerRequest) -> UpdateCustomer | Refused:
    """Read the request to change a customer."""
    extra = extra_from_map(message.extra)
    if isinstance(extra, Refused):
        return extra
    return UpdateCustomer(
        message.customer_id,
        name=optional(message, "name"),
        extra=extra,
        expected_version=optional(message, "expected_version"),
    )


def delete_customer(message: admin.DeleteCustomerRequest) -> DeleteCustomer:
    """Read the request to delete a customer."""
    return DeleteCustomer(
        message.customer_id, cascade=message.cascade, expected_version=optional(message, "expected_version")
    )


def create_product(message: admin.CreateProductRequest) -> CreateProduct | Refused:
    """Read the request to create a product; its price and quantity must be given, if only as zero."""
    if not message.HasField("price_minor_units"):
        return invalid("price_minor_units", Problem.MISSING)
    if not message.HasField("quantity"):
        return invalid("quantity", Problem.MISSING)
    extra = extra_from_map(message.extra)
    if isinstance(extra, Refused):
        return extra
    return CreateProduct(
        message.product_id,
        message.name,
        price=message.price_minor_units,
        quantity=message.quantity,
        description=message.description,
        extra=extra,
    )


def update_product(message: admin.UpdateProductRequest) -> UpdateProduct | Refused:
    """Read the request to change a product."""
    extra = extra_from_map(message.extra)
    if isinstance(extra, Refused):
        return extra
    return UpdateProduct(
        message.product_id,
        name=optional(message, "name"),
        description=optional(message, "description"),
        price=optional(message, "price_minor_units"),
        quantity=optional(message, "quantity"),
        extra=extra,
        expected_version=optional(message, "expected_version"),
    )


def delete_product(message: admin.DeleteProductRequest) -> DeleteProduct:
    """Read the request to delete a product."""
    return DeleteProduct(
        message.product_id, cascade=message.cascade, expected_version=optional(message, "expected_version")
    )


def adjust_stock(message: admin.AdjustStockRequest) -> AdjustStock | Refused:
    """Read the request to add to the units on hand, or take from them."""
    if not message.HasField("delta"):
        return invalid("delta", Problem.MISSING)
    return AdjustStock(message.product_id, message.delta, optional(message, "expected_version"))


def get_customer(message: admin.GetCustomerRequest) -> GetDocument | Refused:
    """Read the request to see a customer."""
    return _get(Kind.CUSTOMER, message.customer_id, "", message)


def get_product(message: admin.GetProductRequest) -> GetDocument | Refused:
    """Read an administrator's request to see a product."""
    return _get(Kind.PRODUCT, message.product_id, "", message)


def list_customers(message: admin.ListCustomersRequest) -> ListDocuments | Refused:
    """Read the request to list the customers."""
    return _list(Kind.CUSTOMER, "", message)


def list_products(message: admin.ListProductsRequest) -> ListDocuments | Refused:
    """Read an administrator's request to list the products."""
    return _list(Kind.PRODUCT, "", message)


def create_order(message: client.CreateOrderRequest, *, order_id: str, created_at_ms: int) -> CreateOrder | Refused:
    """Read the request to place an order, with the id and the time that the portal minted."""
    items = _items(message.items)
    if isinstance(items, Refused):
        return items
    extra = extra_from_map(message.extra)
    if isinstance(extra, Refused):
        return extra
    return CreateOrder(message.customer_id, order_id, created_at_ms, items, extra)


def set_order_item(message: client.SetOrderItemRequest) -> SetOrderItems | Refused:
    """Read the request to set the quantity and extra fields of one product of an order."""
    if not message.HasField("quantity"):
        return invalid("quantity", Problem.MISSING)
    extra = extra_from_map(message.extra, level=ITEM_LEVEL)
    if isinstance(extra, Refused):
        return extra
    items = (ItemQuantity(message.product_id, message.quantity, extra),)
    return SetOrderItems(message.customer_id, message.order_id, items, optional(message, "expected_version"))


def set_order_items(message: client.SetOrderItemsRequest) -> SetOrderItems | Refused:
    """Read the request to set the quantities of several products of an order, and extra fields."""
    items = _items(message.items)
    if isinstance(items, Refused):
        return items
    extra = extra_from_map(message.extra)
    if isinstance(extra, Refused):
        return extra
    return SetOrderItems(message.customer_id, message.order_id, items, optional(message, "expected_version"), extra)


def cancel_order(message: client.CancelOrderRequest) -> CancelOrder:
    """Read the request to cancel an order."""
    return CancelOrder(message.customer_id, message.order_id, optional(message, "expected_version"))


def get_order(message: client.GetOrderRequest) -> GetDocument | Refused:
    """Read the request to see an order."""
    return _get(Kind.ORDER, message.order_id, message.customer_id, message)


def get_product_for_customer(message: client.GetProductForCustomerRequest) -> GetDocument | Refused:
    """Read a customer's request to see a product."""
    return _get(Kind.PRODUCT, message.product_id, message.customer_id, message)


def list_orders(message: client.ListOrdersRequest) -> ListDocuments | Refused:
    """Read the request to list a customer's orders."""
    return _list(Kind.ORDER, message.customer_id, message)


def list_products_for_customer(message: client.ListProductsForCustomerRequest) -> ListDocuments | Refused:
    """Read a customer's request to list the products."""
    return _list(Kind.PRODUCT, message.customer_id, message)


def _items(items: Iterable[client.ItemQuantity]) -> tuple[ItemQuantity, ...] | Refused:
    read: list[ItemQuantity] = []
    for index, item in enumerate(items):
        if index == ITEMS_PER_ORDER_MAX:
            return invalid("items", Problem.TOO_MANY, limit=ITEMS_PER_ORDER_MAX)
        if not item.HasField("quantity"):
            return invalid(f"items[{index}].quantity", Problem.MISSING)
        extra = extra_from_map(item.extra, f"items[{index}].extra", ITEM_LEVEL)
        if isinstance(extra, Refused):
            return extra
        read.append(ItemQuantity(item.product_id, item.quantity, extra))
    return tuple(read)


def _get(
    kind: Kind,
    document_id: str,
    customer_id: str,
    message: admin.GetCustomerRequest
    | admin.GetProductRequest
    | client.GetOrderRequest
    | client.GetProductForCustomerRequest,
) -> GetDocument | Refused:
    if message.consistency not in documents_pb2.Consistency.values():
        return invalid("consistency", Problem.UNKNOWN_VALUE, value=message.consistency)
    cached = message.consistency == documents_pb2.CONSISTENCY_CACHED
    return GetDocument(kind, document_id, customer_id, cached=cached, min_revision=message.min_revision)


def _list(
    kind: Kind,
    customer_id: str,
    message: admin.ListCustomersRequest
    | admin.ListProductsRequest
    | client.ListOrdersRequest
    | client.ListProductsForCustomerRequest,
) -> ListDocuments | Refused:
    page_size = page_size_or_refused(message.page_size)
    if isinstance(page_size, Refused):
        return page_size
    return ListDocuments(kind, customer_id, page_size, message.page_token)
