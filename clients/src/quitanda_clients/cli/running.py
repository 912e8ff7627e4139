"""Running one command: its options are put together, its coroutine is run, its failures are reported."""

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import typer

from quitanda_clients.cli import exit_codes, interrupts
from quitanda_clients.cli.effect import Effect
from quitanda_clients.cli.settings import Format, Given
from quitanda_clients.cli.streams import AnswerNotWritten, tell
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.results import Consistency

if TYPE_CHECKING:
    from quitanda.errors import QuitandaError
    from quitanda_clients.cli.failures import Context
    from quitanda_clients.cli.next_steps import NextSteps
    from quitanda_clients.cli.output import Output

P = ParamSpec("P")
RunT = TypeVar("RunT", bound="Run")

CONTEXT: Final = "context"

Question = Callable[[Mapping[str, Any]], str]
"""Writes, from a command's own options, what is asked before it is carried out; empty if nothing is."""


class Run:
    """What one run of a command was told, and how it answers."""

    def __init__(self, given: Given, effect: Effect) -> None:
        self.format = given.chosen_format()
        self.as_json = self.format is Format.JSON
        self.consistency = given.consistency or Consistency.LINEARIZABLE
        self.request_id = (given.request_id or new_request_id()) if effect is Effect.WRITE else None
        self.about = ""
        """What a repetition is for, where that is not what was typed (`failures.Context`)."""
        self._effect = effect
        self._waiting_told = False
        if given.request_id is not None and effect is not Effect.WRITE:
            raise typer.BadParameter("this command is not one single write", param_hint="--request-id")

    @functools.cached_property
    def output(self) -> "Output":
        """How to show answers."""
        from quitanda_clients.cli.output import make_output  # noqa: PLC0415 - after the options are right

        return make_output(self.format)

    def next_steps(self) -> "NextSteps":
        """Say what to do where nobody answers; each application knows."""
        raise AssertionError("an application's run says it")

    def failure_context(self) -> "Context":
        """Give what a failure of this run is told with."""
        from quitanda_clients.cli.failures import Context  # noqa: PLC0415 - most runs end well

        return Context(
            effect=self._effect,
            as_json=self.as_json,
            request_id=self.request_id,
            steps=self.next_steps(),
            about=self.about,
        )

    def slow(self, places: str, timeout: float) -> Callable[[str], None]:
        """Make what tells people, once, that no answer has come for a second, and what is being tried."""

        def told(trouble: str) -> None:
            if self.as_json or self._waiting_told:
                return
            self._waiting_told = True
            so_far = f" ({trouble})" if trouble else ""
            tell(f"Waiting for an answer from {places}{so_far}; at most {timeout:g} s, Ctrl-C ends it.")

        return told


def command(
    open_run: Callable[[Given, Effect], RunT],
    shared_options: Callable[..., None],
    effect: Effect,
    question: Question | None = None,
) -> Callable[[Callable[Concatenate[RunT, P], Coroutine[Any, Any, int | None]]], Callable[..., None]]:
    """Make a typer command of a coroutine function that takes a run and options of its own.

    The command also takes `shared_options` (given by a function's parameters). The coroutine returns an
    exit code, or None for 0. `question` is asked first where a person sits at a terminal, and `--yes` answers it.
    """
    shared = list(inspect.signature(shared_options).parameters.values())
    names = [parameter.name for parameter in shared]

    def decorate(
        function: Callable[Concatenate[RunT, P], Coroutine[Any, Any, int | None]],
    ) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        def run_command(**values: Any) -> None:
            context: typer.Context = values.pop(CONTEXT)
            _check_encoding(context)
            given = Given(**{name: values.pop(name) for name in names})
            run = open_run(given.over(context.obj), effect)
            if question is not None and not _confirmed(run, question(values)):
                raise typer.Exit(exit_codes.REFUSED)
            raise typer.Exit(_finish(run, functools.partial(function, run, **values)))

        _describe(run_command, function, [*_context(), *own, *shared])
        return run_command

    return decorate


def _confirmed(run: Run, question: str) -> bool:
    """Ask, where there is something to ask, and somebody to answer: programs go on as they always did."""
    if not question or run.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    tell(f"{question} [y/N] ", end="")
    if sys.stdin.readline().strip().lower() in {"y", "yes"}:
        return True
    tell("Nothing was changed.")
    return False


def _finish(run: Run, coroutine: Callable[[], Coroutine[Any, Any, int | None]]) -> int:
    from quitanda.errors import OutcomeUnknown, QuitandaError  # noqa: PLC0415 - `--help` does not need it

    try:
        with interrupts.raised():
            code = asyncio.run(coroutine()) or exit_codes.DONE
        sys.stdout.flush()
    except QuitandaError as failure:
        return _report(run, failure)
    except AnswerNotWritten as error:
        return _report_not_written(run, error)
    except KeyboardInterrupt:
        if run.request_id is not None:  # without it, the write could not be repeated safely
            _report(run, OutcomeUnknown("interrupted"))
        return exit_codes.INTERRUPTED
    return code


def _report(run: Run, failure: "QuitandaError") -> int:
    from quitanda_clients.cli.failures import report  # noqa: PLC0415 - most runs end well

    return report(failure, run.failure_context())


def _report_not_written(run: Run, error: AnswerNotWritten) -> int:
    from quitanda_clients.cli.failures import report_not_written  # noqa: PLC0415

    return report_not_written(error, run.failure_context())


def _context() -> list[inspect.Parameter]:
    return [inspect.Parameter(CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]


def _describe(
    run_command: Callable[..., None], function: Callable[..., Any], parameters: Iterable[inspect.Parameter]
) -> None:
    """Give the command the name, the text and the parameters that typer reads."""
    keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    run_command.__name__ = function.__name__
    run_command.__doc__ = function.__doc__
    run_command.__annotations__ = {parameter.name: parameter.annotation for parameter in keyword_only}
    run_command.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]


def _check_encoding(context: typer.Context) -> None:
    """Refuse values that are not UTF-8: Python hands their bytes on as lone surrogates.

    Options before the command count, too. The name of a file may be any bytes.
    """
    for at in _with_parents(context):
        for parameter in at.command.params:
            value = at.params.get(str(parameter.name))
            if any(not _is_utf8(text) for text in (value if isinstance(value, list | tuple) else [value])):
                raise typer.BadParameter("the value is not valid UTF-8", param=parameter)


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
