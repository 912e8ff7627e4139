"""The servers through which a portal is reached, as one part of its process."""

import asyncio
from dataclasses import dataclass

from quitanda.portal.watches import Watches
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda.runtime.lifecycle import Part


@dataclass(frozen=True, slots=True)
class PortalServers:
    """One server for each contract and transport (`lifecycle.Part`): ready together, and stopped at the same time.

    `course` serves the course's contract, `gateway` takes requests over MQTT; None where there is none. The `watches`
    would go on for ever: they end when the servers stop.
    """

    server: AioGrpcServer
    course: AioGrpcServer | None = None
    gateway: Part | None = None
    watches: Watches | None = None

    @property
    def name(self) -> str:
        """What the logs call it."""
        return "servers"

    async def start(self) -> None:
        """Listen on gRPC, and begin to connect to the broker. OSError where an address is taken."""
        for server in self._all():
            await server.start()

    async def set_ready(self, *, ready: bool) -> None:
        """Tell the health checks of every gRPC server whether requests can be answered now."""
        for server in self._grpc():
            await server.set_ready(ready=ready)

    async def set_feed(self, *, alive: bool) -> None:
        """Tell the health checks of every gRPC server whether the change feed is heard."""
        for server in self._grpc():
            await server.set_feed(alive=alive)

    async def stop(self, timeout: float) -> None:
        """Take no more requests, and finish within `timeout` seconds those that were taken."""
        if self.watches is not None:
            self.watches.stop()
        await asyncio.gather(*(server.stop(timeout) for server in self._all()))

    def _grpc(self) -> list[AioGrpcServer]:
        return [server for server in (self.server, self.course) if server is not None]

    def _all(self) -> list[Part]:
        return [*self._grpc(), *([] if self.gateway is None else [self.gateway])]
