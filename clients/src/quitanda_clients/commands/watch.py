"""`product list --watch`: prices and stock as they change, until Ctrl-C."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from quitanda.domain.model import Product
from quitanda.error_status import to_json_error
from quitanda.errors import Unavailable
from quitanda_clients.cli.own_errors import tell_json
from quitanda_clients.cli.streams import tell

if TYPE_CHECKING:
    from quitanda_clients.cli.output import Output
    from quitanda_clients.client import AdminClient
    from quitanda_clients.results import Listing

Known = dict[str, Product]


async def looks(client: "AdminClient", limit: int, interval: float) -> AsyncIterator["Listing[Product] | Unavailable"]:
    """List the products every `interval` seconds; yield why there is no list, and go on."""
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        try:
            yield await client.list_products(limit)
        except Unavailable as error:
            yield error
        await asyncio.sleep(max(0.0, begun + interval - loop.time()))


async def print_changes(client: "AdminClient", output: "Output", limit: int, interval: float, *, as_json: bool) -> None:
    """Print one line for each change; say on stderr when no portal answers, and when one does again."""
    known: Known = {}
    available = True
    async for look in looks(client, limit, interval):
        if isinstance(look, Unavailable):
            if available:
                _tell_trouble(look, as_json=as_json)
            available = False
            continue
        if not (available or as_json):  # on stderr, programs find errors only
            tell("Available again.")
        available = True
        current = by_id(look.documents)
        for product in changed(known, current).values():
            output.changed(product, look.revision)
        for product_id in known.keys() - current.keys():
            output.gone(product_id, look.revision)
        known = current


def by_id(products: tuple[Product, ...]) -> Known:
    """Give the products by their ids, in their order."""
    return {product.product_id: product for product in products}


def changed(known: Known, current: Known) -> Known:
    """Give those of `current` that are new or not as in `known`."""
    return {product_id: product for product_id, product in current.items() if known.get(product_id) != product}


def _tell_trouble(error: Unavailable, *, as_json: bool) -> None:
    if as_json:
        tell_json(to_json_error(error), cause=str(error))
    else:
        tell(f"Not available: {error}. Still trying.")
