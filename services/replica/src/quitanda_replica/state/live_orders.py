"""How many live orders each customer has, so that a bound on them needs no walk through the orders.

The number is part of the state. It is written when a customer's first order of the level of states is created: whoever
has orders from before is counted then, once, and at most up to the bound and one more. From then on it follows what
comes and goes, until the customer is deleted.
"""

from typing import Final

from quitanda.domain.limits import LIVE_ORDERS_PER_CUSTOMER_MAX
from quitanda.domain.model import ORDER_STATES_LEVEL
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateReader
from quitanda_replica.state.write_set import WriteSet

_COUNTED_MAX: Final = LIVE_ORDERS_PER_CUSTOMER_MAX + 1


def count(state: StateReader, customer_id: str) -> int:
    """Tell how many live orders the customer has."""
    value = state.get(keys.live_orders_of(customer_id))
    if value is not None:
        return keys.number_in(value)
    return len(state.scan(keys.orders_of_customer(customer_id), None, _COUNTED_MAX))


def add(writes: WriteSet, customer_id: str) -> None:
    """Count a new live order; below the level of states nothing is counted."""
    if writes.counters.level >= ORDER_STATES_LEVEL:
        writes.put(keys.live_orders_of(customer_id), keys.number(count(writes, customer_id) + 1))


def remove(writes: WriteSet, customer_id: str) -> None:
    """Count one live order less, where the customer's are counted."""
    key = keys.live_orders_of(customer_id)
    value = writes.get(key)
    if value is not None:
        writes.put(key, keys.number(max(0, keys.number_in(value) - 1)))


def forget(writes: WriteSet, customer_id: str) -> None:
    """Take the number of a customer away who is deleted."""
    key = keys.live_orders_of(customer_id)
    if writes.get(key) is not None:
        writes.delete(key)
