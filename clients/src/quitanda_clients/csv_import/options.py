"""What to import, how to read it, and what to do with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quitanda_clients.csv_import.advice import FOR_COMMANDS, ImportAdvice
from quitanda_clients.csv_import.decimal_signs import DecimalSign
from quitanda_clients.csv_import.text_encoding import Encoding

IN_FLIGHT_DEFAULT: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """None stands for what the import recognizes by itself.

    `columns` gives the file's columns for names of fields. `update`: change documents that exist. `in_flight`: send at
    most so many rows at the same time. `label` tells one run from another one of the same rows. `tokens`: the file for
    the tokens of the customers that are created. `advice` says what to do about a file that cannot be read.
    """

    file: Path = Path()
    update: bool = False
    skip_invalid: bool = False
    dry_run: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: Encoding | None = None
    delimiter: str | None = None
    decimal: DecimalSign | None = None
    in_flight: int = IN_FLIGHT_DEFAULT
    label: str = ""
    tokens: Path | None = None
    advice: ImportAdvice = FOR_COMMANDS
