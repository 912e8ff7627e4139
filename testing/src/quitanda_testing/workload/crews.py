"""Crews of clients over both transports: each crew works in one shop after the other, all at the same time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Final

from quitanda.errors import QuitandaError
from quitanda_clients.connecting import Transport
from quitanda_testing.cluster.callers import Callers
from quitanda_testing.cluster.cluster import Cluster
from quitanda_testing.history.operations import Read
from quitanda_testing.history.recorder import Recorder
from quitanda_testing.workload.clients import (
    PATIENCE_SECONDS,
    Call,
    CallTimes,
    NotAnswered,
    WorkloadClient,
    audit,
    calls_of_administrator,
    calls_of_customer,
    look_around,
    shop_client,
)
from quitanda_testing.workload.shops import ClerkHabits, ContendedShop, CustomerHabits, Habits, Wish

CREWS: Final = 4
OPERATIONS_PER_CLIENT: Final = 60
"""Then the crew opens another shop."""
THINK_SECONDS: Final = 0.15
TIMEOUTS: Final = (1.0, 2.0, 5.0)
"""Seconds for one call; each client has one of these."""
IMPATIENCE: Final = 0.25
"""Share of the requests that are given up after one call without an answer."""

#  Customers and how they are connected: the third one works over both transports at the same time.
_CONNECTIONS: Final = (
    (0, Transport.GRPC),
    (1, Transport.MQTT),
    (2, Transport.GRPC),
    (2, Transport.MQTT),
    (3, Transport.MQTT),
)


class Crew:
    """A clerk and some customers, and the shops that they have worked in."""

    def __init__(self, name: str, seed: int, callers: Callers, recorder: Recorder, *, moves_orders: bool) -> None:
        self.shops: list[ContendedShop] = []
        self._moves_orders = moves_orders
        self._name = name
        self._seed = seed
        self._callers = callers
        self._recorder = recorder

    async def work(self, stop: asyncio.Event) -> None:
        """Open one shop after the other until everything stops."""
        while not stop.is_set():
            shop = ContendedShop(f"{self._name}-{len(self.shops) + 1}", moves_orders=self._moves_orders)
            self.shops.append(shop)
            async with self._clients(shop) as (clerk, customers), asyncio.TaskGroup() as group:
                for client in (clerk, *customers):
                    group.create_task(_share(client, stop))

    @asynccontextmanager
    async def _clients(self, shop: ContendedShop) -> AsyncIterator[tuple[WorkloadClient, list[WorkloadClient]]]:
        """Let the clerk open the shop, and connect the customers, who are registered then."""
        async with AsyncExitStack() as stack:
            dice = Random(f"{self._seed} {shop.name} clerk")
            timeout = dice.choice(TIMEOUTS)
            admin = await stack.enter_async_context(self._callers.admin_client(timeout=timeout))
            habits = ClerkHabits(shop, dice)
            call = calls_of_administrator(admin)
            clerk = self._client("clerk", Transport.GRPC, habits, call, timeout)
            for action in shop.opening():
                await clerk.do(Wish(action), patience=PATIENCE_SECONDS)
            customers = [
                await self._customer(stack, shop, shop.customers[index], transport) for index, transport in _CONNECTIONS
            ]
            for customer in customers:
                await look_around(customer)
            yield clerk, customers

    async def _customer(
        self, stack: AsyncExitStack, shop: ContendedShop, customer_id: str, transport: Transport
    ) -> WorkloadClient:
        dice = Random(f"{self._seed} {customer_id} {transport}")
        timeout = dice.choice(TIMEOUTS)
        client = await stack.enter_async_context(shop_client(self._callers, shop, customer_id, transport, timeout))
        habits = CustomerHabits(shop, dice, customer_id)
        name = f"{customer_id.removeprefix(shop.name + '-')}-{transport}"
        call = calls_of_customer(client)
        return self._client(name, transport, habits, call, timeout)

    def _client(self, name: str, transport: Transport, habits: Habits, call: Call, timeout: float) -> WorkloadClient:
        name, times = f"{habits.shop.name}-{name}", CallTimes(timeout)
        return WorkloadClient(name, transport, habits, self._recorder, call, times, THINK_SECONDS)


async def _share(client: WorkloadClient, stop: asyncio.Event) -> None:
    """Let a client do its share of the shop's work, unless everything stops; what was begun is finished."""
    for _ in range(OPERATIONS_PER_CLIENT):
        if stop.is_set():
            return
        wish = client.habits.next()
        patient = client.habits.dice.random() >= IMPATIENCE and not isinstance(wish.action, Read)
        await client.do(wish, patience=PATIENCE_SECONDS if patient else 0.0)
        await client.think()


class Workload:
    """All crews; `seed` decides what each client would like to do.

    With `moves_orders` the crews also place orders, fulfil them and take them back, for which they raise the level.
    """

    def __init__(
        self, cluster: Cluster, seed: int, recorder: Recorder, crews: int = CREWS, *, moves_orders: bool = True
    ) -> None:
        self._moves_orders = moves_orders
        self._callers = cluster.callers
        self._recorder = recorder
        self._crews = [
            Crew(f"s{seed}-{number}", seed, self._callers, recorder, moves_orders=moves_orders)
            for number in range(1, crews + 1)
        ]

    async def work(self, stop: asyncio.Event) -> None:
        """Work until `stop`; returns when everybody has finished what was begun.

        Raises NotAnswered where the level cannot be raised that the operations need.
        """
        if self._moves_orders:
            await self._raise_level()
        async with asyncio.TaskGroup() as group:
            for crew in self._crews:
                group.create_task(crew.work(stop))

    async def _raise_level(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        async with self._callers.admin_client() as admin:
            while True:
                try:
                    await admin.raise_level()
                except QuitandaError as error:
                    if time.monotonic() > deadline:
                        raise NotAnswered(f"the level cannot be raised: {error}") from error
                    await asyncio.sleep(THINK_SECONDS)
                else:
                    return

    async def audit(self) -> None:
        """Read everything in every shop. Raises NotAnswered."""
        await audit(self._callers, self._recorder, [shop for crew in self._crews for shop in crew.shops])
