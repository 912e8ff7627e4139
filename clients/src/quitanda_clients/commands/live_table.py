"""`product list --watch` on a terminal: a table that follows the stock, and whose pages turn by keys."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from quitanda_clients.cli.document_views import PRODUCTS
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.streams import printable
from quitanda_clients.cli.table_layout import fitted_table, stdout_console
from quitanda_clients.cli.table_output import columns_of, rows_of
from quitanda_clients.commands.watch import ProductsById, product_news
from quitanda_clients.i18n.speech import say, speech

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
class VisibleRows:
    """Which rows of a list are shown."""

    first: int = 0

    def turn(self, key: bytes, rows: int, height: int) -> None:
        """Move as the key says; the last page is full if there are enough rows."""
        moves = ((UP, -1), (DOWN, 1), (PAGE_UP, -height), (PAGE_DOWN, height), (HOME, -rows), (END, rows))
        self.first += sum(step for keys, step in moves if key in keys)
        self.fit(rows, height)

    def fit(self, rows: int, height: int) -> None:
        """Stay within the list, which may have become shorter."""
        self.first = max(0, min(self.first, rows - height))


@dataclass(slots=True)
class LiveTable:
    """What is on the screen."""

    console: Console
    products: ProductsById = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    page: VisibleRows = field(default_factory=VisibleRows)
    status: str = field(default_factory=lambda: say("waiting for the first answer"))

    @property
    def height(self) -> int:
        """How many rows fit, if none is folded."""
        return max(1, self.console.height - LINES_AROUND)

    def key(self, key: bytes) -> None:
        """React to a key."""
        self.page.turn(key, len(self.products), self.height)

    def draw(self) -> Group:
        """Draw the page, and below it which rows it shows and how old it is."""
        rows = len(self.products)
        self.page.fit(rows, self.height)
        first = self.page.first
        shown = list(self.products.values())[first : first + self.height]
        table, _, _ = fitted_table(
            columns_of(PRODUCTS.fields), rows_of(PRODUCTS.fields, shown, self.changed), self.console.width
        )
        place = say(
            "products {first} to {last} of {all}", first=first + 1 if shown else 0, last=first + len(shown), all=rows
        )
        keys = say("; arrows, space and b turn the pages") if rows > len(shown) else ""
        status = printable(self.status)
        return Group(table, Text(f"{place}{keys}", style="dim"), Text(status, style="dim", no_wrap=True))


async def show_live(client: "AdminClient", limit: int, interval: float) -> None:
    """Show a table on the terminal until Ctrl-C; if no portal answers, say so and go on."""
    view = LiveTable(stdout_console())
    with Live(view.draw(), console=view.console, auto_refresh=False, vertical_overflow="crop") as live:

        def pressed(key: bytes) -> None:
            view.key(key)
            live.update(view.draw(), refresh=True)

        with _keys_to(pressed):
            async with aclosing(product_news(client, limit, interval)) as news:
                async for each in news:
                    if each.error is not None:
                        view.status = say(
                            "Not available: {error}. Still trying; the table is old.", error=exception_text(each.error)
                        )
                    else:
                        view.changed = frozenset(each.changed if view.products else ())
                        view.products = each.products
                        view.status = say(
                            "revision {revision}, {now}. Ctrl-C ends.", revision=each.revision, now=_now()
                        )
                    live.update(view.draw(), refresh=True)


def _now() -> str:
    return datetime.now(UTC).astimezone(speech().zone).strftime("%H:%M:%S %Z")


@contextmanager
def _keys_to(pressed: Callable[[bytes], None]) -> Iterator[None]:
    """Call `pressed` with each key, if stdin is a terminal; Ctrl-C keeps its meaning."""
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
