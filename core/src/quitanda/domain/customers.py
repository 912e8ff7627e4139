"""The rules for customers. Each function decides one command, whose fields are valid."""

from typing import Final

from quitanda.domain import credentials, refusals, value_checks
from quitanda.domain.commands import CreateCustomer, DeleteCustomer, UpdateCustomer
from quitanda.domain.document_changes import (
    check_expected,
    closed_order,
    created,
    indexed_order,
    placed_orders,
    put,
    puts,
    returned_units,
    updated,
)
from quitanda.domain.limits import CASCADE_ORDERS_MAX, CLOSED_ORDERS_LEFT_MAX
from quitanda.domain.model import ORDER_STATES_LEVEL, Customer, Kind, OrderState, of_nobody
from quitanda.domain.order_moves import moved
from quitanda.domain.outcomes import Done, Refused
from quitanda.domain.state import Change, Decision, Delete, Rules, StateView, TimedRules


def create(view: StateView, command: CreateCustomer) -> Decision:
    """Register a customer whose id is free, with the credential that the command brings, if it does."""
    if view.customer(command.customer_id) is not None:
        return Decision(refusals.customer_exists(command.customer_id))
    credential = credentials.first_of_customer(view, command)
    if isinstance(credential, Refused):
        return Decision(credential)
    customer = created(Customer, command)
    return put(view, customer) if credential is None else put(view, customer, credential)


def update(view: StateView, command: UpdateCustomer) -> Decision:
    """Change what is given; values that are there already change nothing, not even the version."""
    customer = _find(view, command)
    if isinstance(customer, Refused):
        return Decision(customer)
    changed = updated(customer, command)
    if too_large := value_checks.check_extra_size(changed.extra):
        return Decision(too_large)
    return Decision(Done(customer)) if changed == customer else put(view, changed)


def delete(view: StateView, command: DeleteCustomer, received_at_ms: int) -> Decision:
    """Delete a customer without live orders, or with `cascade` cancel the open ones, whose units return.

    The customer's credentials go, too. Placed orders keep her: the shop has to fulfil or to cancel them first. Her
    closed orders are kept, but they name nobody any more: who gets her id later never sees them. Below the level of
    states there are no closed orders, and the cascade removes the open ones.
    """
    customer = _find(view, command)
    if isinstance(customer, Refused):
        return Decision(customer)
    order_ids = view.orders_of_customer(command.customer_id, CASCADE_ORDERS_MAX + 1)
    if order_ids and not command.cascade:
        return Decision(refusals.customer_has_orders(command.customer_id, min(len(order_ids), CASCADE_ORDERS_MAX)))
    if len(order_ids) > CASCADE_ORDERS_MAX:
        return Decision(refusals.cascade_too_large())
    orders = [indexed_order(view, order_id) for order_id in order_ids]
    if placed := placed_orders(orders):
        return Decision(refusals.customer_has_orders(command.customer_id, len(orders), placed))
    keeps = view.level >= ORDER_STATES_LEVEL
    closed = view.closed_orders_of_customer(command.customer_id, CLOSED_ORDERS_LEFT_MAX + 1) if keeps else ()
    if len(closed) > CLOSED_ORDERS_LEFT_MAX:
        return Decision(refusals.too_many_closed_orders())
    left = [moved(order, OrderState.CANCELLED, received_at_ms) for order in orders] if keeps else []
    left += [closed_order(view, order_id) for order_id in closed]
    changes: tuple[Change, ...] = (
        *puts(view, [*returned_units(view, orders), *map(of_nobody, left)]),
        *(Delete(Kind.ORDER, order.order_id) for order in orders if not keeps),
        *credentials.deletions_with_customer(view, command.customer_id),
        Delete(Kind.CUSTOMER, command.customer_id),
    )
    return Decision(Done(None, orders_affected=len(orders)), changes)


def _find(view: StateView, command: UpdateCustomer | DeleteCustomer) -> Customer | Refused:
    customer = view.customer(command.customer_id)
    if customer is None:
        return refusals.customer_not_found(command.customer_id)
    return check_expected(customer, command.expected_version) or customer


RULES: Final[Rules] = {CreateCustomer: create, UpdateCustomer: update}
TIMED_RULES: Final[TimedRules] = {DeleteCustomer: delete}
