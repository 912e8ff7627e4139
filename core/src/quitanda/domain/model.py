"""The documents that Quitanda keeps, as immutable values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

CustomFields: TypeAlias = tuple[tuple[str, str], ...]
"""Fields of a document, or of an order's item, that Quitanda does not know: (name, JSON text), sorted by name."""


class Kind(StrEnum):
    """What a document is."""

    CUSTOMER = "customer"
    PRODUCT = "product"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who may place orders.

    `version` is unique among all versions of all documents, so a customer who is deleted and
    created again never has an old version; the same holds for products and orders.
    """

    customer_id: str
    name: str
    extra: CustomFields
    version: int


@dataclass(frozen=True, slots=True)
class Product:
    """Something the shop sells.

    `price` is in minor units (hundredths) of the currency for one unit; `quantity` counts the units
    on hand, which no live order holds.
    """

    product_id: str
    name: str
    description: str
    price: int
    quantity: int
    extra: CustomFields
    version: int


@dataclass(frozen=True, slots=True)
class OrderItem:
    """Units of one product in an order.

    `name` and `unit_price` (minor units) are the product's at the moment when `quantity` was last raised.
    """

    product_id: str
    name: str
    unit_price: int
    quantity: int
    extra: CustomFields = ()

    @property
    def total(self) -> int:
        """Price of all units, in minor units."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Order:
    """What one customer ordered; items stand in the order in which their products were first added.

    `created_at_ms` is in milliseconds since 1970-01-01T00:00Z, from the portal's clock.
    """

    order_id: str
    customer_id: str
    created_at_ms: int
    items: tuple[OrderItem, ...]
    version: int
    extra: CustomFields = ()

    @property
    def total(self) -> int:
        """Price of all items, in minor units."""
        return sum(item.total for item in self.items)


Document: TypeAlias = Customer | Product | Order
