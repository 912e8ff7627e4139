"""The empty call: a portal that answers at once, with an order that it has made when it started."""

from typing import Any

from bench import cases
from bench.peers.order_change import Document, new_order, new_product
from bench.peers.system import PeerSystem
from bench.workload import Workload


class EmptySystem(PeerSystem):
    """Two portals with nothing behind them."""

    name = "empty"
    title = "empty call"
    backend = "empty"
    cases = (cases.CHANGES, cases.ALONE, cases.ORDER_READS, cases.PRODUCT_READS)

    @classmethod
    def missing(cls) -> str:
        """Say nothing: it needs nothing."""
        return ""


class EmptyBackend:
    """Gives one order and one product whatever is asked."""

    def __init__(self, settings: dict[str, Any]) -> None:
        del settings
        self._order = new_order(Workload.drawn().orders[0])
        self._product = new_product("p0")

    async def open(self) -> None:
        """There is nothing to connect to."""

    async def seed(self, products: dict[str, Document], orders: dict[str, Document]) -> None:
        """Nothing is stored."""

    async def set_order_item(self, order_id: str, product_id: str, quantity: int, request_id: str) -> Document:
        """Change nothing."""
        del order_id, product_id, quantity, request_id
        return self._order

    async def order(self, order_id: str) -> Document:
        """Give the order."""
        del order_id
        return self._order

    async def product(self, product_id: str) -> Document:
        """Give the product."""
        del product_id
        return self._product
