"""Every bound and time of the cluster client, in one place."""

from dataclasses import dataclass

from quitanda.runtime.grpc_options import REPLICA_RECEIVE_BYTES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """How long a `ClusterClient` waits, and how much it sends at once; times in seconds, sizes in bytes."""

    try_timeout: float = 2.0
    """Longest wait for one replica's answer, so that a silent one does not eat a call's whole time."""
    connect_timeout: float = 1.0
    """Longest wait for a connection before another replica is tried; nothing was sent until then."""
    backoff_min: float = 0.02
    backoff_max: float = 0.1
    """Pause after all replicas were tried without success: random between the two."""
    suspicion: float = 1.0
    """For how long a replica that did not answer in time is tried only after all others."""
    overload_tries: int = 3
    """How often a replica may refuse with OVERLOADED until the caller is told."""
    answered_within: float = 5.0
    """`ready()` trusts an answer of the leader this long."""

    commands_per_call: int = 256
    command_bytes_per_call: int = 1 << 20
    commands_queued: int = 4_096
    execute_calls: int = 1
    """Execute calls in flight. Commands that come meanwhile gather for the next one: a log entry costs about the same
    whether it holds one command or thirty. With one call instead of four, 64 callers got 1.37 times the throughput, and
    half the 99th percentile (docs/PERFORMANCE.md)."""

    answer_kib_per_call: int = 24 * 1024
    """How large the answer of one Read call may become, in the worst case; a replica refuses above 32 MiB."""
    reads_queued: int = 8_192
    read_calls: int = 1
    """Read calls in flight, as above: each costs a round of the leader's proof."""
    page_calls: int = 16
    """Calls in flight for further pages of lists, which go to the replica where the list began."""

    def __post_init__(self) -> None:
        """Refuse relations that cannot work.

        Raises ValueError.
        """
        if not 0 < self.connect_timeout <= self.try_timeout:
            raise ValueError("connect_timeout must be above zero and at most try_timeout")
        if not 0 < self.backoff_min <= self.backoff_max:
            raise ValueError("backoff_min must be above zero and at most backoff_max")
        if not 0 < self.commands_per_call <= self.commands_queued:
            raise ValueError("commands_per_call must be above zero and at most commands_queued")
        if (
            min(
                self.execute_calls,
                self.read_calls,
                self.page_calls,
                self.reads_queued,
                self.overload_tries,
                self.answer_kib_per_call,
            )
            < 1
        ):
            raise ValueError("execute_calls, read_calls, page_calls, reads_queued, ... must be above zero")
        if self.command_bytes_per_call >= REPLICA_RECEIVE_BYTES_MAX:
            raise ValueError(f"command_bytes_per_call must be below {REPLICA_RECEIVE_BYTES_MAX}, a message's limit")
