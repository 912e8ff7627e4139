"""A gRPC channel that finds its server again wherever it comes back (asyncio)."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Generic, TypeVar

import grpc
from grpc import aio
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from quitanda.errors import NoConnection, TlsMismatch
from quitanda.runtime.grpc_options import CALL_SECONDS_MAX, CHANNEL_AGE_SECONDS, Options, certificate_options
from quitanda.runtime.link_credentials import channel_credentials
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.link_refusals import is_tls_mismatch, refusal

StubT = TypeVar("StubT")

RENEW_SECONDS: Final = 3.0
"""A channel that has had no connection for so long is replaced.

While a name is unknown, gRPC asks for it less and less often, every two minutes in the end, and nothing changes that. A
stopped container's name is unknown: one that was away for long would be missed for long after it came back.
A new channel asks at once. More than any attempt to connect may take.
"""

RETIRED_SECONDS: Final = 10.0
"""How long a channel that was replaced is kept for whoever waits for its connection; longer than anybody waits."""

LOOK_SECONDS: Final = 0.5
"""How often a channel looks whether its identity has other certificates."""

_DEAD: Final = frozenset({grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN})
_READY: Final = grpc.ChannelConnectivity.READY


@dataclass(frozen=True, slots=True)
class _Opened(Generic[StubT]):
    channel: aio.Channel
    stub: StubT
    generation: int
    """Of the certificates that the channel was made with; 0 without TLS."""

    replaced_at: float
    """When the channel becomes too old."""


@cache
def _keep_engine() -> grpc.Channel:
    """Make a channel that nobody uses and nobody closes, so that the library's threads live as long as the process.

    Where the last channel of a process is closed, the library waits for its threads and holds the interpreter's lock
    meanwhile, for which one of them may be waiting: both then wait for ever (grpc/grpc#42247; seen with 1.85.1).
    """
    return grpc.insecure_channel("127.0.0.1:1")


class ReconnectingChannel(Generic[StubT]):
    """The way to one server at "host:port"; `name` is what errors call it. Made while the event loop runs.

    With an identity it is TLS, and the server's certificate must have the name `certificate_name` (the address's host
    unless given). The library cannot give a channel other certificates, so a channel is replaced when they change: by
    one that is connected already, so that no call waits for it or fails. After `age_seconds` it is replaced, too,
    before the server ends its connection as too old: a call that began in that very moment would fail.
    """

    def __init__(
        self,
        name: str,
        address: str,
        options: Options,
        make_stub: Callable[[aio.Channel], StubT],
        identity: LinkIdentity | None = None,
        certificate_name: str = "",
        age_seconds: float = CHANNEL_AGE_SECONDS,
    ) -> None:
        self._name = name
        self._address = address
        self._options = (*options, *certificate_options(certificate_name)) if identity else options
        self._make_stub = make_stub
        self._identity = identity
        self._age_seconds = age_seconds
        _keep_engine()
        self._current = self._open()
        self._next: _Opened[StubT] | None = None
        self._retired: dict[asyncio.Task[None], aio.Channel] = {}
        self._fresh_at = asyncio.get_running_loop().time()
        """When the channel was made, or was last seen connected."""
        self._look_at = 0.0
        self._ask_at = 0.0
        self.refusal = ""
        """Why the server, or this process, refuses the connection, as far as it is known; empty while it does not."""
        self._tls_mismatch = False

    async def connected(self, seconds: float) -> StubT:
        """Wait for the connection, so that a request which cannot be sent is known not to have happened.

        Raises NoConnection where there is none after `seconds`, or when an attempt to connect has failed.
        """
        loop = asyncio.get_running_loop()
        if self._current.channel.get_state(try_to_connect=True) is _READY:
            self._seen_connected(loop.time())
            return self._current.stub
        try:
            async with asyncio.timeout(seconds):
                self._renew_where_lost(loop.time())
                waited_for = self._current
                while (state := waited_for.channel.get_state(try_to_connect=True)) is not _READY:
                    if state in _DEAD:
                        why = await self._why(waited_for.channel, loop.time())
                        raise TlsMismatch(why) if self._tls_mismatch else NoConnection(why)
                    await waited_for.channel.wait_for_state_change(state)
        except TimeoutError:
            raise NoConnection(f"no connection to {self._name} within {seconds:.3g} s") from None
        if waited_for is self._current:
            self._seen_connected(loop.time())
        return self._current.stub if self._current.channel.get_state() is _READY else waited_for.stub

    @property
    def generation(self) -> int:
        """Which certificates the channel has (`LinkCertificates`); 0 without TLS."""
        return self._current.generation

    async def close(self) -> None:
        """Close the connection and end its calls."""
        retired, self._retired = self._retired, {}
        for task in retired:
            task.cancel()
        await asyncio.gather(*retired, return_exceptions=True)
        for opened in (self._current, self._next):
            if opened is not None:
                await opened.channel.close()
        for channel in retired.values():
            await channel.close()

    def _seen_connected(self, now: float) -> None:
        self._fresh_at = now
        if self.refusal:
            self.refusal, self._tls_mismatch = "", False
        if self._identity is not None and now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._follow(self._identity.current().generation, now)

    def _follow(self, generation: int, now: float) -> None:
        """Begin to connect anew where certificates or age ask for it, and go over to that connection once it stands."""
        if generation == self._current.generation and now < self._current.replaced_at:
            return
        if self._next is None or self._next.generation != generation:
            if self._next is not None:
                self._retire(self._next.channel)
            self._next = self._open()
        if self._next.channel.get_state(try_to_connect=True) is _READY:
            self._go_over_to(self._next)

    def _renew_where_lost(self, now: float) -> None:
        if self._current.channel.get_state() is _READY:
            self._fresh_at = now
        stale = self._identity is not None and self._identity.current().generation != self._current.generation
        if stale or now - self._fresh_at >= RENEW_SECONDS:
            self._go_over_to(self._open())
            self._fresh_at = now

    def _go_over_to(self, opened: _Opened[StubT]) -> None:
        self._retire(self._current.channel)
        if self._next is not None and self._next is not opened:
            self._retire(self._next.channel)
        self._current, self._next = opened, None

    def _retire(self, channel: aio.Channel) -> None:
        """Close a channel once nobody can wait for it and its calls have ended."""

        async def close() -> None:
            await asyncio.sleep(RETIRED_SECONDS)
            await channel.close(CALL_SECONDS_MAX)

        task = asyncio.create_task(close())
        self._retired[task] = channel
        task.add_done_callback(lambda done: self._retired.pop(done, None))

    async def _why(self, channel: aio.Channel, now: float) -> str:
        """Say that there is no connection, and why, where it has to do with TLS.

        The channel itself does not tell; a call on a channel without connection ends at once with the library's words.
        """
        if now >= self._ask_at:
            self._ask_at = now + LOOK_SECONDS
            try:
                await HealthStub(channel).Check(HealthCheckRequest(), timeout=RENEW_SECONDS)
            except aio.AioRpcError as error:
                self.refusal = refusal(error.details() or "", self._identity)
                self._tls_mismatch = is_tls_mismatch(error.details() or "", self._identity)
            except aio.UsageError:  # it was closed meanwhile
                self.refusal, self._tls_mismatch = "", False
        return f"no connection to {self._name}" + (f": {self.refusal}" if self.refusal else "")

    def _open(self) -> _Opened[StubT]:
        if self._identity is None:
            channel = aio.insecure_channel(self._address, options=self._options)
            return _Opened(channel, self._make_stub(channel), 0, math.inf)
        certificates = self._identity.current()
        channel = aio.secure_channel(self._address, channel_credentials(certificates), options=self._options)
        replaced_at = asyncio.get_running_loop().time() + self._age_seconds
        return _Opened(channel, self._make_stub(channel), certificates.generation, replaced_at)
