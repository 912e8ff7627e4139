"""A screen with a list: rows that are fetched page by page, found, kept current, and chosen by keys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from textual import on
from textual.binding import Binding
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from quitanda.codec.watches import WatchedChange, WatchedChanges
from quitanda.domain.model import Kind
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.paging import from_one_snapshot
from quitanda_clients.terminal.fetched_view import FetchedView
from quitanda_clients.terminal.rows import RowColumn, fitting, line
from quitanda_clients.terminal.text_line import TextLine

PAGE_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class RowsPage:
    """One page of rows; `head` stands above the list."""

    rows: Sequence[Any]
    revision: int
    next_page_token: str = ""
    head: str = ""


class RowsView(FetchedView):
    """A list. Subclasses fetch its pages, name its rows, and say what a key does with a row."""

    BINDINGS: ClassVar = [Binding("slash", "search", N_("Search"))]
    KINDS: ClassVar[frozenset[Kind]] = frozenset()
    """Changes of these kinds make the list old."""
    PARTS: ClassVar[tuple[str, ...]] = ("head", "search", "columns", "rows")
    SEARCHES: ClassVar[bool] = False
    EMPTY: ClassVar[str] = N_("Nothing here yet.")

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Any] = []
        self.words = ""
        self._wanted = PAGE_SIZE
        self._token = ""
        self._lines: list[tuple[str, str]] = []

    def body(self) -> Iterator[Widget]:
        """Give the head, the search, the names of the columns and the rows."""
        yield Static(id="head", markup=False)
        search = self.texts.gettext("Search")
        yield TextLine(search, identity="search", placeholder=search)
        yield Static(id="columns", markup=False)
        yield OptionList(id="rows", markup=False, compact=True)

    def columns(self) -> Sequence[RowColumn]:
        """Give the columns."""
        raise AssertionError("each screen says it")

    async def fetch(self, page_token: str) -> RowsPage:  # noqa: ARG002 - for subclasses
        """Fetch a page."""
        raise AssertionError("each screen says it")

    def identity(self, row: Any) -> str:  # noqa: ARG002 - for subclasses
        """Name a row."""
        raise AssertionError("each screen says it")

    def open_row(self, row: Any) -> None:
        """Show more of a row."""

    def enter_text(self) -> str:
        """Name what Enter does with the row under the cursor; empty: nothing."""
        return N_("Open")

    def named_keys(self) -> dict[str, str]:
        """Name what Enter does."""
        if not self.is_ready:
            return {}
        if self.query_one("#search").has_focus:
            return {"enter": N_("Search")}
        return {"enter": self.enter_text()} if self.chosen is not None else {}

    def take(self, change: WatchedChange) -> bool:  # noqa: ARG002 - for subclasses
        """Show a change in its row; false where the list has to be fetched again."""
        return False

    def on_mount(self) -> None:
        """Begin with the rows: typing begins a search only by its key."""
        search = self.query_one("#search", Input)
        search.display = False
        self.query_one("#head", Static).display = False
        self.query_one("#rows").focus()

    @property
    def chosen(self) -> Any | None:
        """The row under the cursor."""
        index = self.query_one("#rows", OptionList).highlighted
        return self.rows[index] if index is not None and index < len(self.rows) else None

    async def fetched(self) -> RowsPage:
        """Fetch as many rows as are wanted, of one snapshot."""
        return await from_one_snapshot(self._wanted_rows)

    def show_fetched(self, fetched: RowsPage) -> int:
        """Write the head and the rows."""
        self.rows, self._token = list(fetched.rows), fetched.next_page_token
        empty = N_("Nothing found. Esc shows all.") if self.words else self.EMPTY
        text = fetched.head if self.rows else "\n".join(filter(None, [fetched.head, self.texts.gettext(empty)]))
        head = self.query_one("#head", Static)
        head.update(text)
        head.display = bool(text)
        self.show_rows()
        return fetched.revision

    def told(self, part: WatchedChanges) -> None:
        """Show what changed, or fetch the list again."""
        for change in part.changes:
            if change.kind in self.KINDS and part.revision > self.revision and not self.take(change):
                self.grow_old()
                return

    def show_rows(self) -> None:
        """Write the rows in the width that there is; the cursor stays on its row."""
        if not self.is_ready:
            return
        columns = fitting(self.columns(), self.size.width)
        names = [self.texts.gettext(column.label) for column, _ in columns]
        self.query_one("#columns", Static).update(Content(line(names, columns)).stylize("bold"))
        lines = [(self.identity(row), line([column.value(row) for column, _ in columns], columns)) for row in self.rows]
        if lines == self._lines:
            return
        shown = self.query_one("#rows", OptionList)
        kept = shown.highlighted_option.id if shown.highlighted_option is not None else None
        index = shown.highlighted or 0
        self._lines = lines
        shown.clear_options()
        shown.add_options([Option(Content(text), id=key) for key, text in lines])
        keys = [key for key, _ in lines]
        if lines:
            shown.highlighted = keys.index(kept) if kept in keys else min(index, len(lines) - 1)
        self.refresh_bindings()

    def action_search(self) -> None:
        """Ask for words."""
        search = self.query_one("#search", Input)
        search.display = True
        search.focus()

    def action_back(self) -> None:
        """End a search, or go back."""
        search = self.query_one("#search", Input)
        if search.display:
            search.value = ""
            search.display = False
            self.query_one("#rows").focus()
            self._find("")
        else:
            super().action_back()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer a search where there is one."""
        if action == "search":
            return self.SEARCHES
        if action == "back" and self.is_ready and self.query_one("#search", Input).display:
            return True
        return super().check_action(action, parameters)

    @on(Input.Submitted, "#search")
    def search_typed(self, event: Input.Submitted) -> None:
        """Find what was typed."""
        self.query_one("#rows").focus()
        self._find(event.value.strip())

    @on(OptionList.OptionSelected)
    def row_chosen(self) -> None:
        """Open the row."""
        if (row := self.chosen) is not None:
            self.say("")
            self.open_row(row)

    @on(OptionList.OptionHighlighted)
    def row_reached(self, event: OptionList.OptionHighlighted) -> None:
        """Fetch more at the end of the list."""
        self.refresh_bindings()
        if self._token and not self.is_loading and event.option_index >= len(self.rows) - 1:
            self._wanted = len(self.rows) + PAGE_SIZE
            self.load()

    def on_resize(self) -> None:
        """Fit the title and the columns."""
        self._lines = []
        self.show_rows()

    def _find(self, words: str) -> None:
        self.words, self._wanted = words, PAGE_SIZE
        self.say("")
        self.load()

    async def _wanted_rows(self) -> RowsPage:
        rows: list[Any] = []
        token = ""
        while True:
            page = await self.fetch(token)
            rows += page.rows
            token = page.next_page_token
            if not token or len(rows) >= self._wanted:
                return RowsPage(rows, page.revision, token, page.head)
