"""Which terminals have colours. Each is asked about in a process of its own: the library answers once."""

import asyncio
import sys

import pytest
from program_processes import finished


@pytest.mark.parametrize(
    ("term", "coloured"),
    [
        ("xterm", True),
        ("xterm-256color", True),
        ("linux", True),
        ("vt100", False),
        ("vt220", False),
        ("unheard-of", True),
    ],
)
async def test_whether_a_terminal_has_colours_is_told_by_its_kind(term, coloured):
    looking = f"from quitanda_clients.terminal.colours import shows_colours; print(shows_colours({term!r}))"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", looking), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )

    assert await finished(process) == (0, f"{coloured}\n", "")
