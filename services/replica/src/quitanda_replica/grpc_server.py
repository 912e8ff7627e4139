"""The replica's gRPC server: a bounded pool of threads, health, reflection, and one interceptor around every call."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, Final, NoReturn, TypeAlias, cast

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from quitanda.domain.outcomes import Reason, refused
from quitanda.error_status import describe
from quitanda.errors import InternalError, QuitandaError, Rejected
from quitanda.rpc_status import to_rpc_status
from quitanda.runtime.access_log import OK, log_unexpected, operation_name
from quitanda.runtime.addresses import Address
from quitanda.runtime.descriptors import connections_max
from quitanda.runtime.grpc_options import (
    CONNECTION_AGE_SECONDS,
    HEALTH_SERVICES,
    LIVENESS,
    REPLICA_RECEIVE_BYTES_MAX,
    connection_age_options,
    connection_bound_options,
    server_options,
)
from quitanda.runtime.link_credentials import server_credentials
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.listen_errors import cannot_listen
from quitanda.runtime.malformed_requests import Malformed, guarded_deserializer
from quitanda.runtime.metrics import GRPC, RequestMetrics
from quitanda.runtime.reflection import enable_reflection
from quitanda.v1 import replica_pb2
from quitanda.v1.replica_pb2_grpc import ReplicaServicer, add_ReplicaServicer_to_server
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import StoreFailed

THREADS: Final = 64
"""Calls worked on at a time; portals put many requests into one call, and have few calls in flight."""

CALLS_MAX: Final = 256
"""Calls accepted at a time, those included that wait for a thread; more are refused (RESOURCE_EXHAUSTED)."""

CONNECTIONS_MAX: Final = 256
"""Portals, the other replicas and probes have a few each."""
CONNECTIONS_SHARE: Final = 0.25
"""Of the limit of descriptors: the disk, Raft's port and the metrics need theirs, or the replica stops."""

CALLERS: Final = ("portal/", "replica/")
"""How the common name of a certificate begins whose holder may call a replica; no customer's name has a slash."""

_KINDS: Final = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_log = structlog.get_logger("quitanda.requests")
_HandlerOrNone: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"  # generic in the type stubs only


class CallerCheck(grpc.ServerInterceptor):
    """Refuses every call, also of health and reflection, whose caller's certificate is not a portal's or a replica's.

    The handshake has proved that the processes' authority signed the certificate; but the broker has such a one, too.
    """

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], _HandlerOrNone],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _HandlerOrNone:
        """Wrap the handler of any call."""
        handler: Any = continuation(handler_call_details)
        if handler is not None:
            behaviours = {kind: getattr(handler, kind) for kind in _KINDS if getattr(handler, kind) is not None}
            handler = handler._replace(**{kind: _checked(behaviour) for kind, behaviour in behaviours.items()})
        return cast("_HandlerOrNone", handler)


def _checked(behaviour: Callable[..., Any]) -> Callable[..., Any]:
    """Let a behaviour see only calls whose caller's certificate has one of the names."""

    @wraps(behaviour)  # the health service marks its behaviours, and the library looks for the mark
    def check(request: Any, context: grpc.ServicerContext, *more: Any) -> Any:
        names: Any = context.auth_context().get("x509_common_name", ())
        name = b"".join(names).decode(errors="replace")
        if not name.startswith(CALLERS):
            _log.warning("caller_refused", certificate=name, peer=context.peer())
            context.abort_with_status(to_rpc_status(refused(Reason.FORBIDDEN, role=name)))
        return behaviour(request, context, *more)

    return check


