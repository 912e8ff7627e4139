"""How old a CACHED read may be: one product whose stock only grows, one writer, and readers who note what is too old.

The history checker judges linearizable reads; it has no clock for those that may lag behind.

All times are of one monotonic clock, all events of one event loop, so "before" is never in doubt.
"""

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from quitanda.errors import OutcomeUnknown, Unavailable
from quitanda_clients.results import Consistency
from quitanda_local.waiting import wait_until
from quitanda_testing.workload.clients import until_answered

CACHED_AGE_MAX = 1.0
"""Seconds that a CACHED answer may lag behind what was acknowledged."""

WRITE_PAUSE_SECONDS = 0.01
READ_PAUSE_SECONDS = 0.01
"""Between two requests of one client: the machine must have time for elections, too."""


@dataclass(slots=True)
class WriteTimes:
    """Stock 0, 1, 2, …: when each was acknowledged."""

    acknowledged_at: list[float] = field(default_factory=list)
    """Moments of the acknowledgements of 1, 2, …"""

    def acknowledge(self, value: int) -> None:
        assert value == len(self.acknowledged_at) + 1, f"{value} units after {len(self.acknowledged_at)} deliveries"
        self.acknowledged_at.append(time.monotonic())

    def acknowledged_before(self, moment: float) -> int:
        """Give the value that a read at least as fresh as `moment` must show at least."""
        return bisect_left(self.acknowledged_at, moment)

    async def grows(self, by: int = 10, timeout: float = 30.0) -> None:
        """Wait until so many more writes are acknowledged."""
        goal = len(self.acknowledged_at) + by

        async def reached() -> bool:
            return len(self.acknowledged_at) >= goal

        await wait_until(reached, f"{by} more acknowledged writes", timeout)

    async def passes(self, seconds: float) -> None:
        """Wait until the oldest write from now on is that many seconds old: until it should be seen."""
        since = time.monotonic()

        async def reached() -> bool:
            newer = self.acknowledged_before(since)
            return newer < len(self.acknowledged_at) and time.monotonic() - self.acknowledged_at[newer] > seconds

        await wait_until(reached, f"{seconds} s of writes", 30.0 + seconds)


class StockWriter:
    """Delivers one unit after the other, each until it is acknowledged."""

    def __init__(self, admin, product_id: str, written: WriteTimes) -> None:
        self._admin = admin
        self._product_id = product_id
        self._written = written

    async def work_until(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            request_id = f"{self._product_id}-{number}"
            answer = await until_answered(
                lambda: self._admin.adjust_stock(self._product_id, 1, request_id=request_id)  # noqa: B023 - called at once
            )
            self._written.acknowledge(answer.document.quantity)
            await asyncio.sleep(WRITE_PAUSE_SECONDS)


@dataclass(slots=True)
class FreshnessReader:
    """Reads through one portal after the other, one read after the other, and notes each that is too old.

    A session passes on its highest revision, as the clients' library does; without one, each read stands alone.
    """

    clients: Sequence
    product_id: str
    written: WriteTimes
    session: bool = True
    reads: int = 0
    highest: int = 0
    revision: int = 0
    stale: list[str] = field(default_factory=list)

    async def work_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.read()
            await asyncio.sleep(READ_PAUSE_SECONDS)

    async def read(self) -> None:
        """Read once."""
        client = self.clients[self.reads % len(self.clients)]
        client.revision = self.revision if self.session else 0
        started, floor = time.monotonic(), self._floor()
        try:
            answer = await client.get_product(self.product_id, consistency=Consistency.CACHED)
        except (Unavailable, OutcomeUnknown):
            return
        value = answer.document.quantity
        self.reads += 1
        if value < floor:
            age = time.monotonic() - started
            self.stale.append(f"read {self.reads}: {value} where {floor} was due, after {age:.3f} s")
        self.highest, self.revision = max(self.highest, value), max(self.revision, answer.revision)

    def _floor(self) -> int:
        """Give the least that a read which starts now may show."""
        fresh_enough = self.written.acknowledged_before(time.monotonic() - CACHED_AGE_MAX)
        return max(fresh_enough, self.highest) if self.session else fresh_enough


@asynccontextmanager
async def one_writer(
    shop, *, readers_through: Sequence[Sequence[str]], session: bool = True
) -> AsyncIterator[tuple[WriteTimes, list[FreshnessReader]]]:
    """Let one writer deliver units through an admin portal, and readers read them; gives written and readers.

    `readers_through` names, for each reader, the portals that it asks in turn.

    Afterwards no reader may have seen anything stale, and each must have read something.
    """
    product = await shop.product(0)
    written = WriteTimes()
    writer = StockWriter(await shop.admin(shop.cluster.admin_portals[0]), product.product_id, written)
    customer = await shop.customer()

    async def client(portal):
        if portal in shop.cluster.admin_portals:
            return await shop.admin(portal)
        return await shop.client(customer.customer_id, portal=portal)

    readers = [
        FreshnessReader([await client(portal) for portal in portals], product.product_id, written, session)
        for portals in readers_through
    ]
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        stack.callback(stop.set)
        workers: list[Any] = [writer, *readers]
        for worker in workers:
            group.create_task(worker.work_until(stop))
        await written.grows()
        yield written, readers
        reads = [reader.reads for reader in readers]
        await written.grows()
    assert all(reader.reads > before for reader, before in zip(readers, reads, strict=True))
    assert [reader.stale for reader in readers if reader.stale] == []
