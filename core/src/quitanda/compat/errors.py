"""The one table between what can fail and the course's error numbers; what a Reply says of it."""

import re
from collections.abc import Mapping
from typing import Final

from quitanda.compat.custom_fields import PREFIX
from quitanda.compat.ids import course_id
from quitanda.course import contract_pb2 as pb
from quitanda.domain.outcomes import Reason
from quitanda.domain.value_checks import check_id
from quitanda.error_messages import COURSE, render
from quitanda.error_status import FailureSource, describe
from quitanda.errors import InternalError, NotLeader, OutcomeUnknown, Overloaded, Unavailable

DONE: Final = 0

ERROR_NUMBERS: Final[Mapping[str, int]] = {
    Reason.INVALID_ARGUMENT: 1,
    Reason.CUSTOMER_EXISTS: 10,
    Reason.CUSTOMER_NOT_FOUND: 11,
    Reason.CUSTOMER_HAS_ORDERS: 12,
    Reason.PRODUCT_EXISTS: 20,
    Reason.PRODUCT_NOT_FOUND: 21,
    Reason.PRODUCT_IN_USE: 22,
    Reason.OUT_OF_STOCK: 23,
    Reason.STOCK_BOUND: 24,
    Reason.ORDER_EXISTS: 30,
    Reason.ORDER_NOT_FOUND: 31,
    Reason.TOO_MANY_ITEMS: 32,
    Reason.CASCADE_TOO_LARGE: 40,
    Reason.VERSION_MISMATCH: 41,
    Reason.REQUEST_ID_REUSED: 42,
    Reason.PAGE_TOKEN_EXPIRED: 43,
    Reason.REVISION_GONE: 49,
    Reason.LEVEL_TOO_LOW: 44,
    Reason.LEVEL_NOT_SUPPORTED: 45,
    Reason.UNAUTHENTICATED: 46,
    Reason.CREDENTIAL_REVOKED: 47,
    Reason.FORBIDDEN: 48,
    Reason.CREDENTIAL_EXISTS: 38,
    Reason.CREDENTIAL_NOT_FOUND: 39,
    Reason.PASSWORD_EXISTS: 13,
    Reason.OF_A_SESSION: 14,
    Reason.TOO_MANY_CREDENTIALS: 36,
    Reason.LAST_ADMIN_CREDENTIAL: 37,
    Reason.ORDER_STATE: 33,
    Reason.TOO_MANY_ORDERS: 53,
    Reason.WEBHOOK_EXISTS: 54,
    Reason.WEBHOOK_NOT_FOUND: 55,
    Reason.TOO_MANY_WEBHOOKS: 56,
    Reason.DEAD_LETTER_NOT_FOUND: 57,
    Reason.LEASE_LOST: 58,
    Reason.ORDER_EMPTY: 34,
    Reason.TOO_MANY_UNITS: 35,
    Unavailable.reason: 50,
    NotLeader.reason: 51,
    Overloaded.reason: 52,
    OutcomeUnknown.reason: 60,
    InternalError.reason: 61,
}
"""The number of each reason, for ever. From 60 on nobody knows whether it happened; below, it did not."""

_NAMES: Final[Mapping[str, str]] = {"customer_id": "CID", "product_id": "PID", "order_id": "OID", "items": "products"}
_NAME: Final = re.compile("|".join(rf"\b{name}\b" for name in _NAMES))
_EXTRA: Final = "extra."

_REPLYING: Final = frozenset(
    f"/{service.full_name}/{method.name}"
    for service in pb.DESCRIPTOR.services_by_name.values()
    for method in service.methods
    if method.output_type.full_name == pb.Reply.DESCRIPTOR.full_name
)


def render_error(method: str, failure: FailureSource) -> pb.Reply | None:
    """Say what failed within the contract, where the method (its full name) answers with a Reply; None elsewhere."""
    return reply(failure) if method in _REPLYING else None


def reply(failure: FailureSource) -> pb.Reply:
    """Write the number and the sentence of a failure, with names and ids as the course's clients know them."""
    told = describe(failure)
    facts = {name: _shown_id(value) if name in _NAMES else value for name, value in told.details.items() if value}
    sentence = render(told.reason, _course_field(told.field), facts, COURSE)
    return pb.Reply(error=ERROR_NUMBERS[told.reason], description=sentence)


def _shown_id(value: str) -> str:
    """Show an id as its client knows it; what cannot be stored as an id is the client's own text already."""
    return course_id(value) if check_id("", value) is None else value


def _course_field(field: str) -> str:
    """Name a field as the course does; an extra field has its own name."""
    place, _, name = field.partition(_EXTRA)
    return _NAME.sub(lambda match: _NAMES[match.group()], place) + name.removeprefix(PREFIX)
