"""Customers and a clerk who work without a pause while things break, and the books that must balance afterwards.

Each worker repeats what was not answered, with the first request's id, until it is answered: so at the end there
is no doubt about anything, and a unit or an order too many or too few is a broken promise.
"""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import Order
from quitanda.domain.outcomes import Reason
from quitanda.errors import OutcomeUnknown, QuitandaError, Rejected, Unavailable
from quitanda.runtime.addresses import parse_address
from quitanda_clients.client import AdminClient
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.results import TIMEOUT_DEFAULT
from quitanda_local.waiting import wait_until

UNITS = 400
"""Of each product at the beginning: with a few hundred units in orders, some are refused now and then."""

THINK_SECONDS = 0.02
"""Between two requests of one worker: the machine must have time for elections, too."""

INSIST_SECONDS = 60.0
"""For how long a worker repeats one request before it calls that a failure."""

PROGRESS_SECONDS = 30.0


@dataclass(slots=True)
class Worker:
    """Repeats what was not answered; the base of those who do something."""

    transport: Transport
    timeout: float
    dice: random.Random
    answered_at: list[float] = field(default_factory=list)
    unanswered: list[QuitandaError] = field(default_factory=list)
    overtime: float = float("-inf")
    """By how many seconds the slowest call missed its deadline; negative where all kept it."""

    async def work_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.act()
            except Rejected as rejected:
                if rejected.refused.reason is not Reason.OUT_OF_STOCK:
                    raise
            self.answered_at.append(time.monotonic())
            await asyncio.sleep(THINK_SECONDS * self.dice.uniform(0.5, 1.5))

    async def act(self) -> None:
        raise AssertionError("each kind of worker does something else")

    async def insist(self, call: Callable[[], Awaitable]):
        """Make the call, with the same request id each time, until it is answered or refused."""
        begun = time.monotonic()
        while True:
            tried = time.monotonic()
            try:
                return await call()
            except (Unavailable, OutcomeUnknown) as error:
                self.unanswered.append(error)
                if time.monotonic() - begun > INSIST_SECONDS:
                    raise
            finally:
                self.overtime = max(self.overtime, time.monotonic() - tried - self.timeout)
            await asyncio.sleep(THINK_SECONDS)

    def longest_pause(self, since: float) -> float:
        """Seconds between two answers, at most, counting from `since` (monotonic) on."""
        times = [since, *(moment for moment in self.answered_at if moment >= since)]
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)


@dataclass(slots=True)
class Shopper(Worker):
    """Places, changes and cancels orders of its own."""

    client: object = None
    products: Sequence[str] = ()
    orders: dict[str, Order] = field(default_factory=dict)
    """Live orders as they were last acknowledged."""

    async def act(self) -> None:
        request_id = new_request_id()
        mine, choice = list(self.orders), self.dice.random()
        if not mine or choice < 0.4:
            items = self._items()
            answer = await self.insist(lambda: self.client.create_order(items, request_id=request_id))
            self.orders[answer.document.order_id] = answer.document
        elif choice < 0.75:
            order_id, items = self.dice.choice(mine), self._items()
            answer = await self.insist(lambda: self.client.set_order_items(order_id, items, request_id=request_id))
            self.orders[order_id] = answer.document
        else:
            order_id = self.dice.choice(mine)
            await self.insist(lambda: self.client.cancel_order(order_id, request_id=request_id))
            del self.orders[order_id]

    def _items(self) -> list[ItemQuantity]:
        chosen = self.dice.sample(self.products, self.dice.randint(1, 3))
        return [ItemQuantity(product_id, self.dice.randint(1, 3)) for product_id in chosen]


@dataclass(slots=True)
class Clerk(Worker):
    """Counts units in and out; twice the same delivery would show in the books."""

    client: object = None
    products: Sequence[str] = ()
    delivered: Counter = field(default_factory=Counter)

    async def act(self) -> None:
        product_id, delta, request_id = self.dice.choice(self.products), self.dice.randint(-3, 5) or 1, new_request_id()
        await self.insist(lambda: self.client.adjust_stock(product_id, delta, request_id=request_id))
        self.delivered[product_id] += delta


@dataclass(frozen=True)
class Books:
    """What does not fit: units by product as (counted, expected); ids of orders lost, altered or made by nobody."""

    units: dict[str, tuple[int, int]] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()


BALANCED = Books()


