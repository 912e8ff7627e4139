"""What a command prints on stderr when it fails, and the exit code that goes with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from quitanda.domain.outcomes import Problem, Refused
from quitanda.error_status import Failure, describe, to_json_error
from quitanda.errors import NoConnection, NotOffered, QuitandaError, Rejected
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.command_run import Effect, NextSteps
from quitanda_clients.cli.local_errors import LocalReason, local_error, print_json_error
from quitanda_clients.cli.streams import AnswerNotWritten, ReaderGone, print_error

_MESSAGES: Final[Mapping[str, str]] = {
    Problem.NOTHING_TO_CHANGE: "Nothing to change. Give --field NAME=TEXT, or another option that changes something.",
}
"""Messages that are better for people who type options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureContext:
    """What the report of a failure needs: the command's effect, the format, the write's id, and the next steps.

    `repeat_for` says what to repeat the command for, if that is not what the user typed: "for the order …, ".
    """

    effect: Effect
    as_json: bool
    request_id: str | None
    steps: NextSteps
    repeat_for: str = ""


def report(failure: QuitandaError, context: FailureContext, next_step: str = "") -> int:
    """Print what went wrong, with `next_step` or the usual one; returns the exit code."""
    cause: Refused | QuitandaError = failure.refused if isinstance(failure, Rejected) else failure
    if context.as_json:
        beside = {} if isinstance(cause, Refused) else {"cause": str(cause)}
        if context.request_id is not None:
            beside["request_id"] = context.request_id
        print_json_error(to_json_error(cause) | {"message": _message(describe(cause))}, **beside)
    else:
        print_error(_text(cause, context, next_step))
    if isinstance(failure, Rejected):
        return exit_codes.REFUSED
    return exit_codes.UNAVAILABLE if failure.definite else exit_codes.UNKNOWN


def report_not_written(error: AnswerNotWritten, context: FailureContext) -> int:
    """Print that the command is done, but standard output failed; a pipe that the reader closed needs no message."""
    if isinstance(error, ReaderGone):
        return exit_codes.READER_GONE
    if context.effect is Effect.READ:
        text = f"The answer could not be written: {error}."
    else:
        text = f"Done, but the answer could not be written: {error}. {_how_to_see_it(context)}"
    if context.as_json:
        beside = {} if context.request_id is None else {"request_id": context.request_id}
        definite = context.effect is Effect.READ
        print_json_error(local_error(LocalReason.ANSWER_NOT_WRITTEN, text, definite=definite), **beside)
    else:
        print_error(text)
    return exit_codes.NOT_WRITTEN


def _how_to_see_it(context: FailureContext) -> str:
    if context.request_id is None:
        return "To see it, give the same command again: nothing is done twice."
    return f"To see it, give the same command again {context.repeat_for}with: --request-id {context.request_id}"


def _message(described: Failure) -> str:
    return _MESSAGES.get(described.details.get("problem", ""), described.message)


def _text(cause: Refused | QuitandaError, context: FailureContext, next_step: str) -> str:
    if isinstance(cause, Refused):
        described = describe(cause)
        return f"Refused ({described.reason}): {_message(described)}"
    if not cause.definite:
        again = next_step or (
            f"To find out, and to make the change if it was not made, give the same command again {context.repeat_for}"
            f"with:\n  --request-id {context.request_id}"
        )
        return f"Unknown: {cause}.\nThe change may or may not have been made.\n{again}"
    unchanged = "Nothing was changed. " if context.effect is Effect.WRITE else ""
    return f"Not available: {cause}.\n{unchanged}{next_step or _next_step(cause, context.steps)}"


def _next_step(cause: QuitandaError, steps: NextSteps) -> str:
    if isinstance(cause, NoConnection):
        return steps.no_connection
    return steps.not_offered if isinstance(cause, NotOffered) else steps.unavailable
