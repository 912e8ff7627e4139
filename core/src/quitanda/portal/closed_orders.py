"""Finds what became of orders that the change feed does not show any more; each is read once for all who watch."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from quitanda.cluster_client import ClusterClient, Found, Get
from quitanda.domain.model import Kind, Order
from quitanda.domain.outcomes import Refused
from quitanda.errors import Rejected, Unavailable

READ_AT_ONCE_MAX: Final = 100
"""Orders in one read: the largest ones still fit into a replica's answer."""

REMEMBERED_MAX: Final = 512
"""Orders of which the portal remembers what became of them."""


class ClosedOrders:
    """What became of orders that left the live ones; for one event loop."""

    def __init__(self, cluster: ClusterClient) -> None:
        self._cluster = cluster
        self._known: OrderedDict[str, tuple[int, Order | None]] = OrderedDict()
        """By id: the revision as of which the order was read, and what was found."""
        self._reading = asyncio.Lock()

    async def find(self, left: Mapping[str, int], timeout: float) -> Mapping[str, Order | None]:
        """Give the orders as they are now, or later than the revisions at which they left; None where none was kept.

        Raises Unavailable, Overloaded and Rejected.
        """
        async with self._reading:  # whoever comes second finds what the first one has read
            found = {order_id: self._known[order_id][1] for order_id in left if self._knows(order_id, left[order_id])}
            for order_ids in _parts([each for each in left if each not in found]):
                asked = [Get(Kind.ORDER, order_id, include_closed=True) for order_id in order_ids]
                answer = await self._cluster.read(asked, timeout)
                if answer.revision < max(left[order_id] for order_id in order_ids):
                    raise Unavailable("the replicas answered from before what the change feed told")
                for order_id, result in zip(order_ids, answer.results, strict=True):
                    if isinstance(result, Refused):
                        raise Rejected(result, answer.revision)
                    order = result.document if isinstance(result, Found) else None
                    found[order_id] = order if isinstance(order, Order) else None
                    self._remember(order_id, answer.revision, found[order_id])
        return found

    def _knows(self, order_id: str, revision: int) -> bool:
        return order_id in self._known and self._known[order_id][0] >= revision

    def _remember(self, order_id: str, revision: int, order: Order | None) -> None:
        self._known[order_id] = (revision, order)
        self._known.move_to_end(order_id)
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)


def _parts(order_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(order_ids), READ_AT_ONCE_MAX):
        yield order_ids[first : first + READ_AT_ONCE_MAX]