class Traffic:
    """The workers while they work, and the books when they have ended."""

    def __init__(self, shop, products: Sequence[str], shoppers: Sequence[Shopper], clerks: Sequence[Clerk]) -> None:
        self.shoppers = shoppers
        self.clerks = clerks
        self.workers: Sequence[Worker] = (*shoppers, *clerks)
        self._shop = shop
        self._products = products
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task] = []

    def begin(self) -> None:
        self._tasks = [asyncio.create_task(worker.work_until(self._stop)) for worker in self.workers]

    async def end(self) -> None:
        """Let everybody finish what was begun; raises what a worker must never see."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def abandon(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def goes_on(self, answers: int = 5, workers: Sequence[Worker] | None = None) -> None:
        """Wait until each worker, or each of these, has that many more answers."""
        goals = [(worker, len(worker.answered_at) + answers) for worker in workers or self.workers]

        async def reached() -> bool:
            self._check()
            return all(len(worker.answered_at) >= goal for worker, goal in goals)

        await wait_until(reached, f"{answers} more answers for each worker", PROGRESS_SECONDS, self._last_troubles)

    async def answers_in_all(self, answers: int, timeout: float) -> None:
        """Wait until there are that many more answers, whoever got them; DeadlineExceeded after `timeout` seconds."""
        goal = sum(len(worker.answered_at) for worker in self.workers) + answers

        async def reached() -> bool:
            self._check()
            return sum(len(worker.answered_at) for worker in self.workers) >= goal

        await wait_until(reached, f"{answers} more answers", timeout)

    async def everybody_waits(self) -> None:
        """Wait until each worker had a call that was not answered since now."""
        before = [len(worker.unanswered) for worker in self.workers]

        async def waiting() -> bool:
            self._check()
            return all(len(w.unanswered) > count for w, count in zip(self.workers, before, strict=True))

        await wait_until(waiting, "each worker to be left without an answer", PROGRESS_SECONDS)

    def over(self, transport: Transport) -> list[Worker]:
        """Give those whose requests travel this way."""
        return [worker for worker in self.workers if worker.transport is transport]

    @property
    def unanswered(self) -> list[QuitandaError]:
        return [error for worker in self.workers for error in worker.unanswered]

    @property
    def overtime(self) -> float:
        return max(worker.overtime for worker in self.workers)

    def longest_pause(self, since: float, workers: Sequence[Worker] | None = None) -> float:
        return max(worker.longest_pause(since) for worker in workers or self.workers)

    async def books(self) -> Books:
        """Let everybody finish; count everything through the portals, and compare it with what was acknowledged."""
        await self.end()
        counts = await asyncio.gather(*(self._orders(shopper) for shopper in self.shoppers))
        counted = {order.order_id: order for orders in counts for order in orders}
        promised = {order_id: order for shopper in self.shoppers for order_id, order in shopper.orders.items()}
        held = Counter()
        for order in counted.values():
            held.update({item.product_id: item.quantity for item in order.items})
        units = {}
        for product_id in self._products:
            expected = UNITS + sum(clerk.delivered[product_id] for clerk in self.clerks)
            found = await self._shop.stock(product_id) + held[product_id]
            if found != expected:
                units[product_id] = (found, expected)
        return Books(
            units,
            tuple(promised.keys() - counted.keys()),
            tuple(o for o in promised.keys() & counted.keys() if promised[o] != counted[o]),
            tuple(counted.keys() - promised.keys()),
        )

    async def _orders(self, shopper: Shopper) -> list[Order]:
        client = await self._shop.client(shopper.client.customer_id)
        summaries = (await client.list_orders()).documents
        return [(await client.get_order(summary.order_id)).document for summary in summaries]

    def _check(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()

    def _last_troubles(self) -> str:
        return "; ".join(str(worker.unanswered[-1]) for worker in self.workers if worker.unanswered)


@asynccontextmanager
async def traffic(
    shop, *, timeout: float = TIMEOUT_DEFAULT, grpc: int = 3, mqtt: int = 2, clerks: int = 1, seed: int = 1
) -> AsyncIterator[Traffic]:
    """Let so many customers of each transport, and so many clerks, work while the block runs.

    `timeout` (seconds) is for each call. All know all portals. When the block ends everybody finishes; what
    a worker must never see fails the block.
    """
    dice = random.Random(seed)
    products = [product.product_id for product in await shop.products(6, quantity=UNITS)]
    async with AsyncExitStack() as stack:
        transports = [Transport.GRPC] * grpc + [Transport.MQTT] * mqtt
        shoppers = [
            Shopper(
                transport,
                timeout,
                random.Random(dice.random()),
                client=await stack.enter_async_context(await _customer(shop, transport, timeout)),
                products=products,
            )
            for transport in transports
        ]
        admins = [await stack.enter_async_context(_administrator(shop, timeout)) for _ in range(clerks)]
        workers = [
            Clerk(Transport.GRPC, timeout, random.Random(dice.random()), client=admin, products=products)
            for admin in admins
        ]
        busy = Traffic(shop, products, shoppers, workers)
        busy.begin()
        try:
            await busy.goes_on()
            yield busy
            await busy.end()
        finally:
            await busy.abandon()


def _administrator(shop, timeout: float) -> AdminClient:
    cluster = shop.cluster
    return AdminClient([parse_address(cluster.address(name)) for name in cluster.admin_portals], timeout=timeout)


async def _customer(shop, transport: Transport, timeout: float):
    customer = await shop.customer()
    cluster = shop.cluster
    return make_shop_client(
        transport,
        customer.customer_id,
        portals=[parse_address(cluster.address(name)) for name in cluster.client_portals],
        broker=parse_address(cluster.address(cluster.broker)),
        timeout=timeout,
    )
