"""Calls to several portals of one kind over gRPC: one after the other, until one answers."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final, Generic, TypeVar

import grpc
from grpc import aio

from quitanda.codec.protobuf import by_command_field
from quitanda.domain.outcomes import Refused
from quitanda.error_status import from_rpc_error
from quitanda.errors import NoConnection, NotOffered, OutcomeUnknown, QuitandaError, Rejected, Unavailable
from quitanda.runtime.grpc_channel import ReconnectingChannel
from quitanda_clients.addresses import Address
from quitanda_clients.results import TIMEOUT_DEFAULT, Slow, unnoticed
from quitanda_clients.retry import ClientClosed, RetryPolicy, retry_until_deadline

StubT = TypeVar("StubT")
RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

CONNECT_SECONDS_MAX: Final = 2.0
"""How long a portal may take to accept a connection before the next one is tried."""

MESSAGE_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of an answer: a page of the largest documents fits."""

CHANNEL_OPTIONS: Final = (
    # Clients in one process do not share connections, so that one client's back-off never delays another.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A portal that comes back with another address is found there as soon.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    # Despite its name, the time that one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", int(CONNECT_SECONDS_MAX * 1_000)),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    # Repeating is the business of `retries`, which keeps the request id.
    ("grpc.enable_retries", 0),
    # Portals are reached directly: a proxy of the environment is for the web.
    ("grpc.enable_http_proxy", 0),
)


class Portals(Generic[StubT]):
    """Portals that offer the same service; the one that answered last is asked first."""

    def __init__(
        self, addresses: Sequence[Address], make_stub: Callable[[aio.Channel], StubT], slow: Slow = unnoticed
    ) -> None:
        if not addresses:
            raise ValueError("at least one portal's address is needed")
        self._addresses = tuple(addresses)
        self._make_stub = make_stub
        self._slow = slow
        self._channels: dict[Address, ReconnectingChannel[StubT]] = {}
        self._preferred = 0
        self._closed = False

    async def call(
        self,
        method: Callable[[StubT], aio.UnaryUnaryMultiCallable[RequestT, ResponseT]],
        request: RequestT,
        *,
        write: bool,
        timeout: float = TIMEOUT_DEFAULT,
    ) -> ResponseT:
        """Send the request until a portal answers it, for at most `timeout` seconds.

        Raises Rejected for a refusal, Unavailable where nothing happened, OutcomeUnknown where a write may
        have taken effect; each with the request's id.
        """

        async def attempt(seconds: float) -> ResponseT:
            position = self._preferred
            try:
                return await self._try(self._addresses[position], method, request, seconds)
            except (Unavailable, OutcomeUnknown):
                # Calls run side by side: only the first to fail here moves on to the next portal.
                if self._preferred == position:
                    self._preferred = (position + 1) % len(self._addresses)
                raise

        try:
            return await retry_until_deadline(attempt, self._policy(timeout), write=write)
        except QuitandaError as error:
            error.request_id = getattr(request, "request_id", "")
            raise

    async def stream(
        self,
        method: Callable[[StubT], aio.UnaryStreamMultiCallable[RequestT, ResponseT]],
        request: RequestT,
        *,
        timeout: float,
        whole: float,
    ) -> AsyncGenerator[ResponseT, None]:
        """Ask until a portal begins to answer, for at most `timeout` seconds; yield its answers, for at most `whole`.

        Raises Rejected and Unavailable, the latter also where the portal is lost on the way.
        """

        async def attempt(seconds: float) -> tuple[ResponseT, AsyncGenerator[ResponseT, None]]:
            position = self._preferred
            try:
                return await self._begin(self._addresses[position], method, request, seconds, whole)
            except Unavailable:
                self._preferred = (position + 1) % len(self._addresses)
                raise

        first, others = await retry_until_deadline(attempt, self._policy(timeout), write=False)
        async with aclosing(others):
            yield first
            async for response in others:
                yield response

    async def close(self) -> None:
        """Close all connections; calls in flight end with an error."""
        self._closed = True
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    async def _try(
        self,
        address: Address,
        method: Callable[[StubT], aio.UnaryUnaryMultiCallable[RequestT, ResponseT]],
        request: RequestT,
        seconds: float,
    ) -> ResponseT:
        if self._closed:
            raise ClientClosed("the client is closed")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        stub = await self._channel(address).connected(min(seconds, CONNECT_SECONDS_MAX))
        try:
            return await method(stub)(request, timeout=max(0.001, deadline - loop.time()))
        except grpc.RpcError as error:
            failure = from_rpc_error(error)
            if isinstance(failure, Refused):
                raise Rejected(by_command_field(failure)) from None
            raise _at(address, failure) from error
        except asyncio.CancelledError:
            # Closing a channel cancels its calls, which is not the same as cancelling who waits for them.
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise OutcomeUnknown("the client was closed before the answer came") from None
            raise

    async def _begin(
        self,
        address: Address,
        method: Callable[[StubT], aio.UnaryStreamMultiCallable[RequestT, ResponseT]],
        request: RequestT,
        seconds: float,
        whole: float,
    ) -> tuple[ResponseT, AsyncGenerator[ResponseT, None]]:
        stub = await self._channel(address).connected(min(seconds, CONNECT_SECONDS_MAX))
        answers = _answers(method(stub)(request, timeout=whole), address)
        try:
            async with asyncio.timeout(seconds):
                return await anext(answers), answers
        except TimeoutError:
            raise Unavailable(f"{address}: no answer within {seconds:.3g} s") from None
        except StopAsyncIteration:
            raise Unavailable(f"{address}: an empty answer") from None

    def _policy(self, timeout: float) -> RetryPolicy:
        return RetryPolicy(timeout, len(self._addresses), slow=self._slow)

    def _channel(self, address: Address) -> ReconnectingChannel[StubT]:
        if address not in self._channels:
            self._channels[address] = ReconnectingChannel(str(address), str(address), CHANNEL_OPTIONS, self._make_stub)
        return self._channels[address]


async def _answers(call: aio.UnaryStreamCall[RequestT, ResponseT], address: Address) -> AsyncGenerator[ResponseT, None]:
    try:
        async for answer in call:
            yield answer
    except grpc.RpcError as error:
        failure = from_rpc_error(error)
        if isinstance(failure, Refused):
            raise Rejected(failure) from None
        told = _at(address, failure)
        raise told if isinstance(told, Unavailable) else Unavailable(str(told)) from error
    finally:
        call.cancel()


def _at(address: Address, failure: QuitandaError) -> Unavailable | OutcomeUnknown:
    """Say what a portal, or the library, answered, and where."""
    text = f"{address}: {str(failure) or failure.reason}"
    for kind in (NotOffered, NoConnection):
        if isinstance(failure, kind):
            return kind(text)
    return Unavailable(text) if failure.definite else OutcomeUnknown(text)
