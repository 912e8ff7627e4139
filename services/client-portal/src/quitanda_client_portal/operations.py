"""What customers can do, whatever the transport: the same code answers gRPC and MQTT.

A transport reads a message into a `Call`, has it performed, and writes the answer down. A refusal is a
value; what goes wrong on the way to the replicas is raised.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias, assert_never

from quitanda.cache import Key, ReadResult
from quitanda.cluster_client import Absent, Executed, Get, List, Page, ReadAnswer
from quitanda.cluster_client.values import ReadItem, Result
from quitanda.codec.queries import GetDocument, ListDocuments, check_min_revision
from quitanda.domain import refusals
from quitanda.domain.commands import CancelOrder, CreateOrder, Request, SetOrderItems
from quitanda.domain.model import Document, Kind, Order, Product
from quitanda.domain.outcomes import Refused
from quitanda.domain.validation import check_id, check_request
from quitanda.errors import InternalError

_ONLY_ITEM: Final = "items[0]."

Asked: TypeAlias = CreateOrder | SetOrderItems | CancelOrder | GetDocument | ListDocuments


class Cluster(Protocol):
    """What operations need of a `quitanda.cluster_client.ClusterClient`."""

    async def execute(self, request: Request, timeout: float) -> Executed:
        """Have the request executed once."""

    async def read(self, reads: Sequence[ReadItem], timeout: float) -> ReadAnswer:
        """Read everything at one snapshot."""


class Reader(Protocol):
    """What operations need of a `quitanda.cache.CachedReader`."""

    async def get(
        self, keys: Sequence[Key], timeout: float, *, cached: bool = False, min_revision: int = 0
    ) -> ReadResult:
        """Read documents, all at one snapshot."""

    def record_write(self, changed: Document | Key, revision: int) -> None:
        """Take over what a write told."""


@dataclass(frozen=True, slots=True)
class Call:
    """A message that was read: the operation's name (in snake case), who asks, and what for.

    `asked` is a refusal where the message could not be read. `request_id` is the caller's, or minted; reads
    need none.
    """

    operation: str
    customer_id: str
    request_id: str
    asked: Asked | Refused


@dataclass(frozen=True, slots=True)
class Answered:
    """An order, a product or a page of them, as of `revision` (a log index)."""

    revision: int
    result: Document | Page


class Operations:
    """Performs calls; holds no state of its own."""

    def __init__(self, cluster: Cluster, reader: Reader) -> None:
        self._cluster = cluster
        self._reader = reader

    async def perform(self, call: Call, timeout: float) -> Answered | Refused:
        """Check, then do or answer what is asked, within `timeout` seconds.

        Raises Unavailable and Overloaded (nothing happened) and, for commands, OutcomeUnknown.
        """
        answer = await self._perform(call, timeout)
        if isinstance(answer, Refused) and call.operation == "set_order_item":
            # Its caller named one product and no list.
            return replace(answer, field=answer.field.removeprefix(_ONLY_ITEM))
        return answer

    async def find_order(self, order_id: str, timeout: float) -> Order | None:
        """Read an order as it is now, whoever's, within `timeout` seconds; for those who know only its id.

        `order_id` is a valid id. None where there is no such order. Raises Unavailable and Overloaded.
        """
        key = (Kind.ORDER, order_id)
        (document,) = (await self._reader.get((key,), timeout)).documents
        return document if isinstance(document, Order) else None

    async def _perform(self, call: Call, timeout: float) -> Answered | Refused:
        match call.asked:
            case Refused():
                return call.asked
            case CreateOrder() | SetOrderItems() | CancelOrder():
                return await self._execute(Request(call.customer_id, call.request_id, call.asked), timeout)
            case GetDocument():
                return await self._get(call.asked, timeout)
            case ListDocuments():
                return await self._list(call.asked, timeout)
            case _:
                assert_never(call.asked)

    async def _execute(self, request: Request, timeout: float) -> Answered | Refused:
        # The scope is the customer's id; asked first, so that a refusal names the field as the caller knows it.
        if wrong := check_id("customer_id", request.scope) or check_request(request):
            return wrong
        executed = await self._cluster.execute(request, timeout)
        if isinstance(executed.outcome, Refused):
            return executed.outcome
        order = executed.outcome.document
        if not isinstance(order, Order):
            raise InternalError(f"{type(request.command).__name__} was answered without an order")
        cancelled = isinstance(request.command, CancelOrder)
        self._reader.record_write((Kind.ORDER, order.order_id) if cancelled else order, executed.revision)
        return Answered(executed.revision, order)

    async def _get(self, read: GetDocument, timeout: float) -> Answered | Refused:
        if wrong := check_id("customer_id", read.customer_id) or check_id(f"{read.kind}_id", read.document_id):
            return wrong
        keys = ((Kind.CUSTOMER, read.customer_id), (read.kind, read.document_id))
        answer = await self._reader.get(keys, timeout, cached=read.cached, min_revision=read.min_revision)
        if wrong := check_min_revision(read, answer.revision):
            return wrong
        customer, document = answer.documents
        if customer is None:
            return refusals.customer_not_found(read.customer_id)
        match document:
            case Product():
                return Answered(answer.revision, document)
            case Order() if document.customer_id == read.customer_id:
                return Answered(answer.revision, document)
            case _:  # nobody learns of another's orders
                return _not_found(read)

    async def _list(self, read: ListDocuments, timeout: float) -> Answered | Refused:
        if wrong := check_id("customer_id", read.customer_id):
            return wrong
        owner = read.customer_id if read.kind is Kind.ORDER else ""
        page = List(read.kind, owner, read.page_size, read.page_token)
        for result in await self._customer_and(page, read.customer_id, timeout):
            match result:
                case Refused():
                    return result
                case Absent():
                    return refusals.customer_not_found(read.customer_id)
                case Page():
                    return Answered(result.revision, result)
                case _:  # the customer is there
                    continue
        raise InternalError("a list was answered without a page")

    async def _customer_and(self, page: List, customer_id: str, timeout: float) -> Sequence[Result]:
        """Read the customer and the page: at one snapshot, or a further page where its list began."""
        customer = Get(Kind.CUSTOMER, customer_id)
        if not page.page_token:
            return (await self._cluster.read((customer, page), timeout)).results
        answers = await asyncio.gather(self._cluster.read((customer,), timeout), self._cluster.read((page,), timeout))
        return [result for answer in answers for result in answer.results]


def _not_found(read: GetDocument) -> Refused:
    if read.kind is Kind.ORDER:
        return refusals.order_not_found(read.document_id)
    return refusals.product_not_found(read.document_id)
