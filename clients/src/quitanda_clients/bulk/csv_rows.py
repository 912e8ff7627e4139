"""CSV files as rows of named values; says where in the file each problem is.

UTF-8, with or without a byte order mark; one header line; quoting as in RFC 4180. Knows nothing of
customers or products.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
"""The whole file is read into memory and checked before the first row is sent."""

ROWS_MAX: Final = 100_000
"""Rows of one file. Quitanda remembers the outcomes of the last 262 144 requests, and a row takes at most
two: a file of this size can be imported again safely, even while others write."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_LINE_END: Final = re.compile(r"\r\n|\n|\r")

_READER_ERRORS: Final = {
    "unexpected end of data": "a quote that opens here is never closed",
    "expected after": "a quoted value goes on after its closing quote; write a quote inside a value twice",
    "field larger than field limit": "a value is far too long, or a quote that opens here is never closed",
}
"""What the standard library's reader says, and how we say it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at `line` (from 1; 0 for the whole file); `column` is a column's name, or empty."""

    line: int
    column: str
    message: str

    def at(self, file: str) -> str:
        """Say it in one line, in the form that editors understand."""
        place = f"{file}:{self.line}" if self.line else file
        return f"{place}: {f'column {self.column}: ' if self.column else ''}{self.message}"


@dataclass(frozen=True, slots=True)
class Row:
    """One record; `line` is the one on which it begins."""

    line: int
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Rows:
    """The records that could be read, and what is wrong with the others; `columns` as the header names them."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def read_rows(data: bytes, delimiter: str, required: Sequence[str]) -> Rows:
    """Read a whole file. With problems in the encoding or in the header there are no rows."""
    if len(data) > FILE_BYTES_MAX:
        return _unreadable(Problem(0, "", f"the file is larger than {FILE_BYTES_MAX} bytes; cut it into parts"))
    data = data.removeprefix(BYTE_ORDER_MARK)
    if wrong := tuple(_encoding_problems(data)):
        return _unreadable(*wrong)
    records = _records(data.decode(), delimiter)
    try:
        header_line, header = next(records, (1, []))
        columns = tuple(name.strip() for name in header)
        if wrong := tuple(_header_problems(columns, header_line, delimiter, required)):
            return _unreadable(*wrong)
        return _body(columns, records)
    except _BrokenQuoting as broken:
        return _unreadable(Problem(broken.line, "", f"not valid CSV: {broken}"))


class _BrokenQuoting(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _unreadable(*problems: Problem) -> Rows:
    return Rows((), (), problems)


def _encoding_problems(data: bytes) -> Iterator[Problem]:
    """Find every line that is not UTF-8, or that no CSV file holds."""
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            yield Problem(
                number, "", f"byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8; save the file as UTF-8"
            )
        if b"\0" in line:
            yield Problem(number, "", f"byte {line.index(0) + 1} is zero; this is not a text file in UTF-8")


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Split into records, each with the line on which it begins; empty lines are passed over."""
    # Only \n, \r\n and \r end a line: the characters at which Python's own splitlines also splits stay in values.
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    begin = 1
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _BrokenQuoting(begin, _in_our_words(str(error))) from None
        if record:
            yield begin, record
        begin = reader.line_num + 1


def _in_our_words(error: str) -> str:
    """Say for people what the standard library's reader says."""
    return next((told for sign, told in _READER_ERRORS.items() if sign in error), error)


def _lines(text: str) -> Iterator[str]:
    start = 0
    for line_end in _LINE_END.finditer(text):
        yield text[start : line_end.end()]
        start = line_end.end()
    if start < len(text):
        yield text[start:]


def _header_problems(columns: Sequence[str], line: int, delimiter: str, required: Sequence[str]) -> Iterator[Problem]:
    missing = [name for name in required if name not in columns]
    if missing:
        yield Problem(line, "", f"the header lacks {', '.join(missing)}; it has {', '.join(columns) or 'nothing'}")
        other = next((sign for sign in ";\t|," if sign != delimiter and any(sign in name for name in columns)), None)
        if other:
            yield Problem(line, "", f"values seem to be separated by {other!r}; if so, give --delimiter {other!r}")
    for position, name in enumerate(columns, start=1):
        if not name:
            yield Problem(line, "", f"column {position} has no name")
        elif name in columns[: position - 1]:
            yield Problem(line, name, "the header names this column twice")


def _body(columns: tuple[str, ...], records: Iterator[tuple[int, list[str]]]) -> Rows:
    rows: list[Row] = []
    problems: list[Problem] = []
    for line, record in records:
        if len(rows) + len(problems) >= ROWS_MAX:
            problems.append(Problem(line, "", f"more than {ROWS_MAX} rows; cut the file into parts"))
            break
        if len(record) == len(columns):
            rows.append(Row(line, dict(zip(columns, record, strict=True))))
        else:
            problems.append(Problem(line, "", f"{len(record)} values, but the header has {len(columns)} columns"))
    return Rows(columns, tuple(rows), tuple(problems))
