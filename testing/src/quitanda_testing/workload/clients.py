"""Clients of a workload: each does one operation after the other, and the recorder writes down what it is told."""

import asyncio
import itertools
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from quitanda.domain.commands import CancelOrder, PlaceOrder, SetOrderItems
from quitanda.domain.model import OrderState
from quitanda.domain.order_states import LIVE_STATES
from quitanda.domain.outcomes import Done, Reason, Refused
from quitanda.errors import OutcomeUnknown, QuitandaError, Unavailable
from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.connecting import Transport
from quitanda_testing.cluster.callers import Callers
from quitanda_testing.history import calls
from quitanda_testing.history.operations import (
    Action,
    GetOrder,
    GetProduct,
    Listed,
    ListOrders,
    Outcome,
    Read,
    TurnedAway,
    Unknown,
)
from quitanda_testing.history.recorder import CallResult, Recorder, Send
from quitanda_testing.workload.shops import ContendedShop, Habits, Wish

REPEAT_PAUSE_SECONDS: Final = 0.01
PATIENCE_SECONDS: Final = 90.0
"""For how long a patient client repeats one request."""
AUDITOR: Final = "auditor"
"""The client that reads everything at the end."""
AUDITS_AT_ONCE: Final = 8

Call = Callable[[Action, str], Awaitable[CallResult]]
"""Sends an action under a request id."""


T = TypeVar("T")


class NotAnswered(AssertionError):
    """A client did not get an answer for as long as it could be patient."""


@dataclass(slots=True)
class CallTimes:
    """When calls were answered, which were not, and by how much the slowest missed its deadline of `timeout` s."""

    timeout: float
    answered_at: list[float] = field(default_factory=list)
    unanswered: list[QuitandaError] = field(default_factory=list)
    overtime: float = -math.inf
    """Seconds; negative where every call kept its deadline."""

    async def take(self, call: Send) -> CallResult:
        """Make one call, and keep its time."""
        begun = time.monotonic()
        try:
            return await call()
        except (Unavailable, OutcomeUnknown) as error:
            self.unanswered.append(error)
            raise
        finally:
            self.overtime = max(self.overtime, time.monotonic() - begun - self.timeout)

    def longest_pause(self, since: float) -> float:
        """Give the most seconds between two answers, counting from `since` (monotonic clock) on."""
        times = [since, *(moment for moment in self.answered_at if moment >= since)]
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)


@dataclass(slots=True)
class WorkloadClient:
    """Does one operation after the other, as its habits say; `call` sends it."""

    name: str
    transport: Transport
    habits: Habits
    recorder: Recorder
    call: Call
    times: CallTimes
    think_seconds: float
    """Between two operations, on average: the machine must have time for elections, too."""
    numbers: Counter[str] = field(default_factory=Counter)

    async def do(self, wish: Wish, *, patience: float) -> Outcome:
        """Do one operation, repeated for `patience` seconds while nobody answers; note what came of it."""
        action, request_id = wish.action, wish.request_id
        if not isinstance(action, Read):
            self.numbers["writes"] += 1
            request_id = request_id or f"{self.name}-{self.numbers['writes']}"
            self.habits.remember(Wish(action, request_id))

        def send() -> Awaitable[CallResult]:
            return self.times.take(lambda: self.call(action, request_id))

        outcome = await self.recorder.perform(self.name, self.transport, action, request_id, send, patience)
        if not isinstance(outcome, Unknown | TurnedAway):
            self.times.answered_at.append(time.monotonic())
        self._take_note(action, outcome)
        return outcome

    async def insist_until(self, stop: asyncio.Event) -> None:
        """Work until everything stops, and repeat each operation until it is answered. Raises NotAnswered."""
        while not stop.is_set():
            outcome = await self.do(self.habits.next(), patience=PATIENCE_SECONDS)
            if isinstance(outcome, Unknown | TurnedAway):
                raise NotAnswered(f"{self.name} was not answered for {PATIENCE_SECONDS:g} s")
            await self.think()

    async def think(self) -> None:
        """Wait for a moment before the next operation."""
        await asyncio.sleep(self.habits.dice.expovariate(1.0 / self.think_seconds))

    def _take_note(self, action: Action, outcome: Outcome) -> None:
        shop = self.habits.shop
        match action, outcome:
            case CancelOrder(order_id=order_id), Done():
                shop.heard_gone(order_id)
            case _, Done(document):
                shop.heard(document)
            case _, Refused(Reason.ORDER_STATE, details=details) if dict(details)["state"] not in LIVE_STATES:
                shop.heard_gone(getattr(action, "order_id", ""))
            case SetOrderItems() | CancelOrder() | PlaceOrder() | GetOrder(), Refused(Reason.ORDER_NOT_FOUND):
                known = shop.orders.get(action.order_id)
                if known is not None and known.customer_id == action.customer_id:
                    shop.heard_gone(action.order_id)


