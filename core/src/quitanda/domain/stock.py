"""Units that go back from orders to stock."""

from collections.abc import Iterable
from dataclasses import replace

from quitanda.domain import lookups
from quitanda.domain.model import Order, Product
from quitanda.domain.state import StateView


def returned(view: StateView, orders: Iterable[Order]) -> tuple[Product, ...]:
    """Return the products of the orders' items with all the items' units back on hand, each product once.

    Never refused: what an order held had been on hand before, so units may come back beyond the bound
    that administrators have.
    """
    units: dict[str, int] = {}
    for order in orders:
        for item in order.items:
            units[item.product_id] = units.get(item.product_id, 0) + item.quantity
    return tuple(_with_more(lookups.ordered_product(view, product_id), count) for product_id, count in units.items())


def _with_more(product: Product, units: int) -> Product:
    return replace(product, quantity=product.quantity + units)
