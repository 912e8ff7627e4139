"""Between the Raft thread, which must not wait, and the feed's thread, which may have to."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from quitanda_replica.feed.entry_changes import EntryChanges


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """How far the state is durable, and which entry up to there was the last one with changes (log indices)."""

    revision: int
    last_changed: int


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """Entries, and bytes of their documents, that may wait; beyond them the new ones are dropped."""

    entries: int = 4_096
    size: int = 32 * 1024 * 1024


class FeedQueue:
    """Changes that wait to be published. The Raft thread hands them over, and is never blocked by it.

    What is dropped leaves a gap in the chain of revisions, which every subscriber sees and answers by
    asking the leader: slower, never wrong.
    """

    def __init__(self, position: FeedPosition, bounds: QueueBounds | None = None) -> None:
        self._bounds = bounds or QueueBounds()
        self._condition = threading.Condition()
        self._entries: deque[EntryChanges] = deque()
        self._size = 0
        self._position = position
        self._dropped = 0
        self._closed = False

    @property
    def dropped(self) -> int:
        """How many entries found the queue full."""
        return self._dropped

    def applied(self, revision: int, entries: Sequence[EntryChanges]) -> None:
        """Take what has become durable up to the revision."""
        with self._condition:
            last_changed = entries[-1].revision if entries else self._position.last_changed
            self._position = FeedPosition(revision, last_changed)
            for entry in entries:
                self._append(entry)
            if entries:
                self._condition.notify()

    def restarted(self, revision: int, last_changed: int) -> None:
        """Go on from a state that came as a whole."""
        with self._condition:
            self._entries.clear()
            self._size = 0
            self._position = FeedPosition(revision, last_changed)

    def take(self, timeout: float) -> tuple[list[EntryChanges], FeedPosition]:
        """Give everything that waits, after at most `timeout` seconds, and the position that it leads up to."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or bool(self._entries), max(0.0, timeout))
            taken = list(self._entries)
            self._entries.clear()
            self._size = 0
            return taken, self._position

    def close(self) -> None:
        """Let nobody wait in `take` any more."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _append(self, entry: EntryChanges) -> None:
        if len(self._entries) >= self._bounds.entries or self._size + entry.size > self._bounds.size:
            self._dropped += 1
            return
        self._entries.append(entry)
        self._size += entry.size
