# ruff: noqa: N802 - the contract names the methods
"""The door for clients of the course: each handler reads the message, has it performed, and writes the answer down.

A refusal is raised as Rejected, like every error of the way to the replicas; the server's interceptor turns
it into a Reply, or into a status where the method has none.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import grpc
import structlog

from quitanda.codec.queries import GetDocument
from quitanda.compat import customers, products
from quitanda.compat.errors import DONE
from quitanda.course.contract_pb2 import ID, Client, Product, Reply
from quitanda.course.contract_pb2_grpc import AdminPortalServicer as Contract
from quitanda.domain import model
from quitanda.domain.outcomes import Done, Reason, Refused
from quitanda.errors import Rejected
from quitanda.portal.deadlines import time_allowed
from quitanda_admin_portal.operations import Answered, Command, Operations

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class CourseServicer(Contract):
    """Serves `project.AdminPortal`; `request_timeout` (seconds) bounds each call."""

    def __init__(self, operations: Operations, request_timeout: float, mint_request_id: Callable[[], str]) -> None:
        self._operations = operations
        self._request_timeout = request_timeout
        self._mint_request_id = mint_request_id

    async def CreateClient(self, request: Client, context: Context) -> Reply:
        """See the contract."""
        return await self._perform(context, customers.create(request))

    async def RetrieveClient(self, request: ID, context: Context) -> Client:
        """See the contract."""
        found = await self._retrieve(context, customers.retrieve(request))
        return customers.shown(found) if isinstance(found, model.Customer) else customers.NOT_FOUND

    async def UpdateClient(self, request: Client, context: Context) -> Reply:
        """See the contract."""
        return await self._perform(context, customers.update(request))

    async def DeleteClient(self, request: ID, context: Context) -> Reply:
        """See the contract."""
        return await self._perform(context, customers.delete(request))

    async def CreateProduct(self, request: Product, context: Context) -> Reply:
        """See the contract."""
        return await self._perform(context, products.create(request))

    async def RetrieveProduct(self, request: ID, context: Context) -> Product:
        """See the contract."""
        found = await self._retrieve(context, products.retrieve(request))
        return products.shown(found) if isinstance(found, model.Product) else products.NOT_FOUND

    async def UpdateProduct(self, request: Product, context: Context) -> Reply:
        """See the contract."""
        return await self._perform(context, products.update(request))

    async def DeleteProduct(self, request: ID, context: Context) -> Reply:
        """See the contract."""
        return await self._perform(context, products.delete(request))

    async def _perform(self, context: Context, asked: Command | GetDocument | Refused) -> Reply:
        """Write that it is done; Rejected where it was refused."""
        answer = await self._answer(asked, self._time_allowed(context))
        if isinstance(answer, Refused):
            raise Rejected(answer)
        return Reply(error=DONE)

    async def _answer(
        self, asked: Command | GetDocument | Refused, timeout: float
    ) -> Answered[Done] | Answered[model.Document] | Refused:
        """Execute a command, or look for the document of a write that names no change."""
        request_id = self._mint_request_id()
        # Each call runs in a task of its own, so what is bound here ends with the call.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        match asked:
            case Refused():
                return asked
            case GetDocument():
                return await self._operations.get_document(asked, timeout)
            case _:
                return await self._operations.execute(asked, request_id, timeout)

    async def _retrieve(self, context: Context, asked: GetDocument | None) -> model.Document | None:
        """Read a document as it is now; None where there is none."""
        if asked is None:
            return None
        answer = await self._operations.get_document(asked, self._time_allowed(context))
        if not isinstance(answer, Refused):
            return answer.result
        if answer.reason in {Reason.CUSTOMER_NOT_FOUND, Reason.PRODUCT_NOT_FOUND}:
            return None
        raise Rejected(answer)

    def _time_allowed(self, context: Context) -> float:
        return time_allowed(self._request_timeout, context.time_remaining())
