"""Proofs of age, from linearizable reads; pure, no I/O and no clock of its own.

A linearizable read that began at time s (on our own monotonic clock) and was answered from revision p
proves: every write acknowledged before s has a revision <= p. So an answer that shows a snapshot at or
above p is at most `now - s` old, however long the broker kept the feed's messages, and whatever anybody
else's clock says.
"""

from collections import deque
from typing import Final, NamedTuple

PROOFS_MAX: Final = 32
"""Proofs kept: one for each 32nd part of the bound. More would say little more."""


class Proof(NamedTuple):
    """Nothing acknowledged before `started_at` is above `revision`."""

    started_at: float
    revision: int


class FreshnessProofs:
    """The proofs of the last `bound` seconds, ascending in time and in revision.

    Older proofs are kept beside newer ones, since under steady writes the newest revision is always a
    little ahead of the feed.
    """

    def __init__(self, bound: float) -> None:
        """Take the bound in seconds; ValueError where it is not above zero."""
        if bound <= 0:
            raise ValueError("the staleness bound must be above zero")
        self.bound: Final = bound
        self._proofs: deque[Proof] = deque()

    def add(self, started_at: float, revision: int) -> None:
        """Take the proof, unless it adds little to those that are held."""
        proofs = self._proofs
        if proofs and started_at <= proofs[-1].started_at:
            return
        stronger = False
        while proofs and proofs[-1].revision >= revision:
            proofs.pop()
            stronger = True
        if stronger or not proofs or started_at - proofs[-1].started_at >= self.bound / PROOFS_MAX:
            proofs.append(Proof(started_at, revision))
        while proofs[0].started_at < started_at - self.bound:
            proofs.popleft()

    def cover(self, revision: int, now: float) -> bool:
        """Whether a snapshot at `revision` is proved to be at most `bound` seconds old."""
        for proof in reversed(self._proofs):  # ascending: the newest that is low enough is the best
            if proof.revision <= revision:
                return now - proof.started_at <= self.bound
        return False

    def due_in(self, now: float) -> float:
        """In how many seconds a new proof is due: each third of the bound; 0 where it is due now."""
        if not self._proofs:
            return 0.0
        return max(0.0, self._proofs[-1].started_at + self.bound / 3 - now)

    def clear(self) -> None:
        """Forget all proofs."""
        self._proofs.clear()
