"""What a history consists of: who asked for what, from when until when, and what came of it."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from quitanda.codec.documents import OrderSummary
from quitanda.domain.commands import CancelOrder, Command, CreateOrder, PlaceOrder, SetOrderDeadline, SetOrderItems
from quitanda.domain.fingerprint import fingerprint
from quitanda.domain.model import Order, OrderState
from quitanda.domain.order_states import LIVE_STATES
from quitanda.domain.outcomes import Done, Refused

NEVER = math.inf
"""When an operation without an answer was answered."""

CLOCK_SECONDS = 0.05
"""By how much two clocks that measure the same seconds may differ over a run."""


@dataclass(frozen=True, slots=True)
class GetOrder:
    """A customer reads one of the customer's orders, with `include_closed` also a closed one."""

    customer_id: str
    order_id: str
    include_closed: bool = False


@dataclass(frozen=True, slots=True)
class ListOrders:
    """A customer reads the list of all the customer's live orders, or with `states` of those in one of them."""

    customer_id: str
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GetProduct:
    """Somebody reads a product; `customer_id` is empty for administrators."""

    product_id: str
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class GetCustomer:
    """An administrator reads a customer."""

    customer_id: str


Read = GetOrder | ListOrders | GetProduct | GetCustomer
"""Linearizable reads; every other action is a command."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """An order that still has this deadline expires. Nobody asks for it, and nobody is answered.

    `version` is what the expired order was seen to have later; 0 where nobody saw it.
    """

    order_id: str
    expires_at_ms: int
    version: int = 0


Action = Command | Read | Expiry


@dataclass(frozen=True, slots=True)
class Listed:
    """The answer to ListOrders."""

    orders: tuple[OrderSummary, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer: a write may take effect at any later moment, or never."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The portals said that nothing happened and nothing will."""


Outcome = Done | Refused | Listed | Unknown | TurnedAway


@dataclass(frozen=True, slots=True)
class RecordedOperation:
    """One request, however often it was sent.

    Times are seconds on one monotonic clock: the first sending, and the definite answer (NEVER where none
    came). The fields of a CreateOrder that a portal mints are empty. `revision` is the answer's, 0 where it
    has none; `version` 0 in a document of an answer means that nobody looked at it. `begun_at_ms` is what the machine's
    clock showed at the first sending, in milliseconds since 1970; 0: not told.
    """

    number: int
    client: str
    transport: str
    action: Action
    request_id: str
    invoked_at: float
    answered_at: float
    outcome: Outcome
    revision: int = 0
    tries: int = 1
    begun_at_ms: int = 0

    @property
    def is_read(self) -> bool:
        """Tell whether it asks and changes nothing."""
        return isinstance(self.action, Read)

    @property
    def scope(self) -> str:
        """Say who chose the request id, as a request of the domain does."""
        match self.action:
            case CreateOrder() | SetOrderItems() | CancelOrder() | PlaceOrder() | SetOrderDeadline():
                return self.action.customer_id or ""
            case _:
                return ""

    @property
    def is_decided(self) -> bool:
        """Tell whether there was an answer that says something about the shop."""
        return not isinstance(self.outcome, Unknown | TurnedAway)


def as_checked(history: Iterable[RecordedOperation]) -> list[RecordedOperation]:
    """Give the operations that can be right or wrong, by the moment of their invocation.

    What was turned away is left out: it must not have happened. So are reads without an answer. A request that
    was sent again, with its id, before it had a definite answer is one operation, from the first sending on; what
    was sent again later is an operation that must be answered as the first time. For each deadline that may have been
    set there is one operation without an answer, from the deadline on: the order's expiry; none where an answer shows
    that the order did not expire by it.
    """
    history = list(history)
    kept: list[RecordedOperation] = []
    requests: dict[tuple[str, str, str], list[RecordedOperation]] = {}
    for operation in history:
        if isinstance(operation.outcome, TurnedAway):
            continue
        if operation.is_read:
            kept += [operation] if operation.is_decided else []
        else:
            assert not isinstance(operation.action, Read | Expiry)
            key = (operation.scope, operation.request_id, fingerprint(operation.action))
            requests.setdefault(key, []).append(operation)
    merged = [_merged(sendings) for sendings in requests.values()]
    kept += [*chain.from_iterable(merged), *_possible(chain.from_iterable(map(_expiries, merged)), history)]
    return sorted(kept, key=lambda operation: (operation.invoked_at, operation.number))


def _expiries(merged: Iterable[RecordedOperation]) -> Iterator[RecordedOperation]:
    """Yield the expiry that a request to set a deadline may lead to, not before that time by the machine's clock."""
    for operation in merged:
        match operation.action:
            case SetOrderDeadline(order_id, expires_at_ms) if expires_at_ms:
                wait = max(0.0, (expires_at_ms - operation.begun_at_ms) / 1_000 - CLOCK_SECONDS)
                from_then = operation.invoked_at + (wait if operation.begun_at_ms else 0.0)
                expiry = Expiry(order_id, expires_at_ms)
                yield RecordedOperation(-operation.number, "clock", "", expiry, "", from_then, NEVER, Unknown())
                return


def _possible(expiries: Iterable[RecordedOperation], history: Iterable[RecordedOperation]) -> list[RecordedOperation]:
    """Leave out the expiries that no order had, as answers show, and bound those of which answers tell more.

    An order that has ended otherwise never expires. One that has expired keeps the deadline by which it did, and has
    its last version. A linearizable read that shows an order without its end comes before its expiry.
    """
    ended: dict[str, Order | OrderSummary] = {}
    still_going: dict[str, float] = {}
    for operation in history:
        for order in _shown(operation):
            if order.state not in LIVE_STATES:
                ended[order.order_id] = order
            elif operation.is_read:
                before = still_going.get(order.order_id, 0.0)
                still_going[order.order_id] = max(before, operation.invoked_at)
    possible: dict[tuple[str, int], RecordedOperation] = {}
    for expiry in sorted(expiries, key=lambda operation: operation.invoked_at):
        action = expiry.action
        assert isinstance(action, Expiry)
        end = ended.get(action.order_id)
        if end is None or (end.state == OrderState.EXPIRED and end.expires_at_ms == action.expires_at_ms):
            begun = max(expiry.invoked_at, still_going.get(action.order_id, 0.0))
            known = replace(action, version=end.version if end else 0)
            possible.setdefault(
                (action.order_id, action.expires_at_ms), replace(expiry, action=known, invoked_at=begun)
            )
    return list(possible.values())


def _shown(operation: RecordedOperation) -> Iterable[Order | OrderSummary]:
    """Give the orders that an answer shows as they were."""
    match operation.outcome:
        case Done(Order() as order):
            return (order,)
        case Listed(orders):
            return orders
        case _:
            return ()


def _merged(sendings: list[RecordedOperation]) -> list[RecordedOperation]:
    """Put sendings of one request that were not answered together with the first that was, or with each other."""
    first, *others = sorted(sendings, key=lambda operation: (operation.answered_at, operation.invoked_at))
    unanswered = [operation for operation in others if not operation.is_decided]
    began = min([first.invoked_at, *(operation.invoked_at for operation in unanswered)])
    return [replace(first, invoked_at=began), *(operation for operation in others if operation.is_decided)]
