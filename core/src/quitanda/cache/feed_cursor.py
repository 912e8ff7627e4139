"""How far a portal followed the change feed; pure, no I/O and no clock of its own.

The feed's messages say: "after the entry `previous_revision` nothing changed until `revision`, and that entry changed
this". Every such message is true, whichever leader sent it, since leaders publish only committed entries. So a
subscriber that takes each message once, in order and without a gap knows all changes. Messages get lost, arrive twice
and arrive late (two leaders, one broker): old ones are ignored, gaps are noticed.

A message of a lower term than one that was heard comes from a leader that was replaced. It may be true, but it must
not make the feed look alive.
"""

from enum import Enum
from math import inf

from quitanda.mqtt.feed_message import FeedMessage


class FeedStep(Enum):
    """What a message means to a subscriber at a position."""

    OLD = "old"
    """It holds nothing new."""
    NEXT = "next"
    """It holds everything that changed since the position."""
    GAP = "gap"
    """Changes in between were missed, or are too large to be published; the position moves on all the same."""


class FeedCursor:
    """All changes up to `revision` were seen (None: there is no position); times are seconds of one clock."""

    def __init__(self) -> None:
        self.revision: int | None = None
        self.term = 0
        """The highest term that was heard; 0 where none was."""
        self._heard_at: float | None = None

    def advance(self, message: FeedMessage, now: float) -> FeedStep:
        """Take the message into account and tell what it is."""
        if message.term < self.term:
            return FeedStep.OLD
        self.term = message.term
        position = self.revision
        if position is not None and message.revision < position:
            return FeedStep.OLD
        self._heard_at = now
        if position is not None and message.revision == position:
            return FeedStep.OLD
        self.revision = message.revision
        if position is None or message.previous_revision > position or message.changes is None:
            return FeedStep.GAP
        return FeedStep.NEXT

    def lose(self) -> None:
        """Give the position up: a message came that cannot be read."""
        self.revision = None

    def age(self, now: float) -> float:
        """Seconds since the present leader was heard; infinite where none was yet."""
        return inf if self._heard_at is None else now - self._heard_at

    def alive(self, now: float, within: float) -> bool:
        """Whether there is a position, and the leader was heard in the last `within` seconds."""
        return self.revision is not None and self.age(now) <= within
