"""Settings of one replica's Raft, with the order that the times must keep."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

MIB: Final = 1024 * 1024
SECRET_CHARACTERS_MIN: Final = 16
ENTRY_BYTES_LIMIT: Final = 8 * MIB
"""A message holds less than two of the largest entries, and must fit into the longest frame (`secure_channel`)."""
FATAL_EXIT_CODE: Final = 3
LEADER_FALLBACK_TIMEOUTS: Final = 2.0
"""In longest election timeouts: by then the others, if they hear each other, have elected another leader."""

_log = logging.getLogger(__name__)


def stop_process(error: BaseException) -> None:
    """End the process at once: after a failed write nothing in memory can be trusted, so nothing may be answered."""
    _log.critical("raft_failed", exc_info=error, extra={"consequence": "the replica stops"})
    logging.shutdown()
    os._exit(FATAL_EXIT_CODE)


@dataclass(frozen=True)
class RaftOptions:
    """Everything that a RaftNode must be told. Raises ValueError with the reason where values contradict each other."""

    name: str
    """This replica's name; a key of `addresses`."""
    addresses: Mapping[str, str]
    """name -> "host:port" of every replica, this one included; the same on all of them."""
    secret: str = field(repr=False)
    """All replicas share it. It authenticates and encrypts their connections."""
    accepted_secret: str = field(default="", repr=False)
    """Another secret that a replica which connects may have, while the secret is being changed."""
    bootstrap: bool = False
    """An empty disk belongs to a new cluster if all others are empty, too. No effect where one holds entries."""
    listen: str = ""
    """"host:port" to listen on; by default the own address, with all interfaces where its host is a name."""

    election_timeout_min_seconds: float = 0.5
    election_timeout_max_seconds: float = 1.0
    heartbeat_seconds: float = 0.1
    connection_timeout_seconds: float = 4.0
    """A connection on which nothing arrives for so long, not even a ping, is closed."""
    frame_timeout_seconds: float = 32.0
    """A connection on which bytes arrive for so long, and for longer than `connection_timeout_seconds`, but no whole
    frame, is closed. The longest frame needs one MiB/s. Nothing authenticates a frame's length before the frame is
    whole, so a damaged length would otherwise swallow what follows until as many bytes have come."""
    connect_timeout_seconds: float = 2.0
    """The bound on connecting and authenticating together."""
    connect_retry_seconds: float = 0.25

    pending_proposals_max: int = 4096
    pending_bytes_max: int = 64 * MIB
    pending_reads_max: int = 16_384
    entry_bytes_max: int = 4 * MIB
    pipeline_entries_max: int = 512
    pipeline_bytes_max: int = 1 * MIB
    """The leader appends no further entry while more bytes than this are not applied yet, and no replica applies more
    in one step. So a step stays shorter than an election timeout."""
    log_entries_max: int = 20_000
    log_bytes_max: int = 32 * MIB
    """A log that exceeds either bound is cut to half of it. A follower further behind gets a snapshot."""
    message_bytes: int = MIB
    """A message carries entries up to about this, and always at least one."""
    snapshot_chunk_bytes: int = MIB // 4

    on_fatal: Callable[[BaseException], None] = stop_process
    """The raft thread calls it once, with the error that made it stop."""

    def __post_init__(self) -> None:
        for holds, demand in (
            (self.name in self.addresses, f"name {self.name!r} is not one of the addresses {sorted(self.addresses)}"),
            (
                len(self.secret) >= SECRET_CHARACTERS_MIN,
                f"secret must have at least {SECRET_CHARACTERS_MIN} characters",
            ),
            (
                not self.accepted_secret or len(self.accepted_secret) >= SECRET_CHARACTERS_MIN,
                f"accepted_secret must have at least {SECRET_CHARACTERS_MIN} characters",
            ),
            (
                3 * self.heartbeat_seconds < self.election_timeout_min_seconds < self.election_timeout_max_seconds,
                "3 x heartbeat_seconds < election_timeout_min_seconds < election_timeout_max_seconds must hold",
            ),
            (
                self.election_timeout_max_seconds <= self.connection_timeout_seconds,
                "connection_timeout_seconds must be at least election_timeout_max_seconds",
            ),
            (self.pending_bytes_max >= self.entry_bytes_max, "pending_bytes_max must be at least entry_bytes_max"),
            (self.entry_bytes_max <= ENTRY_BYTES_LIMIT, f"entry_bytes_max must be at most {ENTRY_BYTES_LIMIT}"),
            (self.log_entries_max >= 4, "log_entries_max must be at least 4"),
        ):
            if not holds:
                raise ValueError(f"raft options: {demand}")

    @property
    def leader_fallback_seconds(self) -> float:
        """A leader that has not heard from a majority of voters for so long steps down."""
        return LEADER_FALLBACK_TIMEOUTS * self.election_timeout_max_seconds

    @property
    def peers(self) -> tuple[str, ...]:
        """The names of the other replicas, sorted."""
        return tuple(sorted(name for name in self.addresses if name != self.name))

    @property
    def majority(self) -> int:
        """How many replicas, including this one, decide."""
        return len(self.addresses) // 2 + 1
