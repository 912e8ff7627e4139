"""The rules by which orders move from state to state (`order_states`), and by which their deadlines pass.

Each function decides one command, whose fields are valid. At the level of these commands a closed order is kept, with
its items as they were when it was closed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from quitanda.domain import refusals
from quitanda.domain.document_changes import (
    check_expected,
    indexed_order,
    put,
    puts,
    returned_units,
    with_more,
)
from quitanda.domain.limits import EXPIRED_AT_ONCE_MAX
from quitanda.domain.model import Order, OrderItem, OrderState
from quitanda.domain.order_commands import (
    AdvanceClock,
    CancelOrderItems,
    FulfilOrder,
    ItemQuantity,
    PlaceOrder,
    ReturnOrder,
    SetOrderDeadline,
)
from quitanda.domain.order_states import Asker, check_move
from quitanda.domain.outcomes import Done, Problem, Refused, invalid
from quitanda.domain.state import Decision, Rules, StateView, TimedRules, find_order


def place(view: StateView, command: PlaceOrder, received_at_ms: int) -> Decision:
    """Commit the customer to her order, which has no deadline from then on, unless the shop sets one."""
    order = _find(view, command, command.customer_id)
    if isinstance(order, Refused):
        return Decision(order)
    if not order.items:
        return Decision(refusals.order_empty(order.order_id))
    return put(view, moved(replace(order, placed_at_ms=received_at_ms), OrderState.PLACED, received_at_ms))


def set_deadline(view: StateView, command: SetOrderDeadline, received_at_ms: int) -> Decision:
    """Set or remove the deadline of a live order; the one that it has already changes nothing.

    A deadline that has passed by the state's clock, or had when the request was received, is refused.
    """
    order = _find(view, command, command.customer_id)
    if isinstance(order, Refused):
        return Decision(order)
    if order.expires_at_ms == command.expires_at_ms:
        return Decision(Done(order))
    now_ms = max(view.clock_ms, received_at_ms)
    if 0 < command.expires_at_ms <= now_ms:
        return Decision(invalid("expires_at_ms", Problem.PASSED, now_ms=now_ms))
    return put(view, replace(order, expires_at_ms=command.expires_at_ms))


def cancel_items(view: StateView, command: CancelOrderItems, received_at_ms: int) -> Decision:
    """Take units out of a live order and return them to stock; an order that has none left is cancelled."""
    order = _find(view, command)
    if isinstance(order, Refused):
        return Decision(order)
    units = _asked(command.items, {item.product_id: item.quantity for item in order.items})
    if isinstance(units, Refused):
        return Decision(units)
    lessened = [replace(item, quantity=item.quantity - units.get(item.product_id, 0)) for item in order.items]
    left = tuple(item for item in lessened if item.quantity)
    changed = replace(order, items=left) if left else moved(order, OrderState.CANCELLED, received_at_ms)
    return put(view, changed, *[with_more(view, product_id, count) for product_id, count in units.items()])


def fulfil(view: StateView, command: FulfilOrder, received_at_ms: int) -> Decision:
    """Let the units of a placed order leave: neither the order nor the stock has them any more."""
    order = _find(view, command)
    if isinstance(order, Refused):
        return Decision(order)
    return put(view, moved(order, OrderState.FULFILLED, received_at_ms))


def take_back(view: StateView, command: ReturnOrder, received_at_ms: int) -> Decision:
    """Note which units of a fulfilled order were given back; where all were, it is returned."""
    order = _find(view, command)
    if isinstance(order, Refused):
        return Decision(order)
    units = _asked(command.items, {item.product_id: item.quantity - item.returned for item in order.items})
    if isinstance(units, Refused):
        return Decision(units)
    restocked = list(units) if command.restock else []
    for product_id in restocked:
        if view.product(product_id) is None:
            return Decision(refusals.product_not_found(product_id, "restock"))
    items = tuple(_given_back(item, units.get(item.product_id, 0), restock=command.restock) for item in order.items)
    changed = replace(order, items=items)
    if all(item.returned == item.quantity for item in items):
        changed = moved(changed, OrderState.RETURNED, received_at_ms)
    return put(view, changed, *[with_more(view, product_id, units[product_id]) for product_id in restocked])


def advance_clock(view: StateView, command: AdvanceClock) -> Decision:
    """Let the clock show the time told, unless it is beyond that, and let the orders expire that are due by then."""
    clock_ms = max(view.clock_ms, command.now_ms)
    due = [indexed_order(view, order_id) for order_id in view.due_orders(clock_ms, EXPIRED_AT_ONCE_MAX)]
    expired = [replace(moved(order, OrderState.EXPIRED, clock_ms), expires_at_ms=order.expires_at_ms) for order in due]
    changes = puts(view, [*returned_units(view, due), *expired])
    return Decision(Done(None, orders_affected=len(due)), changes, clock_ms=clock_ms)


def moved(order: Order, state: OrderState, at_ms: int) -> Order:
    """Return the order in its next state, without a deadline."""
    return replace(order, state=state.value, state_since_ms=at_ms, expires_at_ms=0)


def _find(
    view: StateView,
    command: PlaceOrder | SetOrderDeadline | CancelOrderItems | FulfilOrder | ReturnOrder,
    customer_id: str | None = None,
) -> Order | Refused:
    """Return the order, if it may be moved so: by its customer, or without one by the shop."""
    if customer_id is not None and view.customer(customer_id) is None:
        return refusals.customer_not_found(customer_id)
    order = find_order(view, command.order_id)
    if order is None or customer_id not in (None, order.customer_id):  # nobody learns of another's orders
        return refusals.order_not_found(command.order_id)
    asker = Asker.SHOP if customer_id is None else Asker.CUSTOMER
    return check_move(order, type(command), asker) or check_expected(order, command.expected_version) or order


def _asked(items: Iterable[ItemQuantity], left: Mapping[str, int]) -> Mapping[str, int] | Refused:
    """Return the units of each product that are asked for, all that are left where none is named."""
    units: dict[str, int] = {}
    for index, item in enumerate(items):
        total = units[item.product_id] = units.get(item.product_id, 0) + item.quantity
        available = left.get(item.product_id, 0)
        if total > available:
            return refusals.too_many_units(item.product_id, f"items[{index}].quantity", total, available)
    return units or {product_id: count for product_id, count in left.items() if count}


def _given_back(item: OrderItem, units: int, *, restock: bool) -> OrderItem:
    restocked = item.restocked + units if restock else item.restocked
    return replace(item, returned=item.returned + units, restocked=restocked)


RULES: Final[Rules] = {AdvanceClock: advance_clock}
TIMED_RULES: Final[TimedRules] = {
    PlaceOrder: place,
    SetOrderDeadline: set_deadline,
    CancelOrderItems: cancel_items,
    FulfilOrder: fulfil,
    ReturnOrder: take_back,
}
