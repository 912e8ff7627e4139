"""What administrators do: customers, products, stock; over gRPC."""

from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from quitanda.codec.documents import OrderSummary
from quitanda.codec.protobuf import customer_from_proto, product_from_proto
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import Customer, CustomFields, Order, Product
from quitanda.v1 import admin_portal_pb2 as pb
from quitanda.v1.admin_portal_pb2_grpc import AdminPortalStub
from quitanda.v1.documents_pb2 import Consistency as ProtoConsistency
from quitanda_clients import carried
from quitanda_clients.addresses import Address
from quitanda_clients.paging import LISTED_MAX, whole_list
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.results import TIMEOUT_DEFAULT, Answer, Consistency, Deleted, Listing, Page, Slow, unnoticed
from quitanda_clients.transports.grpc import Portals

if TYPE_CHECKING:  # only the types know this class
    from quitanda.v1.admin_portal_pb2_grpc import AdminPortalAsyncStub

PROTO_CONSISTENCY: Final = {
    Consistency.LINEARIZABLE: ProtoConsistency.CONSISTENCY_LINEARIZABLE,
    Consistency.CACHED: ProtoConsistency.CONSISTENCY_CACHED,
}


class AdminClient:
    """An administrator's connection to the admin portals; also an asynchronous context manager.

    Every method returns what the portal answered, or raises: errors.Rejected for a refusal,
    errors.Unavailable where nothing happened, errors.OutcomeUnknown where a write may have taken effect
    and can be repeated with the same `request_id`. Writes mint a `request_id` where none is given. One
    client serves any number of calls at the same time. Prices are in minor units.

    `revision` is the highest that any answer carried; cached reads never show older data. `slow` hears of calls that
    have no answer after a second, and why.
    """

    def __init__(self, portals: Sequence[Address], *, timeout: float = TIMEOUT_DEFAULT, slow: Slow = unnoticed) -> None:
        self._portals: Portals[AdminPortalAsyncStub] = Portals(portals, AdminPortalStub, slow)
        self._timeout = timeout
        self.revision = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._portals.close()

    async def create_customer(
        self, customer_id: str, name: str, *, extra: CustomFields = (), request_id: str | None = None
    ) -> Answer[Customer]:
        """Register a customer; refused with CUSTOMER_EXISTS where there is one."""
        request = pb.CreateCustomerRequest(
            request_id=request_id or new_request_id(), customer_id=customer_id, name=name, extra=dict(extra)
        )
        response = await self._portals.call(
            lambda stub: stub.CreateCustomer, request, write=True, timeout=self._timeout
        )
        return Answer(customer_from_proto(response.customer), self._seen(response.revision), request.request_id)

    async def get_customer(
        self, customer_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> Answer[Customer]:
        """Fetch a customer; refused with CUSTOMER_NOT_FOUND."""
        request = pb.GetCustomerRequest(
            customer_id=customer_id,
            consistency=PROTO_CONSISTENCY[consistency],
            min_revision=carried.revision(max(min_revision, self.revision)),
        )
        response = await self._portals.call(lambda stub: stub.GetCustomer, request, write=False, timeout=self._timeout)
        return Answer(customer_from_proto(response.customer), self._seen(response.revision))

    async def update_customer(
        self,
        customer_id: str,
        *,
        name: str | None = None,
        extra: CustomFields = (),
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> Answer[Customer]:
        """Change what is given; an extra field set to JSON `null` is removed."""
        request = pb.UpdateCustomerRequest(
            request_id=request_id or new_request_id(),
            customer_id=customer_id,
            name=name,
            extra=dict(extra),
            expected_version=carried.version(expected_version),
        )
        response = await self._portals.call(
            lambda stub: stub.UpdateCustomer, request, write=True, timeout=self._timeout
        )
        return Answer(customer_from_proto(response.customer), self._seen(response.revision), request.request_id)

    async def delete_customer(
        self,
        customer_id: str,
        *,
        cascade: bool = False,
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> Deleted:
        """Delete a customer; one with orders only if `cascade`, which cancels them."""
        request = pb.DeleteCustomerRequest(
            request_id=request_id or new_request_id(),
            customer_id=customer_id,
            cascade=cascade,
            expected_version=carried.version(expected_version),
        )
        response = await self._portals.call(
            lambda stub: stub.DeleteCustomer, request, write=True, timeout=self._timeout
        )
        return Deleted(self._seen(response.revision), response.orders_cancelled, request.request_id)

    async def customers_page(self, page_size: int = 0, page_token: str = "") -> Page[Customer]:
        """Fetch one page of the customers, by id; size 0 is the portal's default."""
        request = pb.ListCustomersRequest(page_size=carried.page_size(page_size), page_token=page_token)
        response = await self._portals.call(
            lambda stub: stub.ListCustomers, request, write=False, timeout=self._timeout
        )
        customers = tuple(customer_from_proto(customer) for customer in response.customers)
        return Page(customers, response.next_page_token, self._seen(response.revision))

    async def list_customers(self, limit: int = LISTED_MAX) -> Listing[Customer]:
        """Fetch all customers, by id, from one snapshot."""
        return await whole_list(self.customers_page, limit)

    async def create_product(
        self,
        product_id: str,
        name: str,
        price: int,
        quantity: int,
        *,
        description: str = "",
        extra: CustomFields = (),
        request_id: str | None = None,
    ) -> Answer[Product]:
        """Add a product with `quantity` units on hand; refused with PRODUCT_EXISTS where there is one."""
        request = pb.CreateProductRequest(
            request_id=request_id or new_request_id(),
            product_id=product_id,
            name=name,
            description=description,
            price_minor_units=carried.price(price),
            quantity=carried.product_quantity(quantity),
            extra=dict(extra),
        )
        response = await self._portals.call(lambda stub: stub.CreateProduct, request, write=True, timeout=self._timeout)
        return Answer(product_from_proto(response.product), self._seen(response.revision), request.request_id)

    async def get_product(
        self, product_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> Answer[Product]:
        """Fetch a product; refused with PRODUCT_NOT_FOUND."""
        request = pb.GetProductRequest(
            product_id=product_id,
            consistency=PROTO_CONSISTENCY[consistency],
            min_revision=carried.revision(max(min_revision, self.revision)),
        )
        response = await self._portals.call(lambda stub: stub.GetProduct, request, write=False, timeout=self._timeout)
        return Answer(product_from_proto(response.product), self._seen(response.revision))

    async def update_product(
        self,
        product_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        price: int | None = None,
        quantity: int | None = None,
        extra: CustomFields = (),
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> Answer[Product]:
        """Change what is given; `quantity` sets the units on hand to exactly this."""
        request = pb.UpdateProductRequest(
            request_id=request_id or new_request_id(),
            product_id=product_id,
            name=name,
            description=description,
            price_minor_units=carried.price(price),
            quantity=carried.product_quantity(quantity),
            extra=dict(extra),
            expected_version=carried.version(expected_version),
        )
        response = await self._portals.call(lambda stub: stub.UpdateProduct, request, write=True, timeout=self._timeout)
        return Answer(product_from_proto(response.product), self._seen(response.revision), request.request_id)

    async def delete_product(
        self,
        product_id: str,
        *,
        cascade: bool = False,
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> Deleted:
        """Delete a product; one in live orders only if `cascade`, which takes it out of them."""
        request = pb.DeleteProductRequest(
            request_id=request_id or new_request_id(),
            product_id=product_id,
            cascade=cascade,
            expected_version=carried.version(expected_version),
        )
        response = await self._portals.call(lambda stub: stub.DeleteProduct, request, write=True, timeout=self._timeout)
        return Deleted(self._seen(response.revision), response.orders_changed, request.request_id)

    async def products_page(self, page_size: int = 0, page_token: str = "") -> Page[Product]:
        """Fetch one page of the products, by id; size 0 is the portal's default."""
        request = pb.ListProductsRequest(page_size=carried.page_size(page_size), page_token=page_token)
        response = await self._portals.call(lambda stub: stub.ListProducts, request, write=False, timeout=self._timeout)
        products = tuple(product_from_proto(product) for product in response.products)
        return Page(products, response.next_page_token, self._seen(response.revision))

    async def list_products(self, limit: int = LISTED_MAX) -> Listing[Product]:
        """Fetch all products, by id, from one snapshot."""
        return await whole_list(self.products_page, limit)

    async def adjust_stock(
        self, product_id: str, delta: int, *, expected_version: int | None = None, request_id: str | None = None
    ) -> Answer[Product]:
        """Add `delta`, which may be negative, to the units on hand; never below zero."""
        request = pb.AdjustStockRequest(
            request_id=request_id or new_request_id(),
            product_id=product_id,
            delta=carried.delta(delta),
            expected_version=carried.version(expected_version),
        )
        response = await self._portals.call(lambda stub: stub.AdjustStock, request, write=True, timeout=self._timeout)
        return Answer(product_from_proto(response.product), self._seen(response.revision), request.request_id)

    async def cluster_status(self) -> tuple[pb.ReplicaStatus, ...]:
        """Ask how the replicas are, as a portal sees them."""
        request = pb.GetClusterStatusRequest()
        response = await self._portals.call(
            lambda stub: stub.GetClusterStatus, request, write=False, timeout=self._timeout
        )
        return tuple(response.replicas)

    async def transfer_leadership(self, to: str = "") -> pb.TransferLeadershipResponse:
        """Let the replica `to` lead, or whichever other one is ready to; return who leads. Repeating it is harmless."""
        request = pb.TransferLeadershipRequest(to=to)
        return await self._portals.call(
            lambda stub: stub.TransferLeadership, request, write=False, timeout=self._timeout
        )

    def backup(self, whole: float) -> AsyncGenerator[pb.BackupPart, None]:
        """Yield the parts of a backup, which may take `whole` seconds in all; it must begin within the timeout.

        Raises errors.Unavailable, also half-way. Close it where it is not read to the end.
        """
        request = pb.BackupClusterRequest()
        return self._portals.stream(lambda stub: stub.BackupCluster, request, timeout=self._timeout, whole=whole)

    async def verify_cluster(self) -> pb.VerifyClusterResponse:
        """Let every replica compare its state on disk with its digest; takes long where there is much data."""
        request = pb.VerifyClusterRequest()
        return await self._portals.call(lambda stub: stub.VerifyCluster, request, write=False, timeout=self._timeout)

    def _seen(self, revision: int) -> int:
        self.revision = max(self.revision, revision)
        return revision


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
