"""What every system is asked: a thousand products, orders of four items, and calls that change one item.

The draws are seeded, so that every system gets the same orders with the same products.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

PRODUCTS: Final = 1_000
ORDERS: Final = 256
"""Each belongs to a customer of its own. Callers beyond this number share orders."""
ITEMS: Final = 4
STOCK: Final = 100_000_000
"""Units of each product: no run ever sells out."""
PRICE: Final = 250
SEED: Final = 1

SAME_PRODUCT: Final = "p0"
"""The first item of every order: what all callers change in the case of one product."""


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order that exists before the first measurement."""

    customer_id: str
    order_id: str
    product_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """The products and orders that the calls are about."""

    product_ids: tuple[str, ...]
    orders: tuple[PlacedOrder, ...]

    @classmethod
    def drawn(cls) -> Self:
        """Draw the items of each order: the product that all have, and three others."""
        draw = random.Random(SEED)  # noqa: S311 - the same draws each time
        product_ids = tuple(f"p{n}" for n in range(PRODUCTS))
        others = product_ids[1:]
        orders = (PlacedOrder(f"c{n}", f"o{n}", (SAME_PRODUCT, *draw.sample(others, ITEMS - 1))) for n in range(ORDERS))
        return cls(product_ids, tuple(orders))

    def with_order_ids(self, order_ids: Sequence[str]) -> Self:
        """Give the same orders under the ids that a system gave them."""
        placed = zip(self.orders, order_ids, strict=True)
        orders = tuple(PlacedOrder(order.customer_id, order_id, order.product_ids) for order, order_id in placed)
        return type(self)(self.product_ids, orders)

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON's types."""
        orders = [[order.customer_id, order.order_id, list(order.product_ids)] for order in self.orders]
        return {"products": list(self.product_ids), "orders": orders}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` has written."""
        orders = tuple(PlacedOrder(customer, order, tuple(items)) for customer, order, items in value["orders"])
        return cls(tuple(value["products"]), orders)


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One call: set the quantity of a product in an order."""

    order: PlacedOrder
    product_id: str
    quantity: int


def changes(workload: Workload, caller: int, *, same_product: bool) -> Iterator[ItemChange]:
    """Give what one caller asks for, without end: each change differs from the one before."""
    order = workload.orders[caller % len(workload.orders)]
    # The first item is the product of all: it is changed in the case of one product only.
    product_ids = order.product_ids[:1] if same_product else order.product_ids[1:]
    turn = caller
    while True:
        turn += 1
        yield ItemChange(order, product_ids[turn % len(product_ids)], 1 + turn // len(product_ids) % 3)


def drawn_changes(workload: Workload, caller: int, callers: int) -> Iterator[ItemChange]:
    """Give what one caller asks for, without end: each time another of its share of the orders."""
    orders = workload.orders[caller % len(workload.orders) :: callers]
    round_of_all = 0
    while True:
        round_of_all += 1
        for number, order in enumerate(orders):
            # The orders were placed with one unit of each product.
            yield ItemChange(order, order.product_ids[number % ITEMS], 2 + round_of_all % 2)
