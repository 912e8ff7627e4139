"""Failures as gRPC carries them: a status with an ErrorInfo, written and read by the table of `error_status`."""

import math
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from quitanda.domain.outcomes import Problem, invalid
from quitanda.domain.value_checks import check_id
from quitanda.error_status import FailureSource, describe, retry_after_of, source_of, with_retry_after
from quitanda.errors import NoConnection, NotOffered, OutcomeUnknown, Overloaded, QuitandaError

DOMAIN: Final = "quitanda"
"""The domain of every ErrorInfo that we send."""

_STATUS_KEY: Final = "grpc-status-details-bin"
_OWN_METADATA: Final = frozenset({"field", "definite", "retryable", "request_id"})

_NEVER_SENT: Final = ("failed to connect to all addresses", "DNS resolution failed")
"""How the library's UNAVAILABLE says that there was no connection to send the call on."""

_TURNED_AWAY: Final = "Concurrent RPC limit exceeded"
"""How the library's RESOURCE_EXHAUSTED says that the server never began with the call."""

_TOO_LARGE_TO_TAKE: Final = "SERVER: Received message larger than max"
"""How it says that the server did not even read the request; without `SERVER` it speaks of the answer."""


@dataclass(frozen=True, slots=True)
class RpcStatus(grpc.Status):
    """A status for `context.abort_with_status`, or field by field for asyncio's `context.abort`."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


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
    code = grpc.StatusCode[told.code]
    status = status_pb2.Status(code=code.value[0], message=told.message)
    status.details.add().Pack(info)
    if retry_after := retry_after_of(failure):
        milliseconds = math.ceil(retry_after * 1000)
        delay = Duration(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return RpcStatus(code, told.message, ((_STATUS_KEY, status.SerializeToString()),))


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
        source = source_of(info.reason, facts.get("definite") == "true", facts.get("field", ""), details)
        if isinstance(source, QuitandaError):
            source.request_id = facts.get("request_id", "")
        return with_retry_after(source, retry_after)
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
