"""What becomes of a command: it is done, or it is refused for a named reason. Both are values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from quitanda.domain.compiled import fast_init
from quitanda.domain.model import Document


class Reason(StrEnum):
    """Why a command is refused; the names are part of the contract (docs/ERRORS.md explains each)."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    CUSTOMER_EXISTS = "CUSTOMER_EXISTS"
    CUSTOMER_NOT_FOUND = "CUSTOMER_NOT_FOUND"
    CUSTOMER_HAS_ORDERS = "CUSTOMER_HAS_ORDERS"
    PRODUCT_EXISTS = "PRODUCT_EXISTS"
    PRODUCT_NOT_FOUND = "PRODUCT_NOT_FOUND"
    PRODUCT_IN_USE = "PRODUCT_IN_USE"
    ORDER_EXISTS = "ORDER_EXISTS"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    STOCK_BOUND = "STOCK_BOUND"
    TOO_MANY_ITEMS = "TOO_MANY_ITEMS"
    TOO_MANY_ORDERS = "TOO_MANY_ORDERS"
    ORDER_STATE = "ORDER_STATE"
    ORDER_EMPTY = "ORDER_EMPTY"
    TOO_MANY_UNITS = "TOO_MANY_UNITS"
    CASCADE_TOO_LARGE = "CASCADE_TOO_LARGE"
    VERSION_MISMATCH = "VERSION_MISMATCH"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    PAGE_TOKEN_EXPIRED = "PAGE_TOKEN_EXPIRED"  # noqa: S105 - a reason, not a secret
    REVISION_GONE = "REVISION_GONE"
    LEVEL_TOO_LOW = "LEVEL_TOO_LOW"
    LEVEL_NOT_SUPPORTED = "LEVEL_NOT_SUPPORTED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    CREDENTIAL_REVOKED = "CREDENTIAL_REVOKED"
    FORBIDDEN = "FORBIDDEN"
    CREDENTIAL_EXISTS = "CREDENTIAL_EXISTS"
    CREDENTIAL_NOT_FOUND = "CREDENTIAL_NOT_FOUND"
    TOO_MANY_CREDENTIALS = "TOO_MANY_CREDENTIALS"
    LAST_ADMIN_CREDENTIAL = "LAST_ADMIN_CREDENTIAL"
    PASSWORD_EXISTS = "PASSWORD_EXISTS"  # noqa: S105 - a reason, not a secret
    OF_A_SESSION = "OF_A_SESSION"
    WEBHOOK_EXISTS = "WEBHOOK_EXISTS"
    WEBHOOK_NOT_FOUND = "WEBHOOK_NOT_FOUND"
    TOO_MANY_WEBHOOKS = "TOO_MANY_WEBHOOKS"
    DEAD_LETTER_NOT_FOUND = "DEAD_LETTER_NOT_FOUND"
    LEASE_LOST = "LEASE_LOST"
    INTERNAL = "INTERNAL"


class Problem(StrEnum):
    """What is wrong with the field of an INVALID_ARGUMENT; stands in its details as `problem`."""

    MISSING = "missing"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    EASY_TO_GUESS = "easy_to_guess"
    LIKE_A_TOKEN = "like_a_token"  # noqa: S105 - a problem, not a secret
    NOT_THE_PASSWORD = "not_the_password"  # noqa: S105 - a problem, not a secret
    TOO_MANY_TRIES = "too_many_tries"
    ALPHABET = "alphabet"
    CONTROL_CHARACTER = "control_character"
    NEGATIVE = "negative"
    ZERO = "zero"
    TOO_LARGE = "too_large"
    NOT_A_NUMBER = "not_a_number"
    NOT_AN_INTEGER = "not_an_integer"
    TOO_MANY_DECIMALS = "too_many_decimals"
    WRONG_TYPE = "wrong_type"
    NOT_JSON = "not_json"
    NOT_UTF8 = "not_utf8"
    TOO_DEEP = "too_deep"
    TOO_MANY = "too_many"
    RESERVED = "reserved"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_VALUE = "unknown_value"
    NOTHING_TO_CHANGE = "nothing_to_change"
    DUPLICATE = "duplicate"
    RETAINED = "retained"
    PASSED = "passed"
    EMPTY_RANGE = "empty_range"
    PLAIN_HTTP = "plain_http"
    MALFORMED = "malformed"


class AuthenticationProblem(StrEnum):
    """What is wrong with the token of a caller who is UNAUTHENTICATED; stands in its details as `problem`."""

    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG = "wrong"
    """Its secret is not the credential's, or there is no such credential: nobody is told which."""
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a problem, not a secret
    """It is not the password of that name, or the name has none: nobody is told which."""
    EXPIRED = "expired"
    TOO_MANY_FAILURES = "too_many_failures"


Details: TypeAlias = tuple[tuple[str, str], ...]
"""Facts for the message, (name, value) sorted by name; for INVALID_ARGUMENT and UNAUTHENTICATED always `problem`."""


@fast_init
@dataclass(frozen=True, slots=True)
class Done:
    """The command took effect.

    `document` is the document as the command left it; for an order that its customer cancelled the order as it was;
    None where a customer, a product or a credential was deleted. `orders_affected` counts what a cascade cancelled or
    changed, and what expired.
    """

    document: Document | None
    orders_affected: int = 0


@fast_init
@dataclass(frozen=True, slots=True)
class Refused:
    """The command changed nothing, and never will. `field` names the field at fault, or is empty."""

    reason: Reason
    field: str = ""
    details: Details = ()


Outcome: TypeAlias = Done | Refused


def refused(reason: Reason, field: str = "", **details: object) -> Refused:
    """Build a refusal; the details' values become text, sorted by name."""
    return Refused(reason, field, tuple(sorted((name, str(value)) for name, value in details.items())))


def invalid(field: str, problem: Problem, **details: object) -> Refused:
    """Build the refusal of a field's value."""
    return refused(Reason.INVALID_ARGUMENT, field, problem=problem.value, **details)
