"""A TCP link between a client and a server that can lose answers: the worst moment for a connection to break."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quitanda_local.ports import free_ports

CHUNK_BYTES = 65_536
HOST = "127.0.0.1"


class LossyLink:
    """Passes bytes both ways; while `deaf`, what the server answers is thrown away and requests still go through."""

    def __init__(self, target: str) -> None:
        self._target_host, _, port = target.rpartition(":")
        self._target_port = int(port)
        (self._port,) = free_ports(1)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.deaf = False
        self.lost_bytes = 0

    @property
    def address(self) -> str:
        """Where clients connect to instead of to the server."""
        return f"{HOST}:{self._port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, HOST, self._port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break all connections; new ones are accepted, and lose nothing unless the link is made deaf again."""
        self.deaf = False
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._pass_both_ways(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _pass_both_ways(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(self._target_host, self._target_port)
        self._writers.add(requests)
        ways = [
            asyncio.create_task(self._pass(reader, requests, lossy=False)),
            asyncio.create_task(self._pass(answers, writer, lossy=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            requests.transport.abort()
            self._writers.discard(requests)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, lossy: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                if lossy and self.deaf:
                    self.lost_bytes += len(data)
                    continue
                sink.write(data)
                await sink.drain()


@asynccontextmanager
async def lossy_link(target: str) -> AsyncIterator[LossyLink]:
    """Open a link to `host:port` for a while."""
    link = LossyLink(target)
    await link.start()
    try:
        yield link
    finally:
        await link.close()
