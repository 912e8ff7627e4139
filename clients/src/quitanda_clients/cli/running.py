"""Running one command: its options are put together, its coroutine is run, its failures are reported."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable, Iterator
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import typer

from quitanda_clients.answers import Consistency
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.settings import Given
from quitanda_clients.request_ids import new_request_id

if TYPE_CHECKING:
    from quitanda.errors import QuitandaError
    from quitanda_clients.cli.output import Output

P = ParamSpec("P")
RunT = TypeVar("RunT", bound="Run")

CONTEXT: Final = "context"


class Effect(Enum):
    """What a command does, which decides what may be said about a failure."""

    READ = auto()
    WRITE = auto()
    WRITES = auto()
    """Many writes, each with an id of its own."""


class Run:
    """What one run of a command was told, and how it answers."""

    def __init__(self, given: Given, effect: Effect) -> None:
        self.as_json = given.json
        self.consistency = given.consistency or Consistency.LINEARIZABLE
        self.request_id = (given.request_id or new_request_id()) if effect is Effect.WRITE else None
        if given.request_id is not None and effect is not Effect.WRITE:
            raise typer.BadParameter("this command is not one single write", param_hint="--request-id")

    @functools.cached_property
    def output(self) -> "Output":
        """How to show answers."""
        from quitanda_clients.cli.output import JsonOutput, TextOutput  # noqa: PLC0415 - after the options are right

        return JsonOutput() if self.as_json else TextOutput()


def command(
    open_run: Callable[[Given, Effect], RunT],
    shared_options: Callable[..., None],
    effect: Effect,
) -> Callable[[Callable[Concatenate[RunT, P], Coroutine[Any, Any, int | None]]], Callable[..., None]]:
    """Make a typer command of a coroutine function that takes a run and options of its own.

    The command also takes `shared_options` (given by a function's parameters). The coroutine returns an
    exit code, or None for 0.
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
            raise typer.Exit(_finish(run, functools.partial(function, run, **values)))

        _describe(run_command, function, [*_context(), *own, *shared])
        return run_command

    return decorate


def _finish(run: Run, coroutine: Callable[[], Coroutine[Any, Any, int | None]]) -> int:
    from quitanda.errors import OutcomeUnknown, QuitandaError  # noqa: PLC0415 - `--help` does not need it

    try:
        return asyncio.run(coroutine()) or exit_codes.DONE
    except QuitandaError as failure:
        return _report(run, failure)
    except KeyboardInterrupt:
        if run.request_id is not None:  # without it, the write could not be repeated safely
            _report(run, OutcomeUnknown("interrupted"))
        return exit_codes.INTERRUPTED


def _report(run: Run, failure: "QuitandaError") -> int:
    from quitanda_clients.cli.failures import report  # noqa: PLC0415 - most runs end well

    return report(failure, as_json=run.as_json, request_id=run.request_id)


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
