"""`product list --watch`: prices and stock as they change, until Ctrl-C."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from quitanda.domain.model import Product
from quitanda.errors import Unavailable
from quitanda_clients.cli.tables import product_table, stdout_console

if TYPE_CHECKING:
    from rich.console import Console

    from quitanda_clients.admin_client import AdminClient
    from quitanda_clients.answers import Listing
    from quitanda_clients.cli.output import Output

Known = dict[str, Product]


async def watch_products(client: "AdminClient", output: "Output", limit: int, interval: float, *, live: bool) -> None:
    """Look every `interval` seconds; `live` shows a table on the terminal, otherwise changes are printed.

    Goes on while no portal answers, and says so.
    """
    console = stdout_console()
    if live and console.is_terminal:
        await _show_live(console, client, limit, interval)
    else:
        await _print_changes(client, output, limit, interval)


async def _looks(client: "AdminClient", limit: int, interval: float) -> AsyncIterator["Listing[Product] | Unavailable"]:
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        try:
            yield await client.list_products(limit)
        except Unavailable as error:
            yield error
        await asyncio.sleep(max(0.0, begun + interval - loop.time()))


async def _print_changes(client: "AdminClient", output: "Output", limit: int, interval: float) -> None:
    known: Known = {}
    available = True
    async for look in _looks(client, limit, interval):
        if isinstance(look, Unavailable):
            if available:
                typer.echo(f"Not available: {look}. Still trying.", err=True)
            available = False
            continue
        if not available:
            typer.echo("Available again.", err=True)
        available = True
        current = _by_id(look.documents)
        for product in _changed(known, current).values():
            output.changed(product, look.revision)
        for product_id in known.keys() - current.keys():
            output.gone(product_id, look.revision)
        known = current


async def _show_live(console: "Console", client: "AdminClient", limit: int, interval: float) -> None:
    from rich.console import Group  # noqa: PLC0415 - only a terminal needs it
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    known: Known = {}
    shown = product_table(())
    with Live(shown, console=console, auto_refresh=False) as live:
        async for look in _looks(client, limit, interval):
            if isinstance(look, Unavailable):
                status = f"Not available: {look}. Still trying; the table is old."
            else:
                current = _by_id(look.documents)
                shown = product_table(current.values(), highlighted=_changed(known, current) if known else {})
                known = current
                status = f"revision {look.revision}, {datetime.now(UTC):%H:%M:%S} UTC. Ctrl-C ends."
            live.update(Group(shown, Text(status, style="dim")), refresh=True)


def _by_id(products: tuple[Product, ...]) -> Known:
    return {product.product_id: product for product in products}


def _changed(known: Known, current: Known) -> Known:
    return {product_id: product for product_id, product in current.items() if known.get(product_id) != product}
