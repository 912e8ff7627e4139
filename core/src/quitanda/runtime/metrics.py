"""Metrics for Prometheus: one registry for each process, passed to the modules that count."""

import io
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sized
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    make_wsgi_app,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.runtime import logging
from quitanda.runtime.addresses import Address
from quitanda.runtime.admission import AdmissionLimiter, NoPlace
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.listen_errors import cannot_listen

GRPC: Final = "grpc"
MQTT: Final = "mqtt"
COURSE: Final = "course"
"""How calls come: over gRPC, over MQTT, and by the course's contract (over gRPC, too)."""

CONNECTIONS_MAX: Final = 32
"""Callers of the metrics at a time; the one that has been there longest goes for a new one."""

SILENCE_SECONDS_MAX: Final = 10.0
"""After this a caller of the metrics that says nothing is given up, and its thread ends."""

_log = structlog.get_logger(__name__)

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


def show_watches(registry: CollectorRegistry, watches: Sized) -> None:
    """Show how many callers watch what changes."""
    gauge = Gauge("quitanda_watches", "Callers who watch what changes", registry=registry)
    gauge.set_function(lambda: len(watches))


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


class _Errors(io.StringIO):
    """Stands for the standard error, to which the library would write a traceback whenever a caller hangs up."""

    def flush(self) -> None:
        """Log the exception that is being handled: the library has written all of it."""
        error = sys.exception()
        if isinstance(error, OSError):  # of the caller's connection
            _log.debug("metrics_not_served", error=str(error))
        elif error is not None:
            _log.error("metrics_failed", exc_info=error)


class _Handler(WSGIRequestHandler):
    timeout = SILENCE_SECONDS_MAX

    def get_stderr(self) -> io.StringIO:
        """Give the library something to write its errors to."""
        return _Errors()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Log nothing: Prometheus asks again and again."""


class _HttpServer(ThreadingWSGIServer):
    """Serves each connection in a thread of its own, CONNECTIONS_MAX at a time.

    The library's own server (`start_http_server`) would read the certificates once, and shake hands in the thread that
    takes connections, where one silent caller stops all others.
    """

    request_queue_size = 128
    """Callers that wait until they are taken; with the library's 5 a crowd would keep Prometheus out."""

    def __init__(self, listen: Address, identity: LinkIdentity | None) -> None:
        self._identity = identity
        self._open: dict[socket.socket, None] = {}
        """The connections that are served, the oldest first."""
        self._lock = threading.Lock()
        self.address_family, *_, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        super().__init__((str(address[0]), listen.port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection; with an identity its handshake follows when it is first read, in its own thread."""
        connection, caller = super().get_request()
        if self._identity is None:
            return connection, caller
        context = self._identity.current().server_context
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), caller

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own."""
        with self._lock:
            if len(self._open) >= CONNECTIONS_MAX:
                oldest = next(iter(self._open))
                del self._open[oldest]
                with suppress(OSError):  # it has gone by itself
                    socket.socket.shutdown(oldest, socket.SHUT_RDWR)  # its thread, which waits for bytes, gets none
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that was served."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Tell why a caller got nothing; it may be anybody, so only who looks for it sees it."""
        _log.debug("metrics_not_served", peer=str(client_address), error=str(sys.exception()))


class MetricsServer:
    """Serves one registry over HTTP, from threads of its own.

    With an identity it is HTTPS, for callers with a certificate that the authority of the processes signed.
    """

    def __init__(self, registry: CollectorRegistry, listen: Address, identity: LinkIdentity | None = None) -> None:
        """Start serving; CannotListen where the address cannot be bound."""
        try:
            self._server = _HttpServer(listen, identity)
        except OSError as error:
            raise cannot_listen(listen, error) from error
        self._server.set_app(make_wsgi_app(registry))
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()
        self.address = Address(listen.host, self._server.server_port)

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(
    listen: Address | None, registry: CollectorRegistry, identity: LinkIdentity | None = None
) -> MetricsServer | None:
    """Serve the registry where an address is set."""
    return None if listen is None else MetricsServer(registry, listen, identity)


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
