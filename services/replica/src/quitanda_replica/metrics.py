"""The replica's metrics: what it counts call by call, and what is read from its parts when somebody asks."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda_replica.distribution import NUMBERS, Distribution
from quitanda_replica.raft import RaftNode, Role
from quitanda_replica.reads.snapshots import OpenSnapshots
from quitanda_replica.state.applier import Applier
from quitanda_replica.state.change_records import HistoryBounds
from quitanda_replica.state.dedup_window import WindowBounds
from quitanda_replica.state.low_products import LOW_COUNT_MAX, count_low
from quitanda_replica.state.store import Store
from quitanda_replica.state.write_set import read_counters

_HISTORY: Final = HistoryBounds()
_WINDOW: Final = WindowBounds()


class CommandMetrics:
    """Counts the commands that the leader answered, by kind and reason, and how many came together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._commands = Counter(
            "quitanda_replica_commands", "Commands answered", labelnames=("command", "reason"), registry=registry
        )
        self._batch = Histogram(
            "quitanda_replica_commands_per_call",
            "Commands that came in one call",
            buckets=NUMBERS,
            registry=registry,
        )
        self._by_labels: dict[tuple[str, str], Counter] = {}
        """The counters of `_commands` by kind and reason, of which there are few: finding one there is slow."""

    def called(self, commands: int) -> None:
        """Count one call."""
        self._batch.observe(commands)

    def answered(self, command: str, reason: str) -> None:
        """Count one command."""
        counter = self._by_labels.get((command, reason))
        if counter is None:
            counter = self._by_labels[command, reason] = self._commands.labels(command, reason)
        counter.inc()


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that somebody keeps, and that is read when somebody asks for the metrics."""

    name: str
    help: str
    read: Callable[[], float]


class Figures(Collector):
    """Shows numbers that others keep: gauges go up and down, counters count from the process's start."""

    def __init__(
        self, registry: CollectorRegistry, *, gauges: list[Figure] | None = None, counters: list[Figure] | None = None
    ) -> None:
        self._gauges = gauges or []
        self._counters = counters or []
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Read them all."""
        for gauge in self._gauges:
            yield GaugeMetricFamily(gauge.name, gauge.help, value=gauge.read())
        for counter in self._counters:
            yield CounterMetricFamily(counter.name, counter.help, value=counter.read())


class ReplicaCollector(Collector):
    """Reads Raft, the state, the disk and the state machine when somebody asks; they know nothing of Prometheus."""

    def __init__(
        self,
        registry: CollectorRegistry,
        folder: Path,
        raft: RaftNode,
        store: Store,
        machine: Applier,
        kept: OpenSnapshots,
    ) -> None:
        """`folder` is the data folder."""
        self._folder = folder
        self._raft = raft
        self._store = store
        self._machine = machine
        self._kept = kept
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Read everything."""
        yield from self._standing()
        yield from self._traffic()
        yield from self._state()
        yield from self._disk()
        yield _gauge("quitanda_open_lists", "Snapshots kept for lists", len(self._kept))

    def _standing(self) -> Iterator[Metric]:
        status, figures = self._raft.status(), self._raft.figures()
        yield _gauge("quitanda_raft_leader", "1 on the leader", status.role is Role.LEADER)
        yield _gauge("quitanda_raft_has_leader", "1 where the replica knows a leader", bool(status.leader))
        yield _gauge("quitanda_raft_voting", "0 while the replica catches up and has no vote", status.voting)
        yield _counter("quitanda_raft_leader_changes", "Leaders that the replica learned of", self._raft.leader_changes)
        yield _gauge("quitanda_raft_term", "Raft's term", status.term)
        yield _gauge("quitanda_raft_commit_index", "Committed entries", status.commit_index)
        yield _gauge("quitanda_raft_applied_index", "Entries durable here", status.applied_index)
        yield _gauge("quitanda_raft_last_log_index", "Entries in the log", status.last_log_index)
        longest = self._raft.longest_step_seconds
        yield _gauge("quitanda_raft_longest_round_seconds", "Longest time not listening", longest)
        yield _gauge("quitanda_raft_peers", "Replicas connected", len(status.peers))
        yield _gauge("quitanda_raft_peers_refused", "Replicas that this one rejects", len(status.refused))
        lags = GaugeMetricFamily(
            "quitanda_raft_peer_lag_entries", "Entries of the leader that the peer lacks", labels=["peer"]
        )
        for peer, lag in figures.lags.items():
            lags.add_metric([peer], lag)
        yield lags

    def _traffic(self) -> Iterator[Metric]:
        figures = self._raft.figures()
        yield _gauge("quitanda_proposals_queued", "Entries that wait to be appended", figures.queued)
        yield _gauge("quitanda_proposals_pending", "Entries that are not answered yet", figures.pending)
        yield _counter("quitanda_proposals_overloaded", "Entries rejected, as too many waited", figures.overloaded)
        yield _histogram(
            "quitanda_raft_peer_round_trip_seconds",
            "From sending entries until they are durable on the peer",
            {(peer,): round_trip for peer, round_trip in figures.round_trips.items()},
            labels=("peer",),
        )
        for direction, traffic in (("sent", figures.snapshots_sent), ("received", figures.snapshots_received)):
            name = f"quitanda_snapshots_{direction}"
            yield _counter(name, f"Snapshots {direction} as a whole", traffic.snapshots)
            yield _counter(f"{name}_bytes", f"Size of the chunks of snapshots {direction}", traffic.bytes)
            yield _counter(f"{name}_seconds", f"Time that the snapshots {direction} took", traffic.seconds)

    def _state(self) -> Iterator[Metric]:
        yield _histogram("quitanda_apply_seconds", "Applying one log entry", {(): self._machine.apply_seconds})
        yield _histogram("quitanda_commands_per_entry", "Commands in one log entry", {(): self._machine.commands})
        with self._store.snapshot() as snapshot:
            counters, low = read_counters(snapshot), count_low(snapshot)
        yield _gauge("quitanda_level_supported", "Highest level of rules known here", SUPPORTED_LEVEL)
        yield _gauge("quitanda_level", "Level of rules that the cluster is at", counters.level)
        for kind in ("customers", "products", "orders"):
            yield _gauge(f"quitanda_documents_{kind}", f"Stored {kind}", getattr(counters, kind))
        yield _gauge("quitanda_documents_closed_orders", "Stored closed orders", counters.closed_orders)
        yield _gauge(
            "quitanda_low_products", f"Stored products that are low now; not counted beyond {LOW_COUNT_MAX:,}", low
        )
        changes = self._machine.low_products
        yield _counter("quitanda_products_low", "Products that came down to their reorder level", changes.low)
        yield _counter("quitanda_products_restocked", "Products that rose above their reorder level", changes.restocked)
        remembered = counters.window_next - counters.window_first
        fill = max(remembered / _WINDOW.requests, counters.window_bytes / _WINDOW.size)
        yield _gauge("quitanda_remembered_requests", "Requests whose outcome is remembered", remembered)
        yield _gauge("quitanda_remembered_bytes", "Size of the remembered outcomes", counters.window_bytes)
        yield _gauge("quitanda_remembered_fill_ratio", "Part of the memory for requests that is in use", fill)

        fill = max(counters.history_changes / _HISTORY.changes, counters.history_bytes / _HISTORY.size)
        yield _gauge("quitanda_history_changes", "Changes of documents that the history has", counters.history_changes)
        yield _gauge("quitanda_history_bytes", "Size of the history", counters.history_bytes)
        yield _gauge("quitanda_history_fill_ratio", "Part of the room for the history that is in use", fill)

    def _disk(self) -> Iterator[Metric]:
        yield _histogram("quitanda_disk_sync_seconds", "Writing and syncing one batch", {(): self._store.sync_seconds})
        yield _histogram(
            "quitanda_disk_batch_seconds", "Putting together and syncing one batch", {(): self._store.commit_seconds}
        )
        with suppress(OSError):  # a lost folder stops the replica; until then there is nothing to tell
            yield _gauge("quitanda_data_folder_bytes", "Size of the data folder", _size(self._folder))
            free = shutil.disk_usage(self._folder).free
            yield _gauge("quitanda_data_folder_free_bytes", "Free space on the data folder's disk", free)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=float(value))


def _histogram(
    name: str, text: str, by_labels: Mapping[tuple[str, ...], Distribution], labels: tuple[str, ...] = ()
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, distribution in by_labels.items():
        bounds = [*map(floatToGoString, distribution.bounds), "+Inf"]
        family.add_metric(values, list(zip(bounds, distribution.cumulated(), strict=True)), distribution.sum)
    return family


def _size(folder: Path) -> int:
    """Return the size of a folder's files; LevelDB makes no folders in it, and removes files at any time."""
    size = 0
    with os.scandir(folder) as files:
        for file in files:
            with suppress(FileNotFoundError):
                size += file.stat().st_size
    return size
