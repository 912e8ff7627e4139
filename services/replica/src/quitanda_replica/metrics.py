"""The replica's metrics."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class CommandMetrics:
    """Counts the commands that the leader answered, by kind and reason, and how many came together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._commands = Counter(
            "quitanda_replica_commands", "Commands answered", labelnames=("command", "reason"), registry=registry
        )
        self._batch = Histogram(
            "quitanda_replica_commands_per_call",
            "Commands that came in one call",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )

    def called(self, commands: int) -> None:
        """Count one call."""
        self._batch.observe(commands)

    def answered(self, command: str, reason: str) -> None:
        """Count one command."""
        self._commands.labels(command, reason).inc()


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure that is read when somebody asks for the metrics."""

    name: str
    help: str
    read: Callable[[], float]


class Gauges(Collector):
    """Shows figures that others keep."""

    def __init__(self, registry: CollectorRegistry, gauges: list[Gauge]) -> None:
        self._gauges = gauges
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Read them all."""
        for gauge in self._gauges:
            yield GaugeMetricFamily(gauge.name, gauge.help, value=gauge.read())
