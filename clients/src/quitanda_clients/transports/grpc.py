"""Sends requests to several portals of one kind over gRPC: to one after the other, until one answers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

import grpc
from grpc import aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from quitanda.codec.watches import WatchDocuments, WatchedChanges
from quitanda.domain.outcomes import Refused
from quitanda.errors import NoConnection, NotOffered, OutcomeUnknown, Overloaded, QuitandaError, Rejected, Unavailable
from quitanda.operations import DocumentOperation, Operation, OperationAnswer, PortalKind, WatchOperation
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime import tracing
from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_channel import ReconnectingChannel
from quitanda.runtime.grpc_options import READINESS
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.v1.admin_portal_pb2_grpc import AdminPortalStub
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda_clients.results import TIMEOUT_DEFAULT, OnSlowCall, ignore_slow_call
from quitanda_clients.retry import ClientClosed, RetryPolicy, overloaded, retry_until_deadline
from quitanda_clients.tokens import check_not_in_plain_text

T = TypeVar("T")

CONNECT_SECONDS_MAX: Final = 2.0
"""How long a portal may take to accept a connection before the client tries the next one."""

MESSAGE_BYTES_MAX: Final = 32 * 1024 * 1024
"""The largest answer: a page of the largest documents fits."""

CHANNEL_OPTIONS: Final = (
    # Clients in one process do not share connections, so that one client's back-off never delays another.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # The client finds a portal that comes back with another address as soon.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    # Despite its name, the time that one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", int(CONNECT_SECONDS_MAX * 1_000)),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    # The retry engine repeats calls, because it keeps the request id.
    ("grpc.enable_retries", 0),
    # Clients reach portals directly: a proxy of the environment is for the web.
    ("grpc.enable_http_proxy", 0),
)

_STUBS: Final[Mapping[PortalKind, Callable[[aio.Channel], Any]]] = {
    PortalKind.ADMIN: AdminPortalStub,
    PortalKind.CLIENT: ClientPortalStub,
}


@dataclass(frozen=True, slots=True)
class _Stubs:
    """What is called over one channel: the portal, and whether it is ready."""

    portal: Any
    health: HealthStub


@dataclass(slots=True)
class _Connections:
    """What the transports of several callers share; `preferred` is the position of the portal that answered last."""

    channels: dict[Address, ReconnectingChannel[_Stubs]] = field(default_factory=dict)
    preferred: int = 0
    closed: bool = False


class GrpcTransport:
    """Implements `transports.RequestTransport`; it asks the portal that answered last first."""

    def __init__(
        self,
        kind: PortalKind,
        portals: Sequence[Address],
        *,
        timeout: float = TIMEOUT_DEFAULT,
        on_slow: OnSlowCall = ignore_slow_call,
        identity: LinkIdentity | None = None,
        token: str = "",
    ) -> None:
        """Take the portals' addresses, and the token that each call carries; without one, the calls carry none.

        NoTokenError where the token would leave this machine without TLS, for want of an `identity`.
        """
        if not portals:
            raise ValueError("at least one portal's address is needed")
        if identity is None:
            check_not_in_plain_text(token, portals)
        self.token = token
        self._portals = tuple(portals)
        self._identity = identity
        self._make_stub = _STUBS[kind]
        self._policy = RetryPolicy(timeout, len(self._portals), on_slow=on_slow)
        self._connections = _Connections()

    def for_caller(self, token: str) -> Self:
        """Make a transport for another caller's token over the same connections; closing one of them closes all.

        For a process that calls for many people. NoTokenError as where the transport was made.
        """
        if self._identity is None:
            check_not_in_plain_text(token, self._portals)
        other = copy(self)
        other.token = token
        return other

    async def wait_until_ready(self, seconds: float) -> None:
        """Wait until a portal says that it can answer, the one that answered last first. Unavailable if none does."""

        async def attempt(portal: Address, seconds: float) -> None:
            stubs = await self._connected(portal, seconds)
            try:
                answer = await stubs.health.Check(HealthCheckRequest(service=READINESS), timeout=seconds)
            except grpc.RpcError as error:
                raise _error_of(portal, error) from error
            if answer.status != HealthCheckResponse.SERVING:
                raise Unavailable(f"{portal} is not ready")

        await retry_until_deadline(self._in_turn(attempt), RetryPolicy(seconds, len(self._portals)), write=False)

    async def send(self, operation: DocumentOperation, asked: Any, request_id: str) -> OperationAnswer:
        """Send a request until a portal answers it (`transports.RequestTransport`)."""
        message = operation.to_message(asked, request_id)
        if isinstance(message, Refused):
            raise Rejected(message)
        try:
            response = await self.call(operation, message)
        except Rejected as rejected:
            raise Rejected(operation.name_command_field(rejected.refused), rejected.revision) from None
        return operation.read_response(response)

    async def call(self, operation: Operation, message: Any) -> Any:
        """Send a request message until a portal answers it; raises as `send`."""

        async def attempt(portal: Address, seconds: float) -> Any:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + seconds
            stub = (await self._connected(portal, seconds)).portal
            try:
                seconds_left = max(0.001, deadline - loop.time())
                return await getattr(stub, operation.label)(message, timeout=seconds_left, metadata=self._metadata())
            except grpc.RpcError as error:
                raise _error_of(portal, error) from error
            except asyncio.CancelledError:
                # Closing a channel cancels its calls; that is not the same as cancelling the caller.
                task = asyncio.current_task()
                if self._connections.closed and task is not None and not task.cancelling():
                    raise OutcomeUnknown("the client was closed before the answer came") from None
                raise

        return await retry_until_deadline(self._in_turn(attempt), self._policy, write=operation.writes)

    async def watch(self, operation: WatchOperation, watched: WatchDocuments) -> AsyncGenerator[WatchedChanges, None]:
        """Yield what changes until the portal is lost, which raises Unavailable (`transports.RequestTransport`)."""
        message = operation.to_message(watched)
        if isinstance(message, Refused):
            raise Rejected(message)
        async with aclosing(self.stream(operation, message, None)) as parts:
            async for part in parts:
                yield operation.read_response(part)

    async def stream(
        self, operation: Operation, message: Any, total_seconds: float | None
    ) -> AsyncGenerator[Any, None]:
        """Ask until a portal begins to answer; yield its answers, for at most `total_seconds` (None: without a bound).

        Raises Rejected and Unavailable, the latter also if the portal is lost on the way.
        """

        async def attempt(portal: Address, seconds: float) -> tuple[Any, AsyncGenerator[Any, None]]:
            stub = (await self._connected(portal, seconds)).portal
            call = getattr(stub, operation.label)(message, timeout=total_seconds, metadata=self._metadata())
            answers = _answers(call, portal)
            try:
                async with asyncio.timeout(seconds):
                    return await anext(answers), answers
            except TimeoutError:
                raise Unavailable(f"{portal}: no answer within {seconds:.3g} s") from None
            except StopAsyncIteration:
                raise Unavailable(f"{portal}: an empty answer") from None

        first, others = await retry_until_deadline(self._in_turn(attempt), self._policy, write=False)
        async with aclosing(others):
            yield first
            async for response in others:
                yield response

    async def close(self) -> None:
        """Close all connections; calls in flight end with an error."""
        self._connections.closed = True
        channels = [*self._connections.channels.values()]
        self._connections.channels.clear()
        for channel in channels:
            await channel.close()

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        traced = tracing.call_metadata() or ()
        return (*traced, ("authorization", f"Bearer {self.token}")) if self.token else traced

    def _in_turn(self, attempt: Callable[[Address, float], Awaitable[T]]) -> Callable[[float], Awaitable[T]]:
        """Make attempts at the preferred portal; after a failure the next portal is preferred."""

        async def attempt_in_turn(seconds: float) -> T:
            position = self._connections.preferred
            try:
                return await attempt(self._portals[position], seconds)
            except (Unavailable, OutcomeUnknown):
                # Calls run side by side: only the first one that fails here moves on to the next portal.
                if self._connections.preferred == position:
                    self._connections.preferred = (position + 1) % len(self._portals)
                raise

        return attempt_in_turn

    def _stubs(self, channel: aio.Channel) -> _Stubs:
        return _Stubs(self._make_stub(channel), HealthStub(channel))

    async def _connected(self, portal: Address, seconds: float) -> _Stubs:
        if self._connections.closed:
            raise ClientClosed("the client is closed")
        channels = self._connections.channels
        if portal not in channels:
            channels[portal] = ReconnectingChannel(
                str(portal), str(portal), CHANNEL_OPTIONS, self._stubs, self._identity
            )
        return await channels[portal].connected(min(seconds, CONNECT_SECONDS_MAX))


async def _answers(call: aio.UnaryStreamCall[Any, Any], portal: Address) -> AsyncGenerator[Any, None]:
    try:
        async for answer in call:
            yield answer
    except grpc.RpcError as error:
        failure = _error_of(portal, error)
        raise Unavailable(str(failure)) if isinstance(failure, OutcomeUnknown) else failure from error
    finally:
        call.cancel()


def _error_of(portal: Address, error: grpc.RpcError) -> QuitandaError:
    """Turn the failure of a call into the error to raise; its text says which portal answered what."""
    failure = from_rpc_error(error)
    if isinstance(failure, Refused):
        return Rejected(failure)
    text = f"{portal}: {str(failure) or failure.reason}"
    if isinstance(failure, Overloaded):
        return overloaded(text, failure.retry_after)
    for kind in (NotOffered, NoConnection):
        if isinstance(failure, kind):
            return kind(text)
    return Unavailable(text) if failure.definite else OutcomeUnknown(text)
