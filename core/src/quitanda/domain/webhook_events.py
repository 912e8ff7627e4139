"""Which change of a document is which event, by what the history says of the change.

A change is at most one event. The history has all that is needed: of an order its state, where it differs from `open`,
and of a product `low`, where that differs from before.
"""

from collections.abc import Iterable
from typing import Final

from quitanda.domain.model import Kind, OrderState

RecordedField = tuple[str, str, str, str]
"""Name, product of an order's item or "", and the values before and after as JSON; "" where there was no field."""

_IMPORT: Final = "import_order"

_OF_STATES: Final = {
    f'"{state.value}"': f"order_{'created' if state is OrderState.OPEN else state.value}" for state in OrderState
}


def event_of(command: str, kind: Kind, fields: Iterable[RecordedField] | None) -> str:
    """Name the event that a change of a document is, or ""; `fields` is None for a deletion.

    An imported order happened elsewhere, maybe long ago: it is no event.
    """
    if kind is Kind.ORDER and command != _IMPORT:
        return "order_cancelled" if fields is None else _order_event(fields)
    if kind is Kind.PRODUCT:
        return "product_deleted" if fields is None else _product_event(fields)
    return ""


def _order_event(fields: Iterable[RecordedField]) -> str:
    """Look for a new state first, then for a new order, and for units that were given back.

    A custom field may have had the name of one of these fields before there was the field: it has other values.
    """
    found = ""
    for name, product_id, before, after in fields:
        if name == "state" and not product_id and after in _OF_STATES:
            return _OF_STATES[after]
        if name == "created_at_ms" and not product_id and not before:
            found = "order_created"
        elif name == "returned" and product_id and after.isdecimal() and not found:
            found = "order_returned"
    return found


def _product_event(fields: Iterable[RecordedField]) -> str:
    """Look for `low`, which the history tells with the product's id: a custom field may have that name, without one."""
    for name, product_id, before, after in fields:
        if name == "low" and product_id:
            return "product_low" if after == "true" else "product_restocked"
        if name == "name" and not before:
            return "product_created"
    return ""