class CallInterceptor(grpc.ServerInterceptor):
    """Stands around the replica's calls: errors become statuses, calls are counted, own trouble stops the process."""

    def __init__(self, metrics: RequestMetrics, on_fatal: Callable[[BaseException], None]) -> None:
        self._metrics = metrics
        self._on_fatal = on_fatal

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], _HandlerOrNone],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _HandlerOrNone:
        """Wrap the handler of a call that has one request; health and reflection pass by."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith("/grpc."):
            return handler
        operation = operation_name(method)
        deserializer = guarded_deserializer(handler.request_deserializer or bytes)
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._answering(operation, handler.unary_unary), deserializer, handler.response_serializer
            )
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                self._streaming(operation, handler.unary_stream), deserializer, handler.response_serializer
            )
        return handler

    def _answering(self, operation: str, behaviour: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            begun = time.perf_counter()
            try:
                response = behaviour(_parsed(request), context)
            except Exception as error:  # noqa: BLE001 - the last resort: nothing of it may reach the caller
                self._abort(context, operation, self._failure(error, operation), begun)
            self._told(operation, OK, begun)
            return response

        return answer

    def _streaming(
        self, operation: str, behaviour: Callable[[Any, Any], Iterator[Any]]
    ) -> Callable[[Any, Any], Iterator[Any]]:
        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            begun = time.perf_counter()
            try:
                yield from behaviour(_parsed(request), context)
            except Exception as error:  # noqa: BLE001 - as above
                self._abort(context, operation, self._failure(error, operation), begun)
            self._told(operation, OK, begun)

        return stream

    def _failure(self, error: Exception, operation: str) -> QuitandaError:
        if isinstance(error, QuitandaError):
            return error
        if isinstance(error, StateCorrupt | StoreFailed):
            self._on_fatal(error)
        else:
            log_unexpected(operation)
        return InternalError()

    def _abort(self, context: grpc.ServicerContext, operation: str, failure: QuitandaError, begun: float) -> NoReturn:
        self._told(operation, describe(failure).reason, begun)
        context.abort_with_status(to_rpc_status(failure))
        raise AssertionError("abort_with_status does not return")

    def _told(self, operation: str, reason: str, begun: float) -> None:
        seconds = time.perf_counter() - begun
        self._metrics.answered(operation, GRPC, reason, seconds)
        # commands have a line each (servicer); reads are the portals' to tell, which know what they are for
        _log.debug("call", operation=operation, reason=reason, milliseconds=round(seconds * 1000, 3))


def _parsed(request: Any) -> Any:
    if isinstance(request, Malformed):
        raise Rejected(request.refused)
    return request


class GrpcServer:
    """The server: `bind`, `start`, `stop`. Until `set_ready(True)`, only "liveness" is SERVING."""

    def __init__(
        self,
        listen: Address,
        interceptor: CallInterceptor,
        identity: LinkIdentity | None = None,
        connection_age_seconds: float = CONNECTION_AGE_SECONDS,
    ) -> None:
        """With an `identity` the port speaks TLS, and takes calls only of processes that are portals or replicas.

        Its connections then end at an age of `connection_age_seconds`.
        """
        self._listen = listen
        self._identity = identity
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="grpc")
        self._health_pool = ThreadPoolExecutor(1, thread_name_prefix="health")
        # watches of the health service would otherwise hold a thread each for as long as they last
        self._health = health.HealthServicer(experimental_non_blocking=True, experimental_thread_pool=self._health_pool)
        connections = connections_max(CONNECTIONS_MAX, CONNECTIONS_SHARE)
        age = () if identity is None else connection_age_options(connection_age_seconds)
        self._server = grpc.server(
            self._pool,
            interceptors=[interceptor] if identity is None else [CallerCheck(), interceptor],
            options=(*server_options(REPLICA_RECEIVE_BYTES_MAX), *connection_bound_options(connections), *age),
            maximum_concurrent_rpcs=CALLS_MAX,
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        service = replica_pb2.DESCRIPTOR.services_by_name["Replica"].full_name
        enable_reflection((service, health.SERVICE_NAME), self._server)
        self._health.set(LIVENESS, _SERVING)
        self.set_ready(ready=False)

    def bind(self) -> Address:
        """Take the address, and give it with the port that was bound. CannotListen where it is taken."""
        try:
            if self._identity is None:
                port = self._server.add_insecure_port(str(self._listen))
            else:
                credentials = server_credentials(self._identity, client_certificates=True)
                port = self._server.add_secure_port(str(self._listen), credentials)
        except RuntimeError as error:
            raise cannot_listen(self._listen, error) from error
        return Address(self._listen.host, port)

    def start(self, servicer: ReplicaServicer) -> None:
        """Begin to answer."""
        add_ReplicaServicer_to_server(servicer, self._server)
        self._server.start()

    def set_ready(self, *, ready: bool) -> None:
        """Tell health checks whether requests can be answered now."""
        for service in HEALTH_SERVICES:
            if service != LIVENESS:
                self._health.set(service, _SERVING if ready else _NOT_SERVING)

    def stop(self, timeout: float) -> None:
        """Take no more calls, give those in flight up to `timeout` seconds; what still waits then ends with Raft."""
        self._health.enter_graceful_shutdown()
        self._server.stop(timeout).wait()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._health_pool.shutdown(wait=False, cancel_futures=True)
