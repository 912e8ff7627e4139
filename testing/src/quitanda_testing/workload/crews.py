"""Crews of clients over both transports: each crew works in one shop after the other, all at the same time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final

from quitanda.domain.commands import CancelOrder
from quitanda.domain.outcomes import Done, Reason, Refused
from quitanda.runtime.addresses import parse_address
from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_testing.cluster.cluster import Cluster
from quitanda_testing.history import calls
from quitanda_testing.history.conservation import AUDITOR
from quitanda_testing.history.operations import Action, GetOrder, GetProduct, Listed, ListOrders, Outcome, Read
from quitanda_testing.history.recorder import Recorder
from quitanda_testing.workload.shops import ClerkHabits, ContendedShop, CustomerHabits, Habits, Wish

CREWS: Final = 4
OPERATIONS_PER_CLIENT: Final = 60
"""Then the crew opens another shop."""
THINK_SECONDS: Final = 0.15
"""Between two operations of one client, on average."""
TIMEOUTS: Final = (1.0, 2.0, 5.0)
"""Seconds for one call; each client has one of these."""
PATIENCE_SECONDS: Final = 90.0
"""For how long a patient client repeats one request."""
IMPATIENCE: Final = 0.25
"""Share of the requests that are given up after one call without an answer."""
AUDITS_AT_ONCE: Final = 8

#  Customers and how they are connected: the third one works over both transports at the same time.
_CONNECTIONS: Final = (
    (0, Transport.GRPC),
    (1, Transport.MQTT),
    (2, Transport.GRPC),
    (2, Transport.MQTT),
    (3, Transport.MQTT),
)

Call = Callable[[Action, str], Awaitable]


@dataclass(slots=True)
class PortalConnections:
    """Where a cluster's portals and broker are, and clients for them."""

    cluster: Cluster

    def customer(self, customer_id: str, transport: Transport, timeout: float) -> ShopClient:
        """Make a customer's client that knows all portals."""
        cluster = self.cluster
        portals = [parse_address(cluster.address(name)) for name in cluster.client_portals]
        broker = parse_address(cluster.address(cluster.broker))
        return make_shop_client(transport, customer_id, portals=portals, broker=broker, timeout=timeout)

    def administrator(self, timeout: float) -> AdminClient:
        """Make an administrator's client that knows all portals."""
        return AdminClient(
            [parse_address(self.cluster.address(n)) for n in self.cluster.admin_portals], timeout=timeout
        )


@dataclass(slots=True)
class WorkloadClient:
    """Somebody who does one operation after the other; `call` sends what is to be done."""

    name: str
    transport: Transport
    shop: ContendedShop
    habits: Habits
    recorder: Recorder
    call: Call
    choose: Callable[[], Wish]
    numbers: Counter = field(default_factory=Counter)

    async def work(self, stop: asyncio.Event) -> None:
        """Work until the shop closes, or everything stops; what was begun is finished."""
        for _ in range(OPERATIONS_PER_CLIENT):
            if stop.is_set():
                return
            await self.do(self.choose(), patient=self.habits.dice.random() >= IMPATIENCE)
            await asyncio.sleep(self.habits.dice.expovariate(1.0 / THINK_SECONDS))

    async def do(self, wish: Wish, *, patient: bool) -> Outcome:
        """Do one operation and take note of what came of it."""
        action, request_id = wish.action, wish.request_id
        if not isinstance(action, Read):
            self.numbers["writes"] += 1
            request_id = request_id or f"{self.name}-{self.numbers['writes']}"
            self.habits.remember(Wish(action, request_id))
        patience = PATIENCE_SECONDS if patient and not isinstance(action, Read) else 0.0
        outcome = await self.recorder.perform(
            self.name, self.transport, action, request_id, lambda: self.call(action, request_id), patience
        )
        self._take_note(action, outcome)
        return outcome

    def _take_note(self, action: Action, outcome: Outcome) -> None:
        match outcome:
            case Done(document) if isinstance(action, CancelOrder):
                self.shop.heard_gone(document.order_id)
            case Done(document):
                self.shop.heard(document)
            case Refused(Reason.ORDER_NOT_FOUND):
                known = self.shop.orders.get(action.order_id)
                if known is not None and known.customer_id == action.customer_id:
                    self.shop.heard_gone(action.order_id)


