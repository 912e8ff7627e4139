"""Where a command-line application starts and ends."""

import io
import os
import sys
from typing import NoReturn

import typer

from quitanda_clients.cli import exit_codes


def run_application(app: typer.Typer) -> NoReturn:
    """Run the application on the process's arguments and exit with its code."""
    # gRPC's library writes notes of its own to stderr (a portal that goes away, for example); it reads this
    # when it is loaded, which is later.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character shows its number instead of ending the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(exit_codes.INTERRUPTED)
    sys.exit(exit_codes.DONE)
