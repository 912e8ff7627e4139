"""One line, one count and one span for each call: what every server of a portal says about what it answered."""

import math
import re
import time
from collections import Counter
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

import structlog

from quitanda.runtime import log_context, tracing
from quitanda.runtime.metrics import GRPC, RequestMetrics

if TYPE_CHECKING:  # it loads OpenTelemetry
    from quitanda.runtime.spans import Span

OK: Final = "OK"
"""Stands in place of a reason for a call that succeeded."""

ENDED: Final = "ENDED"
"""Stands for a call that ended without an answer of ours: its caller went away."""

_ID_LENGTH_SHOWN: Final = 64
_REFUSALS_TOLD_EVERY_SECONDS: Final = 1.0
_WORD: Final = re.compile("(?<=[a-z])(?=[A-Z])")
_log = structlog.get_logger("quitanda.requests")


def operation_name(method: str) -> str:
    """Give the operation that a gRPC method stands for: `create_order` for `/quitanda.v1.ClientPortal/CreateOrder`."""
    return _WORD.sub("_", method.rpartition("/")[2]).lower()


def request_context(request: Any) -> AbstractContextManager[None]:
    """Bind what identifies a request to every log line written while it is worked on."""
    return log_context.bound(**_identity(request))


def bind_request(request: Any) -> None:
    """Do as `request_context`, for the rest of the task: for a task that works on this request alone."""
    log_context.bind(**_identity(request))


class AccessLog:
    """Writes the line and counts, for the calls that come over one transport (`metrics.GRPC` …).

    Made after the log was configured: its logger is bound once, since that costs more than to write a line.
    """

    def __init__(self, metrics: RequestMetrics, transport: str = GRPC) -> None:
        self._metrics = metrics
        self._transport = transport
        self._info = structlog.get_logger("quitanda.requests").bind().info
        self._refused_unread: Counter[str] = Counter()
        self._told_at: dict[str, float] = {}

    def begun(self, operation: str, traceparent: str) -> None:
        """Begin the span of a call, and make it the current one; only while tracing is on. `answered` ends it.

        A trace that is not kept ends here: the call then goes on as if it were not traced.
        """
        if tracing.active is not None:
            span = tracing.active.begin(
                operation, "server", traceparent, operation=operation, transport=self._transport
            )
            if span.sampled:
                tracing.make_current(span)
                log_context.bind(trace_id=span.trace_id)

    def answered(self, operation: str, reason: str, revision: int, seconds: float) -> None:
        """Log and count one call that ended; `revision` is the one that the answer shows, or 0."""
        self._metrics.answered(operation, self._transport, reason, seconds)
        self._info(
            "request",
            operation=operation,
            transport=self._transport,
            reason=reason,
            revision=revision,
            milliseconds=round(seconds * 1000, 3),
        )
        if (span := tracing.current()) is not None:
            _end(span, reason, revision)

    def refused_unread(self, operation: str, reason: str) -> None:
        """Count one call that was refused before it was read; a line for each would cost as much as the refusal.

        The first of a reason is told at once, and the next ones together, once in a second at most.
        """
        self._metrics.answered(operation, self._transport, reason, 0.0)
        self._refused_unread[reason] += 1
        now = time.monotonic()
        if now - self._told_at.get(reason, -math.inf) >= _REFUSALS_TOLD_EVERY_SECONDS:
            count = self._refused_unread.pop(reason)
            self._info("requests_refused_unread", transport=self._transport, reason=reason, count=count)
            self._told_at[reason] = now


def log_unexpected(operation: str) -> None:
    """Log the exception that is being handled, with its traceback; the caller is told only INTERNAL."""
    _log.exception("unexpected_exception", operation=operation)


def _end(span: "Span", reason: str, revision: int) -> None:
    """End a call's span, with the id that the log's lines of the call have."""
    span.end(reason, revision=revision, request_id=log_context.bound_values().get("request_id", ""))
    tracing.make_current(None)


def _identity(request: Any) -> dict[str, str]:
    return {"request_id": _shown(request, "request_id"), "customer_id": _shown(request, "customer_id")}


def _shown(request: Any, field: str) -> str:
    value = getattr(request, field, "")
    return value[:_ID_LENGTH_SHOWN] if isinstance(value, str) else ""
