"""The command `python -m quitanda_local`: `run` and `demo`."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, cast

import typer
from rich.console import Console

from quitanda_local.lasting_output import LastingOutput
from quitanda_local.topology import PORTS_FROM, PORTS_FROM_MAX, PORTS_FROM_MIN, BrokerKind, fixed

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

BrokerOption = Annotated[
    BrokerKind | None,
    typer.Option("--broker", help="The MQTT broker. (Default: mosquitto where it is installed, otherwise amqtt.)"),
]


class IdentityMode(StrEnum):
    """Whether each process has a certificate, every link is TLS, and every caller proves who calls."""

    ON = "on"
    OFF = "off"


IdentityOption = Annotated[
    IdentityMode,
    typer.Option(
        "--identity",
        help="on: each process has a certificate, all links are TLS, and callers need a token. off: whoever uses this "
        "machine may call as anybody.",
    ),
]


@app.callback()
def quitanda_local() -> None:
    """Run a whole Quitanda as processes of this machine."""


@app.command()
def run(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Keep the data here. (Default: nothing is kept.)"),
    ] = None,
    broker: BrokerOption = None,
    identity: IdentityOption = IdentityMode.ON,
    restore: Annotated[
        Path | None,
        typer.Option(
            "--restore", metavar="FILE", help="Begin a new cluster with a backup.", exists=True, dir_okay=False
        ),
    ] = None,
    course: Annotated[
        bool, typer.Option("--course", help="Serve the course's contract, too, on ports of its own.")
    ] = False,
    ports_from: Annotated[
        int,
        typer.Option(
            "--ports",
            metavar="FROM",
            help="Count all ports from here, so that two can run side by side.",
            min=PORTS_FROM_MIN,
            max=PORTS_FROM_MAX,
        ),
    ] = PORTS_FROM,
) -> None:
    """Start everything and stay in the foreground; Ctrl-C stops it."""
    from quitanda_local.foreground import run as run_in_foreground  # noqa: PLC0415 - --help needs no gRPC

    console = Console(file=cast("IO[str]", LastingOutput()))  # io's classes are not typing's
    topology = fixed(course=course, web=True, ports_from=ports_from)
    raise typer.Exit(
        asyncio.run(run_in_foreground(topology, data, broker, console, restore, identities=identity is IdentityMode.ON))
    )


@app.command()
def demo(broker: BrokerOption = None, identity: IdentityOption = IdentityMode.ON) -> None:
    """Start everything afresh, play a whole story through the real clients, and check it."""
    from quitanda_local.demo.script import play  # noqa: PLC0415 - --help needs no gRPC

    raise typer.Exit(asyncio.run(play(broker, Console(), identities=identity is IdentityMode.ON)))


if __name__ == "__main__":
    app()