class Crew:
    """A clerk and some customers, and the shops that they have worked in."""

    def __init__(self, name: str, seed: int, doors: PortalConnections, recorder: Recorder) -> None:
        self.shops: list[ContendedShop] = []
        self._name = name
        self._seed = seed
        self._doors = doors
        self._recorder = recorder

    async def work(self, stop: asyncio.Event) -> None:
        """Open one shop after the other until everything stops."""
        while not stop.is_set():
            shop = ContendedShop(f"{self._name}-{len(self.shops) + 1}")
            self.shops.append(shop)
            async with self._clients(shop) as (clerk, customers):
                for action in shop.opening():
                    await clerk.do(Wish(action), patient=True)
                async with asyncio.TaskGroup() as group:
                    for client in (clerk, *customers):
                        group.create_task(client.work(stop))

    @asynccontextmanager
    async def _clients(self, shop: ContendedShop) -> AsyncIterator[tuple[WorkloadClient, list[WorkloadClient]]]:
        async with AsyncExitStack() as stack:
            dice = Random(f"{self._seed} {shop.name} clerk")
            admin = await stack.enter_async_context(self._doors.administrator(dice.choice(TIMEOUTS)))
            habits = ClerkHabits(shop, dice)
            clerk = self._client("clerk", Transport.GRPC, habits, habits.next, _administrators_call(admin))
            customers = [
                await self._customer(stack, shop, shop.customers[index], transport) for index, transport in _CONNECTIONS
            ]
            yield clerk, customers

    async def _customer(
        self, stack: AsyncExitStack, shop: ContendedShop, customer_id: str, transport: Transport
    ) -> WorkloadClient:
        dice = Random(f"{self._seed} {customer_id} {transport}")
        client = await stack.enter_async_context(
            self._doors.customer(customer_id, transport, timeout=dice.choice(TIMEOUTS))
        )
        habits = CustomerHabits(shop, dice)
        name = f"{customer_id.removeprefix(shop.name + '-')}-{transport}"
        return self._client(name, transport, habits, lambda: habits.next(customer_id), _customers_call(client))

    def _client(
        self, name: str, transport: Transport, habits: Habits, choose: Callable[[], Wish], call: Call
    ) -> WorkloadClient:
        name = f"{habits.shop.name}-{name}"
        return WorkloadClient(name, transport, habits.shop, habits, self._recorder, call, choose)


class Workload:
    """All crews; `seed` decides what each client would like to do."""

    def __init__(self, cluster: Cluster, seed: int, recorder: Recorder, crews: int = CREWS) -> None:
        self._doors = PortalConnections(cluster)
        self._recorder = recorder
        self._crews = [Crew(f"s{seed}-{number}", seed, self._doors, recorder) for number in range(1, crews + 1)]

    async def work(self, stop: asyncio.Event) -> None:
        """Work until `stop`; returns when everybody has finished what was begun."""
        async with asyncio.TaskGroup() as group:
            for crew in self._crews:
                group.create_task(crew.work(stop))

    async def audit(self) -> None:
        """Read every product, every customer's list and every order, through the portals, over both transports."""
        turns = asyncio.Semaphore(AUDITS_AT_ONCE)
        shops = [shop for crew in self._crews for shop in crew.shops]
        async with self._doors.administrator(PATIENCE_SECONDS) as admin, asyncio.TaskGroup() as group:
            for number, shop in enumerate(shops):
                transport = list(Transport)[number % len(Transport)]
                group.create_task(self._audit_products(turns, admin, shop))
                for customer_id in shop.customers:
                    group.create_task(self._audit_orders(turns, customer_id, transport))

    async def _audit_products(self, turns: asyncio.Semaphore, admin: AdminClient, shop: ContendedShop) -> None:
        for product_id in shop.products:
            async with turns:
                await self._read(Transport.GRPC, GetProduct(product_id), _administrators_call(admin))

    async def _audit_orders(self, turns: asyncio.Semaphore, customer_id: str, transport: Transport) -> None:
        async with turns, self._doors.customer(customer_id, transport, PATIENCE_SECONDS) as client:
            call = _customers_call(client)
            listed = await self._read(transport, ListOrders(customer_id), call)
            for summary in listed.orders if isinstance(listed, Listed) else ():
                await self._read(transport, GetOrder(customer_id, summary.order_id), call)

    async def _read(self, transport: Transport, action: Action, call: Call) -> Outcome:
        return await self._recorder.perform(AUDITOR, transport, action, "", lambda: call(action, ""))


def _customers_call(client: ShopClient) -> Call:
    return lambda action, request_id: calls.of_customer(client, action, request_id)


def _administrators_call(client: AdminClient) -> Call:
    return lambda action, request_id: calls.of_administrator(client, action, request_id)
