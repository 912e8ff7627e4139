"""Tracing for tests of one process: spans are kept in memory instead of being sent."""

from contextlib import contextmanager

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from quitanda.runtime import tracing
from quitanda.runtime.spans import Tracer


@contextmanager
def traced():
    """Switch tracing on; gives a function that returns the spans which have ended, as the library has them."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.active = Tracer(provider)
    try:
        yield kept.get_finished_spans
    finally:
        tracing.active = None
        tracing.make_current(None)


def parent_of(span):
    """Give the context of the span's parent as it travels."""
    parent = span.parent
    return None if parent is None else f"00-{parent.trace_id:032x}-{parent.span_id:016x}-{parent.trace_flags:02x}"
