"""The rules for orders: units move between stock and an order, all or nothing.

Each function decides one command, whose fields are valid.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from quitanda.domain import refusals, stock, versions
from quitanda.domain.commands import CancelOrder, CreateOrder, ItemQuantity, SetOrderItems
from quitanda.domain.limits import ITEMS_PER_ORDER_MAX
from quitanda.domain.model import Kind, Order, OrderItem, Product
from quitanda.domain.outcomes import Done, Refused
from quitanda.domain.state import Change, Decision, Delete, StateView


@dataclass(frozen=True, slots=True)
class _Line:
    """What one command asks of one product; `index` is the place of its first item in the command."""

    index: int
    product_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class _Filled:
    """An order with its new items, and the products whose units moved, in the order of the lines."""

    order: Order
    products: tuple[Product, ...]


def create(view: StateView, command: CreateOrder) -> Decision:
    """Place an order under a free id, with its first items if there are any."""
    if view.customer(command.customer_id) is None:
        return Decision(refusals.customer_not_found(command.customer_id))
    if view.order(command.order_id) is not None:
        return Decision(refusals.order_exists(command.order_id))
    empty = Order(command.order_id, command.customer_id, command.created_at_ms, items=(), version=0)
    filled = _fill(view, empty, command.items)
    return Decision(filled) if isinstance(filled, Refused) else _put(view, filled)


def set_items(view: StateView, command: SetOrderItems) -> Decision:
    """Set quantities; where all are as they were, nothing changes, not even the version."""
    order = _find(view, command.customer_id, command.order_id, command.expected_version)
    if isinstance(order, Refused):
        return Decision(order)
    filled = _fill(view, order, command.items)
    if isinstance(filled, Refused):
        return Decision(filled)
    return _put(view, filled) if filled.products else Decision(Done(order))


def cancel(view: StateView, command: CancelOrder) -> Decision:
    """Remove an order; its units go back to stock."""
    order = _find(view, command.customer_id, command.order_id, command.expected_version)
    if isinstance(order, Refused):
        return Decision(order)
    changes: tuple[Change, ...] = (
        *versions.puts(view, stock.returned(view, [order])),
        Delete(Kind.ORDER, order.order_id),
    )
    return Decision(Done(order), changes)


def _find(view: StateView, customer_id: str, order_id: str, expected_version: int | None) -> Order | Refused:
    if view.customer(customer_id) is None:
        return refusals.customer_not_found(customer_id)
    order = view.order(order_id)
    if order is None or order.customer_id != customer_id:  # nobody learns of another's orders
        return refusals.order_not_found(order_id)
    return versions.check_expected(order, expected_version) or order


def _put(view: StateView, filled: _Filled) -> Decision:
    changes = versions.puts(view, (filled.order, *filled.products))
    return Decision(Done(changes[0].document), changes)


def _fill(view: StateView, order: Order, wanted: Iterable[ItemQuantity]) -> _Filled | Refused:
    items = {item.product_id: item for item in order.items}
    moved: list[Product] = []
    for line in _summed(wanted):
        product = view.product(line.product_id)
        if product is None:
            return refusals.product_not_found(line.product_id, f"items[{line.index}].product_id")
        held = items[line.product_id].quantity if line.product_id in items else 0
        taken = line.quantity - held
        if taken > product.quantity:
            return refusals.out_of_stock(product, f"items[{line.index}].quantity", line.quantity, held)
        if taken:
            _set(items, product, held, line.quantity)
            moved.append(replace(product, quantity=product.quantity - taken))
    if len(items) > ITEMS_PER_ORDER_MAX:
        return refusals.too_many_items(len(items))
    return _Filled(replace(order, items=tuple(items.values())), tuple(moved))


def _set(items: dict[str, OrderItem], product: Product, held: int, quantity: int) -> None:
    """Set one item, in its place or at the end. Raising its quantity agrees to today's name and price."""
    if quantity == 0:
        del items[product.product_id]
    elif quantity > held:
        items[product.product_id] = OrderItem(product.product_id, product.name, product.price, quantity)
    else:
        items[product.product_id] = replace(items[product.product_id], quantity=quantity)


def _summed(wanted: Iterable[ItemQuantity]) -> list[_Line]:
    """Sum the items that name the same product, in the order in which each product is first named."""
    lines: dict[str, _Line] = {}
    for index, item in enumerate(wanted):
        line = lines.get(item.product_id) or _Line(index, item.product_id, 0)
        lines[item.product_id] = replace(line, quantity=line.quantity + item.quantity)
    return list(lines.values())
