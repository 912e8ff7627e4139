"""Carry what replicas say to each other, and stop carrying it on demand: `python -m quitanda_local.relay PLAN`.

For each replica that another connects to there is a port. A way leads from one replica to another, whichever of
the two has connected. A way that is cut carries nothing: connections stay open and silent, as when a cable is
pulled; what was on its way arrives when it is joined again. Commands come as JSON lines on the control port,
`{"cut": ["replica1>replica2", ...]}` names all ways that are cut from now on; each is answered with the same line.
"""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

CHUNK_BYTES: Final = 64 * 1024


class Way:
    """What leads from one replica to another; `joined` is set while it carries."""

    def __init__(self) -> None:
        self.joined = asyncio.Event()
        self.joined.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry what is said in one connection, until either side ends it."""
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(CHUNK_BYTES):
                    await self.joined.wait()
                    writer.write(data)
                    await writer.drain()
                await self.joined.wait()  # the end of a connection does not get through either
        finally:
            writer.close()


async def connect(
    there: Way, back: Way, target: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry one connection to the target until either side ends it."""
    with contextlib.suppress(OSError):
        await there.joined.wait()
        far_reader, far_writer = await asyncio.open_connection(*target)
        async with asyncio.TaskGroup() as group:
            group.create_task(there.carry(reader, far_writer))
            group.create_task(back.carry(far_reader, writer))
    writer.close()


async def serve(plan: Mapping[str, Any]) -> None:
    """Serve `{"host", "control": port, "doors": [{"there", "back", "port", "to"}, ...]}` until SIGTERM.

    `there` and `back` name the ways that a connection to a door uses.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    ways = {door["there"]: Way() for door in plan["doors"]}
    servers = [
        await asyncio.start_server(
            partial(connect, ways[door["there"]], ways[door["back"]], (plan["host"], door["to"])),
            plan["host"],
            door["port"],
        )
        for door in plan["doors"]
    ]
    servers.append(await asyncio.start_server(partial(obey, ways), plan["host"], plan["control"]))
    await stop.wait()
    for server in servers:
        server.close()


async def obey(ways: Mapping[str, Way], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Cut and join ways as each line says."""
    try:
        while line := await reader.readline():
            cut = set(json.loads(line)["cut"])
            for name, way in ways.items():
                if name in cut:
                    way.joined.clear()
                else:
                    way.joined.set()
            writer.write(line)
            await writer.drain()
    finally:
        writer.close()


def main() -> None:
    """Read the plan from the file that the first argument names, and serve."""
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
