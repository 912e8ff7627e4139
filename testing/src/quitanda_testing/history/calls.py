"""Actions as calls of the clients' library."""

from collections.abc import Awaitable

from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CancelOrderItems,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    PlaceOrder,
    ReturnOrder,
    SetOrderDeadline,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.results import DeleteResult, DocumentResult, Listing
from quitanda_testing.history.operations import Action, GetCustomer, GetOrder, GetProduct, ListOrders


def of_customer(client: ShopClient, action: Action, request_id: str) -> Awaitable[DocumentResult | Listing]:  # noqa: PLR0911 - one case for each
    """Begin what a customer does; who is asking is the client's matter."""
    match action:
        case CreateOrder(items=items):
            return client.create_order(items, request_id=request_id)
        case SetOrderItems(_, order_id, items=(item,), expected_version=expected):
            return client.set_order_item(
                order_id, item.product_id, item.quantity, expected_version=expected, request_id=request_id
            )
        case SetOrderItems(_, order_id, items=items, expected_version=expected):
            return client.set_order_items(order_id, items, expected_version=expected, request_id=request_id)
        case CancelOrder(_, order_id, expected_version=expected):
            return client.cancel_order(order_id, expected_version=expected, request_id=request_id)
        case PlaceOrder(_, order_id, expected):
            return client.place_order(order_id, expected_version=expected, request_id=request_id)
        case SetOrderDeadline(order_id, expires_at_ms, expected_version=expected):
            return client.set_order_deadline(order_id, expires_at_ms, expected_version=expected, request_id=request_id)
        case GetOrder(_, order_id, include_closed):
            return client.get_order(order_id, include_closed=include_closed)
        case ListOrders(_, states):
            return client.list_orders(states=states)
        case GetProduct(product_id):
            return client.get_product(product_id)
        case _:
            raise TypeError(f"customers do not do this: {action}")


def of_administrator(  # noqa: PLR0911, PLR0912, C901 - one case for each
    client: AdminClient, action: Action, request_id: str
) -> Awaitable[DocumentResult | DeleteResult]:
    """Begin what an administrator does."""
    match action:
        case CreateCustomer(customer_id, name):
            return client.create_customer(customer_id, name, request_id=request_id)
        case UpdateCustomer(customer_id, name):
            return client.update_customer(customer_id, name=name, request_id=request_id)
        case DeleteCustomer(customer_id, cascade):
            return client.delete_customer(customer_id, cascade=cascade, request_id=request_id)
        case CreateProduct(product_id, name, price, quantity):
            return client.create_product(product_id, name, price, quantity, request_id=request_id)
        case UpdateProduct(product_id, name, price=price, expected_version=expected):
            return client.update_product(
                product_id, name=name, price=price, expected_version=expected, request_id=request_id
            )
        case DeleteProduct(product_id, cascade):
            return client.delete_product(product_id, cascade=cascade, request_id=request_id)
        case AdjustStock(product_id, delta, expected):
            return client.adjust_stock(product_id, delta, expected_version=expected, request_id=request_id)
        case FulfilOrder(order_id, expected):
            return client.fulfil_order(order_id, expected_version=expected, request_id=request_id)
        case ReturnOrder(order_id, items, restock, expected):
            return client.return_order(
                order_id, items, restock=restock, expected_version=expected, request_id=request_id
            )
        case CancelOrderItems(order_id, items, expected):
            return client.cancel_order_items(order_id, items, expected_version=expected, request_id=request_id)
        case GetProduct(product_id):
            return client.get_product(product_id)
        case GetCustomer(customer_id):
            return client.get_customer(customer_id)
        case _:
            raise TypeError(f"administrators do not do this: {action}")
