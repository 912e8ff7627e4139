"""The stock card of a product: each movement of its units on hand, made of its history. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from quitanda.codec.change_records import HistoryEntry

_UNITS: Final = "quantity"


@dataclass(frozen=True, slots=True)
class StockMovement:
    """A change of the units on hand: the history's entry that made it, the units that came or went, and those left.

    `change` is None where the units of before are not known: the product was deleted, and the history does not reach
    back to what it had.
    """

    entry: HistoryEntry
    change: int | None
    on_hand: int


def movements(entries: Iterable[HistoryEntry]) -> tuple[StockMovement, ...]:
    """Give the movements of a product's history, the oldest first; `entries` are the newest first."""
    made = []
    on_hand: int | None = None
    for entry in reversed(tuple(entries)):
        if entry.deleted:
            made.append(StockMovement(entry, None if on_hand is None else -on_hand, 0))
            on_hand = 0
        for field in entry.fields:
            if (field.name, field.product_id) == (_UNITS, ""):
                before, on_hand = int(field.before_json or 0), int(field.after_json)
                made.append(StockMovement(entry, on_hand - before, on_hand))
    return tuple(made)
