"""The line of keys at the bottom of each screen, and the list of all of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.terminal.texts import TerminalTexts

if TYPE_CHECKING:
    from textual.binding import Binding

KEY_NAMES: Final = {
    "enter": N_("Enter"),
    "tab": "Tab",
    "escape": "Esc",
    "plus": "+",
    "minus": "-",
    "slash": "/",
    "question_mark": "?",
    "delete": N_("Del"),
    "ctrl+s": "^S",
    "ctrl+r": "^R",
    "ctrl+c": "^C",
}
HELP_KEY: Final = "question_mark"
BETWEEN: Final = "  "


class KeyLine(Static):
    """Shows as many of the keys that work now as fit; the key for the list of all of them always."""

    def __init__(self, texts: TerminalTexts) -> None:
        super().__init__(id="keys", markup=False)
        self._texts = texts

    def on_mount(self) -> None:
        """Follow what works."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.show_keys())

    def on_resize(self) -> None:
        """Show as many as fit."""
        self.show_keys()

    def show_keys(self) -> None:
        """Write the line anew."""
        shown = list(key_texts(self.screen.active_bindings, self._texts))
        last = [pair for pair in shown if pair[0] == KEY_NAMES[HELP_KEY]]
        others = [pair for pair in shown if pair not in last]
        parts: list[tuple[str, str]] = []
        left = self.size.width - sum(_width(pair) for pair in last)
        for pair in others:
            if _width(pair) > left:
                break
            parts.append(pair)
            left -= _width(pair)
        content = Content("")
        for name, text in [*parts, *last]:
            content += Content.assemble((name, "bold"), f" {text}{BETWEEN}")
        self.update(content)


def key_texts(bindings: dict[str, Any], texts: TerminalTexts) -> Iterator[tuple[str, str]]:
    """Name each key that is to be shown, with what it does."""
    for active in bindings.values():
        binding: Binding = active.binding
        if binding.show and active.enabled:
            yield texts.gettext(KEY_NAMES.get(binding.key, binding.key)), texts.gettext(binding.description)


def _width(pair: tuple[str, str]) -> int:
    return cell_len(pair[0]) + 1 + cell_len(pair[1]) + len(BETWEEN)
