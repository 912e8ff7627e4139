"""Which columns a file may have: what the import itself goes by, for people who make such a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from quitanda_clients.csv_import.column_names import folded
from quitanda_clients.csv_import.rows import CsvSchema


class Need(Enum):
    """When a file needs a column."""

    ALWAYS = "always"
    WITH_ITEM = "in a row with an item"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ColumnGuide:
    """One column: our name, when a file needs it to create documents, and the other names by which it is known."""

    name: str
    need: Need
    other_names: tuple[str, ...]


def columns_of(schema: CsvSchema) -> Iterator[ColumnGuide]:
    """Give the columns that the import knows, the needed ones first."""
    names = schema.names
    first = [*schema.to_create, *schema.in_items]
    for name in (*first, *(each for each in names if each not in first)):
        need = Need.ALWAYS if name in schema.to_create else Need.WITH_ITEM if name in first else Need.NEVER
        yield ColumnGuide(name, need, tuple(each for each in names[name] if each != folded(name)))
