"""The command group that stands for a whole application: its usage errors are JSON where JSON is asked for."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

WRONG_USE: Final = "WRONG_USE"
"""Stands where a reason would stand, for a command that cannot be sent as it was written."""


class Application(TyperGroup):
    """Prints usage errors for people, or with --json as one JSON object on stderr; the exit code is the same."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run on the arguments and exit; not standalone, return or raise instead."""
        arguments = list(sys.argv[1:] if args is None else args)
        as_json = standalone_mode and _asks_for_json(arguments)
        run = partial(super().main, arguments, prog_name, complete_var, **extra)
        if not as_json:
            return run(standalone_mode=standalone_mode, windows_expand_args=windows_expand_args)
        try:
            code = run(standalone_mode=False, windows_expand_args=windows_expand_args)
        except TyperException as error:
            typer.echo(json.dumps({"error": _error(error)}), err=True)
            code = error.exit_code
        sys.exit(code)


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Look for the flag itself: with a usage error the options were not read to the end."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def _error(error: TyperException) -> dict[str, Any]:
    """Write a usage error with the same members as a refusal (`quitanda.status.to_json_error`)."""
    return {
        "reason": WRONG_USE,
        "message": error.format_message(),
        "retryable": False,
        "definite": True,
        "field": _field(error),
        "details": {},
    }


def _field(error: TyperException) -> str:
    """Name the option or the argument at fault; empty where it is none."""
    hint: Any = getattr(error, "param_hint", None)
    if hint is None:
        parameter: Any = getattr(error, "param", None)
        hint = parameter.get_error_hint() if parameter is not None else getattr(error, "option_name", "")
    return str(hint).partition(" (")[0].strip("'")  # without the environment variable that would do as well
