"""`order list --watch`: shows the orders of the shop as they change, until Ctrl-C."""

from collections import OrderedDict
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from quitanda.domain.model import Kind, Order
from quitanda.domain.outcomes import Reason
from quitanda.errors import NotOffered, Rejected, Unavailable
from quitanda_clients.cli.streams import print_error
from quitanda_clients.commands.watch import Availability
from quitanda_clients.i18n.speech import say
from quitanda_clients.retry import ClientClosed

if TYPE_CHECKING:
    from quitanda.codec.queries import FindOrders
    from quitanda_clients.cli.output import AnswerOutput
    from quitanda_clients.client import AdminClient
    from quitanda_clients.results import Listing

REMEMBERED_MAX: Final = 10_000
"""Orders of which the command remembers what it showed: a watch may tell a change again."""


class OrderNews:
    """Prints each version of an order once, if it is as asked for."""

    def __init__(self, query: "FindOrders", output: "AnswerOutput") -> None:
        self._query = query
        self._output = output
        self._shown: OrderedDict[str, int] = OrderedDict()

    def list(self, listing: "Listing[Order]") -> None:
        """Print what a list of the newest orders has, so that the newest one comes last."""
        for order in reversed(listing.documents):
            self.change(order, listing.revision)

    def change(self, order: Order, revision: int) -> None:
        """Print an order that changed."""
        if self._shown.get(order.order_id, 0) >= order.version:
            return
        self._shown[order.order_id] = order.version
        self._shown.move_to_end(order.order_id)
        if len(self._shown) > REMEMBERED_MAX:
            self._shown.popitem(last=False)
        if is_as_asked(order, self._query):
            self._output.changed(order, revision)

    def deletion(self, order_id: str, revision: int) -> None:
        """Print that an order is gone, if it was shown."""
        if self._shown.pop(order_id, None) is not None:
            self._output.gone(Kind.ORDER, order_id, revision)


def is_as_asked(order: Order, query: "FindOrders") -> bool:
    """Tell whether a list for the query would have the order now."""
    return (
        (not query.states or order.state in query.states)
        and query.customer_id in ("", order.customer_id)
        and (not query.product_id or any(item.product_id == query.product_id for item in order.items))
        and order.created_at_ms >= query.created_from_ms
        and (not query.created_before_ms or order.created_at_ms < query.created_before_ms)
    )


async def print_order_changes(
    client: "AdminClient", output: "AnswerOutput", query: "FindOrders", limit: int, *, as_json: bool
) -> None:
    """Print the newest `limit` orders, then one line for each change of an order that is as asked for then."""
    availability = Availability(as_json=as_json)
    news = OrderNews(query, output)
    while True:
        try:
            listing = await client.find_orders(replace(query, newest_first=True), limit)
        except (ClientClosed, NotOffered):
            raise
        except Unavailable as error:
            availability.lost(error)
            continue
        availability.back()
        news.list(listing)
        try:
            await _follow(client, news, listing.revision, availability)
        except Rejected as rejected:
            if rejected.refused.reason is not Reason.REVISION_GONE:
                raise
            if not as_json:
                print_error(say("The portal does not remember all changes since; listing again."))


async def _follow(client: "AdminClient", news: OrderNews, revision: int, availability: Availability) -> None:
    watch = client.watch((Kind.ORDER,), after_revision=revision, on_unavailable=availability.lost)
    async with aclosing(watch) as parts:
        async for part in parts:
            availability.back()
            for change in part.changes:
                if isinstance(change.document, Order):
                    news.change(change.document, part.revision)
                else:
                    news.deletion(change.document_id, part.revision)
