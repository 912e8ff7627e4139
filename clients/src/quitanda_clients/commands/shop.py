"""The application quitanda-shop: its commands, and the options before them."""

from typing import Annotated

import typer

from quitanda_clients.cli.application import make_application
from quitanda_clients.cli.command_run import Effect, add_common_options
from quitanda_clients.cli.options import SHOP, LimitOption
from quitanda_clients.cli.runs import ShopRun, shop_command
from quitanda_clients.commands import orders
from quitanda_clients.paging import LISTED_MAX

products = typer.Typer(no_args_is_help=True)

app = make_application(SHOP.name)
app.add_typer(orders.app, name="order", help="Place, change, show, list and cancel orders.")
app.add_typer(products, name="product", help="Show and list products.")
add_common_options(app, SHOP)


@products.command("show")
@shop_command(Effect.READ)
async def show(run: ShopRun, pid: Annotated[str, typer.Argument(metavar="PID", help="The product's id.")]) -> None:
    """Show a product."""
    async with run.client() as client:
        run.output.document(await client.get_product(pid, consistency=run.consistency))


@products.command("list")
@shop_command(Effect.READ)
async def list_products(run: ShopRun, limit: LimitOption = None) -> None:
    """List the products, ordered by id."""
    async with run.client() as client:
        run.output.listing("products", await client.list_products(limit or LISTED_MAX))
