"""A whole file as checked rows, and how it was read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from quitanda_clients.csv_import.columns import Arranged, arrange
from quitanda_clients.csv_import.csv_file import SEPARATORS, Row, read_rows
from quitanda_clients.csv_import.decimal_signs import (
    DecimalSign,
    ambiguous,
    plain,
    shown_by,
    shown_by_all,
    without_currency,
)
from quitanda_clients.csv_import.file_problem import Problem
from quitanda_clients.csv_import.rows import Layout, Planned, plan
from quitanda_clients.csv_import.text_encoding import NAMES, Encoding

_SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a file; None is to be recognized. `columns` gives the file's columns for names of fields."""

    separator: str | None = None
    encoding: Encoding | None = None
    decimal: DecimalSign | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    update: bool = False


@dataclass(frozen=True, slots=True)
class ReadAs:
    """How a file was read."""

    encoding: str
    separator: str
    decimal: str
    program: str
    columns: Mapping[str, str]
    """Our names of those columns that have another one in the file."""
    left_out: tuple[str, ...]
    passed_over: int

    def line(self) -> str:
        """Say it in one line."""
        parts = [self.encoding, self.separator, *([f"decimal {self.decimal}"] if self.decimal else [])]
        told = f"read as {', '.join(parts)}"
        if self.program:
            told += f"; a product export of {self.program}"
        if self.columns:
            told += f"; {', '.join(f'{column} is {name}' for name, column in self.columns.items())}"
        if self.left_out:
            told += f"; columns left out: {len(self.left_out)} (--map NAME=COLUMN takes one)"
        if self.passed_over:
            told += f"; rows passed over, which are no products of their own: {self.passed_over}"
        return told

    def fields(self) -> dict[str, Any]:
        """Say it for programs."""
        return {
            "encoding": self.encoding,
            "delimiter": self.separator,
            "decimal": self.decimal,
            "program": self.program,
            "columns": dict(self.columns),
            "left_out": list(self.left_out),
            "passed_over": self.passed_over,
        }


@dataclass(frozen=True, slots=True)
class FilePlan:
    """The rows that are in order, what is wrong with the others, how many those are, and how the file was read."""

    planned: tuple[Planned, ...]
    problems: tuple[Problem, ...]
    invalid_rows: int = 0
    read_as: ReadAs | None = None


def plan_file(data: bytes, layout: Layout, reading: Reading) -> FilePlan:
    """Read and check a whole file."""
    read = read_rows(data, reading.separator, reading.encoding)
    if read.problems and not read.columns:
        return FilePlan((), read.problems)
    arranged = arrange(read, layout.names, layout.exports, reading.columns)
    problems = [*arranged.rows.problems, *_header_problems(arranged, layout, reading)]
    numbers, sign = _plain_numbers(arranged, layout, reading.decimal)
    read_as = _read_as(arranged, sign)
    if any(problem.line <= read.header_line for problem in problems):
        return FilePlan((), tuple(problems), 0, read_as)
    rows = [result for result in numbers if isinstance(result, Row)]
    results = list(plan(layout, arranged.rows.columns, rows, arranged.sources))
    found = [result for result in numbers if isinstance(result, Problem)]
    told, unread = {(problem.line, problem.column) for problem in found}, {problem.line for problem in found}
    problems += found
    problems += [
        result for result in results if isinstance(result, Problem) and (result.line, result.column) not in told
    ]
    planned = tuple(result for result in results if isinstance(result, Planned) and result.line not in unread)
    ordered = tuple(sorted(problems, key=lambda problem: problem.line))
    return FilePlan(planned, ordered, len({problem.line for problem in problems}), read_as)


def _header_problems(arranged: Arranged, layout: Layout, reading: Reading) -> Iterator[Problem]:
    """Say which columns are missing for what is to be done."""
    rows = arranged.rows
    line, columns = rows.header_line, rows.columns
    if any(problem.line <= line for problem in rows.problems):
        return
    has = ", ".join(columns) or "nothing"
    missing = [name for name in layout.to_create if name not in columns]
    if layout.id_column in missing or (missing and not reading.update):
        or_update = "" if layout.id_column in missing else ", or give --update to change only what exists already"
        lacks = f"the header lacks {', '.join(missing)}; it has {has}"
        yield Problem(line, "", f"{lacks}. --map NAME=COLUMN names a column{or_update}")
        other = next((sign for sign in (*SEPARATORS, "|") if sign != rows.separator and sign in has), None)
        if other and len(columns) <= 1:
            yield Problem(line, "", f"values seem to be separated by {other!r}; if so, give --delimiter {other!r}")
    elif len(columns) == 1:
        yield Problem(line, "", f"there is nothing to import beside {layout.id_column}")
    if {"quantity", "quantity_change"} <= set(columns) & set(layout.names):
        yield Problem(line, "", "quantity sets the units, quantity_change adds to them; keep one of the two")


def _plain_numbers(
    arranged: Arranged, layout: Layout, forced: DecimalSign | None
) -> tuple[list[Row | Problem], DecimalSign | None]:
    """Write all numbers with a point; problems where they contradict one another, or mean more than one thing."""
    columns = [name for name in layout.numbers if name in arranged.rows.columns]
    values = [(row, {name: _number(name, row.values[name]) for name in columns}) for row in arranged.rows.rows]
    texts = [text for _, numbers in values for text, _ in numbers.values()]
    shown = shown_by_all(texts)
    sign = forced or (next(iter(shown)) if len(shown) == 1 else None)
    currencies = sorted({currency for _, numbers in values for _, currency in numbers.values() if currency})
    results: list[Row | Problem] = []
    for row, numbers in values:
        wrong = [
            Problem(row.line, arranged.sources.get(name, name), message)
            for name, (text, currency) in numbers.items()
            if (message := _contradiction(text, currency, sign, len(shown), currencies))
        ]
        results += wrong
        results.append(_with_numbers(row, {name: text for name, (text, _) in numbers.items()}, sign))
    return results, sign if shown or forced else None


def _number(name: str, text: str) -> tuple[str, str]:
    """Split into number and currency, which only a price may have."""
    return without_currency(text) if name == "price" else (text, "")


def _contradiction(text: str, currency: str, sign: DecimalSign | None, signs: int, currencies: list[str]) -> str:
    """Say why a number cannot be understood, or nothing."""
    if currency and len(currencies) > 1:
        return f"the file has prices in {' and '.join(currencies)}; keep one currency"
    if sign is None and signs > 1 and shown_by(text) is not None:
        return "some numbers of the file have a decimal point and others a decimal comma; use one of them"
    if sign is None and ambiguous(text):
        whole, part = text.strip().replace(",", "."), text.strip().replace(".", "").replace(",", "")
        return f"'{text.strip()}' may be {part} or {whole}; give --decimal point or --decimal comma"
    return ""


def _with_numbers(row: Row, numbers: Mapping[str, str], sign: DecimalSign | None) -> Row:
    """Put plain numbers into a row; what is no number stays, for the rules to refuse."""
    plains = {name: plain(text, sign or DecimalSign.POINT) or text for name, text in numbers.items()}
    return replace(row, values=row.values | plains)


def _read_as(arranged: Arranged, sign: DecimalSign | None) -> ReadAs:
    rows = arranged.rows
    return ReadAs(
        NAMES[rows.encoding],
        _SEPARATOR_NAMES.get(rows.separator, repr(rows.separator)),
        "" if sign is None else sign.value,
        arranged.program,
        {name: column for name, column in arranged.sources.items() if name != column},
        arranged.left_out,
        arranged.passed_over,
    )
