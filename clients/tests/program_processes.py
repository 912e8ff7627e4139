"""The installed programs, each run in a process of its own."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from contextlib import asynccontextmanager
from pathlib import Path

PROGRAMS = Path(sys.executable).parent
SECONDS_MAX = 60
"""How long a program may take for what is quick. Its start alone costs 0.8 s to 1.2 s of processor time (the loading of
Typer with pydantic, of gRPC, and of the records of the table of operations), which take 15 s on two cores that have
eighteen processes to run."""


@asynccontextmanager
async def started(portal, *arguments, program="quitanda-admin", before=(), limited=None, **options):
    """A process of a program; killed at the end where it still runs. `before` comes before the program's options.

    `limited` makes the command that runs it of its command, where it shall not be able to do something.
    """
    options = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE} | options
    command = (PROGRAMS / program, *before, "--portal", str(portal.address), *map(str, arguments))
    if limited is not None:
        command = limited(command)
    process = await asyncio.create_subprocess_exec(*command, **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_of(stream):
    async with asyncio.timeout(SECONDS_MAX):
        return (await stream.readline()).decode()


async def finished(process):
    async with asyncio.timeout(SECONDS_MAX):
        out, err = await process.communicate()
    return process.returncode, (out or b"").decode(), (err or b"").decode()


class PseudoTerminal:
    """A terminal of so many columns and lines: `end` is the programs' end of it."""

    def __init__(self, columns=100, lines=30):
        self._master, self.end = pty.openpty()
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
        self.environment |= {"TERM": "xterm"}
        self.shown = ""

    def close_end(self):
        """Give the programs' end away: the programs have it."""
        os.close(self.end)

    async def until(self, text):
        """Read until the text is shown, which must be newer than what was read before."""
        return await asyncio.to_thread(self._until, text)

    async def rest(self):
        """Read until the programs' end is closed, which Linux reports as an error."""
        return await asyncio.to_thread(self._rest)

    def type(self, text):
        os.write(self._master, text if isinstance(text, bytes) else text.encode())

    def hang_up(self):
        """Take the terminal away, as when its window is closed or the connection to it is lost."""
        os.close(self._master)

    def _until(self, text):
        shown = ""
        while text not in shown:
            shown += os.read(self._master, 65_536).decode(errors="replace")
        self.shown += shown
        return shown

    def _rest(self):
        try:
            while data := os.read(self._master, 65_536):
                self.shown += data.decode(errors="replace")
        except OSError:
            os.close(self._master)
        return self.shown
