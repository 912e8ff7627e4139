"""What is said on stderr when a command does not succeed, and the exit code that goes with it."""

import json

import typer

from quitanda.domain.outcomes import Refused
from quitanda.errors import OutcomeUnknown, QuitandaError, Rejected
from quitanda.status import describe, to_json_error
from quitanda_clients.cli import exit_codes


def report(failure: QuitandaError, *, as_json: bool, request_id: str | None) -> int:
    """Say what went wrong; `request_id` is the write's, None for reads. Returns the exit code."""
    cause: Refused | QuitandaError = failure.refused if isinstance(failure, Rejected) else failure
    if as_json:
        error = {"error": to_json_error(cause)}
        typer.echo(json.dumps(error if request_id is None else error | {"request_id": request_id}), err=True)
    else:
        typer.echo(_text(cause, request_id), err=True)
    return exit_codes.REFUSED if isinstance(failure, Rejected) else exit_codes.NO_ANSWER


def _text(cause: Refused | QuitandaError, request_id: str | None) -> str:
    described = describe(cause)
    if isinstance(cause, Refused):
        return f"Refused ({described.reason}): {described.message}"
    if isinstance(cause, OutcomeUnknown):
        return (
            f"Unknown: {cause}.\n"
            "The change may or may not have been made. To find out, and to make it if it was not made,\n"
            f"give the same command again with: --request-id {request_id}"
        )
    return f"Not available: {cause}.\nNothing was changed. Try again later, or name other portals."
