"""The rules for customers. Each function decides one command, whose fields are valid."""

from dataclasses import replace

from quitanda.domain import custom_fields, lookups, refusals, stock, validation, versions
from quitanda.domain.commands import CreateCustomer, DeleteCustomer, UpdateCustomer
from quitanda.domain.limits import CASCADE_ORDERS_MAX
from quitanda.domain.model import Customer, Kind
from quitanda.domain.outcomes import Done
from quitanda.domain.state import Change, Decision, Delete, StateView


def create(view: StateView, command: CreateCustomer) -> Decision:
    """Register a customer whose id is free."""
    if view.customer(command.customer_id) is not None:
        return Decision(refusals.customer_exists(command.customer_id))
    changes = versions.puts(view, [Customer(command.customer_id, command.name, command.extra, version=0)])
    return Decision(Done(changes[0].document), changes)


def update(view: StateView, command: UpdateCustomer) -> Decision:
    """Change what is given; values that are there already change nothing, not even the version."""
    customer = view.customer(command.customer_id)
    if customer is None:
        return Decision(refusals.customer_not_found(command.customer_id))
    if mismatch := versions.check_expected(customer, command.expected_version):
        return Decision(mismatch)
    changed = replace(
        customer,
        name=customer.name if command.name is None else command.name,
        extra=custom_fields.merged(customer.extra, command.extra),
    )
    if too_large := validation.check_extra_size(changed.extra):
        return Decision(too_large)
    if changed == customer:
        return Decision(Done(customer))
    changes = versions.puts(view, [changed])
    return Decision(Done(changes[0].document), changes)


def delete(view: StateView, command: DeleteCustomer) -> Decision:
    """Delete a customer without orders, or with `cascade` together with the orders, whose units return."""
    customer = view.customer(command.customer_id)
    if customer is None:
        return Decision(refusals.customer_not_found(command.customer_id))
    if mismatch := versions.check_expected(customer, command.expected_version):
        return Decision(mismatch)
    order_ids = view.orders_of_customer(command.customer_id, CASCADE_ORDERS_MAX + 1)
    if order_ids and not command.cascade:
        return Decision(refusals.customer_has_orders(command.customer_id, min(len(order_ids), CASCADE_ORDERS_MAX)))
    if len(order_ids) > CASCADE_ORDERS_MAX:
        return Decision(refusals.cascade_too_large())
    orders = [lookups.indexed_order(view, order_id) for order_id in order_ids]
    changes: tuple[Change, ...] = (
        *versions.puts(view, stock.returned(view, orders)),
        *(Delete(Kind.ORDER, order.order_id) for order in orders),
        Delete(Kind.CUSTOMER, command.customer_id),
    )
    return Decision(Done(None, orders_affected=len(orders)), changes)
