"""Operations without an answer: they may take effect at any moment after they began, or never."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from quitanda.domain.commands import (
    CancelOrder,
    CancelOrderItems,
    CreateOrder,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ReturnOrder,
)
from quitanda.domain.model import Order
from quitanda.domain.outcomes import Done
from quitanda_testing.history.linearization import Placement
from quitanda_testing.history.operations import Expiry, Listed, ListOrders, RecordedOperation
from quitanda_testing.history.parts import Names, named
from quitanda_testing.history.rules import Rules

PendingStep = tuple[int, str]
"""An operation without an answer takes effect (its place, ""), or the order that it created is seen (its place, id)."""

RELATED_AT_ONCE: Final = (1, 2, 3)
SHUFFLES: Final = 12
SHUFFLED_TRIES: Final = 20_000
IN_ORDER_TRIES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Level:
    """How many operations without an answer are tried directly before one with an answer, and whether related only.

    A level with a bound on its `tries` is a quick look, in an order that `shuffle` decides where it is not 0. With
    `in_order`, writes whose answers tell a revision come in the order of these, and none before one that is earlier.
    """

    at_once: int
    related: bool
    tries: int | None = None
    shuffle: int = 0
    in_order: bool = False


class PendingOps:
    """The operations of a part that have no answer, and the orders that only they can have created."""

    def __init__(self, part: Sequence[RecordedOperation], rules: Rules, spend: Callable[[], None]) -> None:
        self.taken = 0
        """One bit for each operation that has taken effect."""
        self._operations = [operation for operation in part if not operation.is_decided]
        self._names = [named(operation) for operation in self._operations]
        self._orphans = orphans(part)
        self._rules = rules
        self._spend = spend

    def __len__(self) -> int:
        return len(self._operations)

    def levels(self) -> Iterator[Level]:
        """Yield what to try, one after the other; the last one leaves nothing out.

        A wrong guess about who had an effect may show much later. Then another guess at the beginning finds the
        order sooner than every guess at the end: hence the quick looks.
        """
        if self._operations:
            yield from (Level(2, related=True, tries=SHUFFLED_TRIES, shuffle=number) for number in range(SHUFFLES))
        for at_once in RELATED_AT_ONCE:
            if at_once < len(self):
                yield Level(at_once, related=True)
        yield Level(len(self), related=False)

    def placed(self, step: PendingStep, before: Placement | None) -> Placement:
        """Give the place in the order that a step takes."""
        index, order_id = step
        created_at_ms = self._orphans[order_id].created_at_ms if order_id else 0
        return Placement(self._operations[index], before, named=order_id, created_at_ms=created_at_ms)

    def take(self, step: PendingStep) -> bool:
        """Go a step; False, and no change, where it cannot be gone now or would change nothing."""
        self._spend()
        index, order_id = step
        operation = self._operations[index]
        if order_id:
            return self._rules.name(operation, order_id, self._orphans[order_id].created_at_ms)
        if not self._rules.happen_pending(operation):
            return False
        self.taken |= 1 << index
        return True

    def ways(self, effects: int, names: Names | None, deadline: float) -> Iterator[tuple[PendingStep, ...]]:
        """Yield every way for so many operations that began by `deadline` to take effect now, one after the other.

        Orders that they created may be seen in between. `names` leaves out what has nothing to do with these
        documents. The model is at the end of the way while it is looked at; who looks leaves it so.
        """
        yield from self._ways((), effects, names, deadline, set())

    def _ways(
        self, way: tuple[PendingStep, ...], effects: int, names: Names | None, deadline: float, met: set[object]
    ) -> Iterator[tuple[PendingStep, ...]]:
        here = (self.taken, self._rules.model.key)
        if here in met:
            return
        met.add(here)
        if not effects:
            yield way
        mark, taken = self._rules.model.mark, self.taken
        for step in self._steps(effects, names, deadline):
            if self.take(step):
                yield from self._ways((*way, step), effects - (not step[1]), names, deadline, met)
                self._rules.model.back_to(mark)
                self.taken = taken

    def _steps(self, effects: int, names: Names | None, deadline: float) -> Iterator[PendingStep]:
        for index, operation in enumerate(self._operations):
            if operation.invoked_at > deadline:
                break
            if self.taken >> index & 1:
                if isinstance(operation.action, CreateOrder):
                    yield from self._namings(index, operation.action, names)
            elif effects and (names is None or self._is_related(index, names)):
                yield index, ""

    def _namings(self, index: int, created: CreateOrder, names: Names | None) -> Iterator[PendingStep]:
        for order_id, orphan in self._orphans.items():
            if orphan.customer_id == created.customer_id and (names is None or f"order {order_id}" in names):
                yield index, order_id

    def _is_related(self, index: int, names: Names) -> bool:
        """Tell whether an operation may change what is seen of these documents."""
        match self._operations[index].action:
            case DeleteCustomer() | DeleteProduct():
                return True  # cascades reach far
            case (
                CancelOrder(order_id=order_id)
                | CancelOrderItems(order_id)
                | FulfilOrder(order_id)
                | ReturnOrder(order_id)
                | Expiry(order_id)
            ):
                order = self._rules.model.order(order_id) or self._rules.model.closed_order(order_id)
                products = {f"product {item.product_id}" for item in order.items} if order else set()
                customer = {f"customer {order.customer_id}"} if order else set()  # whose lists change
                return not names.isdisjoint(self._names[index] | products | customer)
            case _:
                return not names.isdisjoint(self._names[index])


@dataclass(frozen=True, slots=True)
class Orphan:
    """An order that is seen, but that no answer said was created."""

    customer_id: str
    created_at_ms: int


def orphans(part: Sequence[RecordedOperation]) -> dict[str, Orphan]:
    """Give the orders, by id, that can only come from operations without an answer."""
    seen: dict[str, Orphan] = {}
    created = set()
    for operation in part:
        match operation.outcome:
            case Done(Order() as order):
                seen.setdefault(order.order_id, Orphan(order.customer_id, order.created_at_ms))
                if isinstance(operation.action, CreateOrder):
                    created.add(order.order_id)
            case Listed(orders):
                assert isinstance(operation.action, ListOrders)
                for summary in orders:
                    orphan = Orphan(operation.action.customer_id, summary.created_at_ms)
                    seen.setdefault(summary.order_id, orphan)
    return {order_id: orphan for order_id, orphan in seen.items() if order_id not in created}
