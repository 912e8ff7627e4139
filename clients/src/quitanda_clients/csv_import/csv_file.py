"""Reads CSV files as rows of named values, and says where in the file each problem is.

One header line; quoting as in RFC 4180. The caller may give encoding and separator; else this module
recognizes them. It does not know customers or products.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from quitanda_clients.cli.wording import counted
from quitanda_clients.csv_import.advice import FOR_COMMANDS, ImportAdvice
from quitanda_clients.csv_import.file_problem import FileProblem
from quitanda_clients.csv_import.text_encoding import Encoding, decode
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say
from quitanda_clients.spreadsheet_formulas import from_text

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
"""The import reads the whole file into memory and checks it before it sends the first row."""

ROWS_MAX: Final = 80_000
"""The most rows of one file. Quitanda remembers the outcomes of the last 262 144 requests, and a row takes at most
three (to create, to adjust the stock, to set fields): a file of this size can be imported again, even while others
write."""

SEPARATORS: Final = (",", ";", "\t")
"""The separators that are recognized; if several cut the header into equally many names, the first one counts."""

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)(?:\r\n|\n|\r)", re.IGNORECASE)
"""A line before the header with which Excel names the separator."""

_READER_ERRORS: Final = {
    "unexpected end of data": N_("a quote that opens here is never closed"),
    "expected after": N_("a quoted value goes on after its closing quote; write a quote inside a value twice"),
    "field larger than field limit": N_("a value is far too long, or a quote that opens here is never closed"),
}
"""The messages of the standard library's reader, and ours."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One record; it begins on `line`."""

    line: int
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class CsvContent:
    """The readable records, and what is wrong with the others; `columns` are the names in the header."""

    columns: tuple[str, ...]
    rows: tuple[CsvRow, ...]
    problems: tuple[FileProblem, ...]
    header_line: int = 1
    encoding: Encoding = Encoding.UTF_8
    separator: str = ","


def too_large(data: bytes) -> FileProblem | None:
    """Say that a file is too large, if it is."""
    if len(data) <= FILE_BYTES_MAX:
        return None
    return FileProblem(0, "", say("the file is larger than {limit} bytes; cut it into parts", limit=FILE_BYTES_MAX))


def read_csv(
    data: bytes,
    separator: str | None = None,
    encoding: Encoding | None = None,
    advice: ImportAdvice = FOR_COMMANDS,
) -> CsvContent:
    """Read a whole file. With problems in the encoding or in the header there are no rows.

    It skips records without any value, and columns that have neither a name nor a value.
    """
    if problem := too_large(data):
        return _unreadable(problem)
    decoded = decode(data, encoding, advice)
    if isinstance(decoded, tuple):
        return _unreadable(*decoded)
    text, first_line = decoded.text, 1
    if named := _SEPARATOR_LINE.match(text):
        text, first_line, separator = text[named.end() :], 2, separator or named[1]
    try:
        separator = separator or _recognized(text)
        records = _records(text, separator, first_line)
        header_line, header = next(records, (1, []))
        columns = tuple(from_text(name.strip()) for name in header)
        problems = tuple(_header_problems(columns, header_line))
        rows, more = ((), ()) if problems else _body(columns, records)
        return CsvContent(columns, rows, (*problems, *more), header_line, decoded.encoding, separator)
    except _BrokenQuoting as broken:
        return _unreadable(FileProblem(broken.line, "", say("not valid CSV: {problem}", problem=broken)))


class _BrokenQuoting(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _unreadable(*problems: FileProblem) -> CsvContent:
    return CsvContent((), (), problems)


def _recognized(text: str) -> str:
    """Choose the separator that cuts the first record into most names."""

    def names(separator: str) -> int:
        try:
            _, header = next(_records(text, separator), (0, []))
        except _BrokenQuoting:
            return 0
        return sum(bool(name.strip()) for name in header)

    return max(SEPARATORS, key=names)


def _records(text: str, separator: str, first_line: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Split into records, each with the line on which it begins; skip those without a value."""
    # Only \n, \r\n and \r end a line: the characters at which Python's own splitlines also splits stay in values.
    reader = csv.reader(_lines(text), delimiter=separator, strict=True)
    begin = first_line
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _BrokenQuoting(begin, _message_for(str(error))) from None
        if any(value.strip() for value in record):
            yield begin, record
        begin = reader.line_num + first_line


def _message_for(error: str) -> str:
    """Translate the standard library's message for people."""
    return next((say(message) for sign, message in _READER_ERRORS.items() if sign in error), error)


def _lines(text: str) -> Iterator[str]:
    start = 0
    for line_end in _LINE_END.finditer(text):
        yield text[start : line_end.end()]
        start = line_end.end()
    if start < len(text):
        yield text[start:]


def _header_problems(columns: Sequence[str], line: int) -> Iterator[FileProblem]:
    for position, name in enumerate(columns):
        if name and name in columns[:position]:
            yield FileProblem(line, name, say("the header names this column twice"))


def _body(
    columns: tuple[str, ...], records: Iterator[tuple[int, list[str]]]
) -> tuple[tuple[CsvRow, ...], tuple[FileProblem, ...]]:
    rows: list[CsvRow] = []
    problems: list[FileProblem] = []
    for line, record in records:
        if len(rows) + len(problems) >= ROWS_MAX:
            problems.append(
                FileProblem(line, "", say("more than {limit} rows; cut the file into parts", limit=ROWS_MAX))
            )
            break
        result = _row(columns, line, record)
        if isinstance(result, CsvRow):
            rows.append(result)
        else:
            problems.append(result)
    return tuple(rows), tuple(problems)


def _row(columns: tuple[str, ...], line: int, record: list[str]) -> CsvRow | FileProblem:
    surplus = record[len(columns) :]
    if len(record) < len(columns) or any(value.strip() for value in surplus):
        return FileProblem(
            line,
            "",
            say(
                "the row has {values}, but the header has {columns}",
                values=counted(len(record), "value"),
                columns=counted(len(columns), "column"),
            ),
        )
    named = dict(zip(columns, map(from_text, record), strict=False))
    for position, (name, value) in enumerate(zip(columns, record, strict=False), start=1):
        if not name and value.strip():
            return FileProblem(
                line, "", say("column {position} has a value, but the header has no name for it", position=position)
            )
    named.pop("", None)
    return CsvRow(line, named)
