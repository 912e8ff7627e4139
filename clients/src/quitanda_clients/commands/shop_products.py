"""quitanda-shop product."""

from typing import Annotated

import typer

from quitanda_clients.cli import options
from quitanda_clients.cli.effect import Effect
from quitanda_clients.commands.shop_run import ShopRun, command
from quitanda_clients.paging import LISTED_MAX

app = typer.Typer(no_args_is_help=True)


@app.command("show")
@command(Effect.READ)
async def show(run: ShopRun, pid: Annotated[str, typer.Argument(metavar="PID", help="The product's id.")]) -> None:
    """Show a product."""
    async with run.client() as client:
        run.output.document(await client.get_product(pid, consistency=run.consistency))


@app.command("list")
@command(Effect.READ)
async def list_products(run: ShopRun, limit: options.LimitOption = None) -> None:
    """List the products, by id."""
    async with run.client() as client:
        run.output.listing("products", await client.list_products(limit or LISTED_MAX))
