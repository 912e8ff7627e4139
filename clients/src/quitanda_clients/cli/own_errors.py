"""Failures that the programs find by themselves; they look like every other error, and never travel."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.streams import tell


class OwnReason(StrEnum):
    """Stands where a portal's reason would stand (docs/ERRORS.md)."""

    WRONG_USE = "WRONG_USE"
    FILE_NOT_VALID = "FILE_NOT_VALID"
    INTERRUPTED = "INTERRUPTED"
    NO_BACKUP = "NO_BACKUP"
    BACKUP_DAMAGED = "BACKUP_DAMAGED"
    ANSWER_NOT_WRITTEN = "ANSWER_NOT_WRITTEN"


EXIT_CODES: Final[Mapping[OwnReason, int]] = {
    OwnReason.WRONG_USE: exit_codes.WRONG_USE,
    OwnReason.FILE_NOT_VALID: exit_codes.WRONG_USE,
    OwnReason.INTERRUPTED: exit_codes.INTERRUPTED,
    OwnReason.NO_BACKUP: exit_codes.UNAVAILABLE,
    OwnReason.BACKUP_DAMAGED: exit_codes.REFUSED,
    OwnReason.ANSWER_NOT_WRITTEN: exit_codes.NOT_WRITTEN,
}


def own_error(reason: OwnReason, message: str, *, field: str = "", definite: bool = True) -> dict[str, Any]:
    """Write an error with the members of a refusal (`quitanda.error_status.to_json_error`)."""
    return {
        "reason": reason.value,
        "message": message,
        "retryable": not definite,
        "definite": definite,
        "field": field,
        "details": {},
    }


def tell_own(reason: OwnReason, message: str, *, as_json: bool, field: str = "", **beside: Any) -> int:
    """Say it for people in one line, or as JSON with what belongs to it; returns the exit code."""
    if as_json:
        tell_json(own_error(reason, message, field=field), **beside)
    else:
        tell(f"Failed ({reason.value}): {message}")
    return EXIT_CODES[reason]


def tell_json(error: Mapping[str, Any], **beside: Any) -> None:
    """Say `{"error": …}` on standard error, with what belongs to it beside it."""
    tell(json.dumps({"error": error, **beside}))
