"""The one table between what can fail and how it travels: gRPC status and JSON error, both ways.

No other module names a status code. Programs match on `reason`, never on a message.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from quitanda.domain.outcomes import Problem, Reason, Refused, invalid
from quitanda.domain.value_checks import check_id
from quitanda.error_messages import render
from quitanda.errors import (
    InternalError,
    NoConnection,
    NotLeader,
    NotOffered,
    OutcomeUnknown,
    Overloaded,
    QuitandaError,
    Rejected,
    Unavailable,
)

DOMAIN: Final = "quitanda"
"""The domain of every ErrorInfo that we send."""

_STATUS_KEY: Final = "grpc-status-details-bin"
_FACT_LENGTH_MAX: Final = 200
"""Characters of one fact in an error that travels; keeps a call's trailing metadata small."""

RETRY_AFTER_SECONDS_MAX: Final = 60.0
"""A longer time to wait, which only a server of somebody else could ask for, is not believed."""

_OWN_METADATA: Final = frozenset({"field", "definite", "retryable", "request_id"})

FailureSource: TypeAlias = Refused | QuitandaError


class _Row(NamedTuple):
    code: grpc.StatusCode
    definite: bool
    retryable: bool


_REFUSALS: Final[Mapping[Reason, grpc.StatusCode]] = {
    Reason.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.CUSTOMER_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.CUSTOMER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.CUSTOMER_HAS_ORDERS: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.PRODUCT_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.PRODUCT_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.PRODUCT_IN_USE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.ORDER_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.ORDER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.OUT_OF_STOCK: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.STOCK_BOUND: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.TOO_MANY_ITEMS: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.ORDER_STATE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.TOO_MANY_ORDERS: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.ORDER_EMPTY: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.TOO_MANY_UNITS: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.CASCADE_TOO_LARGE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.VERSION_MISMATCH: grpc.StatusCode.ABORTED,
    Reason.REQUEST_ID_REUSED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.PAGE_TOKEN_EXPIRED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.REVISION_GONE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.LEVEL_TOO_LOW: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.LEVEL_NOT_SUPPORTED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.CREDENTIAL_REVOKED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    Reason.CREDENTIAL_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.CREDENTIAL_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.TOO_MANY_CREDENTIALS: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.LAST_ADMIN_CREDENTIAL: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.WEBHOOK_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.WEBHOOK_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.TOO_MANY_WEBHOOKS: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.DEAD_LETTER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.LEASE_LOST: grpc.StatusCode.ABORTED,
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
}
"""The status of each refusal; all are definite, and none succeeds by being repeated."""

_ERRORS: Final[Mapping[type[QuitandaError], _Row]] = {
    Unavailable: _Row(grpc.StatusCode.UNAVAILABLE, definite=True, retryable=True),
    NotLeader: _Row(grpc.StatusCode.FAILED_PRECONDITION, definite=True, retryable=True),
    Overloaded: _Row(grpc.StatusCode.RESOURCE_EXHAUSTED, definite=True, retryable=True),
    OutcomeUnknown: _Row(grpc.StatusCode.DEADLINE_EXCEEDED, definite=False, retryable=True),
    InternalError: _Row(grpc.StatusCode.INTERNAL, definite=False, retryable=False),
}

_NEVER_SENT: Final = ("failed to connect to all addresses", "DNS resolution failed")
"""How the library's UNAVAILABLE says that there was no connection to send the call on."""

_TURNED_AWAY: Final = "Concurrent RPC limit exceeded"
"""How the library's RESOURCE_EXHAUSTED says that the server never began with the call."""

_TOO_LARGE_TO_TAKE: Final = "SERVER: Received message larger than max"
"""How it says that the server did not even read the request; without `SERVER` it speaks of the answer."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A refusal or an error as it is told to a caller.

    `definite`: it did not and will not take effect. `retryable`: the same request, with the same request
    id, may succeed later without anybody changing anything.
    """

    reason: str
    code: grpc.StatusCode
    definite: bool
    retryable: bool
    message: str
    field: str
    details: dict[str, str]


