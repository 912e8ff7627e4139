"""What is said on stderr when a command does not succeed, and the exit code that goes with it."""

import json

import typer

from quitanda.domain.outcomes import Refused
from quitanda.errors import QuitandaError, Rejected
from quitanda.status import describe, to_json_error
from quitanda_clients.cli import exit_codes


def report(failure: QuitandaError, *, as_json: bool, request_id: str | None, next_step: str | None = None) -> int:
    """Say what went wrong; `request_id` is the write's, None where there is not one. Returns the exit code."""
    cause: Refused | QuitandaError = failure.refused if isinstance(failure, Rejected) else failure
    if as_json:
        told: dict[str, object] = {"error": to_json_error(cause)}
        if not isinstance(cause, Refused):
            told["cause"] = str(cause)
        if request_id is not None:
            told["request_id"] = request_id
        typer.echo(json.dumps(told), err=True)
    else:
        typer.echo(_text(cause, next_step or _next_step(cause, request_id)), err=True)
    return exit_codes.REFUSED if isinstance(failure, Rejected) else exit_codes.NO_ANSWER


def _text(cause: Refused | QuitandaError, next_step: str) -> str:
    if isinstance(cause, Refused):
        described = describe(cause)
        return f"Refused ({described.reason}): {described.message}"
    if cause.definite:
        return f"Not available: {cause}.\n{next_step}"
    return f"Unknown: {cause}.\nThe change may or may not have been made.\n{next_step}"


def _next_step(cause: Refused | QuitandaError, request_id: str | None) -> str:
    if isinstance(cause, Refused) or cause.definite:
        return "Nothing was changed. Try again later, or name other portals."
    return (
        "To find out, and to make it if it was not made, give the same command again with:\n"
        f"  --request-id {request_id}"
    )
