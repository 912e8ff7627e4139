"""What changes in the shop, told to what is on the screen; and how old that is while no portal answers."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from quitanda.codec.watches import WatchedChanges
from quitanda.domain.outcomes import Reason
from quitanda.errors import QuitandaError, Rejected, Unavailable
from quitanda_clients.portal_client import PortalClient

SILENCE_SECONDS_MAX: Final = 6.0
"""A portal says every two seconds that it is there; after this without a word the connection counts as lost."""

AGAIN_SECONDS: Final = 2.0
"""After a refusal that may pass the feed begins again so many seconds later."""


@dataclass(slots=True)
class FeedState:
    """What is known: up to which revision everything was told, and when that was (seconds since 1970; 0: never)."""

    revision: int = 0
    heard_at: float = 0.0
    lost: bool = False

    def is_lost(self, now: float) -> bool:
        """Whether no portal answers; before the first answer that is not known."""
        return self.lost or (self.heard_at > 0 and now - self.heard_at > SILENCE_SECONDS_MAX)


class TerminalFeed:
    """Watches products and orders. `told` gets each part; `gap` is called where changes may have been missed."""

    def __init__(self, client: PortalClient, told: Callable[[WatchedChanges], None], gap: Callable[[], None]) -> None:
        self._client = client
        self._told = told
        self._gap = gap
        self.state = FeedState()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self._watch()
            except Rejected as rejected:
                if rejected.refused.reason is Reason.REVISION_GONE:
                    continue
                await asyncio.sleep(AGAIN_SECONDS)
            except QuitandaError as error:
                self._lose(Unavailable(str(error)))
                await asyncio.sleep(AGAIN_SECONDS)

    async def _watch(self) -> None:
        begun = False
        async with aclosing(self._client.watch(on_unavailable=self._lose)) as parts:
            async for part in parts:
                self.state = FeedState(part.revision, time.time())
                if not begun:
                    begun = True
                    self._gap()
                self._told(part)

    def _lose(self, _error: Unavailable) -> None:
        self.state.lost = True
