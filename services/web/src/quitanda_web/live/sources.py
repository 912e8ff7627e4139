"""Where the events of a topic come from: a watch of the portals."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from quitanda.codec.watches import WatchedChange, WatchedChanges
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import Rejected
from quitanda_clients.portal_client import PortalClient
from quitanda_clients.watching import OnUnavailable
from quitanda_web.live.events import AT, LiveEvent, Wordings, change_event, plain_event, shown_changes
from quitanda_web.live.topic import LiveCaller, LiveSource

EVENT_CHANGES_MAX: Final = 200
"""One event tells of so many documents; the next one tells of the others."""

WAITING_CHANGES_MAX: Final = 5_000
"""Of so many documents changes may wait to be told. When there are more, the pages are fetched again instead."""


def watch_source(kind: Kind, client_of: Callable[[LiveCaller], PortalClient], by: Wordings) -> LiveSource:
    """Make the source that watches documents of a kind, with the client of a caller."""

    async def events(
        caller: LiveCaller, after: int | None, on_unavailable: OnUnavailable
    ) -> AsyncGenerator[LiveEvent, None]:
        watch = client_of(caller).watch((kind,), after_revision=after, on_unavailable=on_unavailable)
        async with aclosing(gathered(watch)) as parts:
            told: int | None = None
            async for part in parts:
                since = part.revision if told is None else told
                if part.changes:
                    yield change_event(part.revision, since, shown_changes(part.changes), by)
                else:
                    yield plain_event(AT, part.revision)
                told = part.revision

    return events


async def gathered(parts: AsyncGenerator[WatchedChanges, None]) -> AsyncGenerator[WatchedChanges, None]:
    """Yield parts as they come. What comes while one is worked on is told together, of each document the last change.

    Several parts tell of many changes; each but the last of these has the revision up to which all was told before.
    Raises Rejected (REVISION_GONE) where too much waits, and what `parts` raises.
    """
    gathering = _Gathering()
    reading = asyncio.create_task(gathering.read(parts))
    try:
        while True:
            await gathering.news.wait()
            while part := gathering.take():
                yield part
            if reading.done():
                reading.result()
                return
    finally:
        reading.cancel()
        await asyncio.wait([reading])


class _Gathering:
    """What was read and is not told yet."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self._changes: dict[tuple[Kind, str], WatchedChange] = {}
        self._told: int | None = None
        self._read: int | None = None

    async def read(self, parts: AsyncGenerator[WatchedChanges, None]) -> None:
        """Read to the end. What the parts raise is raised."""
        try:
            async with aclosing(parts):
                async for part in parts:
                    self._take_in(part)
                    self.news.set()
        finally:
            self.news.set()

    def take(self) -> WatchedChanges | None:
        """Give what is to be told next; None where there is nothing."""
        self.news.clear()
        if self._read is None or (not self._changes and self._told == self._read):
            return None
        keys = [key for key, _ in zip(self._changes, range(EVENT_CHANGES_MAX), strict=False)]
        changes = tuple(self._changes.pop(key) for key in keys)
        if not self._changes or self._told is None:
            self._told = self._read
        return WatchedChanges(self._told, changes)

    def _take_in(self, part: WatchedChanges) -> None:
        for change in part.changes:
            key = (change.kind, change.document_id)
            self._changes.pop(key, None)
            self._changes[key] = change
        if len(self._changes) > WAITING_CHANGES_MAX:
            raise Rejected(refused(Reason.REVISION_GONE, "after_revision"))
        self._read = part.revision
