"""Telling of strangers, and of replicas that are none of this cluster, without letting them fill the log."""

import logging
from collections.abc import Callable
from typing import Final

from quitanda_replica.raft.codec import Message

PERIOD_SECONDS: Final = 10.0
LINES_PER_PERIOD: Final = 10
TELL_SECONDS: Final = 30.0
"""Between two lines about the same trouble with another replica."""
CONFLICTS_MIN: Final = 10
"""An honest conflict is over after one or two answers; see `message_filter.filter_append`."""

_log = logging.getLogger(__name__)


class RejectedConnectionLog:
    """Counts refused connections. Of those that greeted like a replica the first few of each period get a line each.

    Of the others, and of those that never greeted (scans, probes, crowds), a period's number is told at its end.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._period_ends: float | None = None
        self._greeted = 0
        self._silent = 0
        self._last_silent = ""
        self.total = 0

    def note(self, caller: str, reason: str) -> None:
        """Count a refused connection that had greeted like a replica, and maybe tell of it."""
        self._begin()
        self._greeted += 1
        if self._greeted <= LINES_PER_PERIOD:
            _log.warning("a connection to the raft port is refused: %s from %s", reason, caller)

    def count(self, caller: str) -> None:
        """Count a refused connection that had not even greeted like a replica."""
        self._begin()
        self._silent += 1
        self._last_silent = caller

    def sweep(self) -> None:
        """End a period that is over; to be called now and then, as it is told of when all is quiet again, too."""
        if self._period_ends is None or self._clock() < self._period_ends:
            return
        if (more := self._greeted - LINES_PER_PERIOD) > 0:
            _log.warning("%d more connections to the raft port were refused in %g s", more, PERIOD_SECONDS)
        if self._silent:
            _log.warning(
                "%d connections to the raft port in %g s said nothing that a replica says, the last one from %s",
                self._silent,
                PERIOD_SECONDS,
                self._last_silent,
            )
        self._period_ends, self._greeted, self._silent = None, 0, 0

    def _begin(self) -> None:
        self.sweep()
        self.total += 1
        if self._period_ends is None:
            self._period_ends = self._clock() + PERIOD_SECONDS


class RefusedPeers:
    """Replicas that this one does not talk to, and why; each is told of once in a period, as long as it tries."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tell_at: dict[str, float] = {}
        self._refused: dict[str, tuple[str, float]] = {}
        """By the name of the peer: why, and when that was last so."""

    def note(self, peer: str, reason: str) -> None:
        """Note that `peer` is refused, and maybe tell of it."""
        now = self._clock()
        known, _ = self._refused.get(peer, ("", 0.0))
        self._refused[peer] = reason, now
        if known != reason or now >= self._tell_at.get(peer, 0.0):
            self._tell_at[peer] = now + TELL_SECONDS
            _log.error("%s is refused, and nothing is taken from it: %s", peer, reason)

    def forget(self, peer: str) -> None:
        """Note that `peer` is not refused any more."""
        self._refused.pop(peer, None)

    @property
    def reasons(self) -> dict[str, str]:
        """By the name of the peer, why it is refused; one that has not tried for a while is none of them."""
        since = self._clock() - PERIOD_SECONDS
        return {peer: reason for peer, (reason, at) in self._refused.items() if at >= since}


class RepeatedConflict:
    """A leader's log that contradicts the own one again and again: nothing will come of that, so somebody must know."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._place: tuple[str, int, int] | None = None
        self._times = 0
        self._tell_at = 0.0

    def heard(self, leader: str, message: Message, *, contradicts: bool) -> None:
        """Note an `append_entries`, and whether it relies on another entry than the one that is, or was, here."""
        place = (leader, int(message["term"]), int(message["prevLogIdx"])) if contradicts else None
        self._times = self._times + 1 if place == self._place else 1
        self._place = place
        if place is not None and self._times >= CONFLICTS_MIN and self._clock() >= self._tell_at:
            self._tell_at = self._clock() + TELL_SECONDS
            _log.error(
                "%s, the leader of term %d, and this replica have different entries %d: they do not share one past, "
                "so nothing can be replicated. Stop the one whose disk is wrong (an old one, or a copy), move its data "
                "folder away, and start it with an empty one",
                *place,
            )
