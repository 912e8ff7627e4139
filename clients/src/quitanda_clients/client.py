"""The clients: what administrators and customers can do. Each method is one operation of `quitanda.operations`."""

from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Any, Self, overload

from quitanda.codec.documents import OrderSummary
from quitanda.codec.queries import GetDocument, ListDocuments
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    Command,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
    command_name,
)
from quitanda.domain.model import Customer, CustomFields, Kind, Order, Product
from quitanda.errors import QuitandaError
from quitanda.operations import OperationAnswer, PortalKind, SetOrderItem, document_operations_of, operations_of
from quitanda.runtime.addresses import Address
from quitanda.v1 import admin_portal_pb2
from quitanda_clients.paging import LISTED_MAX, whole_list
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.results import (
    TIMEOUT_DEFAULT,
    Consistency,
    DeleteResult,
    DocumentResult,
    Listing,
    ListPage,
    OnSlowCall,
    ignore_slow_call,
)
from quitanda_clients.transports import RequestTransport
from quitanda_clients.transports.grpc import GrpcTransport


class PortalClient:
    """What both clients have; an asynchronous context manager.

    Every method returns what a portal answered, or raises one of `quitanda.errors`: Rejected for a refusal, Unavailable
    if nothing happened, OutcomeUnknown if a write may have been applied; the caller can repeat that one with the same
    `request_id`. A write without a `request_id` gets a new one. One client serves any
    number of calls at the same time.

    `revision` is the highest revision of any answer; cached reads never show older data.
    """

    def __init__(self, portal: PortalKind, transport: RequestTransport, customer_id: str = "") -> None:
        self.customer_id = customer_id
        self.revision = 0
        self._operations = document_operations_of(portal)
        self._transport = transport

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; calls in flight end with an error."""
        await self._transport.close()

    async def get(
        self,
        kind: Kind,
        document_id: str,
        *,
        consistency: Consistency = Consistency.LINEARIZABLE,
        min_revision: int = 0,
    ) -> DocumentResult[Any]:
        """Fetch a document of any kind."""
        query = GetDocument(
            kind,
            document_id,
            self.customer_id,
            cached=consistency is Consistency.CACHED,
            min_revision=max(min_revision, self.revision),
        )
        answer = await self._transport.send(self._operations[f"get_{kind.value}"], query, "")
        return DocumentResult(answer.documents[0], self._seen(answer.revision))

    async def page(self, kind: Kind, page_size: int = 0, page_token: str = "") -> ListPage[Any]:
        """Fetch one page of the documents of any kind; size 0 is the portal's default."""
        query = ListDocuments(kind, self.customer_id, page_size, page_token)
        answer = await self._transport.send(self._operations[f"list_{kind.value}s"], query, "")
        return ListPage(answer.documents, answer.next_page_token, self._seen(answer.revision))

    async def list(self, kind: Kind, limit: int = LISTED_MAX) -> Listing[Any]:
        """Fetch all documents of any kind, from one snapshot."""
        return await whole_list(lambda size, token: self.page(kind, size, token), limit)

    @overload
    async def execute(  # type: ignore[overload-overlap]  # every other command has a document
        self, command: DeleteCustomer | DeleteProduct, *, request_id: str | None = None
    ) -> DeleteResult: ...

    @overload
    async def execute(self, command: Command, *, request_id: str | None = None) -> DocumentResult[Any]: ...

    async def execute(self, command: Command, *, request_id: str | None = None) -> DeleteResult | DocumentResult[Any]:
        """Carry out a command of the domain; the methods below do this with a command of their own."""
        name = command_name(type(command))
        if not isinstance(command, DeleteCustomer | DeleteProduct):
            return await self._write_document(name, command, request_id)
        request_id = request_id or new_request_id()
        answer = await self._write(name, command, request_id)
        return DeleteResult(answer.revision, answer.orders_affected, request_id)

    async def get_product(
        self, product_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> DocumentResult[Product]:
        """Fetch a product; refused with PRODUCT_NOT_FOUND."""
        return await self.get(Kind.PRODUCT, product_id, consistency=consistency, min_revision=min_revision)

    async def products_page(self, page_size: int = 0, page_token: str = "") -> ListPage[Product]:
        """Fetch one page of the products, by id; size 0 is the portal's default."""
        return await self.page(Kind.PRODUCT, page_size, page_token)

    async def list_products(self, limit: int = LISTED_MAX) -> Listing[Product]:
        """Fetch all products, by id, from one snapshot."""
        return await self.list(Kind.PRODUCT, limit)

    async def _write_document(self, name: str, asked: Any, request_id: str | None) -> DocumentResult[Any]:
        request_id = request_id or new_request_id()
        answer = await self._write(name, asked, request_id)
        return DocumentResult(answer.documents[0], answer.revision, request_id)

    async def _write(self, name: str, asked: Any, request_id: str) -> OperationAnswer:
        try:
            answer = await self._transport.send(self._operations[name], asked, request_id)
        except QuitandaError as error:
            error.request_id = request_id
            raise
        self._seen(answer.revision)
        return answer

    def _seen(self, revision: int) -> int:
        self.revision = max(self.revision, revision)
        return revision


class AdminClient(PortalClient):
    """An administrator's client; it tries several admin portals in turn. Prices are in minor units.

    The client calls `on_slow` once for each call that has no answer after a second, with the reason.
    """

    def __init__(
        self,
        portals: Sequence[Address],
        *,
        timeout: float = TIMEOUT_DEFAULT,
        on_slow: OnSlowCall = ignore_slow_call,
    ) -> None:
        self._grpc = GrpcTransport(PortalKind.ADMIN, portals, timeout=timeout, on_slow=on_slow)
        self._cluster = operations_of(PortalKind.ADMIN)
        super().__init__(PortalKind.ADMIN, self._grpc)

    async def create_customer(
        self, customer_id: str, name: str, *, extra: CustomFields = (), request_id: str | None = None
    ) -> DocumentResult[Customer]:
        """Register a customer; refused with CUSTOMER_EXISTS if there is one."""
        return await self.execute(CreateCustomer(customer_id, name, extra), request_id=request_id)

    async def get_customer(
        self, customer_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> DocumentResult[Customer]:
        """Fetch a customer; refused with CUSTOMER_NOT_FOUND."""
        return await self.get(Kind.CUSTOMER, customer_id, consistency=consistency, min_revision=min_revision)

    async def update_customer(
        self,
        customer_id: str,
        *,
        name: str | None = None,
        extra: CustomFields = (),
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> DocumentResult[Customer]:
        """Change a customer: what is not given stays, and an extra field set to JSON `null` is removed."""
        return await self.execute(UpdateCustomer(customer_id, name, extra, expected_version), request_id=request_id)

    async def delete_customer(
        self,
        customer_id: str,
        *,
        cascade: bool = False,
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> DeleteResult:
        """Delete a customer; one with orders only if `cascade`, which cancels them."""
        return await self.execute(DeleteCustomer(customer_id, cascade, expected_version), request_id=request_id)

    async def customers_page(self, page_size: int = 0, page_token: str = "") -> ListPage[Customer]:
        """Fetch one page of the customers, by id; size 0 is the portal's default."""
        return await self.page(Kind.CUSTOMER, page_size, page_token)

    async def list_customers(self, limit: int = LISTED_MAX) -> Listing[Customer]:
        """Fetch all customers, by id, from one snapshot."""
        return await self.list(Kind.CUSTOMER, limit)

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
    ) -> DocumentResult[Product]:
        """Add a product with `quantity` units on hand; refused with PRODUCT_EXISTS if there is one."""
        command = CreateProduct(product_id, name, price, quantity, description, extra)
        return await self.execute(command, request_id=request_id)

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
    ) -> DocumentResult[Product]:
        """Change a product: what is not given stays; `quantity` sets the units on hand."""
        command = UpdateProduct(product_id, name, description, price, quantity, extra, expected_version)
        return await self.execute(command, request_id=request_id)

    async def delete_product(
        self,
        product_id: str,
        *,
        cascade: bool = False,
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> DeleteResult:
        """Delete a product; one in live orders only if `cascade`, which takes it out of them."""
        return await self.execute(DeleteProduct(product_id, cascade, expected_version), request_id=request_id)

    async def adjust_stock(
        self, product_id: str, delta: int, *, expected_version: int | None = None, request_id: str | None = None
    ) -> DocumentResult[Product]:
        """Add `delta`, which may be negative, to the units on hand; never below zero."""
        return await self.execute(AdjustStock(product_id, delta, expected_version), request_id=request_id)

    async def cluster_status(self) -> tuple[admin_portal_pb2.ReplicaStatus, ...]:
        """Ask how the replicas are, as a portal sees them."""
        return tuple((await self._call("get_cluster_status")).replicas)

    async def transfer_leadership(self, to: str = "") -> admin_portal_pb2.TransferLeadershipResponse:
        """Make the replica `to` the leader, or any other ready one; return who leads. Repeating it is harmless."""
        response: admin_portal_pb2.TransferLeadershipResponse = await self._call("transfer_leadership", to=to)
        return response

    async def raise_level(self, level: int = 0) -> int:
        """Raise the level of rules that the replicas decide by; return the one that the cluster is at now.

        0: the highest that the leader supports. Raises errors.Rejected (LEVEL_NOT_SUPPORTED) unless all replicas
        support it. There is no way back. Repeating it is harmless.
        """
        response: admin_portal_pb2.RaiseLevelResponse = await self._call("raise_level", level=level)
        return response.level

    def backup(self, total_seconds: float) -> AsyncGenerator[admin_portal_pb2.BackupPart, None]:
        """Yield the parts of a backup, for at most `total_seconds`; it must begin within the client's timeout.

        Raises errors.Unavailable, also half-way. Close it if you do not read it to the end.
        """
        operation = self._cluster["backup_cluster"]
        return self._grpc.stream(operation, operation.request_class(), total_seconds)

    async def verify_cluster(self) -> admin_portal_pb2.VerifyClusterResponse:
        """Let every replica compare its state on disk with its digest; with much data it takes long."""
        response: admin_portal_pb2.VerifyClusterResponse = await self._call("verify_cluster")
        return response

    async def _call(self, name: str, **fields: Any) -> Any:
        operation = self._cluster[name]
        return await self._grpc.call(operation, operation.request_class(**fields))


class ShopClient(PortalClient):
    """One customer's client, over any transport."""

    def __init__(self, customer_id: str, transport: RequestTransport) -> None:
        super().__init__(PortalKind.CLIENT, transport, customer_id)

    async def create_order(
        self, items: Sequence[ItemQuantity] = (), *, extra: CustomFields = (), request_id: str | None = None
    ) -> DocumentResult[Order]:
        """Place an order, empty or with first items, all or nothing; the answer has its id."""
        command = CreateOrder(self.customer_id, "", 0, tuple(items), extra)  # the portal chooses the id and the time
        return await self.execute(command, request_id=request_id)

    async def set_order_item(
        self,
        order_id: str,
        product_id: str,
        quantity: int,
        *,
        extra: CustomFields = (),
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> DocumentResult[Order]:
        """Set the units of one product in an order; zero removes it. `extra` is about this item."""
        asked = SetOrderItem(self.customer_id, order_id, product_id, quantity, extra, expected_version)
        return await self._write_document("set_order_item", asked, request_id)

    async def set_order_items(
        self,
        order_id: str,
        items: Sequence[ItemQuantity] = (),
        *,
        extra: CustomFields = (),
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> DocumentResult[Order]:
        """Set the units of several products at once, all or nothing; duplicates count with their sum.

        An extra field of the order (`extra`) or of an item that is set to JSON `null` is removed.
        """
        command = SetOrderItems(self.customer_id, order_id, tuple(items), expected_version, extra)
        return await self.execute(command, request_id=request_id)

    async def get_order(
        self, order_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> DocumentResult[Order]:
        """Fetch one of the customer's orders; refused with ORDER_NOT_FOUND."""
        return await self.get(Kind.ORDER, order_id, consistency=consistency, min_revision=min_revision)

    async def orders_page(self, page_size: int = 0, page_token: str = "") -> ListPage[OrderSummary]:
        """Fetch one page of the customer's orders, oldest first; size 0 is the portal's default."""
        return await self.page(Kind.ORDER, page_size, page_token)

    async def list_orders(self, limit: int = LISTED_MAX) -> Listing[OrderSummary]:
        """Fetch all of the customer's orders, oldest first, from one snapshot."""
        return await self.list(Kind.ORDER, limit)

    async def cancel_order(
        self, order_id: str, *, expected_version: int | None = None, request_id: str | None = None
    ) -> DocumentResult[Order]:
        """Remove an order; its units return to stock. The answer has the order as it was."""
        return await self.execute(CancelOrder(self.customer_id, order_id, expected_version), request_id=request_id)
