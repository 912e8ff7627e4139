"""The one table between what can fail and how it travels: gRPC status and JSON error, both ways.

No other module says which status a failure has. Programs match on `reason`, never on a message. The statuses are names
here, so that whoever speaks MQTT loads nothing of gRPC; `rpc_status` reads and writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

from quitanda.domain.outcomes import Reason, Refused
from quitanda.error_messages import render
from quitanda.errors import (
    InternalError,
    NotLeader,
    OutcomeUnknown,
    Overloaded,
    QuitandaError,
    Rejected,
    Unavailable,
)

_FACT_LENGTH_MAX: Final = 200
"""Characters of one fact in an error that travels; keeps a call's trailing metadata small."""

RETRY_AFTER_SECONDS_MAX: Final = 60.0
"""A longer time to wait, which only a server of somebody else could ask for, is not believed."""

FailureSource: TypeAlias = Refused | QuitandaError


class RpcCode(StrEnum):
    """The statuses of gRPC that a failure can have, by their names."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ABORTED = "ABORTED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    UNAVAILABLE = "UNAVAILABLE"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    INTERNAL = "INTERNAL"


class _Row(NamedTuple):
    code: RpcCode
    definite: bool
    retryable: bool


_REFUSALS: Final[Mapping[Reason, RpcCode]] = {
    Reason.INVALID_ARGUMENT: RpcCode.INVALID_ARGUMENT,
    Reason.CUSTOMER_EXISTS: RpcCode.ALREADY_EXISTS,
    Reason.CUSTOMER_NOT_FOUND: RpcCode.NOT_FOUND,
    Reason.CUSTOMER_HAS_ORDERS: RpcCode.FAILED_PRECONDITION,
    Reason.PRODUCT_EXISTS: RpcCode.ALREADY_EXISTS,
    Reason.PRODUCT_NOT_FOUND: RpcCode.NOT_FOUND,
    Reason.PRODUCT_IN_USE: RpcCode.FAILED_PRECONDITION,
    Reason.ORDER_EXISTS: RpcCode.ALREADY_EXISTS,
    Reason.ORDER_NOT_FOUND: RpcCode.NOT_FOUND,
    Reason.OUT_OF_STOCK: RpcCode.FAILED_PRECONDITION,
    Reason.STOCK_BOUND: RpcCode.FAILED_PRECONDITION,
    Reason.TOO_MANY_ITEMS: RpcCode.FAILED_PRECONDITION,
    Reason.ORDER_STATE: RpcCode.FAILED_PRECONDITION,
    Reason.TOO_MANY_ORDERS: RpcCode.FAILED_PRECONDITION,
    Reason.ORDER_EMPTY: RpcCode.FAILED_PRECONDITION,
    Reason.TOO_MANY_UNITS: RpcCode.FAILED_PRECONDITION,
    Reason.CASCADE_TOO_LARGE: RpcCode.FAILED_PRECONDITION,
    Reason.VERSION_MISMATCH: RpcCode.ABORTED,
    Reason.REQUEST_ID_REUSED: RpcCode.FAILED_PRECONDITION,
    Reason.PAGE_TOKEN_EXPIRED: RpcCode.FAILED_PRECONDITION,
    Reason.REVISION_GONE: RpcCode.FAILED_PRECONDITION,
    Reason.LEVEL_TOO_LOW: RpcCode.FAILED_PRECONDITION,
    Reason.LEVEL_NOT_SUPPORTED: RpcCode.FAILED_PRECONDITION,
    Reason.UNAUTHENTICATED: RpcCode.UNAUTHENTICATED,
    Reason.CREDENTIAL_REVOKED: RpcCode.UNAUTHENTICATED,
    Reason.FORBIDDEN: RpcCode.PERMISSION_DENIED,
    Reason.CREDENTIAL_EXISTS: RpcCode.ALREADY_EXISTS,
    Reason.CREDENTIAL_NOT_FOUND: RpcCode.NOT_FOUND,
    Reason.TOO_MANY_CREDENTIALS: RpcCode.FAILED_PRECONDITION,
    Reason.LAST_ADMIN_CREDENTIAL: RpcCode.FAILED_PRECONDITION,
    Reason.PASSWORD_EXISTS: RpcCode.ALREADY_EXISTS,
    Reason.OF_A_SESSION: RpcCode.FAILED_PRECONDITION,
    Reason.WEBHOOK_EXISTS: RpcCode.ALREADY_EXISTS,
    Reason.WEBHOOK_NOT_FOUND: RpcCode.NOT_FOUND,
    Reason.TOO_MANY_WEBHOOKS: RpcCode.FAILED_PRECONDITION,
    Reason.DEAD_LETTER_NOT_FOUND: RpcCode.NOT_FOUND,
    Reason.LEASE_LOST: RpcCode.ABORTED,
    Reason.INTERNAL: RpcCode.INTERNAL,
}
"""The status of each refusal; all are definite, and none succeeds by being repeated."""

_ERRORS: Final[Mapping[type[QuitandaError], _Row]] = {
    Unavailable: _Row(RpcCode.UNAVAILABLE, definite=True, retryable=True),
    NotLeader: _Row(RpcCode.FAILED_PRECONDITION, definite=True, retryable=True),
    Overloaded: _Row(RpcCode.RESOURCE_EXHAUSTED, definite=True, retryable=True),
    OutcomeUnknown: _Row(RpcCode.DEADLINE_EXCEEDED, definite=False, retryable=True),
    InternalError: _Row(RpcCode.INTERNAL, definite=False, retryable=False),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A refusal or an error as it is told to a caller.

    `definite`: it did not and will not take effect. `retryable`: the same request, with the same request
    id, may succeed later without anybody changing anything.
    """

    reason: str
    code: RpcCode
    definite: bool
    retryable: bool
    message: str
    field: str
    details: dict[str, str]


