"""How far a portal followed the change feed; pure, no I/O and no clock of its own.

The feed's messages say: "after the entry `previous_revision` nothing changed until `revision`, and that
changed this". Every such message is true whoever sent it, since only committed entries are announced; so
a subscriber that takes each message once, in order and without a hole knows all changes. Messages get
lost, come twice and come late (two leaders, one broker): old ones are ignored, holes are noticed.

A message from a lower term than one that was heard comes from a leader that was replaced. It may be true,
but it must not make the feed look alive.
"""

from enum import Enum
from math import inf

from quitanda.mqtt.topics import FeedMessage


class Step(Enum):
    """What a message is to somebody at a position."""

    OLD = "old"
    """Nothing that was not known."""
    NEXT = "next"
    """Everything that changed since the position, and nothing is missing."""
    GAP = "gap"
    """Changes in between were missed, or are too large to be announced; the position moves on all the same."""


class FeedPosition:
    """All changes up to `revision` were seen (None: no position yet); times are seconds of one clock."""

    def __init__(self) -> None:
        self.revision: int | None = None
        self.term = 0
        """The highest term that was heard; 0 where none was."""
        self._heard_at: float | None = None

    def advance(self, message: FeedMessage, now: float) -> Step:
        """Take the message into account and tell what it is."""
        if message.term < self.term:
            return Step.OLD
        self.term = message.term
        position = self.revision
        if position is not None and message.revision < position:
            return Step.OLD
        self._heard_at = now
        if position is not None and message.revision == position:
            return Step.OLD
        self.revision = message.revision
        if position is None or message.previous_revision > position or message.changes is None:
            return Step.GAP
        return Step.NEXT

    def lose(self) -> None:
        """Give the position up: something came that cannot be read."""
        self.revision = None

    def age(self, now: float) -> float:
        """Seconds since the present leader was heard; infinite where none was yet."""
        return inf if self._heard_at is None else now - self._heard_at

    def alive(self, now: float, within: float) -> bool:
        """Whether there is a position, and the leader was heard in the last `within` seconds."""
        return self.revision is not None and self.age(now) <= within
