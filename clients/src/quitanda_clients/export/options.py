"""What to export, and how the file is written."""

from dataclasses import dataclass
from enum import StrEnum

from quitanda_clients.csv_import.decimal_signs import DecimalSign


class FileFormat(StrEnum):
    """The values are those of --format."""

    CSV = "csv"
    JSON_LINES = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How the file is written; all but the format are about CSV."""

    format: FileFormat = FileFormat.CSV
    delimiter: str = ","
    decimal: DecimalSign = DecimalSign.POINT
    byte_order_mark: bool = False
