# ruff: noqa: N802 - the contract names the methods
"""The gRPC door: each handler reads the message, has it performed, and writes the answer down.

A refusal is raised as Rejected; the server's interceptor turns it into a status, like every error of the
way to the replicas, and writes the call's log line.
"""

import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final, TypeAlias, TypeVar

import grpc
import structlog

from quitanda.codec import portal_requests as read
from quitanda.codec.protobuf import by_message_field, customer_to_proto, product_to_proto
from quitanda.codec.queries import GetDocument, ListDocuments
from quitanda.domain.model import Customer, Product
from quitanda.domain.outcomes import Done, Refused
from quitanda.errors import InternalError, Rejected
from quitanda.portal.deadlines import time_allowed
from quitanda.portal.request_ids import told
from quitanda.v1 import admin_portal_pb2 as pb
from quitanda.v1.admin_portal_pb2_grpc import AdminPortalServicer as Contract
from quitanda_admin_portal.cluster_admin import ClusterAdmin
from quitanda_admin_portal.operations import Command, Operations

VERIFY_SECONDS_MAX: Final = 3_600.0
"""The longest that replicas may take to read their whole state, where the caller gives so much."""

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Shown = TypeVar("Shown", Customer, Product)
Value = TypeVar("Value")


def new_request_id() -> str:
    """Return an id for a request that came without one: 32 hexadecimal digits."""
    return uuid.uuid4().hex


