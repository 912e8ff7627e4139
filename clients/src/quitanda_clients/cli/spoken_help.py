"""Help and wrong use in the language of the person: the texts of the commands, and those of the library below them.

The library has its own texts in English. Its commands and options are translated after they are made, before they read
the arguments; its titles and messages are translated where they are written.
"""

from collections.abc import Iterator
from typing import Any, Final

from typer._click.core import Context
from typer._click.formatting import HelpFormatter
from typer.core import TyperGroup
from typer.exceptions import TyperException

from quitanda_clients.i18n.languages import Language
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say, speech
from quitanda_clients.i18n.text_patterns import TextPatterns

_TITLES: Final = {
    "DEFAULT_STRING": N_("[default: {}]"),
    "ENVVAR_STRING": N_("[env var: {}]"),
    "REQUIRED_LONG_STRING": N_("[required]"),
    "ARGUMENTS_PANEL_TITLE": N_("Arguments"),
    "OPTIONS_PANEL_TITLE": N_("Options"),
    "COMMANDS_PANEL_TITLE": N_("Commands"),
    "ERRORS_PANEL_TITLE": N_("Error"),
    "RICH_HELP": N_("Try [blue]'{command_path} {help_option}'[/] for help."),
}
"""The library's names of its texts; it lets programs set them (`typer.rich_utils`)."""

HELP_OPTIONS: Final = ["-h", "--help"]

_USAGE: Final = N_("Usage: ")

WRONG_USE: Final = TextPatterns(
    (
        N_("Invalid value for {hint}: {message}"),
        N_("Invalid value: {message}"),
        N_("Missing argument {hint}. Choose from:\n\t{choices}"),
        N_("Missing option {hint}. Choose from:\n\t{choices}"),
        N_("Missing argument {hint}."),
        N_("Missing option {hint}."),
        N_("Missing command."),
        N_("No such command {name}. Did you mean {others}?"),
        N_("No such command {name}."),
        N_("No such option: {name} (Possible options: {others})"),
        N_("No such option: {name}"),
        N_("Got unexpected extra argument(s) ({arguments})"),
        N_("Option {name} does not take a value."),
        N_("Option {name} requires an argument."),
        N_("Option {name} requires {count} arguments."),
        N_("Input should be greater than or equal to {limit}"),
        N_("Input should be less than or equal to {limit}"),
        N_("Input should be a valid integer, unable to parse string as an integer"),
        N_("Input should be a valid integer, got a number with a fractional part"),
        N_("Input should be a valid number, unable to parse string as a number"),
        N_("Input should be a finite number"),
        N_("Unable to parse input string as an integer, exceeded maximum size"),
        N_("Value error, {message}"),
        N_("{typed} is not one of {choices}."),
        N_("{hint} (env var: {variable})"),
        N_("File {file} is a directory."),
        N_("Directory {file} is a file."),
    ),
    inner={"message", "hint"},
)


class SpokenFormatter(HelpFormatter):
    """Writes the first line of a help text."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write it with its first word in the language of the person."""
        super().write_usage(prog, args, say(_USAGE) if prefix is None else prefix)


class SpokenContext(Context):
    """A context of the library, which writes help by a SpokenFormatter."""

    formatter_class = SpokenFormatter

    def make_formatter(self) -> HelpFormatter:
        """Give the formatter; every text of help and of wrong use begins with it."""
        set_titles()
        return super().make_formatter()


def set_titles() -> None:
    """Let the library write its titles in the language of the person."""
    from typer import rich_utils  # noqa: PLC0415 - rich is loaded only when it is used

    for name, text in _TITLES.items():
        setattr(rich_utils, name, say(text))


def translate(command: Any) -> None:
    """Put the texts of a command, of its options and of the commands below it into the language of the person."""
    for each in every_command(command):
        each.context_class = SpokenContext
        if speech().language is Language.ENGLISH:
            continue
        for holder, name, text in texts_of(each):
            setattr(holder, name, "\n\n".join(map(say, text.split("\n\n"))))


def every_command(command: Any) -> Iterator[Any]:
    """Yield a command and all commands below it."""
    yield command
    for below in command.commands.values() if isinstance(command, TyperGroup) else ():
        yield from every_command(below)


def texts_of(command: Any) -> Iterator[tuple[Any, str, str]]:
    """Yield the texts of a command and its options, each with the object and the attribute that have it.

    Paragraphs, which are translated one by one, have an empty line between them.
    """
    for name in ("help", "short_help", "epilog", "options_metavar", "subcommand_metavar"):
        if text := getattr(command, name, None):
            yield command, name, text
    for parameter in (*command.params, command.get_help_option(SpokenContext(command, help_option_names=HELP_OPTIONS))):
        for name in ("help", "metavar", "rich_help_panel"):
            if isinstance(text := getattr(parameter, name, None), str) and text:
                yield parameter, name, text


def wrong_use_text(error: TyperException) -> str:
    """Say what is wrong with the arguments."""
    return WRONG_USE.said(error.format_message())
