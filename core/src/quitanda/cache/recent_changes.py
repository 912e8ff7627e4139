"""What the change feed has told lately, for the portal's callers who watch; bounded, whoever reads it and how slowly.

Messages are kept as they came and read when somebody wants them: a portal whose callers do not watch pays for a few
megabytes, and for nothing else. Every change after `since`, up to `position`, is here. A gap of the feed moves `since`
on; so does what is forgotten to stay within the bounds. Who has been told less than `since` has missed something.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from quitanda.cache.feed_cursor import FeedStep
from quitanda.cache.lru import Key
from quitanda.mqtt.feed_message import FeedChange, FeedMessage, decode_feed

RECENT_BYTES_MAX: Final = 8 * 1024 * 1024
"""Bytes of messages that are kept, and of what is remembered of each."""

_MESSAGE_BYTES: Final = 500
_KEY_BYTES: Final = 150
"""What a message, and each document that it names, takes beside its own bytes; rounded up."""

_READ_MESSAGES_MAX: Final = 64
"""Messages that stay read: all who watch want the newest ones at about the same time."""


@dataclass(frozen=True, slots=True)
class RecentEntry:
    """One log entry that changed documents: `keys` names them, and `payload` is the feed's message."""

    revision: int
    keys: tuple[Key, ...]
    payload: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many bytes of memory it takes, roughly."""
        return _MESSAGE_BYTES + _KEY_BYTES * len(self.keys) + len(self.payload)

    def changes(self) -> Sequence[FeedChange]:
        """Read what the entry changed. Raises ValueError where a document cannot be read."""
        return _changes_in(self.payload)


class RecentChanges:
    """The newest messages of the feed; for one event loop."""

    def __init__(self, bytes_max: int = RECENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._entries: deque[RecentEntry] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self.since: int | None = None
        """Every change after this revision is known; None before the feed was heard."""
        self.position = 0
        """The revision up to which the changes are known."""
        self.history = 0
        """Grows when the replicas turn out to have another history: what was told before means nothing there."""

    def take(self, message: FeedMessage, step: FeedStep, keys: Sequence[Key], payload: bytes, history: int = 0) -> None:
        """Take a message of the feed (`payload`, without its MAC), which names the documents `keys`."""
        if step is FeedStep.OLD:
            return
        if step is FeedStep.GAP or history != self.history or self.since is None:
            self._entries.clear()
            self._size = 0
            # Between the entry before and this one nothing changed, whatever went by before those two.
            self.since = message.revision if message.changes is None else message.previous_revision
            self.history = history
        self.position = message.revision
        if keys and message.changes is not None:
            self._add(RecentEntry(message.revision, tuple(keys), payload))
        if keys or step is FeedStep.GAP:
            self.wake()

    def after(self, revision: int) -> list[RecentEntry]:
        """Give the entries after a revision that is not below `since`, the oldest first."""
        found = []
        for entry in reversed(self._entries):
            if entry.revision <= revision:
                break
            found.append(entry)
        return found[::-1]

    async def wait(self, seconds: float) -> None:
        """Wait until there is something new, at most so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def wake(self) -> None:
        """Let everybody who waits look again."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _add(self, entry: RecentEntry) -> None:
        self._entries.append(entry)
        self._size += entry.size
        while self._size > self._bytes_max:
            oldest = self._entries.popleft()
            self._size -= oldest.size
            self.since = oldest.revision


@lru_cache(maxsize=_READ_MESSAGES_MAX)
def _changes_in(payload: bytes) -> Sequence[FeedChange]:
    return decode_feed(payload).changes or ()
