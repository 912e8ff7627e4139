"""Where a command reads a file: `-` is standard input."""

import os
from pathlib import Path
from typing import BinaryIO

import typer

from quitanda.backup.destination import STANDARD_OUTPUT

STANDARD_INPUT = STANDARD_OUTPUT
"""Both are written alike; which one is meant follows from what is done."""


def open_to_read(path: Path, argument: str) -> BinaryIO:
    """Open a file, or standard input. Raises BadParameter, which names the argument."""
    try:
        return os.fdopen(os.dup(0), "rb") if str(path) == STANDARD_INPUT else path.open("rb")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}", param_hint=argument) from None
