"""The rule by which the shop brings an order that it had elsewhere: as it was, with its state and its times.

Units are counted once only. What a shop exports as on hand is without the units that its live orders hold. So an
imported live order brings its units with it, and no product changes; from then on they move as those of any order.
"""

from typing import Final

from quitanda.domain import refusals
from quitanda.domain.document_changes import put
from quitanda.domain.limits import LIVE_ORDERS_PER_CUSTOMER_MAX
from quitanda.domain.model import NOBODY, Order, OrderItem, OrderState
from quitanda.domain.order_commands import ImportOrder
from quitanda.domain.order_states import LIVE_STATES
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.state import Decision, Rules, StateView, find_order
from quitanda.domain.value_checks import check_order_extra_bytes

_WITH_ITEMS: Final = (OrderState.PLACED, OrderState.FULFILLED, OrderState.RETURNED)
_WITH_RETURNS: Final = (OrderState.FULFILLED, OrderState.RETURNED)
_WITH_DEADLINE: Final = (*LIVE_STATES, OrderState.EXPIRED)


def check_units(command: ImportOrder) -> Refused | None:
    """Say which number of units no order has, or None; each product is there once."""
    seen: list[str] = []
    for index, item in enumerate(command.items):
        path = f"items[{index}]"
        if item.product_id in seen:
            return invalid(f"{path}.product_id", Problem.DUPLICATE)
        seen.append(item.product_id)
        if item.quantity == 0:
            return invalid(f"{path}.quantity", Problem.ZERO)
        if item.returned > item.quantity:
            return invalid(f"{path}.returned", Problem.TOO_LARGE, limit=item.quantity, value=item.returned)
        if item.restocked > item.returned:
            return invalid(f"{path}.restocked", Problem.TOO_LARGE, limit=item.returned, value=item.restocked)
    return check_order_extra_bytes(command.extra, [item.extra for item in command.items])


def check_state(command: ImportOrder) -> Refused | None:
    """Say what no order of its state has, or None; its other fields are right."""
    state = command.state
    if command.customer_id is None and state in LIVE_STATES:
        return invalid("customer_id", Problem.MISSING)
    if state in _WITH_ITEMS and not command.items:
        return invalid("items", Problem.MISSING)
    for index, item in enumerate(command.items):
        if item.returned and state not in _WITH_RETURNS:
            return invalid(f"items[{index}].returned", Problem.TOO_LARGE, limit=0, value=item.returned)
    all_returned = all(item.returned == item.quantity for item in command.items)
    if state in _WITH_RETURNS and all_returned != (state == OrderState.RETURNED):
        fits = OrderState.RETURNED if all_returned else OrderState.FULFILLED
        return invalid("state", Problem.UNKNOWN_VALUE, choices=fits.value)
    return _check_times(command)


def _check_times(command: ImportOrder) -> Refused | None:
    state = command.state
    if command.placed_at_ms and state == OrderState.OPEN:
        return invalid("placed_at_ms", Problem.TOO_LARGE, limit=0, value=command.placed_at_ms)
    if command.expires_at_ms and state not in _WITH_DEADLINE:
        return invalid("expires_at_ms", Problem.TOO_LARGE, limit=0, value=command.expires_at_ms)
    return None


def bring(view: StateView, command: ImportOrder) -> Decision:
    """Put the order under a free id; a live one needs its products, whose units it brings with it."""
    if command.customer_id is not None and view.customer(command.customer_id) is None:
        return Decision(refusals.customer_not_found(command.customer_id))
    if find_order(view, command.order_id):
        return Decision(refusals.order_exists(command.order_id))
    if command.customer_id is not None and command.state in LIVE_STATES:
        if view.count_live_orders(command.customer_id) >= LIVE_ORDERS_PER_CUSTOMER_MAX:
            return Decision(refusals.too_many_orders(command.customer_id))
        for index, item in enumerate(command.items):
            if view.product(item.product_id) is None:
                return Decision(refusals.product_not_found(item.product_id, f"items[{index}].product_id"))
    return put(view, imported(command))


def imported(command: ImportOrder) -> Order:
    """Make the order that a command brings; its version is given later."""
    items = tuple(
        OrderItem(each.product_id, each.name, each.unit_price, each.quantity, each.extra, each.returned, each.restocked)
        for each in command.items
    )
    return Order(
        order_id=command.order_id,
        customer_id=command.customer_id or NOBODY,
        created_at_ms=command.created_at_ms,
        items=items,
        version=0,
        extra=command.extra,
        state=command.state,
        state_since_ms=command.state_since_ms,
        placed_at_ms=command.placed_at_ms,
        expires_at_ms=command.expires_at_ms,
    )


RULES: Final[Rules] = {ImportOrder: bring}