@dataclass(frozen=True, slots=True)
class RpcStatus(grpc.Status):
    """A status for `context.abort_with_status`, or field by field for asyncio's `context.abort`."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


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


def to_rpc_status(failure: FailureSource) -> RpcStatus:
    """Write a status with an ErrorInfo that says everything but the sentence."""
    told = describe(failure)
    info = error_details_pb2.ErrorInfo(
        reason=told.reason,
        domain=DOMAIN,
        metadata={
            **told.details,
            "field": told.field,
            "definite": _flag_text(told.definite),
            "retryable": _flag_text(told.retryable),
            **_request_id(failure),
        },
    )
    status = status_pb2.Status(code=told.code.value[0], message=told.message)
    status.details.add().Pack(info)
    if retry_after := _retry_after(failure):
        milliseconds = math.ceil(retry_after * 1000)
        delay = Duration(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return RpcStatus(told.code, told.message, ((_STATUS_KEY, status.SerializeToString()),))


def _retry_after(failure: FailureSource) -> float:
    """Give the seconds after which the caller may try again; 0 where nobody knows."""
    return failure.retry_after if isinstance(failure, Overloaded) else 0.0


def _request_id(failure: FailureSource) -> dict[str, str]:
    """Give the id of the write that failed, where it is known and one that can be repeated with."""
    request_id = failure.request_id if isinstance(failure, QuitandaError) else ""
    return {} if check_id("request_id", request_id) else {"request_id": request_id}


def from_rpc_error(error: grpc.RpcError) -> FailureSource:
    """Read the failure of a call, synchronous or asyncio.

    Ours carry an ErrorInfo. Without one, an error is definite only where the call certainly never left.
    """
    info, retry_after = _error_details(error)
    if info is not None:
        facts = dict(info.metadata)
        details = {name: value for name, value in facts.items() if name not in _OWN_METADATA}
        source = _source(info.reason, facts.get("definite") == "true", facts.get("field", ""), details)
        if isinstance(source, QuitandaError):
            source.request_id = facts.get("request_id", "")
        return _with_retry_after(source, retry_after)
    code, text = _code_and_text(error)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return NotOffered("the server does not offer this call")
    if code is grpc.StatusCode.UNAVAILABLE and any(sign in text for sign in _NEVER_SENT):
        return NoConnection("no connection")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TURNED_AWAY in text:
        return Overloaded("the server works on too many calls")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE_TO_TAKE in text:
        return invalid("request", Problem.TOO_LARGE)
    return OutcomeUnknown(f"the call ended with {code.name}")


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
    } | ({"retry_after_seconds": round(retry_after, 3)} if (retry_after := _retry_after(failure)) else {})


def from_json_error(error: Mapping[str, Any]) -> FailureSource:
    """Read what `to_json_error` wrote; anything unknown or malformed counts as an unknown outcome."""
    field = error.get("field", "")
    details = error.get("details", {})
    if not isinstance(field, str) or not isinstance(details, Mapping):
        return OutcomeUnknown("a malformed error came back")
    facts = {str(name): str(value) for name, value in details.items()}
    source = _source(str(error.get("reason", "")), error.get("definite") is True, field, facts)
    return _with_retry_after(source, error.get("retry_after_seconds"))


def _with_retry_after(source: FailureSource, seconds: object) -> FailureSource:
    """Add when to try again, where that was told and can be meant."""
    if isinstance(source, Overloaded) and isinstance(seconds, int | float) and 0 < seconds <= RETRY_AFTER_SECONDS_MAX:
        source.retry_after = float(seconds)
    return source


def _source(reason: str, definite: bool, field: str, details: Mapping[str, str]) -> FailureSource:
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


def _error_details(error: grpc.RpcError) -> tuple[error_details_pb2.ErrorInfo | None, float]:
    """Find our ErrorInfo, and the seconds of the RetryInfo, in the trailing metadata of a failed call."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return None, 0.0
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS_KEY and isinstance(value, bytes):
            return _unpack(value)
    return None, 0.0


def _unpack(data: bytes) -> tuple[error_details_pb2.ErrorInfo | None, float]:
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    try:
        details = status_pb2.Status.FromString(data).details
        ours = any(detail.Unpack(info) and info.domain == DOMAIN for detail in details)
        any(detail.Unpack(retry) for detail in details)
    except DecodeError:
        return None, 0.0
    return (info, retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9) if ours else (None, 0.0)


def _code_and_text(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    """Give the status of a failed call as the library tells it."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return grpc.StatusCode.UNKNOWN, ""
    return error.code() or grpc.StatusCode.UNKNOWN, error.details() or ""


def _flag_text(flag: bool) -> str:
    return "true" if flag else "false"
