"""Types only: the state machine that Raft drives, and what Raft tells about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class StateMachine(Protocol):
    """The replicated state. Only the raft thread calls it."""

    def apply(self, index: int, payload: bytes) -> bytes:
        """Carry out the committed entry `index`, and return the answer for its caller.

        Raft calls it once for each entry above the durable applied index, in order. It stages its changes in the store
        (keys b"S..."); they become durable together with the applied index. It must be deterministic. An exception
        stops the replica: without the entry its state would differ from the others'.
        """

    def committed(self, index: int) -> None:
        """Note that everything up to `index` is durable here and visible to store snapshots. It must not block."""

    def check_snapshot(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Look at a part of a snapshot that another replica sends, before it is kept.

        Raises where this replica must not take over such a state; then it stops, and nothing of its own was changed.
        """

    def installed(self, index: int) -> None:
        """Forget what is kept in memory: a snapshot has replaced all b"S" keys by the state as of `index`."""


class Role(StrEnum):
    """Raft's three roles. A learner shows as a follower."""

    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True)
class RaftStatus:
    """What a replica knew about itself after its last step. No other replica was asked."""

    role: Role
    term: int
    leader: str
    """Name of the leader of `term` as far as this replica knows, or ''."""
    commit_index: int
    applied_index: int
    """Up to this entry the state is durable on this replica."""
    last_log_index: int
    first_log_index: int
    peers: tuple[str, ...]
    """The names of the connected replicas, sorted."""
    voting: bool
    """False while this replica is a learner."""
    cluster: str = ""
    """The cluster's id; '' where it has none yet."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """The replicas that this one rejects, and why."""
