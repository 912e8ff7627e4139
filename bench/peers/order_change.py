"""The transaction that every peer makes: an item of an order is set, and the product's stock adjusted.

Peers keep orders and products as documents: JSON's types under the document's id.
"""

from typing import Any, Final, Protocol, TypeAlias

from bench.workload import PRICE, STOCK, PlacedOrder
from quitanda.v1.documents_pb2 import Order, OrderItem, Product

Document: TypeAlias = dict[str, Any]

QUANTITY_AT_FIRST: Final = 1


class OutOfStock(Exception):
    """There are fewer units than the order wants."""


class NotFound(Exception):
    """There is no document of this id."""


class Backend(Protocol):
    """What a peer's portal calls: the client of one system that stores orders and products."""

    async def open(self) -> None:
        """Connect."""

    async def seed(self, products: dict[str, Document], orders: dict[str, Document]) -> None:
        """Store the documents that the calls are about."""

    async def set_order_item(self, order_id: str, product_id: str, quantity: int, request_id: str) -> Document:
        """Make the transaction; give the order. Raises OutOfStock, NotFound."""

    async def order(self, order_id: str) -> Document:
        """Give the order, linearizably. Raises NotFound."""

    async def product(self, product_id: str) -> Document:
        """Give the product, as fast as the system allows. Raises NotFound."""


def new_product(product_id: str) -> Document:
    """Give a product with enough stock."""
    return {"product_id": product_id, "name": "Caneta", "price": PRICE, "quantity": STOCK, "version": 1}


def new_order(placed: PlacedOrder) -> Document:
    """Give an order that has one unit of each of its products."""
    items = {
        product_id: {"name": "Caneta", "price": PRICE, "quantity": QUANTITY_AT_FIRST}
        for product_id in placed.product_ids
    }
    return {"order_id": placed.order_id, "customer_id": placed.customer_id, "items": items, "version": 1}


def change(order: Document, product: Document, quantity: int) -> None:
    """Set the item of the product in both documents. Raises OutOfStock."""
    item = order["items"].get(product["product_id"])
    more = quantity - (item["quantity"] if item else 0)
    if product["quantity"] < more:
        raise OutOfStock
    product["quantity"] -= more
    product["version"] += 1
    order["items"][product["product_id"]] = {"name": product["name"], "price": product["price"], "quantity": quantity}
    order["version"] += 1


def order_message(order: Document) -> Order:
    """Write an order as portals answer it."""
    items = [
        OrderItem(
            product_id=product_id,
            quantity=item["quantity"],
            name=item["name"],
            unit_price_minor_units=item["price"],
            total_minor_units=item["price"] * item["quantity"],
        )
        for product_id, item in order["items"].items()
    ]
    return Order(
        order_id=order["order_id"],
        customer_id=order["customer_id"],
        items=items,
        total_minor_units=sum(item.total_minor_units for item in items),
        version=order["version"],
    )


def product_message(product: Document) -> Product:
    """Write a product as portals answer it."""
    return Product(
        product_id=product["product_id"],
        name=product["name"],
        price_minor_units=product["price"],
        quantity=product["quantity"],
        version=product["version"],
    )
