"""Keeps spreadsheet programs from computing texts that other people wrote.

A program that opens a CSV file takes a text such as `=HYPERLINK(…)` for a formula, and computes it: this is how a
customer's note could read the shopkeeper's other cells (OWASP, "CSV Injection"). An apostrophe before such a text makes
it a text for these programs. `as_text` writes the apostrophe, and `from_text` removes it: every text comes back as it
was, also one that has apostrophes itself.
"""

import re
from typing import Final

_FORMULA: Final = re.compile(r"'*(?!-[0-9]+(?:\.[0-9]+)?\Z)[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What a program may take for a formula, by OWASP, also in full width; a negative number is none. Apostrophes before it
count, so that `as_text` adds one to a text that begins with an apostrophe and a sign, and `from_text` removes just that
one."""


def as_text(text: str) -> str:
    """Write a text for a cell of a CSV file, so that no program takes it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def from_text(cell: str) -> str:
    """Read what `as_text` wrote."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
