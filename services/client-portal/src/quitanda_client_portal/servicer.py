# ruff: noqa: N802 - the contract names the methods
"""The gRPC door: each handler reads the message, has the call performed, and writes the answer down.

A refusal is raised as Rejected; the server's interceptor turns it into a status, like every error of the
way to the replicas, and writes the call's log line.
"""

from typing import Any, Protocol, TypeAlias, TypeVar

import grpc
import structlog

from quitanda.cluster_client import Page
from quitanda.codec import portal_requests as read
from quitanda.codec.documents import summarize
from quitanda.codec.protobuf import order_to_proto, product_to_proto, summary_to_proto
from quitanda.domain.model import Order, Product
from quitanda.domain.outcomes import Refused
from quitanda.errors import Rejected
from quitanda.portal.deadlines import time_allowed
from quitanda.portal.request_ids import told
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1.client_portal_pb2_grpc import ClientPortalServicer as Contract
from quitanda_client_portal.id_generator import IdGenerator
from quitanda_client_portal.operations import Asked, Call, Operations

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Result = TypeVar("Result", Order, Product, Page)


class Asking(Protocol):
    """What every request of the contract holds."""

    @property
    def customer_id(self) -> str:
        """Who asks."""


class Writing(Asking, Protocol):
    """What every write of the contract holds."""

    @property
    def request_id(self) -> str:
        """The key of its outcome, or empty."""


class ClientPortalServicer(Contract):
    """Serves `quitanda.v1.ClientPortal`; `request_timeout` (seconds) bounds each call."""

    def __init__(self, operations: Operations, mint: IdGenerator, request_timeout: float) -> None:
        self._operations = operations
        self._mint = mint
        self._request_timeout = request_timeout

    async def CreateOrder(self, request: pb.CreateOrderRequest, context: Context) -> pb.CreateOrderResponse:
        """See the contract."""
        minted = self._mint.order()
        command = read.create_order(request, order_id=minted.order_id, created_at_ms=minted.created_at_ms)
        revision, order, request_id = await self._write(context, "create_order", request, command)
        return pb.CreateOrderResponse(revision=revision, order=order_to_proto(order), request_id=request_id)

    async def SetOrderItem(self, request: pb.SetOrderItemRequest, context: Context) -> pb.SetOrderItemResponse:
        """See the contract."""
        revision, order, request_id = await self._write(
            context, "set_order_item", request, read.set_order_item(request)
        )
        return pb.SetOrderItemResponse(revision=revision, order=order_to_proto(order), request_id=request_id)

    async def SetOrderItems(self, request: pb.SetOrderItemsRequest, context: Context) -> pb.SetOrderItemsResponse:
        """See the contract."""
        revision, order, request_id = await self._write(
            context, "set_order_items", request, read.set_order_items(request)
        )
        return pb.SetOrderItemsResponse(revision=revision, order=order_to_proto(order), request_id=request_id)

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Context) -> pb.CancelOrderResponse:
        """See the contract."""
        revision, order, request_id = await self._write(context, "cancel_order", request, read.cancel_order(request))
        return pb.CancelOrderResponse(revision=revision, order=order_to_proto(order), request_id=request_id)

    async def GetOrder(self, request: pb.GetOrderRequest, context: Context) -> pb.GetOrderResponse:
        """See the contract."""
        revision, order = await self._read(context, "get_order", request, read.get_order(request), Order)
        return pb.GetOrderResponse(revision=revision, order=order_to_proto(order))

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Context) -> pb.ListOrdersResponse:
        """See the contract."""
        revision, page = await self._read(context, "list_orders", request, read.list_orders(request), Page)
        orders = [summary_to_proto(summarize(order)) for order in page.documents if isinstance(order, Order)]
        return pb.ListOrdersResponse(revision=revision, orders=orders, next_page_token=page.next_page_token)

    async def GetProduct(
        self, request: pb.GetProductForCustomerRequest, context: Context
    ) -> pb.GetProductForCustomerResponse:
        """See the contract."""
        asked = read.get_product_for_customer(request)
        revision, product = await self._read(context, "get_product", request, asked, Product)
        return pb.GetProductForCustomerResponse(revision=revision, product=product_to_proto(product))

    async def ListProducts(
        self, request: pb.ListProductsForCustomerRequest, context: Context
    ) -> pb.ListProductsForCustomerResponse:
        """See the contract."""
        asked = read.list_products_for_customer(request)
        revision, page = await self._read(context, "list_products", request, asked, Page)
        products = [product_to_proto(product) for product in page.documents if isinstance(product, Product)]
        return pb.ListProductsForCustomerResponse(
            revision=revision, products=products, next_page_token=page.next_page_token
        )

    async def _write(
        self, context: Context, operation: str, request: Writing, asked: Asked | Refused
    ) -> tuple[int, Order, str]:
        """Have a write performed; give the revision, the order and the request's id, minted where there was none."""
        request_id = request.request_id or self._mint.request_id()
        # Each call runs in a task of its own, so what is bound here ends with the call.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        with told(request_id):
            call = Call(operation, request.customer_id, request_id, asked)
            return *await self._perform(context, call, Order), request_id

    async def _read(
        self, context: Context, operation: str, request: Asking, asked: Asked | Refused, kind: type[Result]
    ) -> tuple[int, Result]:
        return await self._perform(context, Call(operation, request.customer_id, "", asked), kind)

    async def _perform(self, context: Context, call: Call, kind: type[Result]) -> tuple[int, Result]:
        """Have the call performed; give the revision and the result, which is of the kind that the operation has."""
        timeout = time_allowed(self._request_timeout, context.time_remaining())
        answer = await self._operations.perform(call, timeout)
        if isinstance(answer, Refused):
            raise Rejected(answer)
        if not isinstance(answer.result, kind):
            raise TypeError(f"{call.operation} was answered with a {type(answer.result).__name__}")
        return answer.revision, answer.result
