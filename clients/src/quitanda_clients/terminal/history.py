"""What was changed of a document, when and by whom: the list of its changes, and one of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from quitanda.codec.watches import WatchedChange
from quitanda.domain.model import Kind
from quitanda_clients.cli.streams import printable
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.i18n.history_texts import HistoryTexts, ShownEntry
from quitanda_clients.terminal.rows import RowColumn
from quitanda_clients.terminal.rows_view import PAGE_SIZE, RowsPage, RowsView
from quitanda_clients.terminal.texts import one_line
from quitanda_clients.terminal.view import TerminalView

if TYPE_CHECKING:
    from quitanda_clients.terminal.office import OfficeTerminal


class HistoryView(RowsView):
    """The changes of a document, the newest first; it may be deleted."""

    KINDS = frozenset({Kind.PRODUCT, Kind.CUSTOMER, Kind.ORDER})
    EMPTY = N_("Nothing is kept of changes of it.")

    def __init__(self, kind: Kind, document_id: str) -> None:
        super().__init__()
        self._kind, self._document_id = kind, document_id
        self._texts: HistoryTexts | None = None

    def heading(self) -> str:
        """Name the document."""
        return f"{self.texts.gettext('History')} {one_line(self._document_id)}"

    def columns(self) -> tuple[RowColumn, ...]:
        """When, what and by whom; what exactly stands in the change itself."""
        return (
            RowColumn(N_("When"), lambda row: row[1].when, 32, spare=1),
            RowColumn(N_("What"), lambda row: one_line(row[1].what)),
            RowColumn(N_("Who"), lambda row: one_line(row[1].who), 14),
        )

    def identity(self, row: tuple[int, ShownEntry]) -> str:
        """Name a change by its number."""
        return str(row[0])

    async def fetch(self, page_token: str) -> RowsPage:
        """Fetch a page."""
        office = cast("OfficeTerminal", self.app).client
        page = await office.history_page(self._kind, self._document_id, PAGE_SIZE, page_token)
        if self._texts is None:
            self._texts = HistoryTexts(self.texts.gettext, self.texts.formats, await office.credential_labels())
        texts = self._texts
        rows = [(entry.number, texts.entry(entry)) for entry in page.documents]
        return RowsPage(rows, page.revision, page.next_page_token)

    def take(self, change: WatchedChange) -> bool:
        """Leave alone what concerns other documents."""
        return (change.kind, change.document_id) != (self._kind, self._document_id)

    def open_row(self, row: Any) -> None:
        """Show what was changed."""
        self.terminal.push_screen(HistoryEntryView(self._document_id, row[1]))


class HistoryEntryView(TerminalView):
    """One change: each field as it was, and as it is since."""

    def __init__(self, document_id: str, entry: ShownEntry) -> None:
        super().__init__()
        self._document_id, self._entry = document_id, entry

    def heading(self) -> str:
        """Name the document."""
        return f"{self.texts.gettext('History')} {one_line(self._document_id)}"

    def body(self) -> Iterator[Widget]:
        """Write when, who, what, and the fields."""
        entry, gettext = self._entry, self.texts.gettext
        facts = [
            (gettext("When"), entry.when),
            (gettext("Who"), entry.who),
            (gettext("What"), entry.what),
            (gettext("Order"), entry.order_id),
        ]
        lines = [f"{label}: {one_line(text)}" for label, text in facts if text]
        if entry.deleted:
            lines.append(gettext("deleted"))
        lines += [f"{field.name}: {field.before} → {field.after}" for field in entry.fields]
        yield VerticalScroll(Static(printable("\n".join(lines)), markup=False), id="detail")

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one("#detail").focus()
