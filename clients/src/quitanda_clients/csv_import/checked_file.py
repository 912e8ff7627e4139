"""Reads and checks a whole file, and tells how it was read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from quitanda_clients.csv_import.advice import ImportAdvice
from quitanda_clients.csv_import.columns import ArrangedRows, arrange
from quitanda_clients.csv_import.csv_file import SEPARATORS, CsvRow, read_csv
from quitanda_clients.csv_import.decimal_signs import (
    DecimalSign,
    ambiguous,
    plain,
    shown_by,
    shown_by_all,
    without_currency,
)
from quitanda_clients.csv_import.file_problem import FileProblem
from quitanda_clients.csv_import.json_lines import is_json_lines, read_json_lines
from quitanda_clients.csv_import.options import ImportOptions
from quitanda_clients.csv_import.rows import STOCK_CHANGE, CsvSchema, OrderSchema
from quitanda_clients.csv_import.text_encoding import NAMES, Encoding
from quitanda_clients.csv_import.valid_row import ValidRow
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say

_PRICES: Final = frozenset({"price", "unit_price"})
_SEPARATOR_NAMES: Final = {",": N_("comma"), ";": N_("semicolon"), "\t": N_("tab"), "|": N_("bar"), " ": N_("space")}


@dataclass(frozen=True, slots=True)
class ReadingReport:
    """How a file was read."""

    encoding: str
    separator: str
    decimal: str
    program: str
    columns: Mapping[str, str]
    """The file's columns, by our names, if the names differ."""
    left_out: tuple[str, ...]
    passed_over: int
    own: tuple[str, ...] = ()
    """The file's columns that become fields of the shop's own, since the import does not know them."""

    def line(self) -> str:
        """Write it in one line."""
        decimal = [say("decimal {sign}", sign=say(self.decimal))] if self.decimal else []
        parts = [say("read as {how}", how=", ".join([self.encoding, say(self.separator), *decimal]))]
        if self.program:
            parts.append(say("a product export of {program}", program=self.program))
        if self.columns:
            columns = (say("{column} is {name}", column=column, name=name) for name, column in self.columns.items())
            parts.append(", ".join(columns))
        if self.left_out:
            parts.append(say("columns left out: {count} (--map NAME=COLUMN reads one)", count=len(self.left_out)))
        if self.passed_over:
            parts.append(say("rows skipped, because they are not products themselves: {count}", count=self.passed_over))
        return "; ".join(parts)

    def fields(self) -> dict[str, Any]:
        """Write it for programs."""
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
class CheckedFile:
    """The valid rows, the problems of the others, how many those are, and how the file was read."""

    valid_rows: tuple[ValidRow, ...]
    problems: tuple[FileProblem, ...]
    invalid_rows: int = 0
    read_as: ReadingReport | None = None


def check_file(data: bytes, schema: CsvSchema, options: ImportOptions) -> CheckedFile:
    """Read and check a whole file: JSON Lines if it begins with an object, else CSV."""
    return _check_json_lines(data, schema, options) if is_json_lines(data) else _check_csv(data, schema, options)


def _check_json_lines(data: bytes, schema: CsvSchema, options: ImportOptions) -> CheckedFile:
    if options.columns or options.encoding or options.delimiter or options.decimal:
        return CheckedFile((), (FileProblem(0, "", say(options.advice.for_csv_alone)),))
    results = list(read_json_lines(data, schema))
    valid = tuple(result for result in results if isinstance(result, ValidRow))
    problems = sorted((result for result in results if isinstance(result, FileProblem)), key=lambda each: each.line)
    read_as = ReadingReport(NAMES[Encoding.UTF_8], "JSON Lines", "", "", {}, (), 0)
    return CheckedFile(valid, tuple(problems), len({problem.line for problem in problems}), read_as)


def _check_csv(data: bytes, schema: CsvSchema, options: ImportOptions) -> CheckedFile:
    content = read_csv(data, options.delimiter, options.encoding, options.advice)
    if content.problems and not content.columns:
        return CheckedFile((), content.problems)
    arranged = arrange(content, schema.names, schema.exports, options.columns)
    problems = [*arranged.rows.problems, *_header_problems(arranged, schema, options)]
    numbers, sign = _plain_numbers(arranged, schema, options)
    read_as = _read_as(arranged, schema, sign)
    cut = isinstance(schema, OrderSchema) and problems  # a row that cannot be read may be that of any order
    if cut or any(problem.line <= content.header_line for problem in problems):
        return CheckedFile((), tuple(problems), 0, read_as)
    rows = [result for result in numbers if isinstance(result, CsvRow)]
    found = [result for result in numbers if isinstance(result, FileProblem)]
    reported, unread = {(problem.line, problem.column) for problem in found}, {problem.line for problem in found}
    results = list(schema.read_rows(rows, arranged.sources, unread))
    problems += found
    problems += [
        result for result in results if isinstance(result, FileProblem) and (result.line, result.column) not in reported
    ]
    valid = tuple(result for result in results if isinstance(result, ValidRow))
    ordered = tuple(sorted(problems, key=lambda problem: problem.line))
    return CheckedFile(valid, ordered, len({problem.line for problem in problems}), read_as)


