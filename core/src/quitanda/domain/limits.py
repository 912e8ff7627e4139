"""Every bound of the business rules, each a named constant.

The bounds keep one command's work, one document and one log entry small, and keep every sum inside
a signed 64-bit integer: ITEMS_PER_ORDER_MAX * ITEM_QUANTITY_MAX * PRICE_MAX < 2**63.
"""

from typing import Final

ID_LENGTH_MAX: Final = 64
"""Characters in a customer's, product's, order's or request's id."""

ID_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._~@:-]*"
"""Alphabet of ids: safe in MQTT topics, URLs, shells and LevelDB keys; never starts like an option."""

NAME_LENGTH_MAX: Final = 200
"""Characters in a customer's or product's name."""

DESCRIPTION_LENGTH_MAX: Final = 2_000
"""Characters in a product's description."""

EXTRA_FIELDS_MAX: Final = 50
"""Unknown fields kept with one document, or with one item of an order."""

EXTRA_NAME_LENGTH_MAX: Final = 64
"""Characters in the name of an unknown field."""

EXTRA_BYTES_MAX: Final = 16_384
"""UTF-8 bytes of all unknown fields of one document, an order's items included: names and JSON texts together."""

JSON_DEPTH_MAX: Final = 16
"""Nesting of arrays and objects in a JSON document."""

MINOR_UNITS_PER_UNIT: Final = 100
"""Hundredths: the shop's currency has two decimals."""

PRICE_MAX: Final = 1_000_000_000
"""Price of one unit, in minor units (ten million in the currency)."""

QUANTITY_MAX: Final = 1_000_000_000
"""Units of one product on hand, as administrators may set them."""

ITEM_QUANTITY_MAX: Final = 1_000_000
"""Units of one product in one order."""

ITEMS_PER_ORDER_MAX: Final = 200
"""Different products in one order, and items in one request."""

TIMESTAMP_MS_MAX: Final = 253_402_300_799_999
"""The last millisecond of the year 9999, the last that common date formats can write."""

VERSION_MAX: Final = 2**63 - 1
"""Highest version that a caller may expect: the largest signed 64-bit integer."""

LEVEL_MAX: Final = 2**16 - 1
"""Highest level of rules that the state has room for."""

CASCADE_ORDERS_MAX: Final = 1_000
"""Orders that one cascading deletion may cancel or change."""

CLOSED_ORDERS_LEFT_MAX: Final = 1_000
"""Closed orders of a customer who can be deleted: the deletion changes each of them."""

LIVE_ORDERS_PER_CUSTOMER_MAX: Final = 10_000
"""Open and placed orders of one customer together, from the level of states on."""

EXPIRED_AT_ONCE_MAX: Final = 100
"""Orders that expire by one command."""

REMEMBERED_REQUESTS_MAX: Final = 262_144
"""Outcomes kept for repeated requests: at four thousand writes a second, the last minute's."""

HISTORY_CHANGES_MAX: Final = 524_288
"""Changes of documents that the history keeps, of all documents together."""

PAGE_SIZE_DEFAULT: Final = 100
PAGE_SIZE_MAX: Final = 500
"""Documents on one page of a list."""

TOKEN_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"  # noqa: S105 - of every token, not one
"""Characters of a credential's id and of its secret: base32 in small letters."""

CREDENTIAL_ID_LENGTH: Final = 12
"""Characters in a credential's id."""

SECRET_HASH_LENGTH: Final = 64
"""Characters of the SHA-256 of a credential's secret, in hexadecimal."""

STAFF_CREDENTIALS_MAX: Final = 64
"""Credentials of administrators, staff and programs together, sessions apart."""

CREDENTIALS_PER_CUSTOMER_MAX: Final = 4
"""Credentials of one customer, sessions apart."""

SESSIONS_PER_CREDENTIAL_MAX: Final = 4
"""Sessions that began with the password of one credential: a new one ends the oldest."""

PASSWORD_HASH_LENGTH_MAX: Final = 200
"""Characters of a password's hash with its parameters and its salt (PHC string format)."""

WEBHOOKS_MAX: Final = 16
"""Webhooks of the shop."""

WEBHOOK_URL_LENGTH_MAX: Final = 1_000
"""Characters in the address of a webhook."""

WEBHOOK_EVENTS_LENGTH_MAX: Final = 400
"""Characters in the names of a webhook's events."""

DEAD_LETTERS_MAX: Final = 100
"""Events of one webhook that were given up and are kept, or that wait to be sent once more."""

DELIVERY_ATTEMPTS_MAX: Final = 1_000_000
"""Attempts to deliver one event that are counted."""

DELIVERY_PROBLEM_LENGTH_MAX: Final = 200
"""Characters of why an event could not be delivered."""
