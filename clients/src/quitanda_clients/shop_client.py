"""What customers do, whichever way their requests travel."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from quitanda.codec.documents import OrderSummary
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import CustomFields, Order, Product
from quitanda_clients.answers import Answer, Consistency, Listing, Page
from quitanda_clients.paging import LISTED_MAX


class ShopClient(Protocol):
    """One customer's connection to the shop; also an asynchronous context manager.

    Every method returns what the portal answered, or raises: errors.Rejected for a refusal,
    errors.Unavailable where nothing happened, errors.OutcomeUnknown where a write may have taken effect
    and can be repeated with the same `request_id`. Writes mint a `request_id` where none is given. One
    client serves any number of calls at the same time.

    `revision` is the highest that any answer carried; cached reads never show older data.
    """

    customer_id: str
    revision: int

    async def __aenter__(self) -> Self:
        """Use the client in a block; it is closed at the block's end."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""

    async def close(self) -> None:
        """Close the connections; calls in flight end with an error."""

    async def create_order(
        self, items: Sequence[ItemQuantity] = (), *, extra: CustomFields = (), request_id: str | None = None
    ) -> Answer[Order]:
        """Place an order, empty or with first items, all or nothing; the answer has its id."""

    async def set_order_item(
        self,
        order_id: str,
        product_id: str,
        quantity: int,
        *,
        extra: CustomFields = (),
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> Answer[Order]:
        """Set the units of one product in an order; zero removes it. `extra` is about this item."""

    async def set_order_items(
        self,
        order_id: str,
        items: Sequence[ItemQuantity] = (),
        *,
        extra: CustomFields = (),
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> Answer[Order]:
        """Set the units of several products at once, all or nothing; duplicates count with their sum.

        An extra field of the order (`extra`) or of an item that is set to JSON `null` is removed.
        """

    async def get_order(
        self, order_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> Answer[Order]:
        """Fetch one of the customer's orders; refused with ORDER_NOT_FOUND."""

    async def orders_page(self, page_size: int = 0, page_token: str = "") -> Page[OrderSummary]:
        """Fetch one page of the customer's orders, oldest first; size 0 is the portal's default."""

    async def list_orders(self, limit: int = LISTED_MAX) -> Listing[OrderSummary]:
        """Fetch all of the customer's orders, oldest first, from one snapshot."""

    async def cancel_order(
        self, order_id: str, *, expected_version: int | None = None, request_id: str | None = None
    ) -> Answer[Order]:
        """Remove an order; its units return to stock. The answer has the order as it was."""

    async def get_product(
        self, product_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> Answer[Product]:
        """Fetch a product; refused with PRODUCT_NOT_FOUND."""

    async def products_page(self, page_size: int = 0, page_token: str = "") -> Page[Product]:
        """Fetch one page of the products, by id; size 0 is the portal's default."""

    async def list_products(self, limit: int = LISTED_MAX) -> Listing[Product]:
        """Fetch all products, by id, from one snapshot."""
