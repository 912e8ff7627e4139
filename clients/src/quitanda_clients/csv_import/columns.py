"""Finds the columns of our fields in a file, whichever program wrote it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from quitanda_clients.csv_import.column_names import (
    HANDLES,
    OPTIONS,
    PARENTS,
    ColumnNames,
    ProductExport,
    find,
    folded,
    id_of_words,
    recognize,
)
from quitanda_clients.csv_import.csv_file import CsvContent, CsvRow
from quitanda_clients.csv_import.file_problem import FileProblem
from quitanda_clients.i18n.speech import say

NO_OPTION: Final = "default title"
"""What Shopify writes for a product with only one variant."""


@dataclass(frozen=True, slots=True)
class ArrangedRows:
    """The rows under our names; `sources` gives the file's column for each name.

    `program` wrote the file, if it is a known product export. The import does not read the columns in `left_out`.
    """

    rows: CsvContent
    sources: Mapping[str, str]
    program: str = ""
    left_out: tuple[str, ...] = ()
    passed_over: int = 0
    """Records that are not products themselves."""


def arrange(
    rows: CsvContent, names: ColumnNames, exports: Sequence[ProductExport], given: Mapping[str, str]
) -> ArrangedRows:
    """Find the columns of our fields; `given` (our name to the file's) comes before the known names."""
    by_name = {folded(column): column for column in reversed(rows.columns) if column}
    missing = [(name, column) for name, column in given.items() if folded(column) not in by_name]
    if missing:
        has = ", ".join(filter(None, rows.columns))
        wrong = [
            FileProblem(
                rows.header_line,
                "",
                say(
                    "--map {name}={column}: the file has no such column; it has {has}",
                    name=name,
                    column=column,
                    has=has,
                ),
            )
            for name, column in missing
        ]
        return ArrangedRows(replace(rows, rows=(), problems=(*rows.problems, *wrong)), {})
    chosen = {name: by_name[folded(column)] for name, column in given.items()}
    export = None if all(name in rows.columns for name in names) else recognize(rows.columns, exports)
    free = [column for column in rows.columns if column and column not in chosen.values()]
    for name, known in (names if export is None else export.names).items():
        column = name if name in free else find(free, known)
        if name not in chosen and column is not None:
            chosen[name] = column
            free.remove(column)
    if export is None:
        left_out = tuple(column for column in free if column in chosen)
        chosen |= {column: column for column in free if column not in chosen}
        return ArrangedRows(_named(rows, rows.rows, chosen), chosen, "", left_out)
    kept = tuple(_products(rows.rows, rows.columns, export, chosen, by_map="product_id" in given))
    if "product_id" not in chosen and kept:
        chosen["product_id"] = find(rows.columns, HANDLES) or ""
    return ArrangedRows(_named(rows, kept, chosen), chosen, export.program, tuple(free), len(rows.rows) - len(kept))


def _named(rows: CsvContent, kept: Iterable[CsvRow], chosen: Mapping[str, str]) -> CsvContent:
    named = tuple(CsvRow(row.line, {name: row.values[column] for name, column in chosen.items()}) for row in kept)
    return replace(rows, columns=tuple(chosen), rows=named)


def _products(
    rows: Iterable[CsvRow], columns: Sequence[str], export: ProductExport, chosen: Mapping[str, str], *, by_map: bool
) -> Iterator[CsvRow]:
    """Give the rows of products, each with an id of its own."""
    if handle := find(columns, HANDLES):
        yield from _variants(rows, columns, handle, chosen, by_map=by_map)
        return
    kind, fallback = find(columns, ("type", "tipo")), find(columns, export.fallback)
    id_column = chosen.get("product_id")
    for row in rows:
        if export.fallback and kind and PARENTS & {word.strip() for word in row.values[kind].lower().split(",")}:
            continue
        if id_column and fallback and not by_map and not row.values[id_column].strip():
            yield CsvRow(row.line, row.values | {id_column: row.values[fallback]})
        else:
            yield row


def _variants(
    rows: Iterable[CsvRow], columns: Sequence[str], handle: str, chosen: Mapping[str, str], *, by_map: bool
) -> Iterator[CsvRow]:
    """Give Shopify's variants: only a product's first row has its texts, and rows of pictures have no price."""
    options = [column for name in OPTIONS if (column := find(columns, (name,)))]
    id_column = chosen.get("product_id", handle)
    shared = [column for name in ("name", "description") if (column := chosen.get(name))]
    firsts: dict[str, CsvRow] = {}
    for row in rows:
        first = firsts.setdefault(row.values[handle], row)
        values = [row.values[column].strip() for column in options]
        price = chosen.get("price")
        if row is not first and price and not row.values[price].strip() and not any(values):
            continue
        distinct = [value for value in values if value and folded(value) != NO_OPTION]
        changed = {column: row.values[column] or first.values[column] for column in shared}
        if shared and distinct and (title := chosen.get("name")):
            changed[title] = " - ".join([changed[title], *distinct])
        if not by_map and (id_column == handle or not row.values[id_column].strip()):
            changed[id_column] = id_of_words(row.values[handle], *distinct)
        yield CsvRow(row.line, row.values | changed)
