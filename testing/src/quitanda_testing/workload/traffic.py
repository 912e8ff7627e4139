"""Clients that work without a pause while a scenario breaks things, and the checker's word on what they were told.

Each client repeats what was not answered, with the first request's id, until it is answered. So nothing is in doubt at
the end: the checker finds a unit or an order too many or too few, a stale read, and a request that took effect twice.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Final

from quitanda.errors import QuitandaError
from quitanda_clients.connecting import Transport
from quitanda_clients.results import TIMEOUT_DEFAULT
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.callers import Callers
from quitanda_testing.cluster.cluster import Cluster
from quitanda_testing.history.checker import check
from quitanda_testing.history.recorder import Recorder
from quitanda_testing.history.search import SearchResult
from quitanda_testing.workload.clients import (
    PATIENCE_SECONDS,
    CallTimes,
    WorkloadClient,
    audit,
    calls_of_administrator,
    calls_of_customer,
    look_around,
    shop_client,
)
from quitanda_testing.workload.shops import ClerkHabits, ContendedShop, CustomerHabits, Wish

THINK_SECONDS: Final = 0.02
PROGRESS_SECONDS: Final = 30.0

_numbers = itertools.count(1)


class Traffic:
    """The clients of one shop, each of which does one operation after the other."""

    def __init__(
        self,
        callers: Callers,
        recorder: Recorder,
        shop: ContendedShop,
        clients: Sequence[WorkloadClient],
    ) -> None:
        self.clients = clients
        self._callers = callers
        self.recorder = recorder
        self._shop = shop
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Let everybody work."""
        self._tasks = [asyncio.create_task(client.insist_until(self._stop)) for client in self.clients]

    async def end(self) -> None:
        """Let everybody finish what was begun; raises what a client must never see."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def abandon(self) -> None:
        """Let everybody stop at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def goes_on(self, answers: int = 5, clients: Sequence[WorkloadClient] | None = None) -> None:
        """Wait until each client, or each of these, has that many more answers."""
        goals = [(client.times, len(client.times.answered_at) + answers) for client in clients or self.clients]

        async def reached() -> bool:
            self._check_tasks()
            return all(len(times.answered_at) >= goal for times, goal in goals)

        await wait_until(reached, f"{answers} more answers for each client", PROGRESS_SECONDS, self._last_errors)

    async def goes_on_for(self, seconds: float) -> None:
        """Wait until each client has an answer to something that it began so many seconds from now, or later."""
        until = time.monotonic() + seconds

        async def passed() -> bool:
            self._check_tasks()
            return time.monotonic() >= until

        await wait_until(passed, f"{seconds:g} s of work", seconds + PROGRESS_SECONDS)
        await self.goes_on()

    async def answers_in_all(self, answers: int, timeout: float) -> None:
        """Wait until there are that many more answers, whoever got them; DeadlineExceeded after `timeout` seconds."""
        goal = self._answered() + answers

        async def reached() -> bool:
            self._check_tasks()
            return self._answered() >= goal

        await wait_until(reached, f"{answers} more answers", timeout)

    async def everybody_waits(self) -> None:
        """Wait until each client had a call that was not answered since now."""
        before = [(client.times, len(client.times.unanswered)) for client in self.clients]

        async def waiting() -> bool:
            self._check_tasks()
            return all(len(times.unanswered) > count for times, count in before)

        await wait_until(waiting, "each client to be left without an answer", PROGRESS_SECONDS)

    def over(self, transport: Transport) -> list[WorkloadClient]:
        """Give those whose requests travel this way."""
        return [client for client in self.clients if client.transport is transport]

    @property
    def customers(self) -> Sequence[str]:
        """The ids of the customers among the clients."""
        return self._shop.customers

    @property
    def unanswered(self) -> list[QuitandaError]:
        """The errors of every call that was not answered."""
        return [error for client in self.clients for error in client.times.unanswered]

    @property
    def overtime(self) -> float:
        """By how many seconds the slowest call missed its deadline; negative where all kept it."""
        return max(client.times.overtime for client in self.clients)

    def longest_pause(self, since: float, clients: Sequence[WorkloadClient] | None = None) -> float:
        """Give the most seconds that any client, or any of these, waited for an answer from `since` on."""
        return max(client.times.longest_pause(since) for client in clients or self.clients)

    async def violations(self) -> Sequence[str]:
        """Let everybody finish, read everything, and say what is wrong with all that was answered; empty if nothing."""
        await self.end()
        await audit(self._callers, self.recorder, [self._shop])
        result = await asyncio.to_thread(check, self.recorder.history)
        return () if result.answer is SearchResult.LINEARIZABLE else (str(result), *result.explanations)

    def _answered(self) -> int:
        return sum(len(client.times.answered_at) for client in self.clients)

    def _check_tasks(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()

    def _last_errors(self) -> str:
        return "; ".join(str(client.times.unanswered[-1]) for client in self.clients if client.times.unanswered)


@asynccontextmanager
async def traffic(
    cluster: Cluster,
    *,
    timeout: float = TIMEOUT_DEFAULT,
    grpc: int = 3,
    mqtt: int = 2,
    clerks: int = 1,
    seed: int = 1,
    one_portal_each: bool = False,
) -> AsyncIterator[Traffic]:
    """Let so many customers of each transport, and so many administrators, work in a new shop while the block runs.

    `timeout` (seconds) is for each call. All know all portals; or each knows one, in turn, so that no portal is passed
    by. When the block ends everybody finishes; what a client must never see fails the block.
    """
    admin_portals = itertools.cycle([(name,) for name in cluster.admin_portals] if one_portal_each else [()])
    client_portals = itertools.cycle(cluster.client_portals if one_portal_each else (None,))
    dice, callers, recorder = Random(seed), cluster.callers, Recorder()
    transports = [Transport.GRPC] * grpc + [Transport.MQTT] * mqtt
    shop = ContendedShop(f"traffic{next(_numbers)}", customer_count=len(transports))
    clients = []
    async with AsyncExitStack() as stack:
        for number in range(clerks):
            admin = await stack.enter_async_context(callers.admin_client(*next(admin_portals), timeout=timeout))
            clerk = ClerkHabits(shop, Random(dice.random()))
            clients.append(
                WorkloadClient(
                    f"{shop.name}-clerk{number}",
                    Transport.GRPC,
                    clerk,
                    recorder,
                    calls_of_administrator(admin),
                    CallTimes(timeout),
                    THINK_SECONDS,
                )
            )
        for action in shop.opening():
            await clients[0].do(Wish(action), patience=PATIENCE_SECONDS)
        for customer_id, transport in zip(shop.customers, transports, strict=True):
            portal = next(client_portals) if transport is Transport.GRPC else None
            client = await stack.enter_async_context(
                shop_client(callers, shop, customer_id, transport, timeout, portal)
            )
            customer = CustomerHabits(shop, Random(dice.random()), customer_id)
            clients.append(
                WorkloadClient(
                    f"{customer_id}-{transport}",
                    transport,
                    customer,
                    recorder,
                    calls_of_customer(client),
                    CallTimes(timeout),
                    THINK_SECONDS,
                )
            )
            await look_around(clients[-1])
        busy = Traffic(callers, recorder, shop, clients)
        busy.begin()
        try:
            await busy.goes_on()
            yield busy
            await busy.end()
        finally:
            await busy.abandon()
