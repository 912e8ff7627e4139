"""Spans, on OpenTelemetry's SDK; loaded only while tracing is on (`tracing`).

The SDK keeps ended spans in a bounded queue (OTEL_BSP_MAX_QUEUE_SIZE) and sends them in a thread of its own. So a
collector that is away costs spans, and no call waits for it.
"""

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from quitanda.error_status import describe
from quitanda.errors import InternalError, NotLeader, OutcomeUnknown, Overloaded, QuitandaError, Unavailable
from quitanda.runtime import tracing
from quitanda.runtime.access_log import ENDED, OK

Side: TypeAlias = Literal["internal", "client", "server", "producer", "consumer"]
"""OpenTelemetry's kind of a span: which side of a call, or of a message, it is."""

ATTRIBUTES: Final = "quitanda."
"""Stands before the name of each of our attributes."""

_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_FAILURES: Final = frozenset(
    kind.reason for kind in (Unavailable, NotLeader, Overloaded, OutcomeUnknown, InternalError)
)
"""The reasons by which a span is marked as an error. A refusal is an answer."""

_propagator: Final = TraceContextTextMapPropagator()


class Span:
    """One piece of work, from `Tracer.begin` or `child` to `end`, which come from any thread.

    As a context manager it is the current span (`tracing.current`) inside, and ends with the reason of the
    QuitandaError that leaves.
    """

    __slots__ = ("_before", "_span", "_tracer", "sampled", "trace_id", "traceparent")

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span
        self._before: Span | None = None
        context = span.get_span_context()
        self.trace_id = trace.format_trace_id(context.trace_id)
        """The trace's id: 32 hexadecimal digits."""
        self.traceparent = f"00-{self.trace_id}-{trace.format_span_id(context.span_id)}-{context.trace_flags:02x}"
        """The context that other processes continue, as in W3C Trace Context."""
        self.sampled = context.trace_flags.sampled
        """Whether the trace is kept (OTEL_TRACES_SAMPLER)."""

    def child(self, name: str, side: Side, *, begun: int | None = None, **attributes: AttributeValue) -> "Span":
        """Begin a span inside this one, which may have ended; `begun` is in nanoseconds since 1970, else now."""
        return _begin(self._tracer, trace.set_span_in_context(self._span), name, side, begun, attributes)

    def end(self, reason: str = "", *, ended: int | None = None, **attributes: AttributeValue) -> None:
        """End it, once; `reason` is OK, or why there was a refusal or a failure; empty where nothing is answered."""
        self._span.set_attributes(_named(attributes | {"reason": reason}))
        if reason in _FAILURES:
            self._span.set_status(trace.StatusCode.ERROR, reason)
        self._span.end(ended)

    def __enter__(self) -> Self:
        self._before = tracing.current()
        tracing.make_current(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        tracing.make_current(self._before)
        if error is None:
            self.end(OK)
        else:
            self.end(describe(error).reason if isinstance(error, QuitandaError) else ENDED)


class Tracer:
    """Begins spans and has them sent."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("quitanda")

    @classmethod
    def make(cls, service: str, instance: str, environment: Mapping[str, str], export_seconds: float | None) -> Self:
        """Make it as the variables OTEL_... say (`tracing.configure`); ValueError where that is not possible."""
        protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), "grpc")
        if protocol != "grpc":
            raise ValueError(f"spans are sent over grpc only (the port 4317 of a collector), not over {protocol!r}")
        attributes = {"service.name": f"quitanda-{service}", "service.instance.id": instance}
        if environment.get("OTEL_SERVICE_NAME"):
            del attributes["service.name"]  # the library takes the variable's
        if not instance:
            del attributes["service.instance.id"]
        provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=export_seconds)))
        return cls(provider)

    def begin(
        self, name: str, side: Side, traceparent: str = "", *, begun: int | None = None, **attributes: AttributeValue
    ) -> Span:
        """Begin a span inside the one of another process; of a new trace where `traceparent` names none.

        `begun` is in nanoseconds since 1970, else now.
        """
        parent = _propagator.extract({tracing.TRACEPARENT: traceparent}, Context())
        return _begin(self._tracer, parent, name, side, begun, attributes)

    def close(self, seconds: float) -> None:
        """Send what waits, for at most so long."""
        closing = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        closing.start()
        closing.join(seconds)


def _begin(
    tracer: trace.Tracer,
    parent: Context,
    name: str,
    side: Side,
    begun: int | None,
    attributes: Mapping[str, AttributeValue],
) -> Span:
    kind = trace.SpanKind[side.upper()]
    return Span(tracer, tracer.start_span(name, parent, kind, _named(attributes), start_time=begun))


def _named(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {ATTRIBUTES + name: value for name, value in attributes.items() if value != ""}
