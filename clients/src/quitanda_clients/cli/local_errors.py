"""Errors that the programs find themselves. They look like every other error, and never travel."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.streams import print_error
from quitanda_clients.i18n.speech import say


class LocalReason(StrEnum):
    """Stands in the place of a portal's reason (docs/ERRORS.md)."""

    WRONG_USE = "WRONG_USE"
    FILE_NOT_VALID = "FILE_NOT_VALID"
    INTERRUPTED = "INTERRUPTED"
    NO_BACKUP = "NO_BACKUP"
    NO_EXPORT = "NO_EXPORT"
    NO_CERTIFICATE = "NO_CERTIFICATE"
    BACKUP_DAMAGED = "BACKUP_DAMAGED"
    ANSWER_NOT_WRITTEN = "ANSWER_NOT_WRITTEN"


EXIT_CODES: Final[Mapping[LocalReason, int]] = {
    LocalReason.WRONG_USE: exit_codes.WRONG_USE,
    LocalReason.FILE_NOT_VALID: exit_codes.WRONG_USE,
    LocalReason.INTERRUPTED: exit_codes.INTERRUPTED,
    LocalReason.NO_BACKUP: exit_codes.UNAVAILABLE,
    LocalReason.NO_EXPORT: exit_codes.UNAVAILABLE,
    LocalReason.NO_CERTIFICATE: exit_codes.UNAVAILABLE,
    LocalReason.BACKUP_DAMAGED: exit_codes.REFUSED,
    LocalReason.ANSWER_NOT_WRITTEN: exit_codes.NOT_WRITTEN,
}


def local_error(reason: LocalReason, message: str, *, field: str = "", definite: bool = True) -> dict[str, Any]:
    """Write an error with the members of a refusal (`quitanda.error_status.to_json_error`)."""
    return {
        "reason": reason.value,
        "message": message,
        "retryable": not definite,
        "definite": definite,
        "field": field,
        "details": {},
    }


def print_local_error(reason: LocalReason, message: str, *, as_json: bool, field: str = "", **beside: Any) -> int:
    """Print the error on stderr: one line for people, or JSON with `beside` next to it. Returns the exit code."""
    if as_json:
        print_json_error(local_error(reason, message, field=field), **beside)
    else:
        print_error(say("Failed ({reason}): {message}", reason=reason.value, message=message))
    return EXIT_CODES[reason]


def print_interrupted(message: str, *, as_json: bool) -> None:
    """Print on stderr what to do after Ctrl-C: for people the message alone."""
    if as_json:
        print_json_error(local_error(LocalReason.INTERRUPTED, message))
    else:
        print_error(message)


def print_json_error(error: Mapping[str, Any], **beside: Any) -> None:
    """Print `{"error": …}` on stderr, with `beside` next to it."""
    print_error(json.dumps({"error": error, **beside}))
