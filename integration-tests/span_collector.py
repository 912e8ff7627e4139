"""A collector of OpenTelemetry's spans (OTLP over gRPC), in the process of the test."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)


@dataclass(frozen=True)
class CollectedSpan:
    """A span as it came; ids in hexadecimal digits, times in nanoseconds since 1970."""

    service: str
    instance: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    begun: int
    ended: int
    attributes: dict[str, Any]


class SpanCollector(TraceServiceServicer):
    """Listens at `address` from `with` on, and keeps what comes."""

    def __init__(self):
        self.spans = []
        self._server = grpc.server(ThreadPoolExecutor(4))
        add_TraceServiceServicer_to_server(self, self._server)
        self.address = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait()

    def Export(self, request, context):  # noqa: ARG002, N802 - the names of the contract
        for resource in request.resource_spans:
            process = _values(resource.resource.attributes)
            self.spans.extend(
                CollectedSpan(
                    process["service.name"],
                    process.get("service.instance.id", ""),
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    _values(span.attributes),
                )
                for scope in resource.scope_spans
                for span in scope.spans
            )
        return otlp.ExportTraceServiceResponse()

    def trace_of(self, request_id):
        """Give what came of the trace in which a client or a portal worked on the request."""
        spans = list(self.spans)
        traces = {span.trace_id for span in spans if span.attributes.get("quitanda.request_id") == request_id}
        return [span for span in spans if span.trace_id in traces]


def _values(attributes):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
