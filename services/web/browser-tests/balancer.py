"""One address before several processes of the page: each connection goes to the next one that takes it."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PART_BYTES = 65_536


@asynccontextmanager
async def balanced(*addresses: str) -> AsyncIterator[str]:
    """Serve at an address of its own."""
    turns = itertools.cycle(addresses)
    carrying: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in addresses:
            host, _, port = next(turns).rpartition(":")
            with contextlib.suppress(ConnectionRefusedError):
                there = await asyncio.open_connection(host, int(port))
                await _both_ways((reader, writer), there)
                return
        writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(carry(reader, writer))
        carrying.add(task)
        task.add_done_callback(carrying.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in [*carrying]:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)


async def _both_ways(one, other) -> None:
    """Carry until one of the two ends."""
    ways = [asyncio.create_task(_carry(one[0], other[1])), asyncio.create_task(_carry(other[0], one[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        for _, writer in (one, other):
            writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(PART_BYTES):
            writer.write(part)
            await writer.drain()
