"""Where a command-line application starts and ends."""

import logging
import os
import sys
from typing import NoReturn

import typer

from quitanda_clients.cli import exit_codes, streams
from quitanda_clients.cli.streams import AnswerNotWritten, ReaderGone, tell


def run_application(app: typer.Typer) -> NoReturn:
    """Run the application on the process's arguments and exit with its code."""
    # gRPC's library writes notes of its own to stderr (a portal that goes away, for example); it reads this
    # when it is loaded, which is later.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Without any handler Python writes warnings of libraries to stderr, which is for what this says itself; the MQTT
    # library, for example, tells there of each answer of a server that is no broker.
    logging.getLogger().addHandler(logging.NullHandler())
    streams.guard()
    sys.exit(_code(app))


def _code(app: typer.Typer) -> int:
    """Run it; commands tell themselves what became of their answers, this is about help and the like."""
    try:
        try:
            app()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else exit_codes.DONE
        else:
            code = exit_codes.DONE
        sys.stdout.flush()
    except ReaderGone:
        return exit_codes.READER_GONE
    except AnswerNotWritten as error:
        tell(f"It could not be written: {error}.")
        return exit_codes.NOT_WRITTEN
    return code
