"""The rules for products and their stock. Each function decides one command, whose fields are valid."""

from dataclasses import replace
from typing import Final

from quitanda.domain import refusals, value_checks
from quitanda.domain.commands import AdjustStock, CreateProduct, DeleteProduct, UpdateProduct
from quitanda.domain.document_changes import check_expected, created, indexed_order, placed_orders, put, puts, updated
from quitanda.domain.limits import CASCADE_ORDERS_MAX, QUANTITY_MAX
from quitanda.domain.model import Kind, Order, Product
from quitanda.domain.outcomes import Done, Refused
from quitanda.domain.state import Change, Decision, Delete, Rules, StateView


def create(view: StateView, command: CreateProduct) -> Decision:
    """Offer a product whose id is free."""
    if view.product(command.product_id) is not None:
        return Decision(refusals.product_exists(command.product_id))
    return put(view, created(Product, command))


def update(view: StateView, command: UpdateProduct) -> Decision:
    """Change what is given; values that are there already change nothing, not even the version."""
    product = _find(view, command)
    if isinstance(product, Refused):
        return Decision(product)
    changed = updated(product, command)
    if too_large := value_checks.check_extra_size(changed.extra):
        return Decision(too_large)
    return Decision(Done(product)) if changed == product else put(view, changed)


def adjust_stock(view: StateView, command: AdjustStock) -> Decision:
    """Add to the units on hand or take from them, within their bounds.

    Units that came back from orders may be more than administrators could put in; taking from those is
    always possible.
    """
    product = _find(view, command)
    if isinstance(product, Refused):
        return Decision(product)
    quantity = product.quantity + command.delta
    if quantity < 0:
        return Decision(refusals.out_of_stock(product, "delta", requested=-command.delta))
    if command.delta > 0 and quantity > QUANTITY_MAX:
        return Decision(refusals.stock_bound(product))
    return put(view, replace(product, quantity=quantity))


def delete(view: StateView, command: DeleteProduct) -> Decision:
    """Delete a product that no live order holds, or with `cascade` take it out of the open ones as well.

    Placed orders keep it: the shop has to fulfil or to cancel them first.
    """
    product = _find(view, command)
    if isinstance(product, Refused):
        return Decision(product)
    order_ids = view.orders_with_product(command.product_id, CASCADE_ORDERS_MAX + 1)
    if order_ids and not command.cascade:
        return Decision(refusals.product_in_use(command.product_id, min(len(order_ids), CASCADE_ORDERS_MAX)))
    if len(order_ids) > CASCADE_ORDERS_MAX:
        return Decision(refusals.cascade_too_large())
    orders = [indexed_order(view, order_id) for order_id in order_ids]
    if placed := placed_orders(orders):
        return Decision(refusals.product_in_use(command.product_id, len(orders), placed))
    without = [_without(order, command.product_id) for order in orders]
    changes: tuple[Change, ...] = (*puts(view, without), Delete(Kind.PRODUCT, command.product_id))
    return Decision(Done(None, orders_affected=len(orders)), changes)


def _find(view: StateView, command: UpdateProduct | AdjustStock | DeleteProduct) -> Product | Refused:
    product = view.product(command.product_id)
    if product is None:
        return refusals.product_not_found(command.product_id)
    return check_expected(product, command.expected_version) or product


def _without(order: Order, product_id: str) -> Order:
    return replace(order, items=tuple(item for item in order.items if item.product_id != product_id))


RULES: Final[Rules] = {
    CreateProduct: create,
    UpdateProduct: update,
    DeleteProduct: delete,
    AdjustStock: adjust_stock,
}
