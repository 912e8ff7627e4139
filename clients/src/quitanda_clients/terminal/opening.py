"""Opens the full-screen interface, and leaves the terminal as it was, whatever ends it."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.streams import print_error, printable
from quitanda_clients.terminal.application import QuitandaTerminal

_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_terminal(terminal: QuitandaTerminal) -> int:
    """Run the interface until the person leaves it; give the exit code.

    Where nobody knows whether a change was made, that is said at the end, with the change's request id.
    """
    return asyncio.run(_run(terminal))


async def _run(terminal: QuitandaTerminal) -> int:
    with _left_by_signals(terminal):
        code = await terminal.run_async(mouse=False)  # a person can mark and copy text
        for unknown in terminal.unknown:
            text = terminal.texts.gettext(
                "Nobody knows whether this was done: {title} (request id {request_id}). Look before you do it again."
            )
            print_error(text.format(title=printable(unknown.change.title), request_id=unknown.request_id))
    if terminal.unknown:
        return exit_codes.UNKNOWN
    return (terminal.return_code or exit_codes.DONE) if code is None else code  # none: a defect has ended it


@contextmanager
def _left_by_signals(terminal: QuitandaTerminal) -> Iterator[None]:
    """Leave the interface for a signal that the process does not ignore; after it signals do again what they did."""
    loop = asyncio.get_running_loop()
    before = {each: signal.getsignal(each) for each in _ENDING_SIGNALS}
    caught = {each: handler for each, handler in before.items() if handler is not signal.SIG_IGN}
    for each in caught:
        loop.add_signal_handler(each, terminal.action_leave, exit_codes.INTERRUPTED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, caught)  # the loop puts Python's own handler there for a moment
        for each, handler in caught.items():
            loop.remove_signal_handler(each)
            signal.signal(each, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, caught)
