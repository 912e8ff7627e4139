"""What the clients of both portals have: reading documents of any kind, and carrying out commands."""

from collections.abc import AsyncGenerator, Collection
from types import TracebackType
from typing import Any, Self, overload

from quitanda.codec.document_filters import DocumentFilter
from quitanda.codec.queries import GetDocument, ListDocuments
from quitanda.codec.watches import WATCHED_KINDS, WatchDocuments, WatchedChanges
from quitanda.domain.commands import Command, DeleteCustomer, DeleteProduct, RevokeCredential, command_name
from quitanda.domain.model import Kind, Order, Product
from quitanda.errors import QuitandaError
from quitanda.operations import OperationAnswer, PortalKind, WatchOperation, document_operations_of, operations_of
from quitanda.runtime import tracing
from quitanda_clients.paging import LISTED_MAX, whole_list
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.results import Consistency, DeleteResult, DocumentResult, Listing, ListPage
from quitanda_clients.transports import RequestTransport
from quitanda_clients.watching import (
    FollowedProducts,
    OnUnavailable,
    follow_products,
    ignore_unavailable,
    watch_on,
)


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
        (self._watch,) = (each for each in operations_of(portal).values() if isinstance(each, WatchOperation))

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
        include_closed: bool = False,
    ) -> DocumentResult[Any]:
        """Fetch a document of any kind; `include_closed`: an order also where it is closed."""
        query = GetDocument(
            kind,
            document_id,
            self.customer_id,
            cached=consistency is Consistency.CACHED,
            min_revision=max(min_revision, self.revision),
            include_closed=include_closed,
        )
        answer = await self._send(f"get_{kind.value}", query, "")
        return DocumentResult(answer.documents[0], self._seen(answer.revision))

    async def page(
        self,
        kind: Kind,
        page_size: int = 0,
        page_token: str = "",
        *,
        of_customer: str = "",
        states: tuple[str, ...] = (),
    ) -> ListPage[Any]:
        """Fetch one page of the documents of any kind; size 0 is the portal's default.

        `of_customer`: whose credentials an administrator asks for. `states`: of orders, only those in one of these; the
        page may then be shorter than asked for, and yet not the last.
        """
        query = ListDocuments(kind, of_customer or self.customer_id, page_size, page_token, states)
        answer = await self._send(f"list_{kind.value}s", query, "")
        return ListPage(answer.documents, answer.next_page_token, self._seen(answer.revision))

    async def list(self, kind: Kind, limit: int = LISTED_MAX) -> Listing[Any]:
        """Fetch all documents of any kind, from one snapshot."""
        return await whole_list(lambda size, token: self.page(kind, size, token), limit)

    @overload
    async def execute(  # type: ignore[overload-overlap]  # every other command has a document
        self, command: DeleteCustomer | DeleteProduct | RevokeCredential, *, request_id: str | None = None
    ) -> DeleteResult: ...

    @overload
    async def execute(self, command: Command, *, request_id: str | None = None) -> DocumentResult[Any]: ...

    async def execute(self, command: Command, *, request_id: str | None = None) -> DeleteResult | DocumentResult[Any]:
        """Carry out a command of the domain; the methods below do this with a command of their own."""
        name = command_name(type(command))
        if not isinstance(command, DeleteCustomer | DeleteProduct | RevokeCredential):
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

    def watch(
        self,
        kinds: Collection[Kind] = WATCHED_KINDS,
        *,
        after_revision: int | None = None,
        on_unavailable: OnUnavailable = ignore_unavailable,
    ) -> AsyncGenerator[WatchedChanges, None]:
        """Yield what changes of products and orders, from now on or after a revision; close it when you are done.

        A customer is told of her own orders, an administrator of all. It never ends by itself: it goes on at another
        portal after the last revision that was told, and calls `on_unavailable` while none answers. Parts without
        changes say up to which revision everything was told. Raises errors.Rejected (REVISION_GONE) where no portal
        remembers all changes since: list again, then watch after the list's revision.
        """

        def begin(after: int | None) -> AsyncGenerator[WatchedChanges, None]:
            return self._transport.watch(self._watch, WatchDocuments(tuple(kinds), self.customer_id, after))

        return watch_on(begin, after_revision, on_unavailable)

    def follow_products(
        self, limit: int = LISTED_MAX, *, on_unavailable: OnUnavailable = ignore_unavailable
    ) -> AsyncGenerator[FollowedProducts, None]:
        """Yield the first `limit` products, by id, then again whenever they change, and every few seconds.

        It goes on as `watch` does, and lists anew where that would be refused; close it when you are done.
        """

        def watch(revision: int) -> AsyncGenerator[WatchedChanges, None]:
            return self.watch((Kind.PRODUCT,), after_revision=revision, on_unavailable=on_unavailable)

        return follow_products(lambda: self.list_products(limit), watch, on_unavailable)

    async def get_order(
        self,
        order_id: str,
        *,
        consistency: Consistency = Consistency.LINEARIZABLE,
        min_revision: int = 0,
        include_closed: bool = False,
    ) -> DocumentResult[Order]:
        """Fetch an order, with `include_closed` also a closed one; refused with ORDER_NOT_FOUND.

        A customer's client knows her own orders alone.
        """
        return await self.get(
            Kind.ORDER, order_id, consistency=consistency, min_revision=min_revision, include_closed=include_closed
        )

    async def found_page(
        self, kind: Kind, wanted: DocumentFilter, page_size: int = 0, page_token: str = ""
    ) -> ListPage[Any]:
        """Fetch one page of the customers or products that pass a filter; size 0 is the portal's default.

        It may have fewer of them than asked for, or none, and a token nevertheless.
        """
        query = ListDocuments(kind, self.customer_id, page_size, page_token, filter=wanted)
        answer = await self._send(f"find_{kind.value}s", query, "")
        return ListPage(answer.documents, answer.next_page_token, self._seen(answer.revision))

    async def find(self, kind: Kind, wanted: DocumentFilter, limit: int = LISTED_MAX) -> Listing[Any]:
        """Fetch all customers or products that pass a filter, by id, from one snapshot."""
        return await whole_list(lambda size, token: self.found_page(kind, wanted, size, token), limit)

    async def find_products(
        self,
        words: str = "",
        *,
        price_from: int | None = None,
        price_to: int | None = None,
        in_stock: bool = False,
        low: bool = False,
        limit: int = LISTED_MAX,
    ) -> Listing[Product]:
        """Fetch the products that have all the words in their ids and texts, and are all that is set.

        Each word may be only the beginning of one; accents and case do not count. Prices are in minor units. `low`:
        the shop should order new units.
        """
        wanted = DocumentFilter(words, price_from, price_to, in_stock=in_stock, low=low)
        return await self.find(Kind.PRODUCT, wanted, limit)

    async def _write_document(self, name: str, asked: Any, request_id: str | None) -> DocumentResult[Any]:
        request_id = request_id or new_request_id()
        answer = await self._write(name, asked, request_id)
        return DocumentResult(answer.documents[0], answer.revision, request_id, answer.token)

    async def _write(self, name: str, asked: Any, request_id: str) -> OperationAnswer:
        try:
            answer = await self._send(name, asked, request_id)
        except QuitandaError as error:
            error.request_id = request_id
            raise
        self._seen(answer.revision)
        return answer

    async def _send(self, name: str, asked: Any, request_id: str) -> OperationAnswer:
        operation = self._operations[name]
        if tracing.active is None:
            return await self._transport.send(operation, asked, request_id)
        with tracing.active.begin(name, "internal", operation=name, request_id=request_id):
            return await self._transport.send(operation, asked, request_id)

    def _seen(self, revision: int) -> int:
        self.revision = max(self.revision, revision)
        return revision
