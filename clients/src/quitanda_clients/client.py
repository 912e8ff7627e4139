"""The clients: what administrators and customers can do. Each method is one operation of `quitanda.operations`."""

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from quitanda.codec.change_records import HISTORY_ENTRY_CODEC, HistoryEntry
from quitanda.codec.document_filters import DocumentFilter
from quitanda.codec.documents import OrderSummary
from quitanda.codec.queries import FindOrders
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CancelOrderItems,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ItemQuantity,
    PlaceOrder,
    ReturnOrder,
    SetOrderDeadline,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.model import Credential, Customer, CustomFields, Kind, Order, Product
from quitanda.domain.order_commands import ImportOrder
from quitanda.operations import PortalKind, RotateOwnCredential, SetOrderItem, SetOwnOrderDeadline, operations_of
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.v1 import admin_portal_pb2
from quitanda_clients import passwords
from quitanda_clients.credentials import CredentialClient
from quitanda_clients.paging import LISTED_MAX, FetchPage, whole_list
from quitanda_clients.portal_client import PortalClient
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
from quitanda_clients.webhooks import WebhookClient

if TYPE_CHECKING:  # a customer's client over MQTT needs nothing of gRPC
    from quitanda_clients.transports.grpc import GrpcTransport


class AdminClient(CredentialClient, WebhookClient):
    """An administrator's client; it tries several admin portals in turn. Prices are in minor units.

    The client calls `on_slow` once for each call that has no answer after a second, with the reason. With an `identity`
    it speaks TLS; `token` proves who calls, where the portals ask for that. With `over` it needs none of all this.
    """

    def __init__(
        self,
        portals: Sequence[Address] = (),
        *,
        timeout: float = TIMEOUT_DEFAULT,
        on_slow: OnSlowCall = ignore_slow_call,
        identity: LinkIdentity | None = None,
        token: str = "",
        over: "GrpcTransport | None" = None,
    ) -> None:
        from quitanda_clients.transports.grpc import GrpcTransport  # noqa: PLC0415

        self._grpc = over or GrpcTransport(
            PortalKind.ADMIN, portals, timeout=timeout, on_slow=on_slow, identity=identity, token=token
        )
        self._cluster = operations_of(PortalKind.ADMIN)
        super().__init__(PortalKind.ADMIN, self._grpc)

    async def create_customer(
        self, customer_id: str, name: str, *, extra: CustomFields = (), request_id: str | None = None
    ) -> DocumentResult[Customer]:
        """Register a customer; refused with CUSTOMER_EXISTS if there is one.

        Where callers must prove who they are, the result has the customer's first token.
        """
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

    async def find_customers(self, words: str, limit: int = LISTED_MAX) -> Listing[Customer]:
        """Fetch the customers that have all the words in id or name, as `find_products`."""
        return await self.find(Kind.CUSTOMER, DocumentFilter(words), limit)

    async def create_product(
        self,
        product_id: str,
        name: str,
        price: int,
        quantity: int,
        *,
        description: str = "",
        reorder_level: int = 0,
        extra: CustomFields = (),
        request_id: str | None = None,
    ) -> DocumentResult[Product]:
        """Add a product with `quantity` units on hand; refused with PRODUCT_EXISTS if there is one.

        With `reorder_level` units on hand, or fewer, it is low; 0 stands for never.
        """
        command = CreateProduct(product_id, name, price, quantity, description, extra, reorder_level)
        return await self.execute(command, request_id=request_id)

    async def update_product(
        self,
        product_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        reorder_level: int | None = None,
        price: int | None = None,
        quantity: int | None = None,
        extra: CustomFields = (),
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> DocumentResult[Product]:
        """Change a product: what is not given stays; `quantity` sets the units on hand.

        `reorder_level` 0 stands for none from now on.
        """
        command = UpdateProduct(product_id, name, description, price, quantity, extra, expected_version, reorder_level)
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

    async def found_orders_page(self, query: FindOrders) -> ListPage[Any]:
        """Fetch one page of the orders of all customers that are as asked for; size 0 is the portal's default.

        It may be shorter, or empty, and yet not the last: that one has no token.
        """
        answer = await self._send("find_orders", query, "")
        return ListPage(answer.documents, answer.next_page_token, self._seen(answer.revision))

    async def find_orders(self, query: FindOrders, limit: int = LISTED_MAX) -> Listing[Order]:
        """Fetch the orders of all customers that are as asked for, from one snapshot."""
        return await whole_list(self.found_orders(query), limit)

    def found_orders(self, query: FindOrders) -> FetchPage[Order]:
        """Make the function that fetches a page of these orders."""
        return lambda size, token: self.found_orders_page(replace(query, page_size=size, page_token=token))

    async def fulfil_order(
        self, order_id: str, *, expected_version: int | None = None, request_id: str | None = None
    ) -> DocumentResult[Order]:
        """Let the units of a placed order leave for good."""
        return await self.execute(FulfilOrder(order_id, expected_version), request_id=request_id)

    async def return_order(
        self,
        order_id: str,
        items: Sequence[ItemQuantity] = (),
        *,
        restock: bool = False,
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> DocumentResult[Order]:
        """Take units of a fulfilled order back, all that are left where none is named; with `restock` into stock."""
        command = ReturnOrder(order_id, tuple(items), restock, expected_version)
        return await self.execute(command, request_id=request_id)

    async def cancel_order_items(
        self,
        order_id: str,
        items: Sequence[ItemQuantity] = (),
        *,
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> DocumentResult[Order]:
        """Take units out of an open or placed order, all where none is named, which cancels it."""
        command = CancelOrderItems(order_id, tuple(items), expected_version)
        return await self.execute(command, request_id=request_id)

    async def import_order(self, order: ImportOrder, *, request_id: str | None = None) -> DocumentResult[Order]:
        """Bring an order that the shop had elsewhere, as it was there."""
        return await self.execute(order, request_id=request_id)

    async def set_order_deadline(
        self, order_id: str, expires_at_ms: int, *, expected_version: int | None = None, request_id: str | None = None
    ) -> DocumentResult[Order]:
        """Let an open or placed order expire at a time, in milliseconds since 1970-01-01T00:00Z; 0: never."""
        command = SetOrderDeadline(order_id, expires_at_ms, expected_version=expected_version)
        return await self.execute(command, request_id=request_id)

    async def history_page(
        self, kind: Kind, document_id: str, page_size: int = 0, page_token: str = ""
    ) -> ListPage[HistoryEntry]:
        """Fetch one page of the changes of a document, the newest first; it may be deleted."""
        fields = {"kind": kind.value, "id": document_id, "page_size": page_size, "page_token": page_token}
        response: admin_portal_pb2.ListHistoryResponse = await self._call("list_history", **fields)
        entries = tuple(map(HISTORY_ENTRY_CODEC.read, response.entries))
        return ListPage(entries, response.next_page_token, self._seen(response.revision))

    async def list_history(self, kind: Kind, document_id: str, limit: int = LISTED_MAX) -> Listing[HistoryEntry]:
        """Fetch the changes of a document, the newest first, from one snapshot."""
        return await whole_list(lambda size, token: self.history_page(kind, document_id, size, token), limit)

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
        return int((await self._call("raise_level", level=level)).level)

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


class ShopClient(PortalClient):
    """One customer's client, over any transport."""

    def __init__(self, customer_id: str, transport: RequestTransport) -> None:
        super().__init__(PortalKind.CLIENT, transport, customer_id)

    async def create_order(
        self, items: Sequence[ItemQuantity] = (), *, extra: CustomFields = (), request_id: str | None = None
    ) -> DocumentResult[Order]:
        """Create an order, empty or with first items, all or nothing; the answer has its id."""
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

    async def orders_page(
        self, page_size: int = 0, page_token: str = "", *, states: Collection[str] = ()
    ) -> ListPage[OrderSummary]:
        """Fetch one page of the customer's live orders, or of those in some states, oldest first.

        Size 0 is the portal's default. A page of orders in some states may be shorter, and yet not the last: that one
        has no token.
        """
        return await self.page(Kind.ORDER, page_size, page_token, states=tuple(map(str, states)))

    async def list_orders(self, limit: int = LISTED_MAX, *, states: Collection[str] = ()) -> Listing[OrderSummary]:
        """Fetch all of the customer's live orders, or of those in some states, oldest first, from one snapshot."""
        return await whole_list(lambda size, token: self.orders_page(size, token, states=states), limit)

    async def rotate_own_credential(
        self, credential_id: str, secret_hash: str, *, request_id: str | None = None
    ) -> DocumentResult[Credential]:
        """Give one's own credential a new secret, of which only the hash is sent (`quitanda_clients.tokens`)."""
        asked = RotateOwnCredential(self.customer_id, credential_id, secret_hash)
        return await self._write_document("rotate_own_credential", asked, request_id)

    async def set_password(
        self, password: str, *, current: str = "", request_id: str | None = None
    ) -> DocumentResult[Credential]:
        """Do as `AdminClient.set_password`, for one's own credential."""
        return await passwords.set_password(
            PortalKind.CLIENT, self._over_grpc().call, password, current, request_id, customer_id=self.customer_id
        )

    async def sign_in(self, password: str) -> DocumentResult[Credential]:
        """Begin a session as the customer; the result has the token, as that of `AdminClient.sign_in`."""
        return await passwords.sign_in(
            PortalKind.CLIENT, self._over_grpc().call, password, customer_id=self.customer_id
        )

    def _over_grpc(self) -> "GrpcTransport":
        """Give the connection, over which alone passwords go. Raises TypeError for a client over MQTT."""
        from quitanda_clients.transports.grpc import GrpcTransport  # noqa: PLC0415

        if not isinstance(self._transport, GrpcTransport):
            raise TypeError("passwords go over gRPC only")
        return self._transport

    async def cancel_order(
        self, order_id: str, *, expected_version: int | None = None, request_id: str | None = None
    ) -> DocumentResult[Order]:
        """Cancel an open order; its units return to stock. The answer has the order as it was."""
        return await self.execute(CancelOrder(self.customer_id, order_id, expected_version), request_id=request_id)

    async def place_order(
        self, order_id: str, *, expected_version: int | None = None, request_id: str | None = None
    ) -> DocumentResult[Order]:
        """Commit the customer to an open order: only the shop changes or cancels it from then on."""
        return await self.execute(PlaceOrder(self.customer_id, order_id, expected_version), request_id=request_id)

    async def set_order_deadline(
        self, order_id: str, expires_at_ms: int, *, expected_version: int | None = None, request_id: str | None = None
    ) -> DocumentResult[Order]:
        """Let an open order expire at a time, in milliseconds since 1970-01-01T00:00Z; 0 stands for never."""
        asked = SetOwnOrderDeadline(self.customer_id, order_id, expires_at_ms, expected_version)
        return await self._write_document("set_order_deadline", asked, request_id)
