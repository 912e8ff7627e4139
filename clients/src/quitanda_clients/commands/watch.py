"""`product list --watch`: shows prices and stock as they change, until Ctrl-C; and what every watch reports."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quitanda.domain.model import Kind, Product
from quitanda.error_status import to_json_error
from quitanda.errors import Unavailable
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.local_errors import print_json_error
from quitanda_clients.cli.streams import print_error
from quitanda_clients.i18n.speech import say

if TYPE_CHECKING:
    from quitanda_clients.cli.output import AnswerOutput
    from quitanda_clients.client import AdminClient
    from quitanda_clients.watching import FollowedProducts

ProductsById = dict[str, Product]


@dataclass(slots=True)
class ProductNews:
    """The products as they are, and what became of them since this was shown last; `error` while no portal answers."""

    products: ProductsById = field(default_factory=dict)
    revision: int = 0
    changed: ProductsById = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    error: Unavailable | None = None

    def add(self, followed: "FollowedProducts") -> None:
        """Take what is new; of several changes of a product the last one counts."""
        self.products, self.revision, self.error = dict(followed.products), followed.revision, None
        for product in followed.changed:
            self.changed[product.product_id] = product
            self.gone.discard(product.product_id)
        for product_id in followed.gone:
            self.changed.pop(product_id, None)
            self.gone.add(product_id)


async def product_news(client: "AdminClient", limit: int, interval: float) -> AsyncGenerator[ProductNews, None]:
    """Yield the products, and what is new of them at most every `interval` seconds; goes on while no portal answers."""
    news, arrival = ProductNews(), asyncio.Event()

    def unavailable(error: Unavailable) -> None:
        news.error = error
        arrival.set()

    async def gather() -> None:
        try:
            async with aclosing(client.follow_products(limit, on_unavailable=unavailable)) as followed:
                async for each in followed:
                    news.add(each)
                    arrival.set()
        finally:
            arrival.set()

    gathering = asyncio.create_task(gather())
    try:
        while True:
            await arrival.wait()
            if gathering.done():
                await gathering  # raises what it ended with
            arrival.clear()
            shown, news.changed, news.gone = (news.changed, news.gone), {}, set()
            yield ProductNews(news.products, news.revision, *shown, news.error)
            await asyncio.sleep(interval)
    finally:
        gathering.cancel()
        with suppress(asyncio.CancelledError):
            await gathering


async def print_changes(
    client: "AdminClient", output: "AnswerOutput", limit: int, interval: float, *, as_json: bool
) -> None:
    """Print one line for each change; report on stderr when no portal answers, and when one answers again."""
    availability = Availability(as_json=as_json)
    async with aclosing(product_news(client, limit, interval)) as news:
        async for each in news:
            if each.error is not None:
                availability.lost(each.error)
                continue
            availability.back()
            for product in each.changed.values():
                output.changed(product, each.revision)
            for product_id in sorted(each.gone):
                output.gone(Kind.PRODUCT, product_id, each.revision)


class Availability:
    """Reports on stderr, once each, that no portal answers, and that one answers again."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._lost = False

    def lost(self, error: Unavailable) -> None:
        """Take that no portal answers."""
        if not self._lost and self._as_json:
            print_json_error(to_json_error(error), cause=str(error))
        elif not self._lost:
            print_error(say("Not available: {error}. Still trying.", error=exception_text(error)))
        self._lost = True

    def back(self) -> None:
        """Take that a portal answers."""
        if self._lost and not self._as_json:  # for programs, stderr has errors only
            print_error(say("Available again."))
        self._lost = False