class AdminPortalServicer(Contract):
    """Serves `quitanda.v1.AdminPortal`; `request_timeout` (seconds) bounds each call."""

    def __init__(
        self,
        operations: Operations,
        care: ClusterAdmin,
        request_timeout: float,
        mint_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        self._operations = operations
        self._care = care
        self._request_timeout = request_timeout
        self._mint_request_id = mint_request_id

    async def CreateCustomer(self, request: pb.CreateCustomerRequest, context: Context) -> pb.CreateCustomerResponse:
        """See the contract."""
        command = read.create_customer(request)
        revision, customer, request_id = await self._write(context, request.request_id, command, Customer)
        return pb.CreateCustomerResponse(revision=revision, customer=customer_to_proto(customer), request_id=request_id)

    async def GetCustomer(self, request: pb.GetCustomerRequest, context: Context) -> pb.GetCustomerResponse:
        """See the contract."""
        revision, customer = await self._get(context, read.get_customer(request), Customer)
        return pb.GetCustomerResponse(revision=revision, customer=customer_to_proto(customer))

    async def UpdateCustomer(self, request: pb.UpdateCustomerRequest, context: Context) -> pb.UpdateCustomerResponse:
        """See the contract."""
        command = read.update_customer(request)
        revision, customer, request_id = await self._write(context, request.request_id, command, Customer)
        return pb.UpdateCustomerResponse(revision=revision, customer=customer_to_proto(customer), request_id=request_id)

    async def DeleteCustomer(self, request: pb.DeleteCustomerRequest, context: Context) -> pb.DeleteCustomerResponse:
        """See the contract."""
        revision, done, request_id = await self._execute(context, request.request_id, read.delete_customer(request))
        return pb.DeleteCustomerResponse(
            revision=revision, orders_cancelled=done.orders_affected, request_id=request_id
        )

    async def ListCustomers(self, request: pb.ListCustomersRequest, context: Context) -> pb.ListCustomersResponse:
        """See the contract."""
        revision, customers, token = await self._list(context, read.list_customers(request), Customer)
        shown = map(customer_to_proto, customers)
        return pb.ListCustomersResponse(revision=revision, customers=shown, next_page_token=token)

    async def CreateProduct(self, request: pb.CreateProductRequest, context: Context) -> pb.CreateProductResponse:
        """See the contract."""
        command = read.create_product(request)
        revision, product, request_id = await self._write(context, request.request_id, command, Product)
        return pb.CreateProductResponse(revision=revision, product=product_to_proto(product), request_id=request_id)

    async def GetProduct(self, request: pb.GetProductRequest, context: Context) -> pb.GetProductResponse:
        """See the contract."""
        revision, product = await self._get(context, read.get_product(request), Product)
        return pb.GetProductResponse(revision=revision, product=product_to_proto(product))

    async def UpdateProduct(self, request: pb.UpdateProductRequest, context: Context) -> pb.UpdateProductResponse:
        """See the contract."""
        command = read.update_product(request)
        revision, product, request_id = await self._write(context, request.request_id, command, Product)
        return pb.UpdateProductResponse(revision=revision, product=product_to_proto(product), request_id=request_id)

    async def DeleteProduct(self, request: pb.DeleteProductRequest, context: Context) -> pb.DeleteProductResponse:
        """See the contract."""
        revision, done, request_id = await self._execute(context, request.request_id, read.delete_product(request))
        return pb.DeleteProductResponse(revision=revision, orders_changed=done.orders_affected, request_id=request_id)

    async def ListProducts(self, request: pb.ListProductsRequest, context: Context) -> pb.ListProductsResponse:
        """See the contract."""
        revision, products, token = await self._list(context, read.list_products(request), Product)
        shown = map(product_to_proto, products)
        return pb.ListProductsResponse(revision=revision, products=shown, next_page_token=token)

    async def AdjustStock(self, request: pb.AdjustStockRequest, context: Context) -> pb.AdjustStockResponse:
        """See the contract."""
        command = read.adjust_stock(request)
        revision, product, request_id = await self._write(context, request.request_id, command, Product)
        return pb.AdjustStockResponse(revision=revision, product=product_to_proto(product), request_id=request_id)

    async def GetClusterStatus(
        self,
        request: pb.GetClusterStatusRequest,  # noqa: ARG002 - it has no fields
        context: Context,
    ) -> pb.GetClusterStatusResponse:
        """See the contract."""
        statuses = await self._care.statuses(self._time_allowed(context))
        return pb.GetClusterStatusResponse(replicas=statuses)

    async def TransferLeadership(
        self, request: pb.TransferLeadershipRequest, context: Context
    ) -> pb.TransferLeadershipResponse:
        """See the contract."""
        return await self._care.transfer_leadership(request.to, self._time_allowed(context))

    async def RaiseLevel(self, request: pb.RaiseLevelRequest, context: Context) -> pb.RaiseLevelResponse:
        """See the contract."""
        return await self._care.raise_level(request.level, self._time_allowed(context))

    async def BackupCluster(
        self,
        request: pb.BackupClusterRequest,  # noqa: ARG002 - it has no fields
        context: Context,
    ) -> AsyncGenerator[pb.BackupPart, None]:
        """See the contract; how long the whole stream may take is the caller's deadline, which gRPC watches."""
        async with aclosing(await self._care.backup(self._time_allowed(context))) as parts:
            async for part in parts:
                yield part

    async def VerifyCluster(
        self,
        request: pb.VerifyClusterRequest,  # noqa: ARG002 - it has no fields
        context: Context,
    ) -> pb.VerifyClusterResponse:
        """See the contract."""
        return await self._care.verify(time_allowed(VERIFY_SECONDS_MAX, context.time_remaining()))

    async def _write(
        self, context: Context, request_id: str, command: Command | Refused, kind: type[Shown]
    ) -> tuple[int, Shown, str]:
        """Execute a command that leaves a document of this kind; give also the request's id."""
        revision, done, request_id = await self._execute(context, request_id, command)
        with told(request_id):
            return revision, _of_kind(kind, done.document), request_id

    async def _execute(self, context: Context, request_id: str, command: Command | Refused) -> tuple[int, Done, str]:
        """Execute a command; give also the request's id, minted where there was none."""
        request_id = request_id or self._mint_request_id()
        # Each call runs in a task of its own, so what is bound here ends with the call.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        with told(request_id):
            if isinstance(command, Refused):
                raise Rejected(command)
            answer = _accepted(await self._operations.execute(command, request_id, self._time_allowed(context)))
            return answer.revision, answer.result, request_id

    async def _get(self, context: Context, asked: GetDocument | Refused, kind: type[Shown]) -> tuple[int, Shown]:
        answer = _accepted(await self._operations.get_document(_accepted(asked), self._time_allowed(context)))
        return answer.revision, _of_kind(kind, answer.result)

    async def _list(
        self, context: Context, asked: ListDocuments | Refused, kind: type[Shown]
    ) -> tuple[int, list[Shown], str]:
        answer = _accepted(await self._operations.list_documents(_accepted(asked), self._time_allowed(context)))
        documents = [_of_kind(kind, document) for document in answer.result.documents]
        return answer.revision, documents, answer.result.next_page_token

    def _time_allowed(self, context: Context) -> float:
        return time_allowed(self._request_timeout, context.time_remaining())


def _accepted(value: Value | Refused) -> Value:
    """Let pass what is not a refusal; Rejected otherwise, by the name that the field has in the contract."""
    if isinstance(value, Refused):
        raise Rejected(by_message_field(value))
    return value


def _of_kind(kind: type[Shown], document: object) -> Shown:
    """Let pass a document of the kind that the operation has; InternalError otherwise."""
    if not isinstance(document, kind):
        raise InternalError(f"a {type(document).__name__} came where a {kind.__name__} was asked for")
    return document
