"""Customers who order all the time, over both transports, whatever happens to the cluster."""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import Order
from quitanda.domain.outcomes import Reason
from quitanda.errors import OutcomeUnknown, Rejected, Unavailable
from quitanda_clients.client import ShopClient
from quitanda_clients.results import DocumentResult

ATTEMPTS_MAX: Final = 5
"""How often a customer repeats a request that was not answered, always with its first id."""
PRODUCTS_PER_ORDER_MAX: Final = 4
UNITS_MAX: Final = 3

T = TypeVar("T")


@dataclass(slots=True)
class BuyerLog:
    """What happened to one customer: orders by id as last acknowledged, and when each answer came."""

    orders: dict[str, Order] = field(default_factory=dict)
    answered_at: list[float] = field(default_factory=list)
    out_of_stock: int = 0
    repeated: int = 0

    def longest_pause(self, since: float) -> float:
        """Give the longest time in seconds between two answers, from `since` on (monotonic clock)."""
        times = [moment for moment in self.answered_at if moment >= since]
        before = max((moment for moment in self.answered_at if moment < since), default=since)
        return max((later - earlier for earlier, later in zip([before, *times], times, strict=False)), default=0.0)


class Buyer:
    """Orders, changes and cancels until told to stop."""

    def __init__(self, client: ShopClient, product_ids: Sequence[str], seed: int) -> None:
        self.client = client
        self.log = BuyerLog()
        self._product_ids = product_ids
        self._dice = random.Random(seed)  # noqa: S311 - chooses goods

    async def shop_until(self, stop: asyncio.Event) -> None:
        """Act until the event is set; raises what a customer must never see."""
        while not stop.is_set():
            await self._act()

    async def _act(self) -> None:
        request_id = uuid.uuid4().hex
        mine = list(self.log.orders.values())
        dice = self._dice.random()
        try:
            if not mine or dice < 0.6:
                items = self._choose()
                self._remember(await self._insist(lambda: self.client.create_order(items, request_id=request_id)))
            elif dice < 0.85:
                order, items = self._dice.choice(mine), self._choose()
                self._remember(
                    await self._insist(
                        lambda: self.client.set_order_items(order.order_id, items, request_id=request_id)
                    )
                )
            else:
                order = self._dice.choice(mine)
                await self._insist(lambda: self.client.cancel_order(order.order_id, request_id=request_id))
                del self.log.orders[order.order_id]
        except Rejected as rejected:
            if rejected.refused.reason is not Reason.OUT_OF_STOCK:
                raise
            self.log.out_of_stock += 1
        self.log.answered_at.append(time.monotonic())

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat the same request, with the same id, until it is answered."""
        for _ in range(ATTEMPTS_MAX - 1):
            try:
                return await call()
            except (OutcomeUnknown, Unavailable):
                self.log.repeated += 1
        return await call()

    def _choose(self) -> list[ItemQuantity]:
        chosen = self._dice.sample(self._product_ids, self._dice.randint(1, PRODUCTS_PER_ORDER_MAX))
        return [ItemQuantity(product_id, self._dice.randint(1, UNITS_MAX)) for product_id in chosen]

    def _remember(self, answer: DocumentResult[Order]) -> None:
        self.log.orders[answer.document.order_id] = answer.document
