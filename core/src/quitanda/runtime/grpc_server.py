"""The portals' gRPC server (asyncio): health, reflection, bounds, and one interceptor around every call.

A handler returns its answer, or raises a QuitandaError (`Rejected` for a refusal); the interceptor turns
that into the status of the one table, writes the call's one log line and counts it. Where a contract has
messages of its own for what fails, `render_error` writes them.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final, NoReturn, TypeAlias

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from quitanda.error_status import FailureSource, describe
from quitanda.errors import InternalError, QuitandaError, Rejected
from quitanda.rpc_status import to_rpc_status
from quitanda.runtime import log_context, tracing
from quitanda.runtime.access_log import (
    ENDED,
    OK,
    AccessLog,
    bind_request,
    log_unexpected,
    operation_name,
)
from quitanda.runtime.address_limits import UNREAD_CALLS_MAX, AddressLimit
from quitanda.runtime.addresses import Address
from quitanda.runtime.descriptors import connections_max
from quitanda.runtime.grpc_options import (
    CONCURRENT_RPCS_MAX,
    CONNECTION_AGE_SECONDS,
    FEED,
    HEALTH_SERVICES,
    LIVENESS,
    PORTAL_RECEIVE_BYTES_MAX,
    REFUSED_BYTES_FACTOR,
    Options,
    connection_age_options,
    connection_bound_options,
    server_options,
    small_window_options,
)
from quitanda.runtime.link_credentials import server_credentials
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.listen_errors import cannot_listen
from quitanda.runtime.malformed_requests import Malformed, guarded_deserializer
from quitanda.runtime.reflection import enable_reflection
from quitanda.runtime.slow_requests import OF_THE_LIBRARY, RECEIVE_SECONDS_MAX, SlowRequests, receive, write_all
from quitanda.runtime.unread_calls import RefuseUnread, UnreadCalls

CONNECTIONS_MAX: Final = 10_000
"""Connections of one server of a portal, where the limit of descriptors leaves room for them."""
CONNECTIONS_SHARE: Final = 0.4
"""A portal has at most two servers; the rest is for its own connections."""

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_HandlerOrNone: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

Authenticate: TypeAlias = Callable[[str, _Context, str], Awaitable[None]]
"""Finds out who calls a method (its full name) from an address (`address_of_peer`), before the request is decoded.

It raises a QuitandaError to refuse.
"""

RenderError: TypeAlias = "Callable[[str, FailureSource], Any]"
"""Gives the response that tells of a failure, for a method's full name; None where the call ends with a status."""


def render_no_error(method: str, failure: FailureSource) -> None:
    """Let every failure end its call with a status."""


async def abort(context: _Context, failure: FailureSource) -> NoReturn:
    """End the call with the failure's status."""
    status = to_rpc_status(failure)
    await context.abort(status.code, status.details, status.trailing_metadata)
    raise AssertionError("abort does not return")


async def authenticate_nobody(method: str, context: _Context, address: str) -> None:
    """Let everybody call."""