def _header_problems(arranged: ArrangedRows, schema: CsvSchema, options: ImportOptions) -> Iterator[FileProblem]:
    """Say which columns the header lacks for this import."""
    rows = arranged.rows
    line, columns, advice = rows.header_line, rows.columns, options.advice
    if any(problem.line <= line for problem in rows.problems):
        return
    has = ", ".join(columns) or say("nothing")
    missing = [name for name in schema.to_create if name not in columns]
    if schema.id_column in missing or (missing and not options.update):
        updates = schema.change is not None and schema.id_column not in missing
        or_update = say(advice.or_update) if updates else ""
        yield FileProblem(
            line,
            "",
            say(
                advice.lacks_columns,
                missing=", ".join(missing),
                has=has,
                or_update=or_update,
            ),
        )
        other = next((sign for sign in (*SEPARATORS, "|") if sign != rows.separator and sign in has), None)
        if other and len(columns) <= 1:
            yield FileProblem(line, "", say(advice.other_separator, other=other))
    elif len(columns) == 1:
        yield FileProblem(line, "", say("there is nothing to import besides {id_column}", id_column=schema.id_column))
    if {"quantity", STOCK_CHANGE} <= set(columns) & set(schema.names):
        yield FileProblem(
            line, "", say("quantity sets the units, quantity_change adds to them; keep only one of these columns")
        )


def _plain_numbers(
    arranged: ArrangedRows, schema: CsvSchema, options: ImportOptions
) -> tuple[list[CsvRow | FileProblem], DecimalSign | None]:
    """Write all numbers with a point; a number is a problem if it contradicts others, or can mean two things."""
    columns = [name for name in schema.numbers if name in arranged.rows.columns]
    values = [(row, {name: _number(name, row.values[name]) for name in columns}) for row in arranged.rows.rows]
    texts = [text for _, numbers in values for text, _ in numbers.values()]
    shown = shown_by_all(texts)
    sign = options.decimal or (next(iter(shown)) if len(shown) == 1 else None)
    currencies = sorted({currency for _, numbers in values for _, currency in numbers.values() if currency})
    results: list[CsvRow | FileProblem] = []
    for row, numbers in values:
        wrong = [
            FileProblem(row.line, arranged.sources.get(name, name), message)
            for name, (text, currency) in numbers.items()
            if (message := _contradiction(text, currency, sign, len(shown), currencies, options.advice))
        ]
        results += wrong
        results.append(_with_numbers(row, {name: text for name, (text, _) in numbers.items()}, sign))
    return results, sign if shown or options.decimal else None


def _number(name: str, text: str) -> tuple[str, str]:
    """Split into number and currency, which only a price may have."""
    return without_currency(text) if name in _PRICES else (text, "")


def _contradiction(
    text: str, currency: str, sign: DecimalSign | None, signs: int, currencies: list[str], advice: ImportAdvice
) -> str:
    """Say why a number cannot be understood; empty if it can."""
    if currency and len(currencies) > 1:
        return say("the file has prices in {currencies}; keep one currency", currencies=say(" and ").join(currencies))
    if sign is None and signs > 1 and shown_by(text) is not None:
        return say("some numbers of the file have a decimal point and others a decimal comma; use one of them")
    if sign is None and ambiguous(text):
        whole, part = text.strip().replace(",", "."), text.strip().replace(".", "").replace(",", "")
        return say(advice.which_decimal, typed=text.strip(), part=part, whole=whole)
    return ""


def _with_numbers(row: CsvRow, numbers: Mapping[str, str], sign: DecimalSign | None) -> CsvRow:
    """Put plain numbers into a row; a text that is not a number stays, for the rules to refuse."""
    plains = {name: plain(text, sign or DecimalSign.POINT) or text for name, text in numbers.items()}
    return replace(row, values=row.values | plains)


def _read_as(arranged: ArrangedRows, schema: CsvSchema, sign: DecimalSign | None) -> ReadingReport:
    rows = arranged.rows
    return ReadingReport(
        NAMES[rows.encoding],
        _SEPARATOR_NAMES.get(rows.separator, repr(rows.separator)),
        "" if sign is None else sign.value,
        arranged.program,
        {name: column for name, column in arranged.sources.items() if name != column},
        arranged.left_out,
        arranged.passed_over,
        tuple(column for name, column in arranged.sources.items() if not schema.knows(name)),
    )
