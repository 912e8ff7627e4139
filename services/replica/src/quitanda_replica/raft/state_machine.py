"""What Raft drives, and what it tells about itself: types only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class StateMachine(Protocol):
    """The replicated state; called by the raft thread alone."""

    def apply(self, index: int, payload: bytes) -> bytes:
        """Carry out the committed entry `index` and return its answer for the submitter.

        Called once for each entry above the durable applied index, in order. Changes are staged in the store
        (keys b"S..."); they become durable together with the applied index. Must be deterministic; an exception
        stops the replica, because going on without the entry would make it differ from the others.
        """

    def committed(self, index: int) -> None:
        """Note that everything up to `index` is durable here, and visible to store snapshots. Must not block."""

    def check_snapshot(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Look at a part of a snapshot that another replica sends, before it is kept.

        Raises where this replica must not take over such a state; then it stops, and nothing of its own was changed.
        """

    def installed(self, index: int) -> None:
        """Forget what was kept in memory: a snapshot has replaced all b"S" keys with the state as of `index`."""


class Role(StrEnum):
    """Raft's three roles; a replica that may not vote yet (blank disk) shows as a follower."""

    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True)
class RaftStatus:
    """What a replica knows about itself, as of its last round; nobody else was asked."""

    role: Role
    term: int
    leader: str
    """Name of the leader of `term` as far as this replica knows, or ''."""
    commit_index: int
    applied_index: int
    """Up to here the state is durable on this replica."""
    last_log_index: int
    first_log_index: int
    peers: tuple[str, ...]
    """Names of the other replicas to which a connection stands, sorted."""
    voting: bool
    """False while a replica with a blank disk has not caught up yet."""
    cluster: str = ""
    """The cluster's id; '' where it has none yet."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Replicas that this one does not talk to, and why."""
