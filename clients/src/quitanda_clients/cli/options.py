"""The options of the commands. `CommonOptions` declares once what may stand before every command, or after it."""

import copy
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, get_args, get_type_hints

import typer

from quitanda.runtime import variables
from quitanda.runtime.addresses import Address, parse_address, parse_addresses
from quitanda_clients import connecting
from quitanda_clients.cli.application import print_version
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.values import language, machine_or_zone, version
from quitanda_clients.connecting import Transport, find_identity
from quitanda_clients.i18n.languages import LANG_VARIABLE, Language
from quitanda_clients.i18n.speech import CURRENCY_VARIABLE, TIME_ZONE_VARIABLE, say
from quitanda_clients.results import Consistency
from quitanda_clients.tokens import IDENTITY_VARIABLE, HeldToken, NoTokenError, find_token

if TYPE_CHECKING:
    from quitanda.runtime.link_identity import LinkIdentity

TIMEOUT_MAX: Final = 3_600.0
"""Seconds; nobody waits longer on purpose."""

_CURRENCY: Final = re.compile(r"[A-Za-z]{3}", re.ASCII)

PANEL: Final = "Options of every command"


class OutputFormat(StrEnum):
    """How commands write their answers to standard output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def _option(*flags: str, text: str, metavar: str | None = None, parser: Callable[[str], Any] | None = None) -> Any:
    return typer.Option(*flags, metavar=metavar, parser=parser, help=text, rich_help_panel=PANEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """The options that the user typed, before or after the command; None (or False) for an option that is not there."""

    customer: Annotated[str | None, _option("--customer", metavar="CID", text="The id of the customer who acts.")] = (
        None
    )
    transport: Annotated[Transport | None, _option("--transport", text="How the requests travel. (Default: grpc.)")] = (
        None
    )
    portal: Annotated[
        list[str] | None,
        _option(
            "--portal",
            metavar="HOST:PORT",
            text="The address of a portal; several are tried in turn (repeat the option, or use commas).",
        ),
    ] = None
    mqtt: Annotated[
        str | None,
        _option("--mqtt", metavar="HOST:PORT", text="The address of the broker, for --transport mqtt."),
    ] = None
    token_file: Annotated[
        str | None,
        _option(
            "--token-file",
            metavar="FILE",
            text="The file with the token that proves who you are; it is not an option, which everybody could see.",
        ),
    ] = None
    timeout: Annotated[
        float | None,
        _option("--timeout", metavar="SECONDS", text="How long the whole call may take. (Default: 10.)"),
    ] = None
    consistency: Annotated[
        Consistency | None,
        _option(
            "--consistency",
            text="For reading one document: cached may be up to one second old. (Default: linearizable.)",
        ),
    ] = None
    request_id: Annotated[
        str | None,
        _option(
            "--request-id",
            metavar="ID",
            text="Repeats a write whose outcome is unknown: give the id that the error named.",
        ),
    ] = None
    json: Annotated[
        bool,
        _option("--json", text="Print the answer as one line of JSON, and errors as JSON on stderr. Same as -o json."),
    ] = False
    output: Annotated[
        OutputFormat | None, _option("--output", "-o", text="The format of the answer. (Default: table.)")
    ] = None

    lang: Annotated[
        Language | None,
        _option("--lang", metavar="LANG", parser=language, text="The language: en, or pt-BR. (Default: the system's.)"),
    ] = None

    def over(self, before: Self) -> Self:
        """Add the options before the command; an option after the command replaces the same one before it."""
        typed = {each.name: getattr(self, each.name) for each in fields(self)}
        missing = {name for name, value in typed.items() if value is None or value is False or value == []}
        return type(self)(**typed | {name: getattr(before, name) for name in missing})

    def chosen_format(self) -> OutputFormat:
        """Bring --json and --output together."""
        if self.json and self.output not in {None, OutputFormat.JSON}:
            raise typer.BadParameter(
                say("--json and --output {output} contradict each other", output=self.output), param_hint="--output"
            )
        return OutputFormat.JSON if self.json else self.output or OutputFormat.TABLE


@dataclass(frozen=True, slots=True)
class Program:
    """Which of the common options a program has; `variables` and `defaults` are by the option's name."""

    name: str
    text: str
    without: frozenset[str]
    variables: Mapping[str, str]
    defaults: Mapping[str, str]


