"""Between the interface and the terminal: keys that cannot be read and a terminal that is gone do no harm."""

import os
import selectors
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from quitanda_clients.cli import exit_codes

if TYPE_CHECKING:
    from quitanda_clients.terminal.application import QuitandaTerminal

_POLL_SECONDS: Final = 0.1
"""How often the thread that reads keys looks whether it shall end, and whether Esc came alone."""

_READ_BYTES: Final = 4096


class TerminalDriver(LinuxDriver):
    """The library's driver, but for what it did badly.

    For a byte that is no UTF-8 it ended the program with a traceback; to a terminal that is gone it waited for ever to
    write.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        # `streams.guard` has put a stream there that drops what nobody can receive any more
        self._file = cast("Any", sys.stderr)

    def run_input_thread(self) -> None:
        """Read keys until the interface is left; it is left when the terminal is gone."""
        decoder = getincrementaldecoder(sys.stdin.encoding)(errors="replace")
        parser = XTermParser()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                text = ""
                if selector.select(_POLL_SECONDS):
                    data = self._read()
                    if not data:
                        self._loop.call_soon_threadsafe(self._leave)
                        return
                    text = decoder.decode(data)
                for sign in text:
                    try:
                        self._process(parser.feed(sign))
                    except (ValueError, OverflowError):  # a key with a number that no sign has
                        parser = XTermParser()
                self._process(parser.tick())

    def _read(self) -> bytes:
        """Read what was typed; nothing where the terminal is gone."""
        try:
            return os.read(self.fileno, _READ_BYTES)
        except OSError:
            return b""

    def _process(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.process_message(message)

    def _leave(self) -> None:
        cast("QuitandaTerminal", self._app).action_leave(exit_codes.INTERRUPTED)
