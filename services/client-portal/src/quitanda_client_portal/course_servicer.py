# ruff: noqa: N802 - the contract names the methods
"""The door for clients of the course: each handler reads the message, has it performed, and writes the answer down.

A refusal is raised as Rejected, like every error of the way to the replicas; the server's interceptor turns
it into a Reply, or into a status where the method has none.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any, Final, TypeAlias

import grpc
import structlog

from quitanda.cluster_client import Page
from quitanda.codec.queries import GetDocument, ListDocuments
from quitanda.compat import orders
from quitanda.compat.errors import DONE
from quitanda.course.contract_pb2 import ID, Order, Reply
from quitanda.course.contract_pb2_grpc import OrderPortalServicer as Contract
from quitanda.domain import model
from quitanda.domain.commands import CancelOrder, CreateOrder, SetOrderItems
from quitanda.domain.outcomes import Reason, Refused
from quitanda.errors import InternalError, Rejected
from quitanda.portal.deadlines import time_allowed
from quitanda_client_portal.id_generator import IdGenerator
from quitanda_client_portal.operations import Answered, Call, Operations

DELETE_ATTEMPTS: Final = 3
"""How often an order is deleted whose owner changes meanwhile: it was deleted, and another took its id."""

_GONE: Final = frozenset({Reason.ORDER_NOT_FOUND, Reason.CUSTOMER_NOT_FOUND})

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Writing: TypeAlias = CreateOrder | SetOrderItems | CancelOrder | GetDocument


class CourseServicer(Contract):
    """Serves `project.OrderPortal`; `request_timeout` (seconds) bounds each call."""

    def __init__(self, operations: Operations, mint: IdGenerator, request_timeout: float) -> None:
        self._operations = operations
        self._mint = mint
        self._request_timeout = request_timeout

    async def CreateOrder(self, request: Order, context: Context) -> Reply:
        """See the contract."""
        asked = orders.create(request, self._mint.order().created_at_ms)
        return _done(await self._write("create_order", asked, self._time_allowed(context)))

    async def RetrieveOrder(self, request: ID, context: Context) -> Order:
        """See the contract."""
        found = await self._find(orders.order_id(request), self._time_allowed(context))
        return orders.NOT_FOUND if found is None else orders.shown(found)

    async def UpdateOrder(self, request: Order, context: Context) -> Reply:
        """See the contract."""
        return _done(await self._write("update_order", orders.update(request), self._time_allowed(context)))

    async def DeleteOrder(self, request: ID, context: Context) -> Reply:
        """See the contract; the order is cancelled in the name of its owner."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._time_allowed(context)
        answer: Answered | Refused = orders.not_found(request)
        for _ in range(DELETE_ATTEMPTS):
            found = await self._find(orders.order_id(request), deadline - clock())
            if found is None:
                raise Rejected(orders.not_found(request))
            answer = await self._write("delete_order", orders.cancel(found), deadline - clock())
            if not isinstance(answer, Refused) or answer.reason not in _GONE:
                break
        return _done(answer)

    async def RetrieveClientOrders(self, request: ID, context: Context) -> AsyncGenerator[Order, None]:
        """See the contract; all orders are shown as they were at one moment."""
        asked = orders.retrieve_all(request)
        while asked is not None:
            page = await self._page(asked, self._time_allowed(context))
            for document in page.documents:
                if isinstance(document, model.Order):
                    yield orders.shown(document)
            asked = replace(asked, page_token=page.next_page_token) if page.next_page_token else None

    async def _write(self, operation: str, asked: Writing | Refused, timeout: float) -> Answered | Refused:
        if isinstance(asked, Refused):
            return asked
        request_id = self._mint.request_id()
        # Each call runs in a task of its own, so what is bound here ends with the call.
        structlog.contextvars.bind_contextvars(request_id=request_id, customer_id=asked.customer_id)
        return await self._operations.perform(Call(operation, asked.customer_id, request_id, asked), max(0.0, timeout))

    async def _find(self, order_id: str | None, timeout: float) -> model.Order | None:
        """Read an order as it is now, whoever's; None where there is none."""
        return None if order_id is None else await self._operations.find_order(order_id, max(0.0, timeout))

    async def _page(self, asked: ListDocuments, timeout: float) -> Page:
        """Read a page of a client's orders; the first one is empty where there is no such client."""
        answer = await self._operations.perform(Call("list_orders", asked.customer_id, "", asked), timeout)
        match answer:
            case Answered(result=Page() as page):
                return page
            case Refused(reason=Reason.CUSTOMER_NOT_FOUND) if not asked.page_token:
                return Page((), "", 0)
            case Refused():
                raise Rejected(answer)
            case _:
                raise InternalError("a list was answered without a page")

    def _time_allowed(self, context: Context) -> float:
        return time_allowed(self._request_timeout, context.time_remaining())


def _done(answer: Answered | Refused) -> Reply:
    """Write that it is done; Rejected where it was refused."""
    if isinstance(answer, Refused):
        raise Rejected(answer)
    return Reply(error=DONE)
