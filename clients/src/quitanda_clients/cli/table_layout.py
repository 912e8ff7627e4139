"""How all tables fit a terminal.

Ids and numbers stay whole. If a row is too wide, the table leaves out columns, those with the highest `spare` first,
and folds texts. If even the ids are wider than the terminal, the line is longer: the terminal shows the rest on its
next line, and a copied id is whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from quitanda_clients.cli.streams import printable
from quitanda_clients.i18n.speech import say

UNLIMITED_WIDTH: Final = 10_000
"""The width for an output that is not a terminal: a program that reads it gets every text whole."""

GAP: Final = 3
"""Characters between two columns of a table: a space on both sides of the divider."""

FOLDED_WIDTH_MIN: Final = 12
LABEL_WIDTH_MAX: Final = 20
LABEL_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column, with its English name.

    `folds`: its texts may take several lines. `spare` above 0: the table may leave it out.
    """

    name: str
    justify: Literal["left", "right"] = "left"
    folds: bool = False
    spare: int = 0

    @property
    def said(self) -> str:
        """Give its name in the language of the person."""
        return say(self.name)

    def width(self, cells: Iterable[str], *, folded: bool) -> int:
        """Give its width; if its texts may be folded, the least width."""
        natural = max((cell_len(text) for text in (self.said, *cells)), default=0)
        return min(natural, max(FOLDED_WIDTH_MIN, cell_len(self.said))) if folded and self.folds else natural


@dataclass(slots=True)
class TableRows:
    """What a table shows: cells by row; the rows at the positions in `bold` stand out."""

    cells: Sequence[Sequence[str]]
    bold: frozenset[int] = frozenset()
    total: Sequence[str] = ()
    """A last row below a line."""


def plain(text: str) -> Text:
    """Show a text as it is, without the characters that control a terminal."""
    return Text(printable(text))


def stdout_console() -> Console:
    """Write to stdout: coloured and fitted on a terminal, plain and as wide as needed elsewhere."""
    console = Console(highlight=False, markup=False, emoji=False)
    return (
        console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=UNLIMITED_WIDTH)
    )


def show(console: Console, renderable: RenderableType, needed: int) -> None:
    """Print something that needs so many characters in a line, without cutting it."""
    width = console.width
    console.width = max(width, needed)
    console.print(renderable, crop=False)
    console.width = width


def show_table(console: Console, columns: Sequence[Column], rows: TableRows) -> None:
    """Print a table that fits; a line below it names the columns that it leaves out."""
    table, needed, left_out = fitted_table(columns, rows, console.width)
    show(console, table, needed)
    if left_out:
        console.print(
            Text(
                say("Not shown, because the terminal is too narrow: {columns}.", columns=", ".join(left_out)),
                style="dim",
            )
        )


def fitted_table(columns: Sequence[Column], rows: TableRows, width: int) -> tuple[Table, int, list[str]]:
    """Make a table for a terminal of this width; also return the width that it needs, and the columns it leaves out."""
    safe = [[printable(cell) for cell in row] for row in (*rows.cells, *([rows.total] if rows.total else []))]
    least = [column.width((row[at] for row in safe if at < len(row)), folded=True) for at, column in enumerate(columns)]
    kept = list(range(len(columns)))
    while _needed(least, kept) > width and any(columns[at].spare for at in kept):
        kept.remove(max(kept, key=lambda at: columns[at].spare))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for at in kept:
        column = columns[at]
        least_width = None if column.folds else least[at]
        table.add_column(
            column.said, justify=column.justify, overflow="fold", no_wrap=not column.folds, min_width=least_width
        )
    for number, row in enumerate(safe):
        is_total = bool(rows.total) and number == len(safe) - 1
        if is_total:
            table.add_section()
        style = "bold" if is_total or number in rows.bold else None
        table.add_row(*(Text(row[at]) for at in kept if at < len(row)), style=style)
    left_out = [column.said for at, column in enumerate(columns) if at not in kept]
    return table, _needed(least, kept), left_out


def _needed(least: Sequence[int], kept: Sequence[int]) -> int:
    return sum(least[at] for at in kept) + GAP * (len(kept) - 1)


def show_fields(console: Console, fields: Iterable[tuple[str, str]], ids: Iterable[str]) -> None:
    """Print one field in each line, long ones folded; those named in `ids` stay whole."""
    safe = [(printable(name), printable(value)) for name, value in fields]
    whole = set(ids)
    label = min(LABEL_WIDTH_MAX, max((cell_len(name) for name, _ in safe), default=0))
    for name, value in safe:
        grid = Table.grid(padding=(0, LABEL_GAP))
        grid.add_column(style="bold", width=label, overflow="fold")
        grid.add_column(overflow="fold")
        grid.add_row(Text(name), Text(value))
        show(console, grid, label + LABEL_GAP + (cell_len(value) if name in whole else 0))
