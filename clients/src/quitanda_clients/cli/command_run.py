"""One run of a command: it puts the options together, runs the command's coroutine, and reports a failure."""

import asyncio
import functools
import inspect
import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import typer

from quitanda_clients.cli import exit_codes, interrupts
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.options import (
    CommonOptions,
    OutputFormat,
    Program,
    VersionOption,
    check_variables,
    options_after,
    options_before,
)
from quitanda_clients.cli.streams import AnswerNotWritten, print_error
from quitanda_clients.i18n.speech import say
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.results import Consistency
from quitanda_clients.tokens import IDENTITY_VARIABLE, NoTokenError

if TYPE_CHECKING:
    from quitanda.errors import QuitandaError
    from quitanda_clients.cli.failures import FailureContext
    from quitanda_clients.cli.output import AnswerOutput

P = ParamSpec("P")
RunT = TypeVar("RunT", bound="CommandRun")
CommandFunction = Callable[Concatenate[RunT, P], Coroutine[Any, Any, int | None]]

CONTEXT: Final = "context"

Question = Callable[[Mapping[str, Any]], str]
"""Writes, from a command's own options, the question that it asks first; empty for no question."""


class Effect(Enum):
    """What a command does to the shop. It decides what the program may say about a failure."""

    READ = auto()
    """It changes no document."""
    WRITE = auto()
    """It makes one write, with one request id."""
    WRITES = auto()
    """It makes many writes, each with a request id of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSteps:
    """What the user can do after each kind of failure (`quitanda.errors`: NoConnection, NotOffered, other Unavailable).

    Each program, and each transport, has its own sentences.
    """

    no_connection: str
    not_offered: str
    unavailable: str


class CommandRun:
    """What one run of a command was given, and how it answers."""

    def __init__(self, options: CommonOptions, effect: Effect) -> None:
        self.format = options.chosen_format()
        self.as_json = self.format is OutputFormat.JSON
        self.consistency = options.consistency or Consistency.LINEARIZABLE
        self.request_id = (options.request_id or new_request_id()) if effect is Effect.WRITE else None
        self.repeat_for = ""
        """What to repeat the command for, if that is not what the user typed: "for the order …, "."""
        self._effect = effect
        self._told_slow = False
        if options.request_id is not None and effect is not Effect.WRITE:
            raise typer.BadParameter(
                say("--request-id works only with commands that change one thing"), param_hint="--request-id"
            )

    @functools.cached_property
    def output(self) -> "AnswerOutput":
        """How the run shows answers."""
        from quitanda_clients.cli.output import make_output  # noqa: PLC0415 - after the options are right

        return make_output(self.format)

    def next_steps(self) -> NextSteps:
        """Say what the user can do if nobody answers; each program knows."""
        raise AssertionError("each program's run says it")

    def failure_context(self) -> "FailureContext":
        """Give what the report of a failure needs."""
        from quitanda_clients.cli.failures import FailureContext  # noqa: PLC0415 - most runs end well

        return FailureContext(
            effect=self._effect,
            as_json=self.as_json,
            request_id=self.request_id,
            steps=self.next_steps(),
            repeat_for=self.repeat_for,
        )

    def on_slow(self, servers: str, timeout: float) -> Callable[[str], None]:
        """Make the function that tells people, once, that there is no answer after a second, and why."""

        def tell(reason: str) -> None:
            if self.as_json or self._told_slow:
                return
            self._told_slow = True
            because = f" ({exception_text(reason)})" if reason else ""
            print_error(
                say(
                    "Waiting for an answer from {servers}{because}; at most {timeout:g} s, Ctrl-C ends it.",
                    servers=servers,
                    because=because,
                    timeout=timeout,
                )
            )

        return tell


def add_common_options(app: typer.Typer, program: Program, open_interface: Callable[[CommonOptions], int]) -> None:
    """Let the application take the common options before its commands.

    Without a command, where a person is at a terminal, `open_interface` opens the full-screen interface.
    """

    def callback(**values: Any) -> None:
        context: typer.Context = values.pop(CONTEXT)
        values.pop("version")
        check_variables(os.environ)
        context.obj = CommonOptions(**values)
        if context.invoked_subcommand is None:
            raise typer.Exit(open_interface(context.obj))

    version = inspect.Parameter("version", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=VersionOption)
    _set_signature(callback, program.name, program.text, [_context(), *options_before(program), version])
    app.callback()(callback)


def command(
    open_run: Callable[[CommonOptions, Effect], RunT],
    program: Program,
    effect: Effect,
    question: Question | None = None,
) -> Callable[[CommandFunction[RunT, P]], Callable[..., None]]:
    """Make a typer command of a coroutine function that takes a run and the command's own options.

    The command also takes the program's common options. The coroutine returns an exit code, or None for 0. If the user
    sits at a terminal, the command asks `question` first, and --yes answers it.
    """
    common = list(options_after(program))

    def decorate(function: CommandFunction[RunT, P]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        def run_command(**values: Any) -> None:
            context: typer.Context = values.pop(CONTEXT)
            _check_encoding(context)
            typed = CommonOptions(**{parameter.name: values.pop(parameter.name) for parameter in common})
            run = open_run(typed.over(context.obj), effect)
            if question is not None and not _confirmed(run, question(values)):
                raise typer.Exit(exit_codes.REFUSED)
            raise typer.Exit(_finish(run, functools.partial(function, run, **values)))

        _set_signature(run_command, function.__name__, function.__doc__, [_context(), *own, *common])
        return run_command

    return decorate


def _confirmed(run: CommandRun, question: str) -> bool:
    """Ask, if there is a question and a person to answer it; programs are never asked."""
    if not question or run.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print_error(f"{question} {say('[y/N]')} ", end="")
    if sys.stdin.readline().strip().lower() in {"y", "yes", say("y"), say("yes")}:
        return True
    print_error(say("Nothing was changed."))
    return False


def _finish(run: CommandRun, coroutine: Callable[[], Coroutine[Any, Any, int | None]]) -> int:
    from quitanda.errors import OutcomeUnknown, QuitandaError  # noqa: PLC0415 - `--help` does not need it

    try:
        with interrupts.raise_keyboard_interrupt():
            code = asyncio.run(coroutine()) or exit_codes.DONE
        sys.stdout.flush()
    except QuitandaError as failure:
        return _report(run, failure)
    except AnswerNotWritten as error:
        return _report_not_written(run, error)
    except NoTokenError as error:  # of the client, which sends no token without TLS to another machine
        raise typer.BadParameter(exception_text(error), param_hint=IDENTITY_VARIABLE) from None
    except KeyboardInterrupt:
        if run.request_id is not None:  # without it, the user could not repeat the write safely
            _report(run, OutcomeUnknown("interrupted"))
        return exit_codes.INTERRUPTED
    return code


def _report(run: CommandRun, failure: "QuitandaError") -> int:
    from quitanda_clients.cli.failures import report  # noqa: PLC0415 - most runs end well

    return report(failure, run.failure_context())


def _report_not_written(run: CommandRun, error: AnswerNotWritten) -> int:
    from quitanda_clients.cli.failures import report_not_written  # noqa: PLC0415

    return report_not_written(error, run.failure_context())


def _context() -> inspect.Parameter:
    return inspect.Parameter(CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)


def _set_signature(
    function: Callable[..., None], name: str, text: str | None, parameters: Iterable[inspect.Parameter]
) -> None:
    """Give a function the name, the help text and the parameters that typer reads."""
    keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    function.__name__ = name
    # Paragraphs in one line each, because the help keeps line breaks, which do not fit every terminal.
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    function.__doc__ = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in keyword_only}
    function.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]


def _check_encoding(context: typer.Context) -> None:
    """Refuse values that are not UTF-8: Python passes their bytes on as lone surrogates.

    This covers options before the command, too. The name of a file may be any bytes.
    """
    for at in _with_parents(context):
        for parameter in at.command.params:
            value = at.params.get(str(parameter.name))
            if any(not _is_utf8(text) for text in (value if isinstance(value, list | tuple) else [value])):
                raise typer.BadParameter(say("the value is not valid UTF-8"), param=parameter)


def _with_parents(context: Any) -> Iterator[Any]:
    while context is not None:
        yield context
        context = context.parent


def _is_utf8(value: object) -> bool:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    return True
