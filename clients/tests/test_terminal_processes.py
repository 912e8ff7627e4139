"""The programs without a command: on a terminal they open the full-screen interface, elsewhere they print the help."""

import asyncio
import os
import signal
import sys
import termios

import pytest
from program_processes import PROGRAMS, PseudoTerminal, finished, started

from quitanda.domain.model import Product

pytestmark = pytest.mark.slow

LEAVES_THE_SCREEN = "\x1b[?1049l"
SHOWS_THE_CURSOR = "\x1b[?25h"
SECONDS_MAX = 60


@pytest.fixture(autouse=True)
def stocked(shop):
    shop.products["caneta"] = Product("caneta", "Caneta", "", 250, 40, (), 1)
    return shop


async def ended(portal, program, end, *arguments, **environment):
    """Open the interface, end it, and give the code, what was shown, and whether the terminal is as it was."""
    terminal = PseudoTerminal(80, 24)
    before = termios.tcgetattr(terminal.end)
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.end)
    env = terminal.environment | environment
    async with started(portal, *arguments, program=program, env=env, **streams) as process:
        async with asyncio.timeout(SECONDS_MAX):
            await terminal.until("Caneta")
            rest = asyncio.create_task(terminal.rest())
            end(terminal, process)
            code = await process.wait()
            same = termios.tcgetattr(terminal.end) == before
            terminal.close_end()
            return code, await rest, same


@pytest.mark.parametrize("program", ["quitanda-shop", "quitanda-admin"])
@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda terminal, _: terminal.type("q"), 0),
        (lambda terminal, _: terminal.type("\x03"), 130),
        (lambda _, process: process.send_signal(signal.SIGINT), 130),
        (lambda _, process: process.send_signal(signal.SIGTERM), 130),
    ],
    ids=["q", "Ctrl-C", "SIGINT", "SIGTERM"],
)
async def test_without_a_command_it_opens_and_leaves_the_terminal_as_it_was(portal, program, end, code):
    done, shown, same = await ended(portal, program, end, QUITANDA_CUSTOMER="ana")

    assert done == code
    assert LEAVES_THE_SCREEN in shown
    assert SHOWS_THE_CURSOR in shown.rpartition(LEAVES_THE_SCREEN)[0] + shown.rpartition(LEAVES_THE_SCREEN)[2]
    assert "Traceback" not in shown
    assert same


async def test_it_speaks_the_language_of_the_environment(portal):
    _, shown, _ = await ended(
        portal, "quitanda-shop", lambda terminal, _: terminal.type("q"), QUITANDA_CUSTOMER="ana", QUITANDA_LANG="pt-BR"
    )

    assert "Produtos" in shown


async def test_in_the_locale_c_a_program_shows_ascii_alone():
    """Python itself writes C.UTF-8 into LC_CTYPE then, so the program took the terminal for one with Unicode."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
    looking = "from quitanda_clients.terminal.ascii_filter import shows_ascii_alone; print(shows_ascii_alone())"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", looking),
        env=others | {"LANG": "C"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

    assert await finished(process) == (0, "True\n", "")


@pytest.mark.parametrize("program", ["quitanda-shop", "quitanda-admin"])
async def test_without_a_terminal_it_prints_the_help_as_before(program):
    process = await asyncio.create_subprocess_exec(
        PROGRAMS / program,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    code, out, err = await finished(process)

    assert code == 2
    assert "Usage" in out + err
    assert "COMMAND" in out + err


async def test_a_terminal_that_cannot_show_a_screen_gets_the_help():
    terminal = PseudoTerminal()
    process = await asyncio.create_subprocess_exec(
        PROGRAMS / "quitanda-shop",
        **dict.fromkeys(("stdin", "stdout", "stderr"), terminal.end),
        env=terminal.environment | {"TERM": "dumb"},
    )
    terminal.close_end()
    shown = await terminal.rest()

    assert await process.wait() == 2
    assert "Usage" in shown
    assert LEAVES_THE_SCREEN not in shown


@pytest.mark.parametrize("application", ["shop", "admin"])
async def test_ordinary_commands_do_not_load_what_the_interface_is_made_of(application):
    looking = (
        f"import sys; import quitanda_clients.commands.{application}; "
        "print([name for name in sys.modules if name.partition('.')[0] == 'textual'])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", looking, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )

    assert await finished(process) == (0, "[]\n", "")
