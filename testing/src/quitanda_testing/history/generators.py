"""Random histories that are right, because the rules themselves were asked; and such with one answer changed.

Clients act at the same time, each one operation after the other. Each operation takes effect at a moment between
its beginning and its answer; some get no answer, and take effect whenever they like or never. Orders with a deadline
expire some time after it.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from random import Random
from typing import Final

from quitanda.domain import machine, refusals
from quitanda.domain.commands import (
    AdjustStock,
    AdvanceClock,
    CancelOrder,
    CancelOrderItems,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ItemQuantity,
    PlaceOrder,
    RaiseLevel,
    Request,
    ReturnOrder,
    SetOrderDeadline,
    SetOrderItems,
    UpdateProduct,
)
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.domain.model import Order, OrderState, Product
from quitanda.domain.outcomes import Done, Reason, Refused
from quitanda.domain.state import Execution
from quitanda_testing.history.brute_force import read
from quitanda_testing.history.builders import BEGUN_AT_MS
from quitanda_testing.history.operations import (
    NEVER,
    Action,
    Expiry,
    GetCustomer,
    GetOrder,
    GetProduct,
    Listed,
    ListOrders,
    Outcome,
    Read,
    RecordedOperation,
    Unknown,
)
from quitanda_testing.in_memory_state import InMemoryState

MOVES_SHARE: Final = 0.4
"""Of the operations, where orders are moved."""

DEADLINE_MS: Final = (-200, 4_000)
"""Deadlines lie so far ahead, in milliseconds."""

LATE_SECONDS_MAX: Final = 2.0


@dataclass(frozen=True, slots=True)
class Size:
    """What a history is like; seconds are of the history's own clock."""

    clients: int = 4
    operations: int = 60
    customers: int = 2
    products: int = 2
    units: int = 6
    unanswered: float = 0.1
    repeated: float = 0.1
    reused: float = 0.2
    """Share of the repeated requests that ask for something else under the same id."""
    moves_orders: bool = False
    """Orders are also placed, fulfilled, lessened and given back, and closed ones are looked at."""
    deadlines: bool = False
    """Of those, some get a deadline."""
    think: float = 0.5
    """Between an answer and the next operation, at most; with one client and 0 unanswered all is sequential."""


@dataclass(slots=True)
class _Busy:
    """An operation under way."""

    operation: RecordedOperation
    client: int
    outcome: Outcome | None = None
    revision: int = 0
    minted: int = 0
    silent: bool = False


