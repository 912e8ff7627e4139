"""A screen with one document: its fields below each other, current as long as a portal answers."""

from collections.abc import Iterator
from typing import ClassVar

from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from quitanda.codec.watches import WatchedChanges
from quitanda.domain.model import Kind
from quitanda_clients.cli.streams import printable
from quitanda_clients.terminal.fetched_view import FetchedView
from quitanda_clients.terminal.texts import one_line


class DetailView(FetchedView):
    """One document. Subclasses fetch it, and name its facts."""

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

    async def fetched(self) -> int:
        """Fetch the document; give its revision."""
        return await self.find()

    def show_fetched(self, fetched: int) -> int:
        """Write the fields below each other."""
        lines = [f"{label}: {printable(value)}" for label, value in self.facts()]
        self.query_one("#facts", Static).update("\n".join(lines))
        return fetched

    def told(self, part: WatchedChanges) -> None:
        """Fetch it again where it changed."""
        if part.revision > self.revision and any(
            change.kind is self.KIND and change.document_id == self.document_id for change in part.changes
        ):
            self.load()
