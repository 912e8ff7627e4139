"""A peer's portal: the same gRPC service as Quitanda's client portal, in front of a peer's backend.

`python -m bench.portal PEER ADDRESS SETTINGS`, where SETTINGS are the backend's, as JSON. It listens when the backend
can be used. With `seed` in the settings it stores the first documents before.
"""

import json
import sys
from typing import Any, Final, NoReturn

import grpc.aio
import uvloop

from bench.peers import backends
from bench.peers.order_change import (
    Backend,
    NotFound,
    OutOfStock,
    new_order,
    new_product,
    order_message,
    product_message,
)
from bench.workload import Workload
from quitanda.v1.client_portal_pb2 import (
    GetOrderRequest,
    GetOrderResponse,
    GetProductForCustomerRequest,
    GetProductForCustomerResponse,
    SetOrderItemRequest,
    SetOrderItemResponse,
)
from quitanda.v1.client_portal_pb2_grpc import ClientPortalServicer, add_ClientPortalServicer_to_server

SEED: Final = "seed"
EMPTY: Final = "empty"
"""The peer that has no backend."""

_Context = grpc.aio.ServicerContext[Any, Any]


class PeerPortal(ClientPortalServicer):
    """Answers the three calls of the cases; a refusal becomes the call's status."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def SetOrderItem(  # noqa: D102, N802 - the contract's name
        self, request: SetOrderItemRequest, context: _Context
    ) -> SetOrderItemResponse:
        try:
            order = await self._backend.set_order_item(
                request.order_id, request.product_id, request.quantity, request.request_id
            )
        except (NotFound, OutOfStock) as refusal:
            await _abort(context, refusal)
        return SetOrderItemResponse(order=order_message(order), request_id=request.request_id)

    async def GetOrder(  # noqa: D102, N802
        self, request: GetOrderRequest, context: _Context
    ) -> GetOrderResponse:
        try:
            return GetOrderResponse(order=order_message(await self._backend.order(request.order_id)))
        except NotFound as refusal:
            await _abort(context, refusal)

    async def GetProduct(  # noqa: D102, N802
        self, request: GetProductForCustomerRequest, context: _Context
    ) -> GetProductForCustomerResponse:
        try:
            product = await self._backend.product(request.product_id)
        except NotFound as refusal:
            await _abort(context, refusal)
        return GetProductForCustomerResponse(product=product_message(product))


class EmptyPortal(ClientPortalServicer):
    """Answers the three calls at once, each with the same message: what a call costs that does nothing."""

    def __init__(self) -> None:
        order = order_message(new_order(Workload.drawn().orders[0]))
        self._change = SetOrderItemResponse(order=order)
        self._order = GetOrderResponse(order=order)
        self._product = GetProductForCustomerResponse(product=product_message(new_product("p0")))

    async def SetOrderItem(  # noqa: D102, N802
        self, request: SetOrderItemRequest, context: _Context
    ) -> SetOrderItemResponse:
        del request, context
        return self._change

    async def GetOrder(  # noqa: D102, N802
        self, request: GetOrderRequest, context: _Context
    ) -> GetOrderResponse:
        del request, context
        return self._order

    async def GetProduct(  # noqa: D102, N802
        self, request: GetProductForCustomerRequest, context: _Context
    ) -> GetProductForCustomerResponse:
        del request, context
        return self._product


async def _abort(context: _Context, refusal: Exception) -> NoReturn:
    code = grpc.StatusCode.NOT_FOUND if isinstance(refusal, NotFound) else grpc.StatusCode.FAILED_PRECONDITION
    await context.abort(code, repr(refusal))
    raise AssertionError("abort does not return")


async def open_portal(peer: str, settings: dict[str, Any]) -> ClientPortalServicer:
    """Make the portal of the peer when its backend can be used, and store the first documents if that is asked for."""
    if peer == EMPTY:
        return EmptyPortal()  # type: ignore[abstract] # the other calls: UNIMPLEMENTED
    backend = backends.open_backend(peer, settings)
    await backend.open()
    if settings.get(SEED):
        workload = Workload.drawn()
        await backend.seed(
            {product_id: new_product(product_id) for product_id in workload.product_ids},
            {placed.order_id: new_order(placed) for placed in workload.orders},
        )
    return PeerPortal(backend)  # type: ignore[abstract] # as above


async def serve(peer: str, address: str, settings: dict[str, Any]) -> None:
    """Serve until killed."""
    portal = await open_portal(peer, settings)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    add_ClientPortalServicer_to_server(portal, server)
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
