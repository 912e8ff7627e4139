"""The application quitanda-admin: its commands, and the options before them."""

import os
from typing import Annotated

import typer

from quitanda_clients import connecting
from quitanda_clients.cli import options
from quitanda_clients.cli.application import make_application
from quitanda_clients.cli.settings import Given, check_variables
from quitanda_clients.commands import backup, cluster, customers, products

app = make_application("quitanda-admin")
app.add_typer(customers.app, name="customer", help="Create, show, change, delete, list and import customers.")
app.add_typer(products.app, name="product", help="Create, show, change, delete, list and import products; stock.")
app.add_typer(cluster.app, name="cluster", help="Show, back up and verify the replicas; choose who leads.")
app.add_typer(backup.app, name="backup", help="Look at a backup's file.")


@app.callback()
def quitanda_admin(
    context: typer.Context,
    portal: Annotated[
        list[str] | None,
        typer.Option(
            "--portal",
            metavar="HOST:PORT",
            envvar=connecting.ADMIN_PORTALS_VARIABLE,
            help=f"{options.PORTAL_HELP} (Default: {connecting.ADMIN_PORTALS_DEFAULT}.)",
        ),
    ] = None,
    timeout: options.TimeoutOption = None,
    consistency: options.ConsistencyOption = None,
    request_id: options.RequestIdOption = None,
    json: options.JsonOption = False,
    output: options.FormatOption = None,
    version: options.VersionOption = False,  # noqa: ARG001 - its callback answers
) -> None:
    """Administer a Quitanda shop: customers, products, stock."""
    check_variables(os.environ)
    context.obj = Given(
        portal=portal, timeout=timeout, consistency=consistency, request_id=request_id, json=json, output=output
    )
