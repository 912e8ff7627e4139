"""What every screen has: a title, a body, what was done or went wrong, how old it is, and the keys."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker, WorkerError

from quitanda.codec.watches import WatchedChanges
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.terminal.keys import KeyLine, key_texts
from quitanda_clients.terminal.rows import without_middle
from quitanda_clients.terminal.texts import TerminalTexts

MIN_GAP: Final = 3
LOADED_SECONDS: Final = 2.0

if TYPE_CHECKING:
    from quitanda_clients.terminal.application import QuitandaTerminal
    from quitanda_clients.terminal.change_view import TerminalChange


class TerminalView(Screen[Any]):
    """One screen. Subclasses give the title and the body, and load what they show."""

    BINDINGS: ClassVar = [Binding("escape", "back", N_("Back"))]

    PARTS: ClassVar[tuple[str, ...]] = ()
    """The ids of the body's parts that are written anew."""

    def __init__(self) -> None:
        super().__init__()
        self._loading: Worker[None] | None = None
        self.notice = ""
        """What was done or went wrong, whole."""
        self.revision = 0
        """The revision of what is shown."""
        self.shown_at = 0.0
        """When that was fetched, in seconds since 1970; 0: not yet."""

    @property
    def terminal(self) -> "QuitandaTerminal":
        """The application, which has the client and the texts."""
        return cast("QuitandaTerminal", self.app)

    @property
    def texts(self) -> TerminalTexts:
        """The person's language."""
        return self.terminal.texts

    def heading(self) -> str:
        """Name the screen."""
        raise AssertionError("each screen says it")

    def named_keys(self) -> dict[str, str]:
        """Name what keys do that belong to the field or the list with the cursor; empty: nothing."""
        return {}

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """Give the keys that work now, with their names; Enter first, and last what else `named_keys` gives."""
        active = super().active_bindings
        named = {
            key: active[key]._replace(binding=replace(active[key].binding, description=text, show=True))
            for key, text in self.named_keys().items()
            if text and key in active
        }
        others = {key: each for key, each in active.items() if key not in named}
        return {key: each for key, each in named.items() if key == "enter"} | others | named

    def body(self) -> Iterator[Widget]:
        """Give what stands between title and keys."""
        raise AssertionError("each screen says it")

    def compose(self) -> ComposeResult:
        """Put the parts below each other."""
        yield Static(id="title", markup=False)
        yield from self.body()
        yield Static(id="notice", markup=False)
        yield Static(id="state", markup=False)
        yield KeyLine(self.terminal.texts)

    def on_mount(self) -> None:
        """Show what is known, and ask for the rest."""
        self.show_title()
        self.show_state()
        self.load()

    def load(self) -> None:
        """Fetch what the screen shows."""
        self._loading = self.fetch_all()

    def fetch_all(self) -> "Worker[None] | None":
        """Begin to fetch; a screen that shows nothing of the shop fetches nothing."""
        return None

    @property
    def is_loading(self) -> bool:
        """Whether something is being fetched."""
        return self._loading is not None and not self._loading.is_finished

    async def loaded(self) -> None:
        """Wait until what is being fetched is shown, at most for a moment: then what is known has to do."""
        with suppress(TimeoutError, WorkerError):
            async with asyncio.timeout(LOADED_SECONDS):
                while self._loading is not None and not self._loading.is_finished:
                    await self._loading.wait()

    def ask(
        self,
        change: "Callable[[], TerminalChange | None]",
        then: Callable[[], object] | None = None,
    ) -> None:
        """Ask for a change of what is shown, when it is shown as it is now."""

        async def prepared() -> "TerminalChange | None":
            await self.loaded()
            return change()

        self.say("")
        self.terminal.prepare_change(prepared, then)

    def told(self, part: WatchedChanges) -> None:
        """Take what changed in the shop."""

    @property
    def is_ready(self) -> bool:
        """Whether its parts are there: not before it is put together, nor after it was left."""
        return all(self.query(f"#{part}") for part in (*self.PARTS, "title", "notice", "state"))

    def show_title(self) -> None:
        """Write the title."""
        title = self._title()
        others = "  ".join(self.terminal.first_screen_names())
        if others and cell_len(title) + cell_len(others) + MIN_GAP <= self.size.width:
            title += " " * (self.size.width - cell_len(title) - cell_len(others)) + others
        if self.is_ready:
            self.query_one("#title", Static).update(title)

    def _title(self) -> str:
        """Name the screen; in a narrow window without the program, without who uses it, and without an id's middle."""
        parts = [*filter(None, ["Quitanda", self.terminal.who, self.heading()])]
        while len(parts) > 1 and cell_len(" · ".join(parts)) > self.size.width:
            del parts[0]
        return without_middle(" · ".join(parts), self.size.width)

    def on_resize(self) -> None:
        """Fit the title and the notice."""
        self.show_title()
        self._show_notice()

    def show_state(self) -> None:
        """Write how old what is shown is."""
        if self.is_ready:
            self.query_one("#state", Static).update(self.terminal.state_text(self.shown_at))

    def say(self, text: str) -> None:
        """Say something until something else is said or done; empty: no more."""
        self.notice = text
        self._show_notice()

    def _show_notice(self) -> None:
        """Write it in half of the window at most; where it is longer, its end is a key away."""
        if not self.is_ready:
            return
        lines = [line.plain for line in Content(self.notice).wrap(max(1, self.size.width))]
        if len(lines) > (most := max(1, self.size.height // 2)):
            lines[most - 1 :] = [self.texts.gettext("… F1 shows all")]
        notice = self.query_one("#notice", Static)
        notice.update("\n".join(lines))
        notice.display = bool(self.notice)

    def action_back(self) -> None:
        """Go to the screen before this one; the first ones have none."""
        if self.terminal.is_deep:
            self.dismiss(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - textual's
        """Offer to go back where there is something to go back to."""
        return action != "back" or self.terminal.is_deep


class KeysView(TerminalView):
    """All keys of the screen below, one in each line; before them what it says, which may be too long for it."""

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self._below = below

    def heading(self) -> str:
        """Name the screen."""
        return self.texts.gettext("Keys")

    def body(self) -> Iterator[Widget]:
        """List the keys."""
        notice = self._below.notice if isinstance(self._below, TerminalView) else ""
        lines = [notice, ""] if notice else []
        lines += [f"{name:8}{text}" for name, text in key_texts(self._below.active_bindings, self.texts)]
        leave = self.texts.gettext("Leave at once")
        lines.append(f"{'^C':8}{leave}")
        yield VerticalScroll(Static("\n".join(lines), markup=False), id="detail")
