"""Options of the two import commands."""

from pathlib import Path
from typing import Annotated, Final

import typer

from quitanda_clients.csv_import.decimal_signs import DecimalSign
from quitanda_clients.csv_import.text_encoding import Encoding

IN_FLIGHT_MAX: Final = 1_000


def delimiter(text: str) -> str:
    """Read --delimiter: one character, or `tab`."""
    sign = "\t" if text in {"tab", "\\t"} else text
    if len(sign) != 1 or sign in {'"', "\n", "\r"}:
        raise typer.BadParameter(f"'{text}' is not a delimiter; give one character, or tab")
    return sign


def columns(given: list[str]) -> dict[str, str]:
    """Read --map: `NAME=COLUMN`, each name once."""
    mapped: dict[str, str] = {}
    for text in given:
        name, equals, column = (part.strip() for part in text.partition("="))
        if not equals or not name or not column:
            raise typer.BadParameter(f"'{text}' is not NAME=COLUMN, for example price=Valor", param_hint="--map")
        if name in mapped or column in mapped.values():
            raise typer.BadParameter(f"'{text}': this name, or this column, is given twice", param_hint="--map")
        mapped[name] = column
    return mapped


FileArgument = Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file to import; - is standard input.")]
UpdateOption = Annotated[
    bool,
    typer.Option("--update", help="Update what exists already, in the columns that the file has, instead of refusing."),
]
SkipInvalidOption = Annotated[
    bool, typer.Option("--skip-invalid", help="Import the valid rows of a file that has others.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what an import would do, and change nothing.")]
DelimiterOption = Annotated[
    str | None,
    typer.Option(
        "--delimiter",
        parser=delimiter,
        metavar="CHAR",
        help="What separates values; may be tab. (Default: comma, semicolon and tab are recognized.)",
    ),
]
EncodingOption = Annotated[
    Encoding | None,
    typer.Option("--encoding", help="How characters are bytes. (Default: recognized.)", case_sensitive=False),
]
DecimalOption = Annotated[
    DecimalSign | None,
    typer.Option("--decimal", help="What stands before the decimals of numbers. (Default: recognized.)"),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="NAME=COLUMN", help="Take this column of the file for this field. May be repeated."),
]
InFlightOption = Annotated[
    int, typer.Option("--in-flight", min=1, max=IN_FLIGHT_MAX, metavar="N", help="Rows on their way at the same time.")
]
RunLabelOption = Annotated[
    str,
    typer.Option(
        "--run-label",
        metavar="TEXT",
        help="Rows with the same content and label are imported once; another label imports them anew.",
    ),
]
