"""Reads files that have one JSON object in each line, as exports write them: the values keep their types.

The names are those of the documents. Fields that only the shop sets (`version`) count for nothing, and so does `null`,
except that it removes a field of one's own.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Final

from quitanda.codec.json_fields import WHOLE, parse_object
from quitanda.domain.outcomes import Refused
from quitanda_clients.csv_import.csv_file import ROWS_MAX, too_large
from quitanda_clients.csv_import.file_problem import FileProblem
from quitanda_clients.csv_import.rows import CsvSchema, with_problems
from quitanda_clients.csv_import.valid_row import ValidRow
from quitanda_clients.i18n.refusal_texts import refusal_text
from quitanda_clients.i18n.speech import say

LINE_BYTES_MAX: Final = 1_048_576
"""More than the largest document takes, however it is written."""

_FIRST: Final = re.compile(rb"\s*\{")


def is_json_lines(data: bytes) -> bool:
    """Tell whether a file begins with a JSON object, which no header of CSV does."""
    return _FIRST.match(data.removeprefix(codecs.BOM_UTF8)) is not None


def read_json_lines(data: bytes, schema: CsvSchema) -> Iterator[ValidRow | FileProblem]:
    """Read and check every line; a repeated id is a problem of the later line."""
    if problem := too_large(data):
        yield problem
        return
    read: list[tuple[ValidRow, tuple[Refused, ...]]] = []
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), start=1):
        if not line.strip():
            continue
        if len(read) >= ROWS_MAX:
            yield FileProblem(number, "", say("more than {limit} lines; cut the file into parts", limit=ROWS_MAX))
            break
        fields = parse_object(line, LINE_BYTES_MAX)
        if isinstance(fields, Refused):
            yield FileProblem(number, fields.field.removeprefix(WHOLE), refusal_text(fields))
        else:
            read.append(schema.read_line(number, fields))
    yield from with_problems(schema, read, {})
