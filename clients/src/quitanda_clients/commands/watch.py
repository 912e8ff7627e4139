"""`product list --watch`: shows prices and stock as they change, until Ctrl-C."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from quitanda.domain.model import Product
from quitanda.error_status import to_json_error
from quitanda.errors import Unavailable
from quitanda_clients.cli.local_errors import print_json_error
from quitanda_clients.cli.streams import print_error

if TYPE_CHECKING:
    from quitanda_clients.cli.output import AnswerOutput
    from quitanda_clients.client import AdminClient
    from quitanda_clients.results import Listing

ProductsById = dict[str, Product]


async def poll(client: "AdminClient", limit: int, interval: float) -> AsyncIterator["Listing[Product] | Unavailable"]:
    """List the products every `interval` seconds; if no portal answers, yield the error and go on."""
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            yield await client.list_products(limit)
        except Unavailable as error:
            yield error
        await asyncio.sleep(max(0.0, started + interval - loop.time()))


async def print_changes(
    client: "AdminClient", output: "AnswerOutput", limit: int, interval: float, *, as_json: bool
) -> None:
    """Print one line for each change; report on stderr when no portal answers, and when one answers again."""
    previous: ProductsById = {}
    available = True
    async for listing in poll(client, limit, interval):
        if isinstance(listing, Unavailable):
            if available:
                _report(listing, as_json=as_json)
            available = False
            continue
        if not (available or as_json):  # for programs, stderr has errors only
            print_error("Available again.")
        available = True
        current = by_id(listing.documents)
        for product in changed(previous, current).values():
            output.changed(product, listing.revision)
        for product_id in previous.keys() - current.keys():
            output.gone(product_id, listing.revision)
        previous = current


def by_id(products: tuple[Product, ...]) -> ProductsById:
    """Index the products by their ids, in their order."""
    return {product.product_id: product for product in products}


def changed(previous: ProductsById, current: ProductsById) -> ProductsById:
    """Give the products of `current` that are new, or not as in `previous`."""
    return {product_id: product for product_id, product in current.items() if previous.get(product_id) != product}


def _report(error: Unavailable, *, as_json: bool) -> None:
    if as_json:
        print_json_error(to_json_error(error), cause=str(error))
    else:
        print_error(f"Not available: {error}. Still trying.")
