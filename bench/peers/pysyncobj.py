"""Plain PySyncObj: three processes that replicate a dictionary in memory. Nothing is durable.

Two of the three are portals at the same time: the library is meant to be used inside the process that needs it.
PySyncObj's settings are its defaults, but for its journal and its dumps: it has none by default.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pysyncobj import SyncObj, replicated

from bench import cases
from bench.peers.order_change import Document, NotFound, change
from bench.peers.system import HOST, PeerSystem
from quitanda_local.ports import free_ports

NODES = 3


class PysyncobjSystem(PeerSystem):
    """Three nodes."""

    name = "pysyncobj"
    title = "plain PySyncObj, nothing durable"
    backend = "pysyncobj"
    cases = cases.WRITES

    @classmethod
    def missing(cls) -> str:
        """Say nothing: Quitanda itself needs it."""
        return ""

    async def start_servers(self, folder: Path) -> Sequence[dict[str, Any]]:
        """Start the node that is no portal; the portals start theirs."""
        nodes = [f"{HOST}:{port}" for port in free_ports(NODES)]
        settings = [{"own": own, "others": [node for node in nodes if node != own]} for own in nodes]
        self.spawn("node 3", (sys.executable, "-m", "bench.peers.pysyncobj", json.dumps(settings[2])), folder)
        return settings[:2]


class Documents(SyncObj):
    """The replicated dictionaries; each node applies the same changes in the same order."""

    def __init__(self, own: str, others: list[str]) -> None:
        self._orders: dict[str, Document] = {}
        self._products: dict[str, Document] = {}
        plain: Any = super()  # our stubs describe what Quitanda's own transport gives
        plain.__init__(own, others)

    @replicated
    def store(self, products: dict[str, Document], orders: dict[str, Document]) -> int:
        """Add documents; give how many there are."""
        self._products |= products
        self._orders |= orders
        return len(self._products) + len(self._orders)

    @replicated
    def set_order_item(self, order_id: str, product_id: str, quantity: int) -> Document | None:
        """Make the transaction; give the order, or nothing where a document is missing."""
        order, product = self._orders.get(order_id), self._products.get(product_id)
        if order is None or product is None:
            return None
        change(order, product, quantity)
        return order


class PysyncobjBackend:
    """A node inside the portal's process."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._documents: Any = Documents(settings["own"], settings["others"])

    async def open(self) -> None:
        """Wait until this node knows the leader."""
        async with asyncio.timeout(30):
            while not self._documents.isReady():  # noqa: ASYNC110 - a node sets no event when it is ready
                await asyncio.sleep(0.1)

    async def seed(self, products: dict[str, Document], orders: dict[str, Document]) -> None:
        """Store all documents."""
        await self._replicate(self._documents.store, products, orders)

    async def set_order_item(self, order_id: str, product_id: str, quantity: int, request_id: str) -> Document:
        """Let the nodes agree on the change."""
        del request_id
        order: Document | None = await self._replicate(self._documents.set_order_item, order_id, product_id, quantity)
        if order is None:
            raise NotFound(order_id, product_id)
        return order

    async def order(self, order_id: str) -> Document:
        """PySyncObj has no linearizable reads."""
        raise NotFound(order_id)

    async def product(self, product_id: str) -> Document:
        """No case asks for this."""
        raise NotFound(product_id)

    async def _replicate(self, operation: Any, *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()

        def answered(result: Any, failure: Any) -> None:
            # called by the node's own thread
            if failure:
                error = ConnectionError(f"PySyncObj failed with {failure}")
                loop.call_soon_threadsafe(answer.set_exception, error)
            else:
                loop.call_soon_threadsafe(answer.set_result, result)

        operation(*arguments, callback=answered)
        return await answer


def main() -> None:
    """Be a node that is no portal, until killed."""
    settings = json.loads(sys.argv[1])
    documents = Documents(settings["own"], settings["others"])
    while documents is not None:
        time.sleep(60)


if __name__ == "__main__":
    main()