async def until_answered(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call, which carries its own request id, until it is answered or refused."""
    while True:
        try:
            return await call()
        except (Unavailable, OutcomeUnknown):
            await asyncio.sleep(REPEAT_PAUSE_SECONDS)


def shop_client(
    callers: Callers,
    shop: ContendedShop,
    customer_id: str,
    transport: Transport,
    timeout: float,
    portal: str | None = None,
) -> ShopClient:
    """Make a client of a customer who is registered.

    The customer who comes and goes has no token of her own for long, so the administrator acts for her. Then she is
    told in both modes that there is no such customer, and the checker judges that, too.
    """
    token = callers.administrator if customer_id == shop.visitor else None
    return callers.shop_client(customer_id, transport, portal, timeout=timeout, token=token)


async def look_around(client: WorkloadClient) -> None:
    """Let a customer's client read once, before anybody can delete the customer.

    Where the broker asks for certificates, a client over MQTT gets one with its first request. A portal refuses one for
    a customer who does not exist. A write that ends so has no outcome that replicas remember, and the checker would
    expect one where the write is repeated.
    """
    await client.do(Wish(ListOrders(client.habits.customer_id)), patience=PATIENCE_SECONDS)


async def audit(callers: Callers, recorder: Recorder, shops: Iterable[ContendedShop]) -> None:
    """Read every product, every customer's list and every order of these shops, over both transports.

    Each read is recorded, and repeated until it is answered. Raises NotAnswered.
    """
    turns = asyncio.Semaphore(AUDITS_AT_ONCE)

    async def read(transport: Transport, action: Action, call: Call) -> Outcome:
        outcome = await recorder.perform(AUDITOR, transport, action, "", lambda: call(action, ""), PATIENCE_SECONDS)
        if isinstance(outcome, Unknown | TurnedAway):
            raise NotAnswered(f"at the end nobody answered {action}")
        return outcome

    async def read_products(shop: ContendedShop) -> None:
        for product_id in shop.products:
            async with turns:
                await read(Transport.GRPC, GetProduct(product_id), calls_of_administrator(admin))

    async def read_orders(shop: ContendedShop, customer_id: str, transport: Transport) -> None:
        async with turns, shop_client(callers, shop, customer_id, transport, PATIENCE_SECONDS) as client:
            call = calls_of_customer(client)
            await read(transport, ListOrders(customer_id), call)
            states = tuple(state.value for state in OrderState) if shop.moves_orders else ()
            listed = await read(transport, ListOrders(customer_id, states), call)
            for summary in listed.orders if isinstance(listed, Listed) else ():
                await read(transport, GetOrder(customer_id, summary.order_id, shop.moves_orders), call)

    async with callers.admin_client(timeout=PATIENCE_SECONDS) as admin, asyncio.TaskGroup() as group:
        for shop, transport in zip(shops, itertools.cycle(Transport), strict=False):
            group.create_task(read_products(shop))
            for customer_id in shop.customers:
                group.create_task(read_orders(shop, customer_id, transport))


def calls_of_customer(client: ShopClient) -> Call:
    """Send actions with a customer's client."""
    return lambda action, request_id: calls.of_customer(client, action, request_id)


def calls_of_administrator(client: AdminClient) -> Call:
    """Send actions with an administrator's client."""
    return lambda action, request_id: calls.of_administrator(client, action, request_id)
