"""The books: how many units administrators have put in of each product, and where those units are now."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from quitanda.domain.model import Order
from quitanda_clients.client import AdminClient, ShopClient

READERS: Final = 16
"""Customers whose orders are read at the same time."""


class InventoryAudit:
    """Units by product, as administrators put them in and took them out by hand."""

    def __init__(self) -> None:
        self._units: Counter[str] = Counter()

    def put(self, product_id: str, units: int) -> None:
        """Note units that an administrator added; fewer than none for those taken out."""
        self._units[product_id] += units

    def forget(self, product_id: str) -> None:
        """Note that a product was deleted, with all its units."""
        del self._units[product_id]

    def units(self) -> dict[str, int]:
        """Give the units that there must be of each product, on hand and in orders together."""
        return dict(self._units)


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted: units by product on hand and in live orders, and the orders themselves by id."""

    on_hand: dict[str, int]
    held: dict[str, int]
    orders: dict[str, Order]

    def units(self) -> dict[str, int]:
        """Units of each product, wherever they are."""
        return dict(Counter(self.on_hand) + Counter(self.held)) | {
            product_id: 0 for product_id, units in self.on_hand.items() if units + self.held.get(product_id, 0) == 0
        }


async def count(admin: AdminClient, shops: Iterable[ShopClient]) -> Count:
    """Count all products, and the orders of these customers, through the portals."""
    products = (await admin.list_products()).documents
    turns = asyncio.Semaphore(READERS)

    async def read(shop: ShopClient) -> Sequence[Order]:
        async with turns:
            summaries = (await shop.list_orders()).documents
            return [(await shop.get_order(summary.order_id)).document for summary in summaries]

    orders = [order for orders in await asyncio.gather(*(read(shop) for shop in shops)) for order in orders]
    held: Counter[str] = Counter()
    for order in orders:
        for item in order.items:
            held[item.product_id] += item.quantity
    return Count(
        {product.product_id: product.quantity for product in products},
        dict(held),
        {order.order_id: order for order in orders},
    )


def differences(expected: dict[str, int], counted: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Give (expected, counted) for each product where the two differ."""
    return {
        product_id: (expected.get(product_id, 0), counted.get(product_id, 0))
        for product_id in sorted(expected.keys() | counted.keys())
        if expected.get(product_id, 0) != counted.get(product_id, 0)
    }
