"""The rules for orders: units move between stock and an order, all or nothing.

Each function decides one command, whose fields are valid.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from quitanda.domain import refusals, value_checks
from quitanda.domain.commands import CancelOrder, CreateOrder, ItemQuantity, SetOrderItems
from quitanda.domain.compiled import changer, fast_init
from quitanda.domain.document_changes import (
    check_expected,
    merged,
    overlaid,
    put,
    puts,
    returned_units,
    with_quantity,
)
from quitanda.domain.limits import ITEMS_PER_ORDER_MAX, LIVE_ORDERS_PER_CUSTOMER_MAX
from quitanda.domain.model import ORDER_STATES_LEVEL, CustomFields, Kind, Order, OrderItem, OrderState, Product
from quitanda.domain.order_moves import moved
from quitanda.domain.order_states import Asker, check_move
from quitanda.domain.outcomes import Done, Refused
from quitanda.domain.state import Change, Decision, Delete, Rules, StateView, TimedRules, find_order

_Combined: TypeAlias = Callable[[CustomFields, CustomFields], CustomFields]
"""What an item's extra fields come to: those that it has, and those that the command gives."""


@fast_init
@dataclass(frozen=True, slots=True)
class _Line:
    """What one command asks of one product; `index` is the place of its first item in the command."""

    index: int
    product_id: str
    quantity: int
    extra: CustomFields


@fast_init
@dataclass(frozen=True, slots=True)
class _Filled:
    """An order with its new items, and the products whose units moved, in the order of the lines."""

    order: Order
    products: tuple[Product, ...]


_with_extra: Final = changer(Order, "extra")
_with_items: Final = changer(Order, "items")
_with_line: Final = changer(OrderItem, "name", "unit_price", "quantity", "extra")


def create(view: StateView, command: CreateOrder) -> Decision:
    """Create an order under a free id, with its first items if there are any."""
    if view.customer(command.customer_id) is None:
        return Decision(refusals.customer_not_found(command.customer_id))
    if _is_taken(find_order(view, command.order_id)):
        return Decision(refusals.order_exists(command.order_id))
    if _has_as_many_as_there_may_be(view, command.customer_id):
        return Decision(refusals.too_many_orders(command.customer_id))
    empty = Order(
        *(command.order_id, command.customer_id, command.created_at_ms, ()),
        version=0,
        extra=command.extra,
        expires_at_ms=command.expires_at_ms,
    )
    filled = _fill(view, empty, command.items, overlaid)
    return Decision(filled) if isinstance(filled, Refused) else put(view, filled.order, *filled.products)


def set_items(view: StateView, command: SetOrderItems) -> Decision:
    """Set quantities and extra fields; where all are as they were, nothing changes, not even the version."""
    order = _find(view, command)
    if isinstance(order, Refused):
        return Decision(order)
    described = _with_extra(order, merged(order.extra, command.extra)) if command.extra else order
    filled = _fill(view, described, command.items, merged)
    if isinstance(filled, Refused):
        return Decision(filled)
    return Decision(Done(order)) if filled.order == order else put(view, filled.order, *filled.products)


def cancel(view: StateView, command: CancelOrder, received_at_ms: int) -> Decision:
    """Close an open order, or below the level of states remove it; its units go back to stock."""
    order = _find(view, command)
    if isinstance(order, Refused):
        return Decision(order)
    products = returned_units(view, [order])
    changes: tuple[Change, ...]
    if view.level < ORDER_STATES_LEVEL:
        changes = (*puts(view, products), Delete(Kind.ORDER, order.order_id))
    else:
        changes = puts(view, [*products, moved(order, OrderState.CANCELLED, received_at_ms)])
    return Decision(Done(order), changes)


def _find(view: StateView, command: SetOrderItems | CancelOrder) -> Order | Refused:
    """Return the customer's order, if its state allows the command.

    To these commands, which are older than the states, a cancelled order is still one that there is not.
    """
    if view.customer(command.customer_id) is None:
        return refusals.customer_not_found(command.customer_id)
    order = find_order(view, command.order_id)
    if order is None or order.customer_id != command.customer_id or order.state == OrderState.CANCELLED:
        return refusals.order_not_found(command.order_id)  # nobody learns of another's orders
    refused_move = check_move(order, type(command), Asker.CUSTOMER)
    return refused_move or check_expected(order, command.expected_version) or order


def _is_taken(order: Order | None) -> bool:
    """Whether no other order can have this one's id; a cancelled one leaves it free, as before there were states."""
    return order is not None and order.state != OrderState.CANCELLED


def _has_as_many_as_there_may_be(view: StateView, customer_id: str) -> bool:
    """Whether the customer may place no further order; below the level of states there is no bound."""
    return view.level >= ORDER_STATES_LEVEL and view.count_live_orders(customer_id) >= LIVE_ORDERS_PER_CUSTOMER_MAX


def _fill(view: StateView, order: Order, wanted: Iterable[ItemQuantity], combined: _Combined) -> _Filled | Refused:
    items = {item.product_id: item for item in order.items}
    lines = _put_together(wanted)
    moved: list[Product] = []
    for line in lines:
        product = view.product(line.product_id)
        if product is None:
            return refusals.product_not_found(line.product_id, f"items[{line.index}].product_id")
        held = items[line.product_id].quantity if line.product_id in items else 0
        taken = line.quantity - held
        if taken > product.quantity:
            return refusals.out_of_stock(product, f"items[{line.index}].quantity", line.quantity, held)
        _set(items, product, line, combined)
        if taken:
            moved.append(with_quantity(product, product.quantity - taken))
    if len(items) > ITEMS_PER_ORDER_MAX:
        return refusals.too_many_items(len(items))
    if too_large := _check_extra_sizes(order.extra, items, lines):
        return too_large
    return _Filled(_with_items(order, tuple(items.values())), tuple(moved))


def _set(items: dict[str, OrderItem], product: Product, line: _Line, combined: _Combined) -> None:
    """Set one item, in its place or at the end. Raising its quantity agrees to today's name and price."""
    if line.quantity == 0:
        items.pop(product.product_id, None)
        return
    item = items.get(product.product_id) or OrderItem(product.product_id, product.name, product.price, quantity=0)
    name, unit_price = item.name, item.unit_price
    if line.quantity > item.quantity:
        name, unit_price = product.name, product.price
    extra = combined(item.extra, line.extra)
    items[product.product_id] = _with_line(item, name, unit_price, line.quantity, extra)


def _check_extra_sizes(extra: CustomFields, items: dict[str, OrderItem], lines: Iterable[_Line]) -> Refused | None:
    for line in lines:
        item = items.get(line.product_id)
        if item and item.extra and (wrong := value_checks.check_extra_size(item.extra, f"items[{line.index}].extra")):
            return wrong
    return value_checks.check_order_extra_size(extra, (item.extra for item in items.values()))


def _put_together(wanted: Iterable[ItemQuantity]) -> list[_Line]:
    """Make one line of the items that name the same product, in the order in which each product is first named."""
    lines: dict[str, _Line] = {}
    for index, item in enumerate(wanted):
        first, quantity, extra = index, item.quantity, overlaid((), item.extra)
        if line := lines.get(item.product_id):
            first, quantity, extra = line.index, line.quantity + quantity, overlaid(line.extra, extra)
        lines[item.product_id] = _Line(first, item.product_id, quantity, extra)
    return list(lines.values())


RULES: Final[Rules] = {CreateOrder: create, SetOrderItems: set_items}
TIMED_RULES: Final[TimedRules] = {CancelOrder: cancel}
