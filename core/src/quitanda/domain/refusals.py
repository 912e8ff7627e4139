"""The refusals that come from the state, each with its field and its facts.

Facts are ids and numbers, under the same name wherever they mean the same: `orders` counts orders up
to `limit`; `requested`, `held` and `available` are units asked for, units that the order has already,
and units on hand.
"""

from collections.abc import Iterable

from quitanda.domain.limits import (
    CASCADE_ORDERS_MAX,
    CLOSED_ORDERS_LEFT_MAX,
    ITEMS_PER_ORDER_MAX,
    LIVE_ORDERS_PER_CUSTOMER_MAX,
    QUANTITY_MAX,
)
from quitanda.domain.model import Credential, Order, Product
from quitanda.domain.outcomes import Reason, Refused, refused


def customer_exists(customer_id: str) -> Refused:
    """Refuse: there is a customer of this id already."""
    return refused(Reason.CUSTOMER_EXISTS, "customer_id", customer_id=customer_id)


def customer_not_found(customer_id: str) -> Refused:
    """Refuse: there is no customer of this id."""
    return refused(Reason.CUSTOMER_NOT_FOUND, "customer_id", customer_id=customer_id)


def customer_has_orders(customer_id: str, orders: int, placed: int = 0) -> Refused:
    """Refuse: the customer cannot go while there are orders, and not even with a cascade while any is placed."""
    facts = {"customer_id": customer_id, "orders": orders, "limit": CASCADE_ORDERS_MAX} | _placed(placed)
    return refused(Reason.CUSTOMER_HAS_ORDERS, "customer_id", **facts)


def product_exists(product_id: str) -> Refused:
    """Refuse: there is a product of this id already."""
    return refused(Reason.PRODUCT_EXISTS, "product_id", product_id=product_id)


def product_not_found(product_id: str, field: str = "product_id") -> Refused:
    """Refuse: there is no product of this id; `field` names the place that mentions it."""
    return refused(Reason.PRODUCT_NOT_FOUND, field, product_id=product_id)


def product_in_use(product_id: str, orders: int, placed: int = 0) -> Refused:
    """Refuse: the product cannot go while it is in orders, and not even with a cascade while any is placed."""
    facts = {"product_id": product_id, "orders": orders, "limit": CASCADE_ORDERS_MAX} | _placed(placed)
    return refused(Reason.PRODUCT_IN_USE, "product_id", **facts)


def _placed(orders: int) -> dict[str, int]:
    return {"placed": orders} if orders else {}


def order_exists(order_id: str) -> Refused:
    """Refuse: there is an order of this id already, whoever's."""
    return refused(Reason.ORDER_EXISTS, "order_id", order_id=order_id)


def order_not_found(order_id: str) -> Refused:
    """Refuse: the customer has no order of this id."""
    return refused(Reason.ORDER_NOT_FOUND, "order_id", order_id=order_id)


def out_of_stock(product: Product, field: str, requested: int, held: int | None = None) -> Refused:
    """Refuse: there are fewer units on hand than `requested`, less what the order (if it is one) holds already."""
    in_order = {} if held is None else {"held": held}
    return refused(
        Reason.OUT_OF_STOCK,
        field,
        product_id=product.product_id,
        requested=requested,
        available=product.quantity,
        **in_order,
    )


def stock_bound(product: Product) -> Refused:
    """Refuse: the adjustment would put more units on hand than one product may have."""
    return refused(
        Reason.STOCK_BOUND, "delta", product_id=product.product_id, available=product.quantity, limit=QUANTITY_MAX
    )


def too_many_items(items: int) -> Refused:
    """Refuse: the order would hold too many different products."""
    return refused(Reason.TOO_MANY_ITEMS, "items", items=items, limit=ITEMS_PER_ORDER_MAX)


def too_many_orders(customer_id: str) -> Refused:
    """Refuse: the customer has as many open and placed orders as there may be."""
    facts = {"customer_id": customer_id, "limit": LIVE_ORDERS_PER_CUSTOMER_MAX}
    return refused(Reason.TOO_MANY_ORDERS, "customer_id", **facts)


def order_state(order: Order, possible: Iterable[str]) -> Refused:
    """Refuse: the order's state does not allow it; `possible` names the commands that the caller may use instead."""
    others = {"possible": names} if (names := ", ".join(possible)) else {}
    return refused(Reason.ORDER_STATE, "order_id", order_id=order.order_id, state=order.state, **others)


