"""The rules for products and their stock. Each function decides one command, whose fields are valid."""

from dataclasses import replace

from quitanda.domain import custom_fields, lookups, refusals, validation, versions
from quitanda.domain.commands import AdjustStock, CreateProduct, DeleteProduct, UpdateProduct
from quitanda.domain.limits import CASCADE_ORDERS_MAX, QUANTITY_MAX
from quitanda.domain.model import Kind, Order, Product
from quitanda.domain.outcomes import Done
from quitanda.domain.state import Change, Decision, Delete, StateView


def create(view: StateView, command: CreateProduct) -> Decision:
    """Offer a product whose id is free."""
    if view.product(command.product_id) is not None:
        return Decision(refusals.product_exists(command.product_id))
    product = Product(
        product_id=command.product_id,
        name=command.name,
        description=command.description,
        price=command.price,
        quantity=command.quantity,
        extra=command.extra,
        version=0,
    )
    return _put(view, product)


def update(view: StateView, command: UpdateProduct) -> Decision:
    """Change what is given; values that are there already change nothing, not even the version."""
    product = view.product(command.product_id)
    if product is None:
        return Decision(refusals.product_not_found(command.product_id))
    if mismatch := versions.check_expected(product, command.expected_version):
        return Decision(mismatch)
    changed = replace(
        product,
        name=product.name if command.name is None else command.name,
        description=product.description if command.description is None else command.description,
        price=product.price if command.price is None else command.price,
        quantity=product.quantity if command.quantity is None else command.quantity,
        extra=custom_fields.merged(product.extra, command.extra),
    )
    if too_large := validation.check_extra_size(changed.extra):
        return Decision(too_large)
    return Decision(Done(product)) if changed == product else _put(view, changed)


def adjust_stock(view: StateView, command: AdjustStock) -> Decision:
    """Add to the units on hand or take from them, within their bounds.

    Units that came back from orders may be more than administrators could put in; taking from those is
    always possible.
    """
    product = view.product(command.product_id)
    if product is None:
        return Decision(refusals.product_not_found(command.product_id))
    if mismatch := versions.check_expected(product, command.expected_version):
        return Decision(mismatch)
    quantity = product.quantity + command.delta
    if quantity < 0:
        return Decision(refusals.out_of_stock(product, "delta", requested=-command.delta))
    if command.delta > 0 and quantity > QUANTITY_MAX:
        return Decision(refusals.stock_bound(product))
    return _put(view, replace(product, quantity=quantity))


def delete(view: StateView, command: DeleteProduct) -> Decision:
    """Delete a product that no order holds, or with `cascade` take it out of those orders as well."""
    product = view.product(command.product_id)
    if product is None:
        return Decision(refusals.product_not_found(command.product_id))
    if mismatch := versions.check_expected(product, command.expected_version):
        return Decision(mismatch)
    order_ids = view.orders_with_product(command.product_id, CASCADE_ORDERS_MAX + 1)
    if order_ids and not command.cascade:
        return Decision(refusals.product_in_use(command.product_id, min(len(order_ids), CASCADE_ORDERS_MAX)))
    if len(order_ids) > CASCADE_ORDERS_MAX:
        return Decision(refusals.cascade_too_large())
    orders = [_without(lookups.indexed_order(view, order_id), command.product_id) for order_id in order_ids]
    changes: tuple[Change, ...] = (*versions.puts(view, orders), Delete(Kind.PRODUCT, command.product_id))
    return Decision(Done(None, orders_affected=len(orders)), changes)


def _put(view: StateView, product: Product) -> Decision:
    changes = versions.puts(view, [product])
    return Decision(Done(changes[0].document), changes)


def _without(order: Order, product_id: str) -> Order:
    return replace(order, items=tuple(item for item in order.items if item.product_id != product_id))