@dataclass(slots=True)
class HistoryGenerator:
    """Invents one history."""

    dice: Random
    size: Size = field(default_factory=Size)
    shop: str = "shop"
    state: InMemoryState = field(default_factory=InMemoryState)
    history: list[RecordedOperation] = field(default_factory=list)
    _numbers: count = field(default_factory=lambda: count(1))
    _known: list[Order] = field(default_factory=list)
    _sent: list[RecordedOperation] = field(default_factory=list)
    _revision: int = 0
    _deadlines: list[int] = field(default_factory=list)
    """Those that were set, and at which nothing has been arranged yet."""

    def generate(self) -> list[RecordedOperation]:
        """Play until there are enough operations; return them by their beginnings."""
        events: list[tuple[float, int, Callable[[float], None]]] = []
        order = count()

        def at(moment: float, event: Callable[[float], None]) -> None:
            heapq.heappush(events, (moment, next(order), event))

        def begin(client: int, now: float) -> None:
            if len(self.history) + len(busy) >= self.size.operations:
                return
            under_way = self._begin(client, now)
            busy.append(under_way)
            effect = now + self.dice.random()
            if not under_way.silent:
                at(effect, partial(happen, under_way))
                at(effect + self.dice.random(), lambda then: end(under_way, then))
                return
            if self.dice.random() < 0.6:
                at(now + self.dice.random() * self.dice.choice((1, 20)), partial(happen, under_way))
            at(now + self.dice.random(), lambda then: end(under_way, then))

        def happen(under_way: _Busy, now: float) -> None:
            self._take_effect(under_way)
            self._arrange_expiries(now, at)

        def end(under_way: _Busy, now: float) -> None:
            busy.remove(under_way)
            self._end(under_way, now)
            at(now + self.dice.random() * self.size.think, lambda then: begin(under_way.client, then))

        busy: list[_Busy] = []
        self._open()
        for client in range(self.size.clients):
            at(1.0 + self.dice.random() * 0.1, partial(begin, client))
        while events:
            moment, _, event = heapq.heappop(events)
            event(moment)
        return sorted(self.history, key=lambda operation: operation.invoked_at)

    def _open(self) -> None:
        """Begin with every customer and every product, at leisure."""
        if self.size.moves_orders:
            for level in range(FIRST_LEVEL + 1, SUPPORTED_LEVEL + 1):
                self._execute(Request("", f"level-{level}", RaiseLevel(level)))
        customers = [CreateCustomer(self._customer(n), "Conceição") for n in range(self.size.customers)]
        products = [CreateProduct(self._product(n), "Pão", 2, self.size.units) for n in range(self.size.products)]
        actions: tuple[Action, ...] = (*customers, *products)
        for action in actions:
            number = next(self._numbers)
            moment = number / 1_000
            opening = RecordedOperation(
                number, "opener", "invented", action, f"{self.shop}-{number}", moment, NEVER, Unknown()
            )
            under_way = _Busy(opening, -1)
            self._take_effect(under_way)
            self._end(under_way, moment + 0.0005)

    def _customer(self, number: int) -> str:
        return f"{self.shop}-customer-{number}"

    def _product(self, number: int) -> str:
        return f"{self.shop}-product-{number}"

    def _begin(self, client: int, now: float) -> _Busy:
        number = next(self._numbers)
        action, request_id = self._choose(number, _clock_ms(now))
        operation = RecordedOperation(
            *(number, f"client-{client}", "invented", action, request_id, now, NEVER, Unknown()),
            begun_at_ms=_clock_ms(now),
        )
        silent = not operation.is_read and self.dice.random() < self.size.unanswered
        if not operation.is_read:
            self._sent.append(operation)
        return _Busy(operation, client, minted=number, silent=silent)

    def _take_effect(self, busy: _Busy) -> None:
        action = busy.operation.action
        if isinstance(action, Read):
            busy.outcome = read(self.state, action)
            return
        assert not isinstance(action, Expiry)
        if isinstance(action, CreateOrder):
            action = replace(action, order_id=f"{self.shop}-order-{busy.minted}", created_at_ms=busy.minted)
        operation = busy.operation
        request = Request(operation.scope, operation.request_id, action, received_at_ms=operation.begun_at_ms)
        execution = self._execute(request)
        busy.outcome, busy.revision = execution.outcome, execution.revision
        match execution.outcome:
            case Done(Order(expires_at_ms=deadline_ms)) if deadline_ms:
                self._deadlines.append(deadline_ms)

    def _execute(self, request: Request) -> Execution:
        self._revision += 1
        execution = machine.execute(self.state, request, self._revision)
        self.state.apply(request, execution)
        return execution

    def _arrange_expiries(self, now: float, at: Callable[[float, Callable[[float], None]], None]) -> None:
        while self._deadlines:
            due = (self._deadlines.pop() - BEGUN_AT_MS) / 1_000
            at(max(now, due) + self.dice.random() * LATE_SECONDS_MAX, self._let_expire)

    def _let_expire(self, now: float) -> None:
        self._execute(Request("", f"clock-{self._revision}", AdvanceClock(_clock_ms(now))))

    def _end(self, busy: _Busy, now: float) -> None:
        if busy.silent:
            self.history.append(busy.operation)
            return
        self.history.append(
            replace(busy.operation, answered_at=now, outcome=busy.outcome or Unknown(), revision=busy.revision)
        )
        match busy.outcome:
            case Done(Order() as order):
                self._known.append(order)

    def _choose(self, number: int, now_ms: int) -> tuple[Action, str]:
        if self._sent and self.dice.random() < self.size.repeated:
            earlier = self.dice.choice(self._sent)
            other = self._action(now_ms)
            reused = not isinstance(other, Read) and self.dice.random() < self.size.reused
            return (other if reused else earlier.action), earlier.request_id
        action = self._action(now_ms)
        return action, "" if isinstance(action, Read) else f"{self.shop}-request-{number}"

    def _action(self, now_ms: int) -> Action:
        if self.size.moves_orders and self._known and self.dice.random() < MOVES_SHARE:
            return self._move(self.dice.choice(self._known), now_ms)
        return self._common()

    def _move(self, order: Order, now_ms: int) -> Action:
        """Move an order, or look at it where it may be closed; not all that is tried can be done."""
        customer_id, order_id = order.customer_id or self._customer(0), order.order_id
        expected = self.dice.choice((None, None, None, max(1, order.version)))
        units = self.dice.choice(((), tuple(ItemQuantity(item.product_id, 1) for item in order.items[:1])))
        states = self.dice.sample([state.value for state in OrderState], self.dice.randint(1, len(OrderState)))
        deadline_ms = now_ms + self.dice.randint(*DEADLINE_MS)
        moves: list[Action] = [
            PlaceOrder(customer_id, order_id, expected),
            PlaceOrder(customer_id, order_id),
            FulfilOrder(order_id, expected),
            FulfilOrder(order_id),
            CancelOrderItems(order_id, units, expected),
            ReturnOrder(order_id, units, self.dice.random() < 0.5, expected),
            GetOrder(customer_id, order_id, include_closed=True),
            ListOrders(customer_id, tuple(states)),
        ]
        if self.size.deadlines:
            hers = SetOrderDeadline(order_id, deadline_ms, customer_id, expected)
            moves += [hers, replace(hers, expected_version=None), SetOrderDeadline(order_id, deadline_ms)]
        return self.dice.choice(moves)

    def _common(self) -> Action:  # noqa: PLR0911 - one line for each kind
        customer_id = self._customer(self.dice.randrange(self.size.customers))
        product_id = self._product(self.dice.randrange(self.size.products))
        order = self.dice.choice(self._known) if self._known else Order("none", customer_id, 0, (), version=0)
        expected = self.dice.choice((None, None, None, max(1, order.version)))
        match self.dice.randrange(16):
            case 0:
                return CreateCustomer(customer_id, "Conceição")
            case 1:
                return CreateProduct(product_id, "Pão", self.dice.randint(1, 3), self.size.units)
            case 2 | 3 | 4 | 5 | 6:
                return CreateOrder(customer_id, "", 0, self._items())
            case 7 | 8 | 9:
                return SetOrderItems(order.customer_id, order.order_id, self._items(), expected_version=expected)
            case 10:
                return CancelOrder(order.customer_id, order.order_id, expected_version=expected)
            case 11:
                return self.dice.choice((GetOrder(order.customer_id, order.order_id), ListOrders(customer_id)))
            case 12:
                return self.dice.choice((GetProduct(product_id, customer_id), GetCustomer(customer_id)))
            case 13:
                return GetProduct(product_id)
            case 14:
                return AdjustStock(product_id, self.dice.choice((-2, -1, 1, 2)))
            case _:
                return self._rare(customer_id, product_id)

    def _rare(self, customer_id: str, product_id: str) -> Action:
        cascade = self.dice.random() < 0.5
        return self.dice.choice(
            (
                DeleteCustomer(customer_id, cascade),
                DeleteProduct(product_id, cascade),
                UpdateProduct(product_id, price=self.dice.randint(1, 3)),
            )
        )

    def _items(self) -> tuple[ItemQuantity, ...]:
        chosen = self.dice.sample(range(self.size.products), self.dice.randint(1, self.size.products))
        return tuple(ItemQuantity(self._product(n), self.dice.randint(0, 3)) for n in chosen)


