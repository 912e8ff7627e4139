"""Options of the two import commands."""

from pathlib import Path
from typing import Annotated, Final

import typer

IN_FLIGHT_MAX: Final = 1_000


def delimiter(text: str) -> str:
    """Read --delimiter: one character, or `tab`."""
    sign = "\t" if text in {"tab", "\\t"} else text
    if len(sign) != 1 or sign in {'"', "\n", "\r"}:
        raise typer.BadParameter(f"'{text}' is not a delimiter; give one character, or tab")
    return sign


FileArgument = Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file to import; - is standard input.")]
UpdateOption = Annotated[bool, typer.Option("--update", help="Update what exists already instead of refusing the row.")]
SkipInvalidOption = Annotated[
    bool, typer.Option("--skip-invalid", help="Import the valid rows of a file that has others.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what an import would do, and change nothing.")]
DelimiterOption = Annotated[
    str, typer.Option("--delimiter", parser=delimiter, metavar="CHAR", help="What separates values; may be tab.")
]
InFlightOption = Annotated[
    int, typer.Option("--in-flight", min=1, max=IN_FLIGHT_MAX, metavar="N", help="Rows on their way at the same time.")
]
RunLabelOption = Annotated[
    str,
    typer.Option(
        "--run-label",
        metavar="TEXT",
        help="The same file with the same label is one import, however often it is given; another label begins anew.",
    ),
]
