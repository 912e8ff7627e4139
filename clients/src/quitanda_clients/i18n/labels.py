"""The names of fields, states and roles that people read, each said once; translated where they are shown."""

from collections.abc import Mapping
from typing import Final

from quitanda.domain.model import CallerRole, OrderState
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_

FIELDS: Final[Mapping[str, str]] = {
    "product_id": N_("Product id"),
    "customer_id": N_("Customer id"),
    "order_id": N_("Order id"),
    "credential_id": N_("Credential id"),
    "name": N_("Name"),
    "description": N_("Description"),
    "price": N_("Price"),
    "quantity": N_("Quantity"),
    "reorder_level": N_("Reorder level"),
    "delta": N_("Change of stock"),
    "cascade": N_("Also from open orders"),
    "restock": N_("Back into stock"),
    "expected_version": N_("Version"),
    "request_id": N_("Request id"),
    "words": N_("Search"),
    "price_from": N_("Price from"),
    "price_to": N_("Price to"),
    "in_stock": N_("In stock only"),
    "low": N_("Low stock only"),
    "items": N_("Items"),
    "states": N_("State"),
    "secret": N_("Secret"),
    "token": N_("Token"),
    "page_token": N_("Page"),
}
"""By the last part of a field's name: `items[0].quantity` is a quantity."""

HINTS: Final[Mapping[str, str]] = {
    "product_id": N_("Letters without accents, digits and . _ ~ @ : -"),
    "customer_id": N_("Letters without accents, digits and . _ ~ @ : -"),
    "reorder_level": N_("With so many units, or fewer, the product is low; 0: never."),
    "delta": N_("For example 10 for new units, -2 for broken ones."),
}

STATES: Final[Mapping[str, str]] = {
    OrderState.OPEN: N_("open"),
    OrderState.PLACED: N_("placed"),
    OrderState.FULFILLED: N_("fulfilled"),
    OrderState.RETURNED: N_("returned"),
    OrderState.CANCELLED: N_("cancelled"),
    OrderState.EXPIRED: N_("expired"),
}

ROLES: Final[Mapping[str, str]] = {
    CallerRole.ADMIN: N_("administrator"),
    CallerRole.CLERK: N_("clerk"),
    CallerRole.READ_ONLY: N_("reader"),
    CallerRole.METRICS: N_("metrics"),
    CallerRole.CUSTOMER: N_("customer"),
}

NOTICES: Final[Mapping[str, str]] = {
    "saved": N_("Saved."),
    "created": N_("Created."),
    "deleted": N_("Deleted."),
    "adjusted": N_("The stock is adjusted."),
    "in-order": N_("Your order is changed."),
    "placed": N_("Your order is placed."),
    "cancelled": N_("The order is cancelled; its units are back in stock."),
    "fulfilled": N_("The order is fulfilled."),
    "returned": N_("The return is recorded."),
    "signed-out": N_("You have signed out."),
    "ended": N_("Your session has ended. Sign in again."),
}
"""What a page says after a form had its effect; the key stands in the address."""


def field_label(path: str) -> str:
    """Name a field; one that has no label keeps its name."""
    last = path.rpartition(".")[2].partition("[")[0]
    return FIELDS.get(last, last)
