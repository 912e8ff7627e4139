"""The definition itself, for short histories: try every order. Slow, simple, and not the checker's code.

Versions and revisions are not compared; the histories have no conditional commands and no deletions that fail halfway.
"""

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

from quitanda.codec.documents import summarize
from quitanda.domain import machine, refusals
from quitanda.domain.commands import CreateOrder, Request
from quitanda.domain.model import Order
from quitanda.domain.outcomes import Done
from quitanda_testing.history.operations import (
    Action,
    Expiry,
    GetCustomer,
    GetOrder,
    GetProduct,
    Listed,
    ListOrders,
    Outcome,
    Read,
    RecordedOperation,
)
from quitanda_testing.in_memory_state import InMemoryState

_NOT_COMPARED = re.compile(r"version=\d+|field='[^']*'|\('revision', '\d+'\)")


def is_linearizable(history: Sequence[RecordedOperation], order_ids: Sequence[tuple[str, int]] = ()) -> bool:
    """Try every order that keeps to the times, with and without each operation that has no answer.

    `order_ids` are ids and times that an order created without an answer may have.
    """
    return _try(InMemoryState(), tuple(history), order_ids)


def _try(state: InMemoryState, left: tuple[RecordedOperation, ...], order_ids: Sequence[tuple[str, int]]) -> bool:
    if not any(operation.is_decided for operation in left):
        return True
    deadline = min(operation.answered_at for operation in left)
    for index, operation in enumerate(left):
        if operation.invoked_at > deadline:
            continue
        for minted in _minted(operation, order_ids):
            after = deepcopy(state)
            outcome = _perform(after, operation, minted)
            fits = not operation.is_decided or _plain(outcome) == _plain(operation.outcome)
            if fits and _try(after, left[:index] + left[index + 1 :], order_ids):
                return True
    return False


def _minted(operation: RecordedOperation, order_ids: Sequence[tuple[str, int]]) -> list[Action]:
    action = operation.action
    if not isinstance(action, CreateOrder):
        return [action]
    match operation.outcome:
        case Done(Order() as order):
            return [replace(action, order_id=order.order_id, created_at_ms=order.created_at_ms)]
    choices = [(f"nobody-saw-{operation.number}", 0), *([] if operation.is_decided else order_ids)]
    return [replace(action, order_id=order_id, created_at_ms=moment) for order_id, moment in choices]


def _perform(state: InMemoryState, operation: RecordedOperation, action: Action) -> Outcome:
    if isinstance(action, Read):
        return read(state, action)
    assert not isinstance(action, Expiry)
    request = Request(operation.scope, operation.request_id, action)
    execution = machine.execute(state, request, 1)
    state.apply(request, execution)
    return execution.outcome


def read(state: InMemoryState, action: Read) -> Outcome:
    """Answer a read as the portals do: they look at who asks first."""
    asker = "" if isinstance(action, GetCustomer) else action.customer_id
    if asker and not state.customer(asker):
        return refusals.customer_not_found(asker)
    match action:
        case GetCustomer(customer_id):
            customer = state.customer(customer_id)
            return Done(customer) if customer else refusals.customer_not_found(customer_id)
        case GetProduct(product_id):
            product = state.product(product_id)
            return Done(product) if product else refusals.product_not_found(product_id)
        case GetOrder(_, order_id, include_closed):
            order = state.order(order_id) or (state.closed_order(order_id) if include_closed else None)
            mine = order is not None and order.customer_id == asker
            return Done(order) if mine else refusals.order_not_found(order_id)
        case ListOrders(_, states):
            return Listed(tuple(map(summarize, state.orders_in_states(asker, states))))


def _plain(outcome: object) -> str:
    return _NOT_COMPARED.sub("", repr(outcome))
