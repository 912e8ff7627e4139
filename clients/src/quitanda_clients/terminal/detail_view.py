"""A screen with one document: its fields below each other, current as long as a portal answers."""

import asyncio
import time
from collections.abc import Iterator
from typing import ClassVar

from textual import work
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from quitanda.codec.watches import WatchedChanges
from quitanda.domain.model import Kind
from quitanda.errors import QuitandaError, Unavailable
from quitanda_clients.cli.streams import printable
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.terminal.rows_view import AGAIN_SECONDS
from quitanda_clients.terminal.texts import one_line
from quitanda_clients.terminal.view import TerminalView


class DetailView(TerminalView):
    """One document. Subclasses fetch it, and name its facts."""

    BINDINGS: ClassVar = [Binding("r", "reload", N_("Load again"), show=False)]
    KIND: ClassVar[Kind]
    PARTS: ClassVar[tuple[str, ...]] = ("facts",)

    def __init__(self, document_id: str) -> None:
        super().__init__()
        self.document_id = document_id

    async def find(self) -> int:
        """Fetch the document; give the revision."""
        raise AssertionError("each screen says it")

    def facts(self) -> list[tuple[str, str]]:
        """Give the fields' names and values."""
        raise AssertionError("each screen says it")

    def heading(self) -> str:
        """Name the document."""
        return one_line(self.document_id)

    def body(self) -> Iterator[Widget]:
        """Let it be scrolled."""
        yield VerticalScroll(Static(id="facts", markup=False), id="detail")

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one("#detail").focus()

    @work(exclusive=True, group="load")
    async def fetch_all(self) -> None:
        """Fetch the document; until a portal answers."""
        while True:
            try:
                self.revision = await self.find()
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
            self.terminal.found()
            lines = [f"{label}: {printable(value)}" for label, value in self.facts()]
            self.query_one("#facts", Static).update("\n".join(lines))
            self.show_state()
            self.refresh_bindings()
            return

    def told(self, part: WatchedChanges) -> None:
        """Fetch it again where it changed."""
        if part.revision > self.revision and any(
            change.kind is self.KIND and change.document_id == self.document_id for change in part.changes
        ):
            self.load()

    def action_reload(self) -> None:
        """Fetch it again."""
        self.say("")
        self.load()
