"""The programs without a command: on a terminal they open the full-screen interface, elsewhere they print the help."""

import asyncio
import os
import re
import signal
import sys
import termios
from contextlib import asynccontextmanager, suppress

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


@asynccontextmanager
async def opened(portal, terminal, **environment):
    """The interface of staff on a terminal, once it shows the products."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.end)
    env = terminal.environment | environment
    async with started(portal, program="quitanda-admin", env=env, **streams) as process, asyncio.timeout(SECONDS_MAX):
        await terminal.until("Caneta")
        yield process


@pytest.mark.parametrize("typed", [b"\xe9\xff\xc3", b"\x1b[1114112u", b"\x1b[99999999999999999999u"], ids=repr)
async def test_keys_that_cannot_be_read_do_not_end_it(portal, typed):
    """A byte that is no UTF-8, as terminals of other encodings send them, ended it with a traceback."""
    terminal = PseudoTerminal(80, 24)
    async with opened(portal, terminal) as process:
        terminal.type(typed)
        terminal.type("?")
        await terminal.until("Leave at once")
        terminal.type("q")
        terminal.close_end()
        rest = await terminal.rest()

        assert await process.wait() == 0
    assert "Traceback" not in rest


async def test_it_ends_when_its_terminal_is_gone(portal):
    terminal = PseudoTerminal(80, 24)
    async with opened(portal, terminal) as process:
        terminal.close_end()
        terminal.hang_up()

        assert await process.wait() == 130


async def test_it_ends_when_its_terminal_is_gone_that_had_stopped_to_receive(portal):
    """It waited for ever to write to it, and heard no signal any more: a process that nobody saw stayed behind."""
    terminal = PseudoTerminal(200, 60)
    async with opened(portal, terminal) as process:
        for _ in range(400):
            terminal.type("?\x1b[D\x7f12345")
        terminal.close_end()
        terminal.hang_up()

        assert await process.wait() == 130


async def test_ctrl_c_again_and_again_at_the_end_shows_no_traceback(portal):
    """When the interface had gone and Python ended, Ctrl-C met Python's own handler."""
    terminal = PseudoTerminal(80, 24)
    async with opened(portal, terminal) as process:
        terminal.close_end()
        rest = asyncio.create_task(terminal.rest())
        terminal.type("q")
        while process.returncode is None:
            with suppress(ProcessLookupError):
                # not `process.send_signal`: it looks whether the process has ended, and takes its exit code away from
                # whoever waits for it, who is told 255
                os.kill(process.pid, signal.SIGINT)
            await asyncio.sleep(0.001)

        # at its very end Python takes its handlers away, and the signal itself ends the process: 130 too for a shell
        assert process.returncode in {0, 130, -signal.SIGINT}
    assert "Traceback" not in await rest


COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"TERM": "vt100"}, False), ({"NO_COLOR": "1"}, False), ({"TERM": "no-such-terminal"}, True)],
)
async def test_a_terminal_without_colours_is_told_of_none(portal, environment, coloured):
    _, shown, _ = await ended(portal, "quitanda-admin", lambda terminal, _: terminal.type("q"), **environment)

    assert bool(COLOUR.search(shown)) is coloured


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
async def test_with_one_stream_that_is_no_terminal_it_prints_the_help(stream):
    terminal = PseudoTerminal()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.end)
    streams[stream] = asyncio.subprocess.DEVNULL if stream == "stdin" else asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(PROGRAMS / "quitanda-shop", **streams, env=terminal.environment)
    terminal.close_end()
    rest = asyncio.create_task(terminal.rest())
    code, out, err = await finished(process)
    shown = out + err + await rest

    assert code == 2
    assert "Usage" in shown
    assert LEAVES_THE_SCREEN not in shown


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
