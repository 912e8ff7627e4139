"""A gRPC channel that finds its server again wherever it comes back (asyncio)."""

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import grpc
from grpc import aio

from quitanda.errors import NoConnection
from quitanda.runtime.grpc_options import Options

StubT = TypeVar("StubT")

RENEW_SECONDS: Final = 3.0
"""A channel that has had no connection for so long is replaced.

While a name is unknown, gRPC asks for it less and less often, every two minutes in the end, and nothing changes that. A
stopped container's name is unknown: one that was away for long would be missed for long after it came back.
A new channel asks at once. More than any attempt to connect may take.
"""

RETIRED_SECONDS: Final = 10.0
"""How long calls may go on over a channel that was replaced: they found its connection after all."""

_DEAD: Final = frozenset({grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN})


class ReconnectingChannel(Generic[StubT]):
    """The way to one server at "host:port"; `name` is what errors call it. Made while the event loop runs."""

    def __init__(self, name: str, address: str, options: Options, make_stub: Callable[[aio.Channel], StubT]) -> None:
        self._name = name
        self._address = address
        self._options = options
        self._make_stub = make_stub
        self._channel, self._stub = self._open()
        self._retired: aio.Channel | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._fresh_at = asyncio.get_running_loop().time()
        """When the channel was made, or was last seen connected."""

    async def connected(self, seconds: float) -> StubT:
        """Wait for the connection, so that a request which cannot be sent is known not to have happened.

        Raises NoConnection where there is none after `seconds`, or when an attempt to connect has failed.
        """
        loop = asyncio.get_running_loop()
        if self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
            self._fresh_at = loop.time()
            return self._stub
        try:
            async with asyncio.timeout(seconds):
                self._renew_where_lost(loop.time())
                channel, stub = self._channel, self._stub
                while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
                    if state in _DEAD:
                        raise NoConnection(f"no connection to {self._name}")
                    await channel.wait_for_state_change(state)
        except TimeoutError:
            raise NoConnection(f"no connection to {self._name} within {seconds:.3g} s") from None
        if channel is self._channel:
            self._fresh_at = loop.time()
        return stub

    async def close(self) -> None:
        """Close the connection and end its calls."""
        await self._channel.close()
        if self._retired is not None:
            await self._retired.close()
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _renew_where_lost(self, now: float) -> None:
        if self._channel.get_state() is grpc.ChannelConnectivity.READY:
            self._fresh_at = now
        if now - self._fresh_at < RENEW_SECONDS:
            return
        # whoever still waits for the old one has given up when this happens the next time
        unused, self._retired = self._retired, self._channel
        self._channel, self._stub = self._open()
        self._fresh_at = now
        if unused is not None:
            closing = asyncio.create_task(unused.close(RETIRED_SECONDS))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _open(self) -> tuple[aio.Channel, StubT]:
        channel = aio.insecure_channel(self._address, options=self._options)
        return channel, self._make_stub(channel)
