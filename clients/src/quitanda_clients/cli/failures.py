"""What a command prints on stderr when it fails, and the exit code that goes with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from quitanda.domain.outcomes import Problem, Refused
from quitanda.error_status import Failure, describe, to_json_error
from quitanda.errors import NoConnection, NotOffered, QuitandaError, Rejected
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.command_run import Effect, NextSteps
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.local_errors import LocalReason, local_error, print_json_error
from quitanda_clients.cli.streams import AnswerNotWritten, ReaderGone, print_error
from quitanda_clients.i18n.refusal_texts import refusal_text
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say

_MESSAGES: Final[Mapping[str, str]] = {
    Problem.NOTHING_TO_CHANGE: N_(
        "Nothing to change. Give --field NAME=TEXT, or another option that changes something."
    ),
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
    return exit_codes.of_failure(failure)


def report_not_written(error: AnswerNotWritten, context: FailureContext) -> int:
    """Print that the command is done, but standard output failed; a pipe that the reader closed needs no message."""
    if isinstance(error, ReaderGone):
        return exit_codes.READER_GONE
    if context.effect is Effect.READ:
        text = say("The answer could not be written: {problem}.", problem=exception_text(error))
    else:
        text = say(
            "Done, but the answer could not be written: {problem}. {next_step}",
            problem=exception_text(error),
            next_step=_how_to_see_it(context),
        )
    if context.as_json:
        beside = {} if context.request_id is None else {"request_id": context.request_id}
        definite = context.effect is Effect.READ
        print_json_error(local_error(LocalReason.ANSWER_NOT_WRITTEN, text, definite=definite), **beside)
    else:
        print_error(text)
    return exit_codes.NOT_WRITTEN


def _how_to_see_it(context: FailureContext) -> str:
    if context.request_id is None:
        return say("To see it, give the same command again: nothing is done twice.")
    return say(
        "To see it, give the same command again {repeat_for}with: --request-id {request_id}",
        repeat_for=context.repeat_for,
        request_id=context.request_id,
    )


def _message(described: Failure) -> str:
    return _MESSAGES.get(described.details.get("problem", ""), described.message)


def _refusal(refused: Refused) -> str:
    better = _MESSAGES.get(dict(refused.details).get("problem", ""))
    return say(better) if better else refusal_text(refused)


def _text(cause: Refused | QuitandaError, context: FailureContext, next_step: str) -> str:
    if isinstance(cause, Refused):
        return say("Refused ({reason}): {message}", reason=cause.reason.value, message=_refusal(cause))
    if not cause.definite:
        again = next_step or (
            say(
                "To find out, and to make the change if it was not made, give the same command again {repeat_for}with:",
                repeat_for=context.repeat_for,
            )
            + f"\n  --request-id {context.request_id}"
        )
        unknown = say("Unknown: {cause}.", cause=exception_text(cause))
        return f"{unknown}\n{say('The change may or may not have been made.')}\n{again}"
    unchanged = f"{say('Nothing was changed.')} " if context.effect is Effect.WRITE else ""
    unavailable = say("Not available: {cause}.", cause=exception_text(cause))
    return f"{unavailable}\n{unchanged}{next_step or _next_step(cause, context.steps)}"


def _next_step(cause: QuitandaError, steps: NextSteps) -> str:
    if isinstance(cause, NoConnection):
        return steps.no_connection
    return steps.not_offered if isinstance(cause, NotOffered) else steps.unavailable
