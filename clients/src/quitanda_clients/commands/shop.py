"""The application quitanda-shop: its commands, and the options before them."""

from dataclasses import replace
from typing import Annotated

import typer

from quitanda_clients.cli.application import make_application
from quitanda_clients.cli.command_run import Effect, add_common_options
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.options import SHOP, LimitOption
from quitanda_clients.cli.runs import ShopRun, shop_command
from quitanda_clients.commands import orders, passwords
from quitanda_clients.commands.certificate import certificate
from quitanda_clients.commands.find import find_products_of_shop
from quitanda_clients.commands.interface import open_shop
from quitanda_clients.i18n.speech import say
from quitanda_clients.paging import LISTED_MAX
from quitanda_clients.tokens import NoTokenError, next_token

products = typer.Typer(no_args_is_help=True)
tokens = typer.Typer(no_args_is_help=True)

app = make_application(SHOP.name)
app.add_typer(orders.app, name="order", help="Create, place, change, show, list and cancel orders.")
app.add_typer(products, name="product", help="Show, list and find products.")
app.add_typer(tokens, name="token", help="Replace the token that proves who you are.")
app.add_typer(
    passwords.of_customers, name="password", help="Set and remove the password with which you sign in on the page."
)
app.command("certificate")(certificate)
add_common_options(app, SHOP, open_shop)


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


products.command("find")(find_products_of_shop)


@tokens.callback()
def group() -> None:
    """Keep `rotate` a command of its own although it is the only one."""


@tokens.command("rotate")
@shop_command(Effect.WRITE)
async def rotate(run: ShopRun) -> None:
    """Replace your token by a new one; the old one is valid until the next time.

    The new secret is drawn here, and only its hash is sent. A token that came from a file is replaced there; another
    one is printed.
    """
    try:
        chosen = next_token(run.token)
    except NoTokenError as error:
        raise typer.BadParameter(exception_text(error), param_hint="--token-file") from None
    async with run.client() as client:
        result = await client.rotate_own_credential(
            chosen.token.credential_id, chosen.secret_hash, request_id=run.request_id
        )
    chosen.take_over()
    shown = result if chosen.file is not None else replace(result, token=chosen.token.text())
    run.output.document(shown, say("Rotated the token of the credential"))
