"""Every LevelDB key of the replicated state; all of them begin with `b"S"`.

    Sc <customer id>                    a customer
    Sp <product id>                     a product
    So <order id>                       a live order: open or placed
    Sk <order id>                       a closed order, which is kept for good
    St <credential id>                  a credential (t for token)
                                        value of the five: version (8 bytes, big-endian), stored JSON
    Sx <customer id> 00 <order id>      index: the customer's live orders; empty value
    Sy <product id> 00 <order id>       index: the live orders that hold the product; empty value
    Sz <customer id> 00 <order id>      index: the customer's closed orders, or without an id those of customers who
                                        were deleted; empty value
    Sw <product id> 00 <order id>       index: the closed orders with the product; empty value
    Si <letter> <order id>              index: the orders in a state, by its name's first letter; empty value. There is
                                        none of open orders: they are the live ones that are not placed
    Se <deadline, 8 bytes, big-endian> <order id>
                                        index: the live orders that have a deadline, by it (ms since 1970); empty value
    Sn <customer id>                    how many live orders the customer has, once one was created at the level of
                                        states: 8 bytes (n for number)
    Sl <product id>                     index: the products that are low; empty value
    Su <customer id> 00 <credential id> index: the customer's credentials, or without an id staff's; empty value
    Sr <scope> 00 <request id>          outcome remembered for a request (dedup_window)
    Sq <sequence, 8 bytes, big-endian>  which request was remembered as the how-many-th: Sr key's tail and size
    Sh <number, 8 bytes, big-endian>    what a request changed, by the number of its first change (change_records)
    Sg <kind> <id>                      number of the deletion of a document that does not exist (g for gone); 8 bytes;
                                        the kind is the second letter of the document's key
    Sm                                  counters (counters)
    Sd                                  digest of everything above (digest)

Ids hold no NUL byte (`limits.ID_PATTERN`), so a NUL ends one without doubt. Ids are ASCII, so the order
of keys is the order of ids. The log and Raft's own state have other first letters (store).
"""

import struct
from typing import Final

from quitanda.backup.state_digest import DIGEST_KEY
from quitanda.domain.model import Kind, OrderState

STATE: Final = b"S"
"""The first byte of every key of the replicated state."""

COUNTERS: Final = b"Sm"
DIGEST: Final = DIGEST_KEY

DOCUMENTS: Final = {Kind.CUSTOMER: b"Sc", Kind.PRODUCT: b"Sp", Kind.ORDER: b"So", Kind.CREDENTIAL: b"St"}
"""Prefix of the documents of a kind."""

CLOSED_ORDERS: Final = b"Sk"
"""Prefix of the closed orders."""

DEADLINES: Final = b"Se"
LOW_PRODUCTS: Final = b"Sl"
"""Prefix of the index of products that are low; the key's rest is the product's id."""

_CLOSED_ORDERS_OF_CUSTOMER: Final = b"Sz"
_CLOSED_ORDERS_WITH_PRODUCT: Final = b"Sw"
_ORDERS_IN_STATE: Final = {state.value: b"Si" + state.value[:1].encode() for state in OrderState}
_ORDERS_OF_CUSTOMER: Final = b"Sx"
_ORDERS_WITH_PRODUCT: Final = b"Sy"
_LIVE_ORDERS: Final = b"Sn"
_CREDENTIALS_OF: Final = b"Su"
WEBHOOKS: Final = b"Sv"
SENDER_LEASE: Final = b"Ss"
_REMEMBERED: Final = b"Sr"
_SEQUENCE: Final = b"Sq"
CHANGE_RECORDS: Final = b"Sh"
_GONE: Final = b"Sg"
_END: Final = b"\x00"
_NUMBER: Final = struct.Struct(">Q")


def document(kind: Kind, document_id: str) -> bytes:
    """Key of a document."""
    return DOCUMENTS[kind] + document_id.encode()


def orders_of_customer(customer_id: str) -> bytes:
    """Prefix of the index of a customer's orders; the key's rest is the order's id."""
    return _ORDERS_OF_CUSTOMER + customer_id.encode() + _END


def orders_with_product(product_id: str) -> bytes:
    """Prefix of the index of the orders that hold a product; the key's rest is the order's id."""
    return _ORDERS_WITH_PRODUCT + product_id.encode() + _END


def low_product(product_id: str) -> bytes:
    """Key of the index of products that are low."""
    return LOW_PRODUCTS + product_id.encode()


def closed_order(order_id: str) -> bytes:
    """Key of a closed order."""
    return CLOSED_ORDERS + order_id.encode()


def closed_orders_of_customer(customer_id: str) -> bytes:
    """Prefix of the index of a customer's closed orders; the key's rest is the order's id."""
    return _CLOSED_ORDERS_OF_CUSTOMER + customer_id.encode() + _END


def closed_orders_with_product(product_id: str) -> bytes:
    """Prefix of the index of the closed orders with a product; the key's rest is the order's id."""
    return _CLOSED_ORDERS_WITH_PRODUCT + product_id.encode() + _END


def orders_in_state(state: str) -> bytes:
    """Prefix of the index of the orders in an OrderState, which is not `open`; the key's rest is the order's id."""
    return _ORDERS_IN_STATE[state]


def deadline(expires_at_ms: int, order_id: str) -> bytes:
    """Key of the index of deadlines for a live order."""
    return DEADLINES + _NUMBER.pack(expires_at_ms) + order_id.encode()


def deadline_in(key: bytes) -> tuple[int, str]:
    """Read deadline and order id of a key of that index."""
    rest = key[len(DEADLINES) :]
    return int(_NUMBER.unpack_from(rest)[0]), rest[_NUMBER.size :].decode()


def live_orders_of(customer_id: str) -> bytes:
    """Key of the number of a customer's live orders."""
    return _LIVE_ORDERS + customer_id.encode()


def credentials_of(customer_id: str) -> bytes:
    """Prefix of the index of a customer's credentials, with "" of staff's; the key's rest is the credential's id."""
    return _CREDENTIALS_OF + customer_id.encode() + _END


def webhook(webhook_id: str) -> bytes:
    """Key of a webhook."""
    return WEBHOOKS + webhook_id.encode()


def remembered(request: bytes) -> bytes:
    """Key of a remembered outcome; `request` as `request_name` makes it."""
    return _REMEMBERED + request


def request_name(scope: str, request_id: str) -> bytes:
    """Join a request's scope and id; different for every pair, as scopes hold no NUL byte."""
    return scope.encode() + _END + request_id.encode()


def change_record(number: int) -> bytes:
    """Key of what a request changed, by the number of its first change."""
    return CHANGE_RECORDS + _NUMBER.pack(number)


def gone(kind: Kind, document_id: str) -> bytes:
    """Key of the number of the deletion of what has a history."""
    key = webhook(document_id) if kind is Kind.WEBHOOK else document(kind, document_id)
    return _GONE + key[len(STATE) :]


def number(value: int) -> bytes:
    """Write a number as the keys have it."""
    return _NUMBER.pack(value)


def number_in(data: bytes) -> int:
    """Read a number as the keys have it. Raises ValueError."""
    if len(data) != _NUMBER.size:
        raise ValueError(f"a number of {_NUMBER.size} bytes expected, not {len(data)}")
    return int(_NUMBER.unpack(data)[0])


def sequence(number: int) -> bytes:
    """Key of the how-many-th remembered request."""
    return _SEQUENCE + _NUMBER.pack(number)
