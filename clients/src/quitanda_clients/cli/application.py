"""A whole command-line application: how its process starts, how it reports wrong use, and how it ends."""

import contextlib
import itertools
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NoReturn

import typer
from typer._click.exceptions import NoArgsIsHelpError, UsageError
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

from quitanda.runtime import tracing
from quitanda_clients.cli import exit_codes, streams
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.local_errors import LocalReason, local_error, print_json_error
from quitanda_clients.cli.spoken_help import HELP_OPTIONS, set_titles, translate, wrong_use_text
from quitanda_clients.cli.streams import AnswerNotWritten, ReaderGone, print_error, printable
from quitanda_clients.cli.values import machine_or_zone
from quitanda_clients.i18n.languages import Language
from quitanda_clients.i18n.speech import (
    CURRENCY_VARIABLE,
    Speech,
    chosen_language,
    say,
    speak,
)

EXPORT_SECONDS: Final = 0.5
"""How long a command may take at its end to send its spans, where tracing is on: less than the exporter's first pause,
so that it tries once."""

CONTEXT_SETTINGS: Final = {"help_option_names": HELP_OPTIONS}
LANG_OPTION: Final = "--lang"


class Application(TyperGroup):
    """Prints wrong use for people, or with --json as one JSON object on stderr; the exit code is the same."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options; no command stands for the full-screen interface where a person is at a terminal."""
        if is_at_terminal(os.environ) and not _asks_for_json(args):
            self.no_args_is_help, self.invoke_without_command = False, True
        return super().parse_args(ctx, args)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the arguments and exit; if not standalone, return or raise instead."""
        arguments = list(sys.argv[1:] if args is None else args)
        _choose_speech(arguments)
        translate(self)
        run = partial(super().main, arguments, prog_name, complete_var, False, windows_expand_args, **extra)
        if not standalone_mode:
            return run()
        try:
            code = run()
        except TyperException as error:
            _report_wrong_use(error, as_json=_asks_for_json(arguments))
            code = error.exit_code
        except Abort:  # Ctrl-C, or the end of the input, in answer to a question
            code = exit_codes.INTERRUPTED
        sys.exit(code)


def is_at_terminal(environment: Mapping[str, str]) -> bool:
    """Whether a person sees what is written and types the answers, on a terminal that can show a whole screen."""
    streams_there = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    return streams_there and environment.get("TERM", "") not in {"", "dumb"}


def make_application(name: str) -> typer.Typer:
    """Make an application without commands."""
    app = typer.Typer(
        cls=Application,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT_SETTINGS,
        epilog=exit_codes.HELP,
    )
    app.info.name = name
    return app


def print_version(asked: bool) -> None:
    """Print the version and end if the user asked for it (the callback of --version)."""
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - it reads archives and mails, which takes a while to load

        typer.echo(f"quitanda-clients {version('quitanda-clients')}")
        raise typer.Exit


def run_application(app: typer.Typer) -> NoReturn:
    """Run the application on the process's arguments and exit with its code."""
    # gRPC's library writes its own notes to stderr (for example when a portal goes away). It reads this variable when
    # Python loads it, which happens later.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Without a handler Python writes the warnings of libraries to stderr, which is for the program's own messages. The
    # MQTT library, for example, warns about each answer of a server that is not a broker.
    logging.getLogger().addHandler(logging.NullHandler())
    streams.guard()
    with contextlib.suppress(ValueError):  # whatever the variables of tracing say, the command runs
        tracing.configure("client", "", os.environ, export_seconds=EXPORT_SECONDS)
    code = _exit_code(app)
    tracing.close(EXPORT_SECONDS)
    sys.exit(code)


def _exit_code(app: typer.Typer) -> int:
    """Run it. Commands report a failed standard output themselves; this handles help and the like."""
    try:
        try:
            app()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else exit_codes.DONE
        else:
            code = exit_codes.DONE
        sys.stdout.flush()
    except ReaderGone:
        return exit_codes.READER_GONE
    except AnswerNotWritten as error:
        print_error(say("The text could not be written: {problem}.", problem=exception_text(error)))
        return exit_codes.NOT_WRITTEN
    return code


def _report_wrong_use(error: TyperException, *, as_json: bool) -> None:
    error.message = printable(error.message)
    if as_json:
        print_json_error(local_error(LocalReason.WRONG_USE, error.format_message(), field=_field(error)))
        return
    from typer.rich_utils import rich_format_error  # noqa: PLC0415 - rich is loaded only when it is used

    set_titles()
    if isinstance(error, UsageError) and not isinstance(error, NoArgsIsHelpError):
        error = UsageError(wrong_use_text(error), error.ctx)
    rich_format_error(error)  # type: ignore[arg-type]


def _choose_speech(arguments: Sequence[str]) -> None:
    """Speak the language that the person chose; what programs read is in English."""
    options = _options(arguments)
    pairs = itertools.pairwise(options)
    typed = [
        value if name == LANG_OPTION else name.removeprefix(f"{LANG_OPTION}=")
        for name, value in (*pairs, (options[-1] if options else "", ""))
        if name == LANG_OPTION or name.startswith(f"{LANG_OPTION}=")
    ]
    language = chosen_language(typed, os.environ)
    if _asks_for_json(arguments) and not set(HELP_OPTIONS) & set(options):
        language = Language.ENGLISH
    try:
        zone = machine_or_zone(os.environ)
    except typer.BadParameter:  # which is reported when the options are read
        zone = None
    speak(Speech(language, os.environ.get(CURRENCY_VARIABLE, "").strip().upper(), zone))


def _options(arguments: Sequence[str]) -> list[str]:
    return list(arguments[: arguments.index("--")] if "--" in arguments else arguments)


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Look for the option itself: after wrong use the options were not read to the end."""
    options = _options(arguments)
    pairs = set(itertools.pairwise(options))
    return bool({"--json", "--output=json", "-ojson"} & set(options)) or bool(
        {("-o", "json"), ("--output", "json")} & pairs
    )


def _field(error: TyperException) -> str:
    """Name the option or the argument at fault; empty if there is none."""
    hint: Any = getattr(error, "param_hint", None)
    if hint is None:
        parameter: Any = getattr(error, "param", None)
        hint = parameter.get_error_hint() if parameter is not None else getattr(error, "option_name", "")
    return str(hint).partition(" (")[0].strip("'")  # without the environment variable that would do as well
