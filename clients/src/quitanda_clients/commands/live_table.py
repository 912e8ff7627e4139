"""`product list --watch` on a terminal: a table that is kept up to date, and that turns its pages by keys."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from quitanda.errors import Unavailable
from quitanda_clients.cli.printable import printable
from quitanda_clients.cli.tables import PRODUCTS, product_rows
from quitanda_clients.cli.width import fitted_table, stdout_console
from quitanda_clients.commands.watch import Known, by_id, changed, looks

if TYPE_CHECKING:
    from quitanda_clients.client import AdminClient

LINES_AROUND: Final = 5
"""The table's head takes two lines; below it there are two more and the one with the cursor."""

UP: Final = frozenset({b"\x1b[A", b"\x1bOA", b"k"})
DOWN: Final = frozenset({b"\x1b[B", b"\x1bOB", b"j", b"\r", b"\n"})
PAGE_UP: Final = frozenset({b"\x1b[5~", b"b"})
PAGE_DOWN: Final = frozenset({b"\x1b[6~", b" "})
HOME: Final = frozenset({b"\x1b[H", b"\x1b[1~", b"g"})
END: Final = frozenset({b"\x1b[F", b"\x1b[4~", b"G"})


@dataclass(slots=True)
class Page:
    """Which rows of a list are shown."""

    first: int = 0

    def turned(self, key: bytes, rows: int, height: int) -> None:
        """Move as the key says; the last page is full where there are so many rows."""
        moves = ((UP, -1), (DOWN, 1), (PAGE_UP, -height), (PAGE_DOWN, height), (HOME, -rows), (END, rows))
        self.first += sum(step for keys, step in moves if key in keys)
        self.fitted(rows, height)

    def fitted(self, rows: int, height: int) -> None:
        """Stay within the list, which may have become shorter."""
        self.first = max(0, min(self.first, rows - height))


@dataclass(slots=True)
class View:
    """What is on the screen."""

    console: Console
    products: Known = field(default_factory=dict)
    fresh: frozenset[str] = frozenset()
    page: Page = field(default_factory=Page)
    status: str = "waiting for the first answer"

    @property
    def height(self) -> int:
        """How many rows fit, if none is folded."""
        return max(1, self.console.height - LINES_AROUND)

    def key(self, key: bytes) -> None:
        """Take a key that was pressed."""
        self.page.turned(key, len(self.products), self.height)

    def drawn(self) -> Group:
        """Draw the page, and below it where it stands and how old it is."""
        rows = len(self.products)
        self.page.fitted(rows, self.height)
        first = self.page.first
        shown = list(self.products.values())[first : first + self.height]
        table, _, _ = fitted_table(PRODUCTS, product_rows(shown, self.fresh), self.console.width)
        place = f"products {first + 1 if shown else 0} to {first + len(shown)} of {rows}"
        keys = "; arrows, space and b turn the pages" if rows > len(shown) else ""
        status = printable(self.status)
        return Group(table, Text(f"{place}{keys}", style="dim"), Text(status, style="dim", no_wrap=True))


async def show_live(client: "AdminClient", limit: int, interval: float) -> None:
    """Keep a table on the terminal until Ctrl-C; go on while no portal answers, and say so."""
    view = View(stdout_console())
    with Live(view.drawn(), console=view.console, auto_refresh=False, vertical_overflow="crop") as live:

        def pressed(key: bytes) -> None:
            view.key(key)
            live.update(view.drawn(), refresh=True)

        with _keys_to(pressed):
            async for look in looks(client, limit, interval):
                if isinstance(look, Unavailable):
                    view.status = f"Not available: {look}. Still trying; the table is old."
                else:
                    current = by_id(look.documents)
                    view.fresh = frozenset(changed(view.products, current) if view.products else ())
                    view.products = current
                    view.status = f"revision {look.revision}, {datetime.now(UTC):%H:%M:%S} UTC. Ctrl-C ends."
                live.update(view.drawn(), refresh=True)


@contextmanager
def _keys_to(pressed: Callable[[bytes], None]) -> Iterator[None]:
    """Hand over keys as they are pressed, where somebody sits at a keyboard; Ctrl-C stays what it is."""
    if not sys.stdin.isatty():
        yield
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    loop = asyncio.get_running_loop()
    loop.add_reader(keyboard, lambda: pressed(os.read(keyboard, 16)))
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
