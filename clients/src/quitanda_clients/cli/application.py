"""The command group that stands for a whole application: how usage errors are told, and how it ends."""

import itertools
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.own_errors import OwnReason, own_error, tell_json
from quitanda_clients.cli.printable import printable
from quitanda_clients.cli.settings import Format

CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}


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
        run = partial(super().main, arguments, prog_name, complete_var, False, windows_expand_args, **extra)
        if not standalone_mode:
            return run()
        try:
            code = run()
        except TyperException as error:
            _tell(error, as_json=_asks_for_json(arguments))
            code = error.exit_code
        except Abort:  # Ctrl-C, or the end of the input, where something was asked
            code = exit_codes.INTERRUPTED
        sys.exit(code)


def make_application(name: str) -> typer.Typer:
    """Make an application, which also tells its version."""
    app = typer.Typer(
        cls=Application,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT_SETTINGS,
        epilog=exit_codes.HELP,
    )
    app.info.name = name
    return app


def tell_version(asked: bool) -> None:
    """Print the version and end, if it was asked for (the callback of an option)."""
    if asked:
        typer.echo(f"quitanda-clients {version('quitanda-clients')}")
        raise typer.Exit


def _tell(error: TyperException, *, as_json: bool) -> None:
    error.message = printable(error.message)
    if as_json:
        tell_json(own_error(OwnReason.WRONG_USE, error.format_message(), field=_field(error)))
        return
    from typer.rich_utils import rich_format_error  # noqa: PLC0415 - rich is loaded only when it is used

    rich_format_error(error)  # type: ignore[arg-type]


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Look for the option itself: with a usage error the options were not read to the end."""
    options = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    json = Format.JSON.value
    pairs = set(itertools.pairwise(options))
    whole = {"--json", f"--output={json}", f"-o{json}"}
    return bool(whole & set(options)) or bool({("-o", json), ("--output", json)} & pairs)


def _field(error: TyperException) -> str:
    """Name the option or the argument at fault; empty where it is none."""
    hint: Any = getattr(error, "param_hint", None)
    if hint is None:
        parameter: Any = getattr(error, "param", None)
        hint = parameter.get_error_hint() if parameter is not None else getattr(error, "option_name", "")
    return str(hint).partition(" (")[0].strip("'")  # without the environment variable that would do as well
