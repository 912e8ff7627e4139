"""Refuses gRPC calls before their messages are received: without a token, and while there is no place for the caller.

A refusal costs the asyncio server of gRPC about half as much if it does not receive the message, decode it, write a
log line and put a status together. That matters when many more calls come than are answered: refusing them must leave
the time to answer the others.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NoReturn, TypeAlias

import grpc

from quitanda.error_status import describe
from quitanda.errors import Overloaded, Rejected
from quitanda.rpc_status import RpcStatus, to_rpc_status
from quitanda.runtime.access_log import AccessLog, operation_name

Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]

RefuseUnread: TypeAlias = Callable[[str, Metadata], Overloaded | Rejected | None]
"""Gives what a call of a method (its full name) with this metadata is refused with before it is read; None where it is
to be read."""

_STEPS_PER_SECOND: Final = 20
"""Times to wait are told in steps of a twentieth of a second, so that a status is made once for many calls."""


class UnreadCalls(grpc.aio.ServerInterceptor):
    """Stands before every other interceptor; `refuse_unread` decides by the method's name and the metadata alone."""

    def __init__(self, log: AccessLog, refuse_unread: RefuseUnread) -> None:
        self._log = log
        self._refuse_unread = refuse_unread

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any] | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Give the handler of the method, or one that refuses."""
        method = handler_call_details.method
        refusal = self._refuse_unread(method, handler_call_details.invocation_metadata or ())
        if refusal is None:
            return await continuation(handler_call_details)
        self._log.refused_unread(operation_name(method), describe(refusal).reason)
        return self._refusing(refusal)

    def _refusing(self, refusal: Overloaded | Rejected) -> "grpc.RpcMethodHandler[Any, Any]":
        """Make a handler that ends the call with a status; it takes a stream of requests, and thus waits for none."""

        async def refuse(_requests: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> NoReturn:
            status = _status(refusal)
            await context.abort(status.code, status.details, status.trailing_metadata)
            raise AssertionError("abort does not return")

        return grpc.stream_unary_rpc_method_handler(refuse)


def _status(refusal: Overloaded | Rejected) -> RpcStatus:
    if isinstance(refusal, Rejected):
        return to_rpc_status(refusal)
    return _overloaded_status(math.ceil(refusal.retry_after * _STEPS_PER_SECOND), refusal.limit)


@lru_cache(maxsize=2_048)
def _overloaded_status(steps: int, limit: str) -> RpcStatus:
    overloaded = Overloaded()
    overloaded.retry_after, overloaded.limit = steps / _STEPS_PER_SECOND, limit
    return to_rpc_status(overloaded)
