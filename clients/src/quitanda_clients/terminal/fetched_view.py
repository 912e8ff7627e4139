"""A screen that shows something of the shop: it is fetched until a portal answers, and again where it changed."""

import asyncio
import time
from typing import Any, ClassVar, Final

from textual import work
from textual.binding import Binding

from quitanda.errors import QuitandaError, Unavailable
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.terminal.view import TerminalView

RELOAD_SECONDS: Final = 1.0
"""Nothing is fetched more often than this because of changes."""

AGAIN_SECONDS: Final = 1.0
"""While no portal answers, it is asked for again so long after each try."""


class FetchedView(TerminalView):
    """Something of the shop. Subclasses fetch it, and show it."""

    BINDINGS: ClassVar = [Binding("r", "reload", N_("Load again"), show=False)]

    def __init__(self) -> None:
        super().__init__()
        self._old = False

    async def fetched(self) -> Any:
        """Fetch what is shown. Raises QuitandaError."""
        raise AssertionError("each screen says it")

    def show_fetched(self, fetched: Any) -> int:  # noqa: ARG002 - for subclasses
        """Show what was fetched; give its revision."""
        raise AssertionError("each screen says it")

    @work(exclusive=True, group="load")
    async def fetch_all(self) -> None:
        """Fetch and show; until a portal answers, and again where it changed meanwhile."""
        while True:
            self._old = False
            try:
                fetched = await self.fetched()
            except Unavailable:
                self.terminal.lost()
                self.show_state()
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            except QuitandaError as error:
                self.say(self.texts.explain(error).text)
                return
            if not self.is_ready:
                return  # the screen was left while this was fetched
            self.shown_at = time.time()
            self.revision = self.show_fetched(fetched)
            self.terminal.found()
            self.show_title()
            self.show_state()
            self.refresh_bindings()
            if not self._old:
                return
            await asyncio.sleep(RELOAD_SECONDS)

    def grow_old(self) -> None:
        """Fetch it again: in a moment, or when what is being fetched is there."""
        if not self.is_loading and not self._old:
            self.set_timer(RELOAD_SECONDS, self.load)
        self._old = True

    def action_reload(self) -> None:
        """Fetch it again."""
        self.say("")
        self.load()
