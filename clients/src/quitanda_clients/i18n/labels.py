"""The names of fields, states and roles that people read, each said once; translated where they are shown."""

from collections.abc import Callable, Mapping
from typing import Final

from quitanda.domain.model import CallerRole, OrderState
from quitanda_clients.i18n.speech import MARKED as N_

FIELDS: Final[Mapping[str, str]] = {
    "product_id": N_("Product id"),
    "customer_id": N_("Customer id"),
    "order_id": N_("Order id"),
    "credential_id": N_("Credential id"),
    "webhook_id": N_("Webhook id"),
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
    "password": N_("Password"),
    "current_password": N_("Password until now"),
    "has_password": N_("Has a password"),
    "session_of": N_("Session of"),
    "page_token": N_("Page"),
    "label": N_("Label"),
    "role": N_("Role"),
    "url": N_("Address"),
    "events": N_("Events"),
    "enabled": N_("Sends"),
    "letter_id": N_("Dead letter"),
    "state": N_("State"),
    "unit_price": N_("Price"),
    "total": N_("Total"),
    "returned": N_("Given back"),
    "restocked": N_("Given back into stock"),
    "generation": N_("Secrets so far"),
    "created_at_ms": N_("Created"),
    "state_since_ms": N_("In this state since"),
    "placed_at_ms": N_("Placed"),
    "expires_at_ms": N_("Expiry"),
}
"""Of documents and requests, by the last part of a field's name: `items[0].quantity` is a quantity."""

FORM_FIELDS: Final[Mapping[str, str]] = {
    "from": N_("From"),
    "to": N_("To"),
    "last_day": N_("Last day"),
    "kind": N_("What the file has"),
    "separator": N_("Between the values"),
    "decimal": N_("Before the decimals"),
    "encoding": N_("Encoding"),
    "skip_invalid": N_("Leave out the rows that are wrong"),
    "run_label": N_("Name of this import"),
    "file": N_("File"),
}
"""Of the page's forms alone; a request, or a field of the shop's own, may have the same name for something else."""

HINTS: Final[Mapping[str, str]] = {
    "product_id": N_("Letters without accents, digits and . _ ~ @ : -"),
    "customer_id": N_("Letters without accents, digits and . _ ~ @ : -"),
    "reorder_level": N_("With so many units, or fewer, the product is low; 0: never."),
    "label": N_("What people call it, such as a person's name."),
    "url": N_("Where the events are sent; it begins with https://."),
    "delta": N_("For example 10 for new units, -2 for broken ones."),
    "expires_at_ms": N_("Date and time in the shop's time zone; empty: it does not expire."),
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

CHOICES: Final[Mapping[str, Mapping[str, str]]] = {"role": ROLES}
"""The words for the values of fields that are a choice."""

COMMANDS: Final[Mapping[str, str]] = {
    "create_customer": N_("customer registered"),
    "update_customer": N_("customer changed"),
    "delete_customer": N_("customer deleted"),
    "create_product": N_("product added"),
    "update_product": N_("product changed"),
    "delete_product": N_("product deleted"),
    "adjust_stock": N_("stock adjusted"),
    "create_order": N_("order begun"),
    "set_order_items": N_("order's products changed"),
    "place_order": N_("order placed"),
    "set_order_deadline": N_("order's deadline changed"),
    "cancel_order": N_("order cancelled"),
    "cancel_order_items": N_("order cancelled by the shop"),
    "fulfil_order": N_("order fulfilled"),
    "return_order": N_("order given back"),
    "import_order": N_("order imported"),
    "advance_clock": N_("order expired"),
    "create_credential": N_("token created"),
    "create_first_credential": N_("first token created"),
    "rotate_credential": N_("token renewed"),
    "revoke_credential": N_("token revoked"),
    "set_password": N_("password set or removed"),
    "open_session": N_("signed in with a password"),
}
"""What the history says that somebody asked for."""

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
    "revoked": N_("The token is revoked."),
    "password-set": N_("The password is set."),
    "password-removed": N_("The password is removed."),
    "sessions-ended": N_("All other sessions that began with your password have ended."),
    "repeated": N_("It is sent once more."),
    "tested": N_("The test is sent. Where it does not arrive, it is among the dead letters."),
    "deadline": N_("The deadline is changed."),
    "partly-cancelled": N_("The units are taken out of the order, and back in stock."),
    "undone": N_("Undone."),
    "signed-out": N_("You have signed out."),
    "ended": N_("Your session has ended. Sign in again."),
}
"""What a page says after a form had its effect; the key stands in the address."""


def field_label(path: str) -> str:
    """Name a field of a form; one that has no label keeps its name."""
    last = path.rpartition(".")[2].partition("[")[0]
    return FIELDS.get(last) or FORM_FIELDS.get(last, last)


def shown_facts(details: Mapping[str, str], translate: Callable[[str], str]) -> dict[str, str]:
    """Write the facts of a refusal that are words of the shop as people read them.

    The commands that are possible instead are left out: their names are for programs.
    """
    facts = {name: value for name, value in details.items() if name != "possible"}
    for name, words in (("state", STATES), ("role", ROLES)):
        if facts.get(name) in words:
            facts[name] = translate(words[facts[name]])
    return facts
