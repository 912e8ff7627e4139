"""One line and one count for each call: what every gRPC server says about what it answered."""

from contextlib import AbstractContextManager
from typing import Any, Final

import structlog

from quitanda.runtime.metrics import RequestMetrics

OK: Final = "OK"
"""Stands where a reason would stand, for a call that succeeded."""

ENDED: Final = "ENDED"
"""Stands for a call that ended without an answer of ours: its caller went away."""

_ID_LENGTH_SHOWN: Final = 64
_log = structlog.get_logger("quitanda.requests")


def request_context(request: Any) -> AbstractContextManager[None]:
    """Bind what identifies a request to every log line written while it is worked on."""
    return structlog.contextvars.bound_contextvars(
        request_id=_shown(request, "request_id"), customer_id=_shown(request, "customer_id")
    )


class AccessLog:
    """Writes the line and counts; health checks and reflection are neither logged nor counted.

    `contract` stands before the methods' names where another contract of the process has the same ones.
    """

    def __init__(self, metrics: RequestMetrics, contract: str = "") -> None:
        self._metrics = metrics
        self._prefix = f"{contract}/" if contract else ""

    def answered(self, method: str, reason: str, response: Any, seconds: float) -> None:
        """Tell of one call that ended; `response` is None where it failed."""
        short = self._prefix + method.rpartition("/")[2]
        self._metrics.answered(short, reason, seconds)
        revision = getattr(response, "revision", 0)
        _log.info("request", method=short, reason=reason, revision=revision, milliseconds=round(seconds * 1000, 3))


def unexpected(method: str) -> None:
    """Log the exception that is being handled, with its traceback; the caller only learns INTERNAL."""
    _log.exception("unexpected exception", method=method.rpartition("/")[2])


def _shown(request: Any, field: str) -> str:
    value = getattr(request, field, "")
    return value[:_ID_LENGTH_SHOWN] if isinstance(value, str) else ""
