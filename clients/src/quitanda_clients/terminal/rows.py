"""Rows of a list as lines of text: which columns fit the width, and how each value is cut."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

GAP: Final = 1
FLEXIBLE_WIDTH_MIN: Final = 8


@dataclass(frozen=True, slots=True)
class RowColumn:
    """One column: `label` is a text to translate; `width` in cells, 0 for what the others leave.

    Where the width does not suffice for all, those with the highest `spare` are left out first. An id that is too long
    loses its middle: ids of orders that were made soon after each other begin alike.
    """

    label: str
    value: Callable[[Any], str]
    width: int = 0
    number: bool = False
    is_id: bool = False
    spare: int = 0


def fitting(columns: Sequence[RowColumn], width: int) -> list[tuple[RowColumn, int]]:
    """Give the columns that fit, each with its width; one at least."""
    shown = list(columns)
    while len(shown) > 1 and _needed(shown) > width:
        shown.remove(max(shown, key=lambda column: column.spare))
    left = width - sum(column.width for column in shown) - GAP * (len(shown) - 1)
    flexible = [column for column in shown if not column.width]
    share = max(1, left // len(flexible)) if flexible else 0
    return [(column, column.width or share) for column in shown]


def line(values: Sequence[str], columns: Sequence[tuple[RowColumn, int]]) -> str:
    """Write one line; in what is longer than its column stands `…`, at the end, or in the middle of an id."""
    cells = (_cell(value, column, width) for value, (column, width) in zip(values, columns, strict=True))
    return (" " * GAP).join(cells)


def without_middle(text: str, width: int) -> str:
    """Write an id, or what ends with one, in so many cells; its beginning and its end stay where all is too long."""
    if cell_len(text) <= width:
        return text
    end = text[len(text) - width // 2 :]
    return set_cell_size(text, max(0, width - 1 - cell_len(end))) + "…" + end


def _cell(value: str, column: RowColumn, width: int) -> str:
    length = cell_len(value)
    if length > width:
        return without_middle(value, width) if column.is_id else set_cell_size(value, max(0, width - 1)) + "…"
    return " " * (width - length) + value if column.number else value + " " * (width - length)


def _needed(columns: Sequence[RowColumn]) -> int:
    return sum(column.width or FLEXIBLE_WIDTH_MIN for column in columns) + GAP * (len(columns) - 1)
