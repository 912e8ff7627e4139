"""Serves one of the course's services: each method reads the message, has it performed, and writes the answer.

The methods are made from the tables of `compat.methods`. A refusal is raised as Rejected, like every error of the way
to the replicas; the server's interceptor turns it into a Reply, or into a status where the method has none.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from quitanda.codec.queries import ListDocuments
from quitanda.compat.errors import DONE
from quitanda.compat.methods import (
    ADMIN_METHODS,
    ADMIN_SERVICE,
    ORDER_METHODS,
    ORDER_SERVICE,
    Change,
    CompatMethod,
    OrderDeletion,
    OrderListing,
    Retrieval,
)
from quitanda.course.contract_pb2 import Reply
from quitanda.domain.model import Document, Kind
from quitanda.domain.outcomes import Reason, Refused
from quitanda.errors import Rejected
from quitanda.operations import Asked, OperationAnswer, PortalKind, document_operations_of
from quitanda.portal.callers import Caller
from quitanda.portal.deadlines import time_allowed
from quitanda.portal.grpc_servicer import Context, Method, Stream
from quitanda.portal.ids import IdGenerator
from quitanda.portal.operations import PortalOperations
from quitanda.runtime import log_context

DELETE_ATTEMPTS: Final = 3
"""How often an order is deleted whose owner changes meanwhile: it was deleted, and another took its id."""

_SERVICES: Final[Mapping[PortalKind, tuple[ServiceDescriptor, Mapping[str, CompatMethod]]]] = {
    PortalKind.ADMIN: (ADMIN_SERVICE, ADMIN_METHODS),
    PortalKind.CLIENT: (ORDER_SERVICE, ORDER_METHODS),
}
_GONE: Final = frozenset({Reason.ORDER_NOT_FOUND, Reason.CUSTOMER_NOT_FOUND})


FindCaller: TypeAlias = Callable[[float], Awaitable[Caller | None]]
"""Finds out, within so many seconds, who calls: the one for whom the portal holds a token. Raises QuitandaError."""


async def nobody(_timeout: float) -> None:
    """Say that nobody proves who calls."""


class CompatServicer:
    """Serves the course's service for administrators or for customers; `request_timeout` (seconds) bounds each call.

    The contract has no place for tokens, so all its callers are one: the one that `find_caller` gives.
    """

    def __init__(
        self,
        portal: PortalKind,
        operations: PortalOperations,
        ids: IdGenerator,
        request_timeout: float,
        find_caller: FindCaller = nobody,
    ) -> None:
        service, methods = _SERVICES[portal]
        self.service_name: str = service.full_name
        self._rows = document_operations_of(portal)
        self._operations = operations
        self._ids = ids
        self._request_timeout = request_timeout
        self._find_caller = find_caller
        self._handlers = {name: self._handler(service.methods_by_name[name], each) for name, each in methods.items()}

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let a server serve every method."""
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(self.service_name, self._handlers),))

    def _handler(self, described: MethodDescriptor, method: CompatMethod) -> "grpc.RpcMethodHandler[Any, Any]":
        request, response = GetMessageClass(described.input_type), GetMessageClass(described.output_type)
        if isinstance(method, OrderListing):
            return grpc.unary_stream_rpc_method_handler(
                self._list(method), request.FromString, response.SerializeToString
            )
        makers: Mapping[type[Any], Callable[[Any], Method]] = {
            Change: self._change,
            Retrieval: self._retrieve,
            OrderDeletion: self._delete,
        }
        return grpc.unary_unary_rpc_method_handler(
            makers[type(method)](method), request.FromString, response.SerializeToString
        )

    def _change(self, method: Change) -> Method:
        async def change(request: Any, context: Context) -> Reply:
            asked = method.read(request, self._ids.now_ms())
            answer = await self._perform(method.operation, asked, self._time_allowed(context))
            return _done(answer)

        return change

    def _retrieve(self, method: Retrieval) -> Method:
        async def retrieve(request: Any, context: Context) -> Any:
            found = await self._find(method.kind, method.read(request), self._time_allowed(context))
            return method.not_found if found is None else method.shown(found)

        return retrieve

    def _delete(self, method: OrderDeletion) -> Method:
        async def delete(request: Any, context: Context) -> Reply:
            clock = asyncio.get_running_loop().time
            deadline = clock() + self._time_allowed(context)
            answer: OperationAnswer | Refused = method.not_found(request)
            for _ in range(DELETE_ATTEMPTS):
                found = await self._find(Kind.ORDER, method.read(request), deadline - clock())
                if found is None:
                    raise Rejected(method.not_found(request))
                answer = await self._perform(method.operation, method.cancel(found), deadline - clock())
                if not isinstance(answer, Refused) or answer.reason not in _GONE:
                    break
            return _done(answer)

        return delete

    def _list(self, method: OrderListing) -> Stream:
        async def stream(request: Any, context: Context) -> AsyncGenerator[Any, None]:
            asked = method.read(request)
            while asked is not None:
                page = await self._page(method, asked, self._time_allowed(context))
                for document in page.documents:
                    yield method.shown(document)
                asked = replace(asked, page_token=page.next_page_token) if page.next_page_token else None

        return stream

    async def _perform(self, operation: str, asked: Asked | Refused, timeout: float) -> OperationAnswer | Refused:
        """Have a change made, or looked for where it names no change."""
        request_id = self._ids.request_id()
        # Each call runs in a task of its own, so what is bound here ends with the call.
        log_context.bind(request_id=request_id, customer_id=getattr(asked, "customer_id", ""))
        if isinstance(asked, Refused):
            return asked
        caller = await self._find_caller(max(0.0, timeout))
        return await self._operations.perform(self._rows[operation], asked, request_id, max(0.0, timeout), caller)

    async def _find(self, kind: Kind, document_id: str | None, timeout: float) -> Document | None:
        """Read a document as it is now; None where there is none."""
        if document_id is None:
            return None
        caller = await self._find_caller(max(0.0, timeout))
        return await self._operations.find(kind, document_id, max(0.0, timeout), caller)

    async def _page(self, method: OrderListing, asked: ListDocuments, timeout: float) -> OperationAnswer:
        """Read a page of a client's orders; the first one is empty where there is no such client."""
        caller = await self._find_caller(timeout)
        answer = await self._operations.perform(self._rows[method.operation], asked, "", timeout, caller)
        if not isinstance(answer, Refused):
            return answer
        if answer.reason is Reason.CUSTOMER_NOT_FOUND and not asked.page_token:
            return OperationAnswer(0)
        raise Rejected(answer)

    def _time_allowed(self, context: Context) -> float:
        return time_allowed(self._request_timeout, context.time_remaining())


def _done(answer: OperationAnswer | Refused) -> Reply:
    """Write that it is done; Rejected where it was refused."""
    if isinstance(answer, Refused):
        raise Rejected(answer)
    return Reply(error=DONE)