ADMIN: Final = Program(
    "quitanda-admin",
    "Administer a Quitanda shop: customers, products, stock and the cluster.",
    frozenset({"customer", "transport", "mqtt"}),
    {"portal": connecting.ADMIN_PORTALS_VARIABLE, "lang": LANG_VARIABLE},
    {"portal": connecting.ADMIN_PORTALS_DEFAULT},
)
SHOP: Final = Program(
    "quitanda-shop",
    "Order at a Quitanda shop.",
    frozenset(),
    {
        "customer": "QUITANDA_CUSTOMER",
        "portal": connecting.CLIENT_PORTALS_VARIABLE,
        "mqtt": connecting.BROKER_VARIABLE,
        "lang": LANG_VARIABLE,
    },
    {"portal": connecting.CLIENT_PORTALS_DEFAULT, "mqtt": connecting.BROKER_DEFAULT},
)


def options_after(program: Program) -> Iterator[inspect.Parameter]:
    """Make the parameters of a program's common options for each of its commands."""
    hints = get_type_hints(CommonOptions, include_extras=True)
    for each in fields(CommonOptions):
        if each.name not in program.without:
            yield inspect.Parameter(
                each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
            )


def options_before(program: Program) -> Iterator[inspect.Parameter]:
    """Make the same parameters for the application itself: these also read environment variables."""
    for parameter in options_after(program):
        kind, option = get_args(parameter.annotation)
        option = copy.copy(option)
        option.rich_help_panel = None
        option.envvar = program.variables.get(parameter.name)
        if parameter.name in program.defaults:
            option.help = f"{option.help} (Default: {program.defaults[parameter.name].replace(',', ', ')}.)"
        yield parameter.replace(annotation=Annotated[kind, option])


def check_variables(environment: Mapping[str, str]) -> None:
    """Refuse a wrong value, and a variable whose name is nearly one that is read: it would have no effect."""
    wrong = variables.misspelt(environment, variables.OF_CLIENTS)
    if wrong:
        hints = [say("nothing reads it; did you mean {nearest}?", nearest=nearest) for _, nearest in wrong]
        others = [f"{name}: {hint}" for (name, _), hint in zip(wrong[1:], hints[1:], strict=True)]
        raise typer.BadParameter(" ".join([hints[0], *others]), param_hint=wrong[0][0])
    currency = environment.get(CURRENCY_VARIABLE, "").strip()
    if currency and not _CURRENCY.fullmatch(currency):
        said = say("'{typed}' is not the code of a currency; give its three letters, such as BRL", typed=currency)
        raise typer.BadParameter(said, param_hint=CURRENCY_VARIABLE)
    try:
        machine_or_zone(environment)
    except typer.BadParameter as error:
        raise typer.BadParameter(error.message, param_hint=TIME_ZONE_VARIABLE) from None


def read_portals(typed: Sequence[str] | None, default: str) -> tuple[Address, ...]:
    """Read --portal, which may come several times, each time with several addresses."""
    try:
        return parse_addresses(",".join(typed or [default]))
    except ValueError as error:
        raise typer.BadParameter(exception_text(error), param_hint="--portal") from None


def read_broker(typed: str) -> Address:
    """Read --mqtt."""
    try:
        return parse_address(typed, port_min=1)
    except ValueError as error:
        raise typer.BadParameter(exception_text(error), param_hint="--mqtt") from None


def read_identity() -> "LinkIdentity | None":
    """Open the identity folder of QUITANDA_IDENTITY; None for the open mode."""
    try:
        return find_identity()
    except ValueError as error:
        raise typer.BadParameter(exception_text(error), param_hint=IDENTITY_VARIABLE) from None


def read_token(file: str | None) -> HeldToken:
    """Find the token: in the file of --token-file, in QUITANDA_TOKEN, or in the folder QUITANDA_IDENTITY."""
    try:
        return find_token(None if file is None else Path(file))
    except NoTokenError as error:
        hint = IDENTITY_VARIABLE if file is None else "--token-file"
        raise typer.BadParameter(exception_text(error), param_hint=hint) from None


def read_timeout(typed: float) -> float:
    """Read --timeout."""
    if not 0 < typed <= TIMEOUT_MAX:
        raise typer.BadParameter(
            say(
                "{typed:g} seconds is not possible; give more than 0 and at most {limit:g} seconds",
                typed=typed,
                limit=TIMEOUT_MAX,
            ),
            param_hint="--timeout",
        )
    return typed


ExpectedVersionOption = Annotated[
    int | None,
    typer.Option(
        "--expected-version",
        parser=version,
        metavar="N",
        help="Change it only if its version is still N; else the command is refused.",
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="Show at most N of them. (Default: all.)")
]
FieldOption = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="NAME=TEXT",
        help="A field of your own; NAME:=JSON for a value that is not text. You may repeat this option.",
    ),
]
CascadeOption = Annotated[bool, typer.Option("--cascade", help="Also cancel or change the orders that are in the way.")]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask first. (Without a terminal the command never asks.)")
]
VersionOption = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=print_version, help="Print the version and end.")
]
