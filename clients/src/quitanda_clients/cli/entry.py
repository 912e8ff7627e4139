"""Where a command-line application starts and ends."""

import io
import sys
from typing import NoReturn

import typer

from quitanda_clients.cli import exit_codes


def run_application(app: typer.Typer) -> NoReturn:
    """Run the application on the process's arguments and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character shows its number instead of ending the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(exit_codes.INTERRUPTED)
    sys.exit(exit_codes.DONE)
