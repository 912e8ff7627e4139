"""Carry what replicas say to each other, and stop carrying it on demand: `python relay.py PLAN`.

For each replica that another connects to there is a port. A link leads from one replica to another, whichever of
the two has connected. A link that is cut carries nothing: connections stay open and silent, as when a cable is
pulled; what was on its way arrives when it is joined again. Commands come as JSON lines on the control port,
`{"cut": ["replica1>replica2", ...]}` names all links that are cut from now on; each is answered with the same line.
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


class RelayLink:
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
    there: RelayLink,
    back: RelayLink,
    target: tuple[str, int],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
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
    """Serve `{"host", "control": port, "connections": [{"there", "back", "port", "to"}, ...]}` until SIGTERM.

    `there` and `back` name the links that the connection uses.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    links = {connection["there"]: RelayLink() for connection in plan["connections"]}
    servers = [
        await asyncio.start_server(
            partial(connect, links[connection["there"]], links[connection["back"]], (plan["host"], connection["to"])),
            plan["host"],
            connection["port"],
        )
        for connection in plan["connections"]
    ]
    servers.append(await asyncio.start_server(partial(handle_command, links), plan["host"], plan["control"]))
    await stop.wait()
    for server in servers:
        server.close()


async def handle_command(
    links: Mapping[str, RelayLink], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Cut and join links as each line says."""
    try:
        while line := await reader.readline():
            cut = set(json.loads(line)["cut"])
            for name, link in links.items():
                if name in cut:
                    link.joined.clear()
                else:
                    link.joined.set()
            writer.write(line)
            await writer.drain()
    finally:
        writer.close()


def main() -> None:
    """Read the plan from the file that the first argument names, and serve."""
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