class RequestInterceptor(grpc.aio.ServerInterceptor):
    """Stands around every call that has one request; calls of health and reflection pass by.

    Who may not call is refused before the request is received: until a caller is known, its call costs the window that
    HTTP/2 gives it, however large its message is. So a handler is given to the library as one that takes a stream of
    requests.
    """

    def __init__(
        self,
        log: AccessLog,
        receive_bytes_max: int = PORTAL_RECEIVE_BYTES_MAX,
        render_error: RenderError = render_no_error,
        authenticate: Authenticate = authenticate_nobody,
        receive_seconds_max: float = RECEIVE_SECONDS_MAX,
    ) -> None:
        self._unread = AddressLimit(UNREAD_CALLS_MAX)
        self._receive_seconds_max = receive_seconds_max
        self._log = log
        self._receive_bytes_max = receive_bytes_max
        self._render_error = render_error
        self._authenticate = authenticate
        self._wrapped: dict[str, _Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_HandlerOrNone]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _HandlerOrNone:
        """Give the handler of a method, wrapped once and kept."""
        method = handler_call_details.method
        known = self._wrapped.get(method)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or method.startswith(OF_THE_LIBRARY):
            return handler
        if handler.unary_unary is not None:
            handler = self._wrap(method, handler, handler.unary_unary)
        elif handler.unary_stream is not None:
            handler = self._wrap_stream(method, handler, handler.unary_stream)
        self._wrapped[method] = handler
        return handler

    def _wrap(self, method: str, handler: _Handler, behaviour: Any) -> _Handler:
        operation = operation_name(method)
        deserialize = guarded_deserializer(handler.request_deserializer or bytes, self._receive_bytes_max)

        async def answer(_requests: Any, context: _Context) -> Any:
            begun = time.perf_counter()
            request: Any = None
            if tracing.active is not None:
                self._log.begun(operation, tracing.traceparent_in(context.invocation_metadata()))
            try:
                request = await self._receive(method, context, deserialize)
                bind_request(request)  # the server runs each call in a task of its own
                _check_parsed(request)
                response = await behaviour(request, context)
            except (asyncio.CancelledError, grpc.aio.AbortError):
                # The caller went away, or the handler ended the call by itself: there is nothing left to say to it.
                self._log.answered(operation, ENDED, 0, time.perf_counter() - begun)
                raise
            except Exception as error:  # noqa: BLE001 - the last resort: nothing of it may reach the caller
                failure = _failure(operation, error)
                self._log.answered(operation, describe(failure).reason, 0, time.perf_counter() - begun)
            else:
                self._log.answered(operation, OK, getattr(response, "revision", 0), time.perf_counter() - begun)
                return response
            return await self._fail(method, request, context, failure)

        return grpc.stream_unary_rpc_method_handler(answer, response_serializer=handler.response_serializer)

    def _wrap_stream(self, method: str, handler: _Handler, behaviour: Any) -> _Handler:
        operation = operation_name(method)
        deserialize = guarded_deserializer(handler.request_deserializer or bytes, self._receive_bytes_max)

        async def stream(context: _Context) -> AsyncGenerator[Any, None]:
            begun = time.perf_counter()
            failure: FailureSource | None = None
            with log_context.bound():
                if tracing.active is not None:
                    self._log.begun(operation, tracing.traceparent_in(context.invocation_metadata()))
                try:
                    request = await self._receive(method, context, deserialize)
                    bind_request(request)
                    _check_parsed(request)
                    async with aclosing(behaviour(request, context)) as responses:
                        async for response in responses:
                            yield response
                except (asyncio.CancelledError, grpc.aio.AbortError, GeneratorExit):
                    self._log.answered(operation, ENDED, 0, time.perf_counter() - begun)
                    raise
                except Exception as error:  # noqa: BLE001 - as below
                    failure = _failure(operation, error)
                reason = OK if failure is None else describe(failure).reason
                self._log.answered(operation, reason, 0, time.perf_counter() - begun)
            if failure is not None:
                await abort(context, failure)

        async def write(_requests: Any, context: _Context) -> None:
            await write_all(stream(context), context)

        return grpc.stream_stream_rpc_method_handler(write, response_serializer=handler.response_serializer)

    async def _receive(self, method: str, context: _Context, deserialize: Callable[[bytes], Any]) -> Any:
        """Find out who calls, then receive the message, and decode it. Raises QuitandaError to refuse."""
        with self._unread.one_more(context.peer()) as address:
            await self._authenticate(method, context, address)
            received = await receive(context, self._receive_seconds_max)
        return received if isinstance(received, Malformed) else deserialize(received)

    async def _fail(self, method: str, request: Any, context: _Context, failure: FailureSource) -> Any:
        """Give the response that the contract has for a failure, or end the call with a status.

        What was no message of the contract has no response of the contract either.
        """
        rendered = None if isinstance(request, Malformed) else self._render_error(method, failure)
        if rendered is None:
            await abort(context, failure)
        return rendered


def _check_parsed(request: Any) -> None:
    """Let a request pass that was a message; Rejected otherwise."""
    if isinstance(request, Malformed):
        raise Rejected(request.refused)


