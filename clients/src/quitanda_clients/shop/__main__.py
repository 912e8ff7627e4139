"""Entry point of quitanda-shop."""

from typing import Annotated

import typer

from quitanda_clients.cli import options
from quitanda_clients.cli.application import Application
from quitanda_clients.cli.entry import run_application
from quitanda_clients.cli.settings import Given
from quitanda_clients.shop import orders, products

app = typer.Typer(cls=Application, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(orders.app, name="order", help="Place, change, show, list and cancel orders.")
app.add_typer(products.app, name="product", help="Look at the products.")


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
            envvar="QUITANDA_CLIENT_PORTALS",
            help=f"{options.PORTAL_HELP} (Default: {options.CLIENT_PORTALS_DEFAULT}.)",
        ),
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            "--mqtt",
            metavar="HOST:PORT",
            envvar="QUITANDA_MQTT",
            help=f"{options.MQTT_HELP} (Default: {options.BROKER_DEFAULT}.)",
        ),
    ] = None,
    timeout: options.TimeoutOption = None,
    consistency: options.ConsistencyOption = None,
    request_id: options.RequestIdOption = None,
    json: options.JsonOption = False,
) -> None:
    """Order at a Quitanda shop.

    Exit codes: 0 done, 1 refused, 2 wrong use, 3 not available or not known whether it happened, 130 interrupted.
    """
    context.obj = Given(
        customer=customer,
        transport=transport,
        portal=portal,
        mqtt=mqtt,
        timeout=timeout,
        consistency=consistency,
        request_id=request_id,
        json=json,
    )


def main() -> None:
    """Run the application on the process's arguments."""
    run_application(app)


if __name__ == "__main__":
    main()