def _clock_ms(moment: float) -> int:
    """Tell what the machine's clock shows at a moment of a history."""
    return BEGUN_AT_MS + int(moment * 1_000)


def changed(operation: RecordedOperation, dice: Random) -> RecordedOperation | None:
    """Give the operation with something else in its answer, or None where nothing can be changed."""
    wrong = [outcome for outcome in _wrong_outcomes(operation) if outcome != operation.outcome]
    return replace(operation, outcome=dice.choice(wrong)) if wrong else None


def _wrong_outcomes(operation: RecordedOperation) -> Sequence[Outcome]:  # noqa: PLR0911 - one case for each
    match operation.outcome:
        case Done(Product() as product, affected):
            return (
                Done(replace(product, quantity=product.quantity + 1), affected),
                Done(replace(product, price=product.price + 1), affected),
                refusals.product_not_found(product.product_id),
            )
        case Done(Order() as order, affected):
            fewer = [Done(replace(order, items=order.items[1:]), affected)] if order.items else []
            other = Done(replace(order, customer_id=f"{order.customer_id}-else"), affected)
            return (*fewer, other, refusals.order_not_found(order.order_id))
        case Done(None, affected):
            return (Done(None, affected + 1),)
        case Listed(orders) if orders:
            return (Listed(orders[1:]),)
        case Refused(Reason.OUT_OF_STOCK, field, facts):
            available = {**dict(facts), "available": str(int(dict(facts)["available"]) + 1)}
            return (Refused(Reason.OUT_OF_STOCK, field, tuple(sorted(available.items()))),)
        case Refused(Reason.ORDER_STATE, field, facts):
            other_state = "placed" if dict(facts)["state"] != "placed" else "fulfilled"
            return (Refused(Reason.ORDER_STATE, field, tuple(sorted({**dict(facts), "state": other_state}.items()))),)
        case Refused(Reason.ORDER_NOT_FOUND):
            return (Refused(Reason.ORDER_EXISTS, "order_id", operation.outcome.details),)
        case _:
            return ()
