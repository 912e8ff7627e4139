"""What customers do, over gRPC."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from quitanda.codec.documents import OrderSummary
from quitanda.codec.protobuf import order_from_proto, product_from_proto, summary_from_proto
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import CustomFields, Order, Product
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda_clients import carried
from quitanda_clients.addresses import Address
from quitanda_clients.client import PROTO_CONSISTENCY
from quitanda_clients.paging import LISTED_MAX, whole_list
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.results import TIMEOUT_DEFAULT, Answer, Consistency, Listing, Page, Slow, unnoticed
from quitanda_clients.transports.grpc import Portals

if TYPE_CHECKING:  # only the types know this class
    from quitanda.v1.client_portal_pb2_grpc import ClientPortalAsyncStub


class GrpcShopClient:
    """Implements `shop_client.ShopClient`; several portals are tried in turn."""

    def __init__(
        self,
        customer_id: str,
        portals: Sequence[Address],
        *,
        timeout: float = TIMEOUT_DEFAULT,
        slow: Slow = unnoticed,
    ) -> None:
        self.customer_id = customer_id
        self.revision = 0
        self._portals: Portals[ClientPortalAsyncStub] = Portals(portals, ClientPortalStub, slow)
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; calls in flight end with an error."""
        await self._portals.close()

    async def create_order(
        self, items: Sequence[ItemQuantity] = (), *, extra: CustomFields = (), request_id: str | None = None
    ) -> Answer[Order]:
        """Place an order, empty or with first items, all or nothing; the answer has its id."""
        request = pb.CreateOrderRequest(
            request_id=request_id or new_request_id(),
            customer_id=self.customer_id,
            items=_items(items),
            extra=dict(extra),
        )
        response = await self._portals.call(lambda stub: stub.CreateOrder, request, write=True, timeout=self._timeout)
        return Answer(order_from_proto(response.order), self._seen(response.revision), request.request_id)

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
        request = pb.SetOrderItemRequest(
            request_id=request_id or new_request_id(),
            customer_id=self.customer_id,
            order_id=order_id,
            product_id=product_id,
            quantity=carried.item_quantity(quantity),
            expected_version=carried.version(expected_version),
            extra=dict(extra),
        )
        response = await self._portals.call(lambda stub: stub.SetOrderItem, request, write=True, timeout=self._timeout)
        return Answer(order_from_proto(response.order), self._seen(response.revision), request.request_id)

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
        request = pb.SetOrderItemsRequest(
            request_id=request_id or new_request_id(),
            customer_id=self.customer_id,
            order_id=order_id,
            items=_items(items),
            expected_version=carried.version(expected_version),
            extra=dict(extra),
        )
        response = await self._portals.call(lambda stub: stub.SetOrderItems, request, write=True, timeout=self._timeout)
        return Answer(order_from_proto(response.order), self._seen(response.revision), request.request_id)

    async def get_order(
        self, order_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> Answer[Order]:
        """Fetch one of the customer's orders; refused with ORDER_NOT_FOUND."""
        request = pb.GetOrderRequest(
            customer_id=self.customer_id,
            order_id=order_id,
            consistency=PROTO_CONSISTENCY[consistency],
            min_revision=carried.revision(max(min_revision, self.revision)),
        )
        response = await self._portals.call(lambda stub: stub.GetOrder, request, write=False, timeout=self._timeout)
        return Answer(order_from_proto(response.order), self._seen(response.revision))

    async def orders_page(self, page_size: int = 0, page_token: str = "") -> Page[OrderSummary]:
        """Fetch one page of the customer's orders, oldest first; size 0 is the portal's default."""
        request = pb.ListOrdersRequest(
            customer_id=self.customer_id, page_size=carried.page_size(page_size), page_token=page_token
        )
        response = await self._portals.call(lambda stub: stub.ListOrders, request, write=False, timeout=self._timeout)
        orders = tuple(summary_from_proto(summary) for summary in response.orders)
        return Page(orders, response.next_page_token, self._seen(response.revision))

    async def list_orders(self, limit: int = LISTED_MAX) -> Listing[OrderSummary]:
        """Fetch all of the customer's orders, oldest first, from one snapshot."""
        return await whole_list(self.orders_page, limit)

    async def cancel_order(
        self, order_id: str, *, expected_version: int | None = None, request_id: str | None = None
    ) -> Answer[Order]:
        """Remove an order; its units return to stock. The answer has the order as it was."""
        request = pb.CancelOrderRequest(
            request_id=request_id or new_request_id(),
            customer_id=self.customer_id,
            order_id=order_id,
            expected_version=carried.version(expected_version),
        )
        response = await self._portals.call(lambda stub: stub.CancelOrder, request, write=True, timeout=self._timeout)
        return Answer(order_from_proto(response.order), self._seen(response.revision), request.request_id)

    async def get_product(
        self, product_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> Answer[Product]:
        """Fetch a product; refused with PRODUCT_NOT_FOUND."""
        request = pb.GetProductForCustomerRequest(
            customer_id=self.customer_id,
            product_id=product_id,
            consistency=PROTO_CONSISTENCY[consistency],
            min_revision=carried.revision(max(min_revision, self.revision)),
        )
        response = await self._portals.call(lambda stub: stub.GetProduct, request, write=False, timeout=self._timeout)
        return Answer(product_from_proto(response.product), self._seen(response.revision))

    async def products_page(self, page_size: int = 0, page_token: str = "") -> Page[Product]:
        """Fetch one page of the products, by id; size 0 is the portal's default."""
        request = pb.ListProductsForCustomerRequest(
            customer_id=self.customer_id, page_size=carried.page_size(page_size), page_token=page_token
        )
        response = await self._portals.call(lambda stub: stub.ListProducts, request, write=False, timeout=self._timeout)
        products = tuple(product_from_proto(product) for product in response.products)
        return Page(products, response.next_page_token, self._seen(response.revision))

    async def list_products(self, limit: int = LISTED_MAX) -> Listing[Product]:
        """Fetch all products, by id, from one snapshot."""
        return await whole_list(self.products_page, limit)

    def _seen(self, revision: int) -> int:
        self.revision = max(self.revision, revision)
        return revision


def _items(items: Sequence[ItemQuantity]) -> list[pb.ItemQuantity]:
    return [
        pb.ItemQuantity(
            product_id=item.product_id,
            quantity=carried.item_quantity(item.quantity, f"items[{index}].quantity"),
            extra=dict(item.extra),
        )
        for index, item in enumerate(items)
    ]
