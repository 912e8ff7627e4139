"""Ends gRPC calls whose message does not arrive in time, and bounds the calls that ask for no token.

The library waits for a call's message without a bound, and no interceptor or limiter of ours sees the call before the
message is whole. So a few connections could hold gigabytes of half messages for ever, without having shown a token.
Here each call that has one request is taken as a stream of requests, of which the first must arrive in time. To
callers that is the same.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from inspect import isawaitable
from typing import Any, Final, TypeAlias

import grpc

from quitanda.domain.outcomes import Problem, invalid
from quitanda.errors import Overloaded
from quitanda.rpc_status import to_rpc_status
from quitanda.runtime.address_limits import STREAMS_MAX, AddressLimit
from quitanda.runtime.malformed_requests import Malformed

RECEIVE_SECONDS_MAX: Final = 10.0
"""Between a call's beginning and the end of its message; the largest that is received needs some 4 Mbit/s."""
FIELD: Final = "request"
"""The field at fault where the message is not whole."""

OF_THE_LIBRARY: Final = "/grpc."
"""How the full names of the library's own methods begin: health and reflection, which ask for no token."""

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in the type stubs only
_HandlerOrNone: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


async def receive(context: Any, seconds: float) -> Any:
    """Return the message of a call that takes a stream of requests; Malformed where none comes within the time.

    Until then nothing of it is received: what the caller sends waits in its connection, which takes no more than the
    window that HTTP/2 gives each call.
    """
    request = grpc.aio.EOF
    try:
        async with asyncio.timeout(seconds):
            request = await context.read()
    except TimeoutError:
        pass
    return Malformed(invalid(FIELD, Problem.MALFORMED)) if request is grpc.aio.EOF else request


async def write_all(responses: AsyncGenerator[Any, None], context: Any) -> None:
    """Write each response to the caller; at the end, whatever it was, the generator is closed."""
    async with aclosing(responses):
        async for response in responses:
            await context.write(response)


class SlowRequests(grpc.aio.ServerInterceptor):
    """Stands before every other interceptor. Handlers that take a stream of requests receive by themselves."""

    def __init__(self, receive_seconds_max: float = RECEIVE_SECONDS_MAX) -> None:
        self._seconds = receive_seconds_max
        self._of_address = AddressLimit(STREAMS_MAX)
        self._bounded: dict[str, tuple[_Handler, _Handler]] = {}
        """By method: the handler that was last given, and what it became."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_HandlerOrNone]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _HandlerOrNone:
        """Give the handler of the method, with a bound on the time in which its message arrives."""
        handler: _HandlerOrNone = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or (handler.request_streaming and not method.startswith(OF_THE_LIBRARY)):
            return handler
        known = self._bounded.get(method)
        if known is None or known[0] is not handler:
            known = self._bounded[method] = handler, self._bound(handler)
        return known[1]

    def _bound(self, given: _Handler) -> _Handler:
        handler: Any = given

        async def answer(_requests: Any, context: Any) -> Any:
            async with self._held(context):
                return await handler.unary_unary(await self._receive(context), context)

        async def stream(requests: Any, context: Any) -> None:
            async with self._held(context):
                if handler.request_streaming:
                    responses = handler.stream_stream(requests, context)
                else:
                    responses = handler.unary_stream(await self._receive(context), context)
                if isawaitable(responses):  # it writes by itself
                    await responses
                else:
                    await write_all(responses, context)

        codecs = (handler.request_deserializer, handler.response_serializer)
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(stream, *codecs)
        return grpc.stream_unary_rpc_method_handler(answer, *codecs)

    @asynccontextmanager
    async def _held(self, context: Any) -> AsyncIterator[None]:
        """Hold a call; end it where its address holds too many."""
        try:
            with self._of_address.one_more(context.peer()):
                yield
        except Overloaded as error:
            status = to_rpc_status(error)
            await context.abort(status.code, status.details, status.trailing_metadata)

    async def _receive(self, context: Any) -> Any:
        """Return the call's message; end the call where it does not come."""
        request = await receive(context, self._seconds)
        if isinstance(request, Malformed):
            status = to_rpc_status(request.refused)
            await context.abort(status.code, status.details, status.trailing_metadata)
        return request
