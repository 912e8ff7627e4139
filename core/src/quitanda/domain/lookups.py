"""Documents that must exist because other documents or an index name them."""

from quitanda.domain.model import Order, Product
from quitanda.domain.state import StateView


class BrokenInvariantError(AssertionError):
    """The state contradicts itself, which no command can bring about; nothing can be decided on it."""


def indexed_order(view: StateView, order_id: str) -> Order:
    """Return an order that an index names. Raises BrokenInvariantError where there is none."""
    order = view.order(order_id)
    if order is None:
        message = f"an index names order {order_id}, which does not exist"
        raise BrokenInvariantError(message)
    return order


def ordered_product(view: StateView, product_id: str) -> Product:
    """Return a product that an order holds. Raises BrokenInvariantError where there is none."""
    product = view.product(product_id)
    if product is None:
        message = f"an order holds product {product_id}, which does not exist"
        raise BrokenInvariantError(message)
    return product
