"""When orders expired, by the state's own clock: it never goes back, and no order expires before its deadline.

The search for a linear order does not ask for it: it forgets at what time an order expired.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from quitanda.domain.model import NOBODY, Order, OrderState
from quitanda.domain.outcomes import Done
from quitanda_testing.history.operations import RecordedOperation


def wrong_expiries(history: Iterable[RecordedOperation]) -> tuple[int, list[str]]:
    """Count the expired orders that clients read; tell in words what is wrong with when they expired."""
    orders = sorted({order.order_id: order for order in _expired(history)}.values(), key=lambda order: order.version)
    early = [
        f"order {order.order_id} expired at {order.state_since_ms}, before its deadline {order.expires_at_ms}"
        for order in orders
        if order.state_since_ms < order.expires_at_ms
    ]
    back = [
        f"the state's clock went back from {earlier.state_since_ms} (version {earlier.version}, order "
        f"{earlier.order_id}) to {later.state_since_ms} (version {later.version}, order {later.order_id})"
        for earlier, later in pairwise(orders)
        if later.state_since_ms < earlier.state_since_ms
    ]
    return len(orders), early + back


def _expired(history: Iterable[RecordedOperation]) -> Iterator[Order]:
    for operation in history:
        match operation.outcome:
            case Done(Order(state=OrderState.EXPIRED) as order) if order.customer_id != NOBODY:
                yield order