def order_empty(order_id: str) -> Refused:
    """Refuse: an order without items is not placed."""
    return refused(Reason.ORDER_EMPTY, "order_id", order_id=order_id)


def too_many_units(product_id: str, field: str, requested: int, left: int) -> Refused:
    """Refuse: the order has fewer units of the product than `requested`, or they were given back before."""
    return refused(Reason.TOO_MANY_UNITS, field, product_id=product_id, requested=requested, left=left)


def cascade_too_large() -> Refused:
    """Refuse: more orders hang on the document than one deletion may touch."""
    return refused(Reason.CASCADE_TOO_LARGE, "cascade", limit=CASCADE_ORDERS_MAX)


def too_many_closed_orders() -> Refused:
    """Refuse: the customer has more closed orders than one deletion may change."""
    limit = CLOSED_ORDERS_LEFT_MAX
    return refused(Reason.CASCADE_TOO_LARGE, "customer_id", limit=limit, closed_orders=limit + 1)


def version_mismatch(expected: int, current: int) -> Refused:
    """Refuse: the document is not the one that the caller has seen."""
    return refused(Reason.VERSION_MISMATCH, "expected_version", expected=expected, current=current)


def request_id_reused(revision: int) -> Refused:
    """Refuse: the id stands for another request, which was decided at `revision`."""
    return refused(Reason.REQUEST_ID_REUSED, "request_id", revision=revision)


def credential_exists(credential_id: str) -> Refused:
    """Refuse: there is a credential of this id already, whoever's."""
    return refused(Reason.CREDENTIAL_EXISTS, "credential_id", credential_id=credential_id)


def credential_not_found(credential_id: str) -> Refused:
    """Refuse: there is no credential of this id."""
    return refused(Reason.CREDENTIAL_NOT_FOUND, "credential_id", credential_id=credential_id)


def too_many_credentials(customer_id: str, limit: int) -> Refused:
    """Refuse: the customer, or with "" the staff, has as many credentials as there may be."""
    owner = {"customer_id": customer_id} if customer_id else {}
    return refused(Reason.TOO_MANY_CREDENTIALS, limit=limit, **owner)


def last_admin_credential(credential_id: str) -> Refused:
    """Refuse: nobody could administer the shop any more."""
    return refused(Reason.LAST_ADMIN_CREDENTIAL, "credential_id", credential_id=credential_id)


def password_exists(credential_id: str, name: str) -> Refused:
    """Refuse: another credential (its id) has a password already, and is signed in with under the same name."""
    return refused(Reason.PASSWORD_EXISTS, "credential_id", credential_id=credential_id, name=name)


def of_a_session(credential_id: str) -> Refused:
    """Refuse: the credential is a session, which has no password and no sessions of its own."""
    return refused(Reason.OF_A_SESSION, "credential_id", credential_id=credential_id)


def credential_revoked(credential_id: str) -> Refused:
    """Refuse: the caller's credential is gone, or was rotated twice since the caller got its secret."""
    return refused(Reason.CREDENTIAL_REVOKED, credential_id=credential_id)


def webhook_exists(webhook_id: str) -> Refused:
    """Refuse: there is a webhook of this id, which an earlier request with the same request id made."""
    return refused(Reason.WEBHOOK_EXISTS, "webhook_id", webhook_id=webhook_id)


def webhook_not_found(webhook_id: str) -> Refused:
    """Refuse: there is no webhook of this id."""
    return refused(Reason.WEBHOOK_NOT_FOUND, "webhook_id", webhook_id=webhook_id)


def too_many_webhooks(limit: int) -> Refused:
    """Refuse: the shop has as many webhooks as there may be."""
    return refused(Reason.TOO_MANY_WEBHOOKS, limit=limit)


def dead_letter_not_found(webhook_id: str, letter_id: int) -> Refused:
    """Refuse: the webhook has no such letter; it was delivered meanwhile, or dropped."""
    return refused(Reason.DEAD_LETTER_NOT_FOUND, "letter_id", webhook_id=webhook_id, letter_id=letter_id)


def lease_lost(number: int) -> Refused:
    """Refuse: another portal sends to webhooks, or the lease was renewed since it was seen."""
    return refused(Reason.LEASE_LOST, number=number)


def forbidden(credential: Credential) -> Refused:
    """Refuse: the caller's role may not ask for this, or not for this customer or credential."""
    owner = {"owner": credential.customer_id} if credential.customer_id else {}
    return refused(Reason.FORBIDDEN, credential_id=credential.credential_id, role=credential.role, **owner)