def _failure(operation: str, error: Exception) -> FailureSource:
    """Give the failure that the caller is told; called while the exception is handled, so that the log can show it."""
    if isinstance(error, QuitandaError) and not isinstance(error, InternalError):
        return error
    log_unexpected(operation)
    return error if isinstance(error, QuitandaError) else InternalError()


class AioGrpcServer:
    """A gRPC server as a part of a process (`lifecycle.Part`).

    Until `set_ready(True)` the services "" and "readiness" are NOT_SERVING; "liveness" is SERVING from the start.
    """

    name: Final = "grpc_server"

    def __init__(
        self,
        listen: Address,
        register: Callable[[grpc.aio.Server], None],
        service_names: Sequence[str],
        log: AccessLog,
        *,
        receive_bytes_max: int = PORTAL_RECEIVE_BYTES_MAX,
        render_error: RenderError = render_no_error,
        refuse_unread: RefuseUnread | None = None,
        identity: LinkIdentity | None = None,
        connection_age_seconds: float = CONNECTION_AGE_SECONDS,
        authenticate: Authenticate = authenticate_nobody,
        receive_seconds_max: float = RECEIVE_SECONDS_MAX,
    ) -> None:
        """Take the services that `register` adds; `service_names` are their full names, for reflection.

        `refuse_unread` is for services whose every refusal is a status. With an `identity` the port speaks TLS, and
        its connections end at an age of `connection_age_seconds`; it asks no caller for a certificate. A call whose
        message does not arrive within `receive_seconds_max` is ended.
        """
        self._identity = identity
        self._connection_age_seconds = connection_age_seconds
        self._listen = listen
        self._register = register
        self._service_names = service_names
        self._receive_bytes_max = receive_bytes_max
        interceptor = RequestInterceptor(log, receive_bytes_max, render_error, authenticate, receive_seconds_max)
        unread = () if refuse_unread is None else (UnreadCalls(log, refuse_unread),)
        self._interceptors = (SlowRequests(receive_seconds_max), *unread, interceptor)
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self.address = listen

    async def start(self) -> None:
        """Listen; `address` then has the port that was bound. CannotListen where the address is taken."""
        server = grpc.aio.server(
            interceptors=self._interceptors,
            options=self._options(),
            maximum_concurrent_rpcs=CONCURRENT_RPCS_MAX,
        )
        self._register(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        enable_reflection((*self._service_names, health.SERVICE_NAME), server)
        self.address = Address(self._listen.host, self._bind(server))
        await self._health.set(LIVENESS, _SERVING)
        await self.set_ready(ready=False)
        await self.set_feed(alive=False)
        await server.start()
        self._server = server

    async def set_ready(self, *, ready: bool) -> None:
        """Tell health checks whether requests can be answered now."""
        for service in HEALTH_SERVICES:
            if service != LIVENESS:
                await self._health.set(service, _SERVING if ready else _NOT_SERVING)

    async def set_feed(self, *, alive: bool) -> None:
        """Tell who asks whether the change feed is heard."""
        await self._health.set(FEED, _SERVING if alive else _NOT_SERVING)

    async def stop(self, timeout: float) -> None:
        """Take no more calls, and give those in flight up to `timeout` seconds."""
        await self._health.enter_graceful_shutdown()
        if self._server is not None:
            await self._server.stop(timeout)

    def _options(self) -> Options:
        connections = connections_max(CONNECTIONS_MAX, CONNECTIONS_SHARE)
        options = (
            *server_options(REFUSED_BYTES_FACTOR * self._receive_bytes_max),
            *connection_bound_options(connections),
            *small_window_options(),
        )
        if self._identity is None:
            return options
        return (*options, *connection_age_options(self._connection_age_seconds))

    def _bind(self, server: grpc.aio.Server) -> int:
        try:
            if self._identity is None:
                return server.add_insecure_port(str(self._listen))
            credentials = server_credentials(self._identity, client_certificates=False)
            return server.add_secure_port(str(self._listen), credentials)
        except RuntimeError as error:
            raise cannot_listen(self._listen, error) from error
