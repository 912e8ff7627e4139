"""The servers through which a portal is reached, as one part of its process."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from quitanda.runtime.grpc_server import GrpcServer


class Door(Protocol):
    """A server, for one transport."""

    async def start(self) -> None:
        """Begin to take requests."""

    async def stop(self, timeout: float) -> None:
        """Take no more requests, and finish within about `timeout` seconds those that were taken."""


@dataclass(frozen=True, slots=True)
class PortalServers:
    """One server for each contract and transport (`lifecycle.Part`): ready together, and stopped side by side.

    `course` serves the course's contract, `gateway` takes requests over MQTT; None where there is none.
    """

    server: GrpcServer
    course: GrpcServer | None = None
    gateway: Door | None = None

    @property
    def name(self) -> str:
        """What the logs call it."""
        return "doors"

    async def start(self) -> None:
        """Listen on gRPC, and begin to connect to the broker. OSError where an address is taken."""
        for door in self._doors():
            await door.start()

    async def set_ready(self, *, ready: bool) -> None:
        """Tell the health checks of every gRPC server whether requests can be answered now."""
        await self.server.set_ready(ready=ready)
        if self.course is not None:
            await self.course.set_ready(ready=ready)

    async def set_feed(self, *, alive: bool) -> None:
        """Tell the health checks of every gRPC server whether the change feed is heard."""
        await self.server.set_feed(alive=alive)
        if self.course is not None:
            await self.course.set_feed(alive=alive)

    async def stop(self, timeout: float) -> None:
        """Take no more requests, and finish within `timeout` seconds those that were taken."""
        await asyncio.gather(*(door.stop(timeout) for door in self._doors()))

    def _doors(self) -> Iterator[Door]:
        yield self.server
        if self.course is not None:
            yield self.course
        if self.gateway is not None:
            yield self.gateway
