"""What the units on hand are worth at the prices that their products have now. Pure."""

from dataclasses import dataclass

from quitanda.domain.model import Product


@dataclass(frozen=True, slots=True)
class StockRow:
    """The units on hand of one product, which no live order holds; prices are in minor units."""

    product_id: str
    name: str
    quantity: int
    price: int
    value: int


def stock_row(product: Product) -> StockRow:
    """Say what the units of one product are worth."""
    worth = product.quantity * product.price
    return StockRow(product.product_id, product.name, product.quantity, product.price, worth)
