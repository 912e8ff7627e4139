"""What Raft counts for those who watch it. It is read while the raft thread goes on: no lock, no cost in a step."""

from collections.abc import Mapping
from dataclasses import dataclass

from quitanda_replica.distribution import Distribution
from quitanda_replica.raft.snapshot_sender import SnapshotTraffic


@dataclass(frozen=True, slots=True)
class RaftFigures:
    """Counts since the replica's start, and what is true now."""

    queued: int
    """Proposals that wait to be appended."""
    pending: int
    """Proposals that are not answered yet, the queued ones included."""
    overloaded: int
    """Proposals that were rejected, as too many waited."""
    lags: Mapping[str, int]
    """By peer: entries that the leader has and that it does not know to be durable there; {} unless it leads."""
    round_trips: Mapping[str, Distribution]
    """By peer: seconds from sending entries until they were durable there."""
    snapshots_sent: SnapshotTraffic
    snapshots_received: SnapshotTraffic
