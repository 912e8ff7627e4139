"""Opens the full-screen interface, and leaves the terminal as it was, whatever ends it."""

import asyncio
import signal
from typing import Final

from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.streams import print_error, printable
from quitanda_clients.terminal.application import QuitandaTerminal

_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_terminal(terminal: QuitandaTerminal) -> int:
    """Run the interface until the person leaves it; give the exit code.

    Where nobody knows whether a change was made, that is said at the end, with the change's request id.
    """
    code = asyncio.run(_run(terminal))
    for unknown in terminal.unknown:
        text = terminal.texts.gettext(
            "Nobody knows whether this was done: {title} (request id {request_id}). Look before you do it again."
        )
        print_error(text.format(title=printable(unknown.change.title), request_id=unknown.request_id))
    return exit_codes.UNKNOWN if terminal.unknown else code


async def _run(terminal: QuitandaTerminal) -> int:
    loop = asyncio.get_running_loop()
    for each in _ENDING_SIGNALS:
        loop.add_signal_handler(each, terminal.action_leave, exit_codes.INTERRUPTED)
    ended = await terminal.run_async(mouse=False)  # a person can mark and copy text
    return exit_codes.DONE if ended is None else ended
