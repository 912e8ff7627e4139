"""Entry point of quitanda-admin."""

from typing import Annotated

import typer

from quitanda_clients.admin import backup, cluster, customers, products
from quitanda_clients.cli import options
from quitanda_clients.cli.application import Application
from quitanda_clients.cli.entry import run_application
from quitanda_clients.cli.settings import Given

app = typer.Typer(cls=Application, no_args_is_help=True, pretty_exceptions_enable=False)
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
            envvar="QUITANDA_ADMIN_PORTALS",
            help=f"{options.PORTAL_HELP} (Default: {options.ADMIN_PORTALS_DEFAULT}.)",
        ),
    ] = None,
    timeout: options.TimeoutOption = None,
    consistency: options.ConsistencyOption = None,
    request_id: options.RequestIdOption = None,
    json: options.JsonOption = False,
) -> None:
    """Administer a Quitanda shop: customers, products, stock.

    Exit codes: 0 done, 1 refused, 2 wrong use, 3 not available or not known whether it happened, 130 interrupted.
    """
    context.obj = Given(portal=portal, timeout=timeout, consistency=consistency, request_id=request_id, json=json)


def main() -> None:
    """Run the application on the process's arguments."""
    run_application(app)


if __name__ == "__main__":
    main()
