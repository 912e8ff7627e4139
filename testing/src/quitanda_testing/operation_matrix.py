"""The matrix of who may do what: each operation of the table, each kind of credential, and what the caller is told."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from quitanda.domain.commands import Command, FulfilOrder, PlaceOrder
from quitanda.domain.limits import TIMESTAMP_MS_MAX
from quitanda.domain.model import CallerRole
from quitanda.identity.tokens import Token, hash_secret, new_secret
from quitanda.operations import Operation, PasswordOperation, PortalKind
from quitanda_clients.broker_certificate import new_request

NOT_KNOWN: Final[Mapping[str, str]] = {
    "none": "missing",
    "malformed": "malformed",
    "wrong secret": "wrong",
    "unknown id": "wrong",
    "expired": "expired",
    "revoked": "wrong",
    "replaced twice": "wrong",
}
"""The tokens that prove nothing, each with the problem that its sender is told."""

ANOTHER_CUSTOMER: Final = "another customer"
"""The credential of a customer who asks as ana."""

CREDENTIALS: Final = (*NOT_KNOWN, *(role.value for role in CallerRole), ANOTHER_CUSTOMER)

_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "create_customer": {"customer_id": "eva", "name": "Eva"},
    "get_customer": {"customer_id": "ana"},
    "update_customer": {"customer_id": "ana", "name": "Anna"},
    "delete_customer": {"customer_id": "bia"},
    "create_product": {"product_id": "pen", "name": "Pen", "price_minor_units": 1, "quantity": 1},
    "get_product": {"product_id": "tea"},
    "update_product": {"product_id": "tea", "name": "Green tea"},
    "delete_product": {"product_id": "tea", "cascade": True},
    "adjust_stock": {"product_id": "tea", "delta": 1},
    "find_products": {"words": "tea"},
    "find_customers": {"words": "ana"},
    "list_history": {"kind": "product", "id": "tea"},
    "import_order": {"order_id": "o9", "customer_id": "ana", "created_at_ms": 1, "state": "open"},
    "watch": {"kinds": ["product", "order"]},
    "create_credential": {"role": "clerk", "label": "Ben"},
    "set_password": {"password": "nine green bottles"},
    "sign_in": {"password": "nine green bottles"},
    "create_webhook": {"url": "https://receiver.example/", "events": "order_placed"},
    "update_webhook": {"webhook_id": "hook", "enabled": False},
    "rotate_webhook_secret": {"webhook_id": "hook"},
    "delete_webhook": {"webhook_id": "hook"},
    "repeat_dead_letters": {"webhook_id": "hook"},
    "send_test_event": {"webhook_id": "hook"},
    "create_order": {"items": [{"product_id": "tea", "quantity": 1}]},
}


def request_fields(operation: Operation, own: Token, order_id: str) -> dict[str, Any]:
    """Give the fields of a request that succeeds, in a shop with the customers ana and bia, tea, and an order of ana's.

    They fit a message and a JSON object; the customer who asks is not among them. `own` is the caller's credential.
    """
    credential = {"credential_id": own.credential_id}
    of_shop: dict[str, dict[str, Any]] = {
        "set_order_item": {"order_id": order_id, "product_id": "tea", "quantity": 2},
        "set_order_items": {"order_id": order_id, "items": [{"product_id": "tea", "quantity": 2}]},
        "get_order": {"order_id": order_id},
        "cancel_order": {"order_id": order_id},
        "place_order": {"order_id": order_id},
        "set_order_deadline": {"order_id": order_id, "expires_at_ms": TIMESTAMP_MS_MAX},
        "fulfil_order": {"order_id": order_id},
        "return_order": {"order_id": order_id},
        "cancel_order_items": {"order_id": order_id, "items": [{"product_id": "tea", "quantity": 1}]},
        "rotate_credential": credential,
        "revoke_credential": credential,
        "issue_certificate": {"certificate_request": new_request().request},
        "rotate_own_credential": {**credential, "secret_hash": hash_secret(new_secret())},
    }
    return dict(of_shop.get(operation.name) or _FIELDS.get(operation.name) or {})


def moves_before(operation: Operation, customer_id: str, order_id: str) -> Sequence[Command]:
    """Give what must have happened to a customer's open order before a request of the operation succeeds."""
    place, fulfil = PlaceOrder(customer_id, order_id), FulfilOrder(order_id)
    moves: dict[str, Sequence[Command]] = {"fulfil_order": [place], "return_order": [place, fulfil]}
    return moves.get(operation.name, ())


def refusal(operation: Operation, credential: str) -> tuple[str, str | None] | None:
    """Give the reason, and the problem of a token, that a caller is told who asks as ana; None where the caller may.

    Who signs in needs no token, and whatever comes with it counts for nothing.
    """
    if isinstance(operation, PasswordOperation) and not operation.proved:
        return None
    if credential in NOT_KNOWN:
        return "UNAUTHENTICATED", NOT_KNOWN[credential]
    another = credential == ANOTHER_CUSTOMER
    role = CallerRole.CUSTOMER if another else CallerRole(credential)
    wrong_customer = another and operation.portal is PortalKind.CLIENT
    return ("FORBIDDEN", None) if wrong_customer or role not in operation.roles else None
