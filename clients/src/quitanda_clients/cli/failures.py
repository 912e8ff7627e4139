"""What is said on stderr when a command does not succeed, and the exit code that goes with it."""

from dataclasses import dataclass

from quitanda.domain.outcomes import Refused
from quitanda.error_status import describe, to_json_error
from quitanda.errors import NoConnection, NotOffered, QuitandaError, Rejected
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.effect import Effect
from quitanda_clients.cli.next_steps import NextSteps
from quitanda_clients.cli.own_errors import OwnReason, own_error, tell_json
from quitanda_clients.cli.streams import AnswerNotWritten, ReaderGone, tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a failure is told with: the command's effect, how to say it, the write's id, and what to do next.

    `about` says what the command must be repeated for, where that is not what was typed: "for the order …, ".
    """

    effect: Effect
    as_json: bool
    request_id: str | None
    steps: NextSteps
    about: str = ""


def report(failure: QuitandaError, context: Context, next_step: str = "") -> int:
    """Say what went wrong, and `next_step` or the usual one; returns the exit code."""
    cause: Refused | QuitandaError = failure.refused if isinstance(failure, Rejected) else failure
    if context.as_json:
        beside = {} if isinstance(cause, Refused) else {"cause": str(cause)}
        if context.request_id is not None:
            beside["request_id"] = context.request_id
        tell_json(to_json_error(cause), **beside)
    else:
        tell(_text(cause, context, next_step))
    if isinstance(failure, Rejected):
        return exit_codes.REFUSED
    return exit_codes.UNAVAILABLE if failure.definite else exit_codes.UNKNOWN


def report_not_written(error: AnswerNotWritten, context: Context) -> int:
    """Say that the command is done though its answer could not be written; a closed pipe ends it without a word."""
    if isinstance(error, ReaderGone):
        return exit_codes.READER_GONE
    if context.effect is Effect.READ:
        text = f"The answer could not be written: {error}."
    else:
        text = f"Done, but the answer could not be written: {error}. {_to_see_it(context)}"
    if context.as_json:
        beside = {} if context.request_id is None else {"request_id": context.request_id}
        definite = context.effect is Effect.READ
        tell_json(own_error(OwnReason.ANSWER_NOT_WRITTEN, text, definite=definite), **beside)
    else:
        tell(text)
    return exit_codes.NOT_WRITTEN


def _to_see_it(context: Context) -> str:
    if context.request_id is None:
        return "To see it, give the same command again: what is done is not done twice."
    return f"To see it, give the same command again {context.about}with: --request-id {context.request_id}"


def _text(cause: Refused | QuitandaError, context: Context, next_step: str) -> str:
    if isinstance(cause, Refused):
        described = describe(cause)
        return f"Refused ({described.reason}): {described.message}"
    if not cause.definite:
        again = next_step or (
            f"To find out, and to make it if it was not made, give the same command again {context.about}with:\n"
            f"  --request-id {context.request_id}"
        )
        return f"Unknown: {cause}.\nThe change may or may not have been made.\n{again}"
    unchanged = "Nothing was changed. " if context.effect is Effect.WRITE else ""
    return f"Not available: {cause}.\n{unchanged}{next_step or _what_to_do(cause, context.steps)}"


def _what_to_do(cause: QuitandaError, steps: NextSteps) -> str:
    if isinstance(cause, NoConnection):
        return steps.no_connection
    return steps.not_offered if isinstance(cause, NotOffered) else steps.unavailable
