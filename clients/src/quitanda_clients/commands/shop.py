"""The application quitanda-shop: its commands, and the options before them."""

import os
from typing import Annotated

import typer

from quitanda_clients import connecting
from quitanda_clients.cli import options
from quitanda_clients.cli.application import make_application
from quitanda_clients.cli.settings import Given, check_variables
from quitanda_clients.commands import orders, shop_products

app = make_application("quitanda-shop")
app.add_typer(orders.app, name="order", help="Place, change, show, list and cancel orders.")
app.add_typer(shop_products.app, name="product", help="Look at the products.")


@app.callback()
def quitanda_shop(
    context: typer.Context,
    customer: Annotated[
        str | None,
        typer.Option("--customer", metavar="CID", envvar="QUITANDA_CUSTOMER", help=options.CUSTOMER_HELP),
    ] = None,
    transport: options.TransportOption = None,
    portal: Annotated[
        list[str] | None,
        typer.Option(
            "--portal",
            metavar="HOST:PORT",
            envvar=connecting.CLIENT_PORTALS_VARIABLE,
            help=f"{options.PORTAL_HELP} (Default: {connecting.CLIENT_PORTALS_DEFAULT}.)",
        ),
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            "--mqtt",
            metavar="HOST:PORT",
            envvar=connecting.BROKER_VARIABLE,
            help=f"{options.MQTT_HELP} (Default: {connecting.BROKER_DEFAULT}.)",
        ),
    ] = None,
    timeout: options.TimeoutOption = None,
    consistency: options.ConsistencyOption = None,
    request_id: options.RequestIdOption = None,
    json: options.JsonOption = False,
    output: options.FormatOption = None,
    version: options.VersionOption = False,  # noqa: ARG001 - its callback answers
) -> None:
    """Order at a Quitanda shop."""
    check_variables(os.environ)
    context.obj = Given(
        customer=customer,
        transport=transport,
        portal=portal,
        mqtt=mqtt,
        timeout=timeout,
        consistency=consistency,
        request_id=request_id,
        json=json,
        output=output,
    )
