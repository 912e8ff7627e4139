"""A portal's gRPC service: each method reads the message, has the operation performed, and writes the answer.

The methods are made from the table of operations. A refusal is raised as Rejected; the server's interceptor turns it
into a status, like every error of the way to the replicas, and writes the call's log line.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc

from quitanda.domain.outcomes import Refused
from quitanda.errors import Overloaded, Rejected
from quitanda.operations import (
    ClusterOperation,
    DocumentOperation,
    Operation,
    OperationAnswer,
    PortalKind,
    WriteOperation,
    operations_of,
)
from quitanda.portal.cluster_admin import ClusterAdmin
from quitanda.portal.deadlines import time_allowed
from quitanda.portal.ids import IdGenerator, request_id_in_errors
from quitanda.portal.operations import PortalOperations
from quitanda.runtime import log_context

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Method: TypeAlias = Callable[[Any, Context], Coroutine[Any, Any, Any]]
Stream: TypeAlias = Callable[[Any, Context], AsyncGenerator[Any, None]]


class GrpcServicer:
    """Serves the gRPC service of a portal; `request_timeout` (seconds) bounds each call.

    `cluster_admin` performs the operations on the cluster, where the portal has them.
    """

    def __init__(
        self,
        portal: PortalKind,
        operations: PortalOperations,
        ids: IdGenerator,
        request_timeout: float,
        cluster_admin: ClusterAdmin | None = None,
    ) -> None:
        self.service_name = portal.service.full_name
        self._operations = operations
        self._ids = ids
        self._request_timeout = request_timeout
        self._cluster_admin = cluster_admin
        self._documents = {
            f"/{self.service_name}/{each.label}": each
            for each in operations_of(portal).values()
            if isinstance(each, DocumentOperation)
        }
        self._handlers = {each.label: self._handler(each) for each in operations_of(portal).values()}

    def refuse_unread(self, method: str) -> Overloaded | None:
        """Give what a call of the method (its full name) is refused with before it is read, if it is not to be read."""
        operation = self._documents.get(method)
        return None if operation is None else self._operations.refuse_unread(operation)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let a server serve every method."""
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(self.service_name, self._handlers),))

    def _handler(self, operation: Operation) -> "grpc.RpcMethodHandler[Any, Any]":
        if isinstance(operation, ClusterOperation) and operation.streams:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(operation),
                operation.request_class.FromString,
                operation.response_class.SerializeToString,
            )
        return grpc.unary_unary_rpc_method_handler(
            self._method(operation), operation.request_class.FromString, operation.response_class.SerializeToString
        )

    def _method(self, operation: Operation) -> Method:
        match operation:
            case WriteOperation():
                return self._write(operation)
            case DocumentOperation():
                return self._read(operation)
            case ClusterOperation():
                return self._administer(operation)
            case _:
                raise TypeError(f"no method can be made of {operation}")

    def _write(self, operation: WriteOperation) -> Method:
        generates = "order_id" in operation.generated_fields

        async def write(request: Any, context: Context) -> Any:
            request_id = request.request_id
            if not request_id:
                request_id = self._ids.request_id()
                # Each call runs in a task of its own, so what is bound here ends with the call.
                log_context.bind(request_id=request_id)
            with request_id_in_errors(request_id):
                asked = operation.from_message(request, self._ids.order() if generates else None)
                return operation.response(await self._perform(operation, asked, request_id, context))

        return write

    def _read(self, operation: DocumentOperation) -> Method:
        async def read(request: Any, context: Context) -> Any:
            asked = operation.from_message(request)
            return operation.response(await self._perform(operation, asked, "", context))

        return read

    def _administer(self, operation: ClusterOperation) -> Method:
        perform = getattr(self._cluster_admin, operation.name)
        limit = ClusterAdmin.time_limits.get(operation.name, self._request_timeout)

        async def administer(request: Any, context: Context) -> Any:
            return await perform(request, time_allowed(limit, context.time_remaining()))

        return administer

    def _stream(self, operation: ClusterOperation) -> Stream:
        begin = getattr(self._cluster_admin, operation.name)

        async def stream(request: Any, context: Context) -> AsyncGenerator[Any, None]:
            timeout = time_allowed(self._request_timeout, context.time_remaining())
            async with aclosing(await begin(request, timeout)) as parts:
                async for part in parts:
                    yield part

        return stream

    async def _perform(
        self, operation: DocumentOperation, asked: Any, request_id: str, context: Context
    ) -> OperationAnswer:
        """Have the operation performed; Rejected where it is refused, by the name that the field has in the message."""
        if isinstance(asked, Refused):
            raise Rejected(asked)
        timeout = time_allowed(self._request_timeout, context.time_remaining())
        answer = await self._operations.perform(operation, asked, request_id, timeout)
        if isinstance(answer, Refused):
            raise Rejected(operation.name_message_field(answer))
        return answer
