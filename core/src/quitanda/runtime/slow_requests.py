"""Ends gRPC calls whose message does not arrive in time.

The library waits for a call's message without a bound, and no interceptor or limiter of ours sees the call before the
message is whole. So a few connections could hold gigabytes of half messages for ever, without having shown a token.
Here each call that has one request is taken as a stream of requests, of which the first must arrive in time. To
callers that is the same.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, Final, TypeAlias

import grpc

from quitanda.domain.outcomes import Problem, invalid
from quitanda.error_status import to_rpc_status
from quitanda.errors import Rejected

RECEIVE_SECONDS_MAX: Final = 10.0
"""Between a call's beginning and the end of its message; the largest that is received needs some 4 Mbit/s."""
FIELD: Final = "request"
"""The field at fault where the message is not whole."""

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in the type stubs only
_HandlerOrNone: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class SlowRequests(grpc.aio.ServerInterceptor):
    """Stands before every other interceptor."""

    def __init__(self, receive_seconds_max: float = RECEIVE_SECONDS_MAX) -> None:
        self._seconds = receive_seconds_max
        self._bounded: dict[str, tuple[_Handler, _Handler]] = {}
        """By method: the handler that was last given, and what it became."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_HandlerOrNone]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _HandlerOrNone:
        """Give the handler of the method, with a bound on the time in which its message arrives."""
        handler: _HandlerOrNone = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        known = self._bounded.get(handler_call_details.method)
        if known is None or known[0] is not handler:
            known = self._bounded[handler_call_details.method] = handler, self._bound(handler)
        return known[1]

    def _bound(self, given: _Handler) -> _Handler:
        handler: Any = given

        async def answer(_requests: Any, context: Any) -> Any:
            return await handler.unary_unary(await self._receive(context), context)

        async def stream(_requests: Any, context: Any) -> None:
            responses = handler.unary_stream(await self._receive(context), context)
            if isawaitable(responses):  # it writes by itself
                await responses
                return
            async with aclosing(responses):
                async for response in responses:
                    await context.write(response)

        codecs = (handler.request_deserializer, handler.response_serializer)
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(stream, *codecs)
        return grpc.stream_unary_rpc_method_handler(answer, *codecs)

    async def _receive(self, context: Any) -> Any:
        """Return the call's message; end the call where it does not come."""
        request = grpc.aio.EOF
        try:
            async with asyncio.timeout(self._seconds):
                request = await context.read()
        except TimeoutError:
            pass
        if request is grpc.aio.EOF:
            status = to_rpc_status(Rejected(invalid(FIELD, Problem.MALFORMED)))
            await context.abort(status.code, status.details, status.trailing_metadata)
        return request
