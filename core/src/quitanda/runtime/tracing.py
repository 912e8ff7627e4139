"""The switch of tracing, and the span of what a task works on now.

Tracing is off unless a collector's address is set. While it is off, `active` is None, no module of OpenTelemetry is
loaded, and each hop looks at `active` or `current()` once:

    tracing.configure("replica", "replica1", os.environ)     # once, in a process's `main`
    if tracing.active is not None:
        span = tracing.active.begin("execute", "server", traceparent)

The standard variables OTEL_... say everything about tracing, so there is no setting of our own: the library reads them
by itself, and every other program of an installation has the same names for them.

The context travels as the text `traceparent` of W3C Trace Context (https://www.w3.org/TR/trace-context/): in the
metadata of gRPC, in a user property of MQTT 5, and in the change feed. A call that carries commands of several callers
names the context of each. The replicated log never has one.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:  # it loads OpenTelemetry
    from quitanda.runtime.spans import Span, Tracer

TRACEPARENT: Final = "traceparent"
"""The name of the context in metadata and in user properties."""

TRACEPARENTS: Final = "quitanda-traceparents"
"""The metadata of a call with several commands: the context of each, in their order, separated by commas; empty for a
command that is not traced."""

TRACED_PER_CALL_MAX: Final = 64
"""Of the commands of one call, only so many of the first are traced in the replica: gRPC takes 8 KiB of metadata."""

CLOSE_SECONDS: Final = 1.0
"""How long the end of a service waits for the last spans to be sent."""

Metadata: TypeAlias = Iterable[tuple[str, str | bytes]]

_ADDRESSES: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_log = logging.getLogger(__name__)

active: "Tracer | None" = None
"""What begins spans; None while tracing is off."""

_current: ContextVar["Span | None"] = ContextVar("quitanda_span", default=None)

current = _current.get
"""Give the span of what this task works on; None where it is not traced."""

make_current = _current.set
"""Make a span, or None, the one of what this task works on."""


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Tell whether the environment names a collector, and does not switch OpenTelemetry off."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    return any(environment.get(name, "").strip() for name in _ADDRESSES)


def configure_service(service: str, instance: str, environment: Mapping[str, str]) -> None:
    """Switch tracing on in a service's process if the environment wants it; a wrong variable leaves it off.

    Whether the process traces or not, it serves.
    """
    try:
        configure(service, instance, environment)
    except ValueError as error:
        _log.error("tracing_not_possible", extra={"error": str(error)})
    if active is not None:
        _log.info("tracing_on")


def configure(
    service: str, instance: str, environment: Mapping[str, str], *, export_seconds: float | None = None
) -> None:
    """Switch tracing on if the environment wants it. `instance` is the process's name, empty where it has none.

    `export_seconds` bounds the sending of spans, instead of OTEL_EXPORTER_OTLP_TIMEOUT. Raises ValueError where the
    variables cannot be used; tracing is then off.
    """
    global active  # noqa: PLW0603 - one switch for the process, like the configuration of its log
    active = None
    if not is_wanted(environment):
        return
    from quitanda.runtime.spans import Tracer  # noqa: PLC0415 - loaded only where it is used

    active = Tracer.make(service, instance, environment, export_seconds)


def close(seconds: float) -> None:
    """Send the last spans, for at most so long, and switch tracing off."""
    global active
    if active is not None:
        tracer, active = active, None
        tracer.close(seconds)


def call_metadata() -> "tuple[tuple[str, str]] | None":
    """Give the metadata of a call that belongs to the current span; None where there is none."""
    span = _current.get()
    return None if span is None else ((TRACEPARENT, span.traceparent),)


def traceparent_in(metadata: Metadata | None) -> str:
    """Find the context of a call in its metadata; empty where there is none."""
    return _text_in(metadata, TRACEPARENT)


def batch_metadata(spans: "Sequence[Span | None]") -> "tuple[tuple[str, str]] | None":
    """Give the metadata of a call with several commands, a span for each; None where no command is traced."""
    carried = [span.traceparent if span is not None else "" for span in spans[:TRACED_PER_CALL_MAX]]
    return ((TRACEPARENTS, ",".join(carried)),) if any(carried) else None


def batch_traceparents(metadata: Metadata | None) -> list[str]:
    """Read what `batch_metadata` wrote; there may be fewer than commands, or none."""
    text = _text_in(metadata, TRACEPARENTS)
    return text.split(",")[:TRACED_PER_CALL_MAX] if text else []


def _text_in(metadata: Metadata | None, name: str) -> str:
    value = dict(metadata or ()).get(name, "")
    return value if isinstance(value, str) else ""