def describe(failure: FailureSource) -> Failure:
    """Look a refusal or an error up in the table."""
    if isinstance(failure, Rejected):
        return describe(failure.refused)
    if isinstance(failure, Refused):
        row = _Row(_REFUSALS[failure.reason], definite=True, retryable=False)
        return _failure(failure.reason.value, row, failure.field, dict(failure.details))
    return _failure(failure.reason, _row_of(type(failure)), "", _details(failure))


def _details(error: QuitandaError) -> dict[str, str]:
    if isinstance(error, NotLeader) and error.leader:
        return {"leader": error.leader}
    return {"limit": error.limit} if isinstance(error, Overloaded) and error.limit else {}


def _row_of(kind: type[QuitandaError]) -> _Row:
    """Find the row of an error's type, or of the nearest type above it."""
    for ancestor in kind.__mro__:
        if ancestor in _ERRORS:
            return _ERRORS[ancestor]
    return _ERRORS[OutcomeUnknown]


def _failure(reason: str, row: _Row, field: str, details: dict[str, str]) -> Failure:
    bounded = {name: value[:_FACT_LENGTH_MAX] for name, value in details.items()}
    field = field[:_FACT_LENGTH_MAX]
    return Failure(reason, row.code, row.definite, row.retryable, render(reason, field, bounded), field, bounded)


def retry_after_of(failure: FailureSource) -> float:
    """Give the seconds after which the caller may try again; 0 where nobody knows."""
    return failure.retry_after if isinstance(failure, Overloaded) else 0.0


def to_json_error(failure: FailureSource) -> dict[str, Any]:
    """Write an error as the MQTT replies carry it."""
    told = describe(failure)
    return {
        "reason": told.reason,
        "message": told.message,
        "retryable": told.retryable,
        "definite": told.definite,
        "field": told.field,
        "details": told.details,
    } | ({"retry_after_seconds": round(retry_after, 3)} if (retry_after := retry_after_of(failure)) else {})


def from_json_error(error: Mapping[str, Any]) -> FailureSource:
    """Read what `to_json_error` wrote; anything unknown or malformed counts as an unknown outcome."""
    field = error.get("field", "")
    details = error.get("details", {})
    if not isinstance(field, str) or not isinstance(details, Mapping):
        return OutcomeUnknown("a malformed error came back")
    facts = {str(name): str(value) for name, value in details.items()}
    source = source_of(str(error.get("reason", "")), error.get("definite") is True, field, facts)
    return with_retry_after(source, error.get("retry_after_seconds"))


def with_retry_after(source: FailureSource, seconds: object) -> FailureSource:
    """Add when to try again, where that was told and can be meant."""
    if isinstance(source, Overloaded) and isinstance(seconds, int | float) and 0 < seconds <= RETRY_AFTER_SECONDS_MAX:
        source.retry_after = float(seconds)
    return source


def source_of(reason: str, definite: bool, field: str, details: Mapping[str, str]) -> FailureSource:
    """Make the refusal or the error that a reason names."""
    if reason == NotLeader.reason:
        return NotLeader(details.get("leader", ""))
    for kind in _ERRORS:
        if kind.reason == reason and kind.definite is definite:
            source = kind()
            if isinstance(source, Overloaded):
                source.limit = details.get("limit", "")
            return source
    if definite and reason in set(Reason):
        return Refused(Reason(reason), field, tuple(sorted(details.items())))
    return Unavailable(f"reason {reason!r}") if definite else OutcomeUnknown(f"reason {reason!r}")
