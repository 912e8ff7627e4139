"""Metrics for Prometheus: one registry for each process, passed to the modules that count."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.runtime import logging
from quitanda.runtime.addresses import Address
from quitanda.runtime.admission import AdmissionLimiter, NoPlace
from quitanda.runtime.listen_errors import cannot_listen

GRPC: Final = "grpc"
MQTT: Final = "mqtt"
COURSE: Final = "course"
"""How calls come: over gRPC, over MQTT, and by the course's contract (over gRPC, too)."""

_LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def new_registry() -> CollectorRegistry:
    """Make a registry that has the process's own figures already."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(_LogCollector())
    Info("quitanda_build", "The version, and the highest level of rules that it knows", registry=registry).info(
        {"version": version("quitanda-core"), "level": str(SUPPORTED_LEVEL)}
    )
    return registry


class _LogCollector(Collector):
    """Shows what the process's log had to leave out."""

    def collect(self) -> Iterator[Metric]:
        """Count the lines that were dropped."""
        yield CounterMetricFamily(
            "quitanda_log_lines_dropped", "Lines of the log that could not be written", value=logging.dropped_lines()
        )


def show_admission(registry: CollectorRegistry, limiters: Mapping[str, AdmissionLimiter]) -> None:
    """Show how many calls each limiter has admitted and refused; it comes with the kind of its calls."""
    registry.register(_AdmissionCollector(limiters))


class _AdmissionCollector(Collector):
    """Reads the limiters when somebody asks: a count in Prometheus costs more than to refuse a call."""

    def __init__(self, limiters: Mapping[str, AdmissionLimiter]) -> None:
        self._limiters = limiters

    def collect(self) -> Iterator[Metric]:
        """Tell what each limiter says now."""
        limit = GaugeMetricFamily("quitanda_admission_limit", "Calls that may be in flight now", labels=("kind",))
        in_flight = GaugeMetricFamily("quitanda_admission_in_flight", "Calls that are in flight", labels=("kind",))
        admitted = CounterMetricFamily("quitanda_admission_admitted", "Calls that were admitted", labels=("kind",))
        refused = CounterMetricFamily(
            "quitanda_admission_refused", "Calls that were refused for want of a place", labels=("kind", "reason")
        )
        for kind, limiter in self._limiters.items():
            limit.add_metric((kind,), limiter.limit)
            in_flight.add_metric((kind,), limiter.in_flight)
            admitted.add_metric((kind,), limiter.admitted)
            for reason in NoPlace:
                refused.add_metric((kind, reason), limiter.refused[reason])
        yield from (limit, in_flight, admitted, refused)


class MetricsServer:
    """Serves one registry over HTTP, from a thread of its own."""

    def __init__(self, registry: CollectorRegistry, listen: Address) -> None:
        """Start serving; CannotListen where the address cannot be bound."""
        try:
            self._server, self._thread = start_http_server(listen.port, addr=listen.host, registry=registry)
        except OSError as error:
            raise cannot_listen(listen, error) from error
        self.address = Address(listen.host, self._server.server_port)

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(listen: Address | None, registry: CollectorRegistry) -> MetricsServer | None:
    """Serve the registry where an address is set."""
    return None if listen is None else MetricsServer(registry, listen)


class RequestMetrics:
    """Counts the calls that a process answered, by operation, transport, and reason (`OK` where it succeeded)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "quitanda_requests", "Calls answered", labelnames=("operation", "transport", "reason"), registry=registry
        )
        self._seconds = Histogram(
            "quitanda_request_seconds",
            "Time from a call's arrival to its answer",
            labelnames=("operation", "transport"),
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        # found faster than by `labels`, which checks and locks each time
        self._counts: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}

    def answered(self, operation: str, transport: str, reason: str, seconds: float) -> None:
        """Count one call."""
        key = (operation, transport, reason)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._requests.labels(*key), self._seconds.labels(operation, transport)
            self._counts[key] = counts
        requests, durations = counts
        requests.inc()
        durations.observe(seconds)
