"""The options of the import commands."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from quitanda.domain.model import Kind
from quitanda_clients.csv_import.decimal_signs import DecimalSign
from quitanda_clients.csv_import.options import IN_FLIGHT_DEFAULT, ImportOptions
from quitanda_clients.csv_import.text_encoding import Encoding
from quitanda_clients.i18n.speech import say

IN_FLIGHT_MAX: Final = 1_000


def read(*, column: list[str] | None, run_label: str, **typed: Any) -> ImportOptions:
    """Put the typed options together; raises BadParameter."""
    return ImportOptions(columns=_columns(column or []), label=run_label, **typed)


def read_delimiter(text: str) -> str:
    """Read --delimiter: one character, or `tab`."""
    sign = "\t" if text in {"tab", "\\t"} else text
    if len(sign) != 1 or sign in {'"', "\n", "\r"}:
        raise typer.BadParameter(say("'{typed}' is not a delimiter; give one character, or tab", typed=text))
    return sign


def _columns(typed: list[str]) -> dict[str, str]:
    """Read --map: `NAME=COLUMN`, each name once."""
    mapped: dict[str, str] = {}
    for text in typed:
        name, equals, column = (part.strip() for part in text.partition("="))
        if not equals or not name or not column:
            raise typer.BadParameter(
                say("'{typed}' is not NAME=COLUMN, for example price=Valor", typed=text), param_hint="--map"
            )
        if name in mapped or column in mapped.values():
            raise typer.BadParameter(
                say("'{typed}' repeats a name or a column; give each once", typed=text), param_hint="--map"
            )
        mapped[name] = column
    return mapped


def parameters(kind: Kind) -> dict[str, tuple[Any, Any]]:
    """Give the options of the import of documents of a kind, by name: the annotated type and the default.

    `...` stands for no default.
    """
    match kind:
        case Kind.ORDER:
            return _OF_ALL
        case Kind.CUSTOMER:
            return _OF_ALL | _OF_DOCUMENTS | _OF_CUSTOMERS
        case _:
            return _OF_ALL | _OF_DOCUMENTS


_OF_ALL: Final[dict[str, tuple[Any, Any]]] = {
    "file": (
        Annotated[
            Path, typer.Argument(metavar="FILE.csv", help="The file to import, CSV or JSON Lines; - is standard input.")
        ],
        ...,
    ),
    "skip_invalid": (
        Annotated[bool, typer.Option("--skip-invalid", help="Import the valid rows of a file that has invalid ones.")],
        False,
    ),
    "dry_run": (
        Annotated[bool, typer.Option("--dry-run", help="Say what an import would do, and change nothing.")],
        False,
    ),
    "column": (
        Annotated[
            list[str] | None,
            typer.Option(
                "--map",
                metavar="NAME=COLUMN",
                help="Read the field NAME from this column of the file. You may repeat this option.",
            ),
        ],
        None,
    ),
    "encoding": (
        Annotated[
            Encoding | None,
            typer.Option(
                "--encoding", help="The file's character encoding. (Default: recognized.)", case_sensitive=False
            ),
        ],
        None,
    ),
    "delimiter": (
        Annotated[
            str | None,
            typer.Option(
                "--delimiter",
                parser=read_delimiter,
                metavar="CHAR",
                help="The character between two values; may be tab. (Default: comma, semicolon or tab, recognized.)",
            ),
        ],
        None,
    ),
    "decimal": (
        Annotated[
            DecimalSign | None,
            typer.Option("--decimal", help="The character before the decimals of numbers. (Default: recognized.)"),
        ],
        None,
    ),
    "in_flight": (
        Annotated[
            int,
            typer.Option(
                "--in-flight", min=1, max=IN_FLIGHT_MAX, metavar="N", help="Send at most N rows at the same time."
            ),
        ],
        IN_FLIGHT_DEFAULT,
    ),
    "run_label": (
        Annotated[
            str,
            typer.Option(
                "--run-label",
                metavar="TEXT",
                help="Rows with the same content and label are imported once; another label imports them again.",
            ),
        ],
        "",
    ),
}

_OF_DOCUMENTS: Final[dict[str, tuple[Any, Any]]] = {
    "update": (
        Annotated[
            bool,
            typer.Option(
                "--update", help="Also change documents that exist, in the columns that the file has; else refuse them."
            ),
        ],
        False,
    ),
}
"""Orders that exist are changed by commands of their own only."""

_OF_CUSTOMERS: Final[dict[str, tuple[Any, Any]]] = {
    "tokens": (
        Annotated[
            Path | None,
            typer.Option(
                "--tokens",
                metavar="FILE",
                help="Write the tokens of the customers that are created to this file, for you alone to read. What it "
                "has stays: repeat an import with the same file.",
            ),
        ],
        None,
    ),
}
