"""A field of one line that says what it does not take: the library's rings a bell at most."""

from typing import TYPE_CHECKING, cast

from textual.events import Paste
from textual.widgets import Input

from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_

if TYPE_CHECKING:
    from quitanda_clients.terminal.view import TerminalView

TOO_LONG = N_("{field}: at most {limit} characters. What you typed or pasted last was left out.")
FIRST_LINE = N_("{field}: one line. Of what you pasted only the first line was taken.")


class TextLine(Input):
    """Takes one line of at most `limit` characters (0: of any length) for what people call `label`."""

    def __init__(self, label: str, value: str = "", *, identity: str, limit: int = 0, placeholder: str = "") -> None:
        super().__init__(value, placeholder=placeholder, id=identity, compact=True, max_length=limit)
        self._label = label

    def on_paste(self, event: Paste) -> None:
        """Say that more lines are not taken; the library takes the first one after this."""
        if any(line.strip() for line in event.text.splitlines()[1:]):
            self._say(FIRST_LINE)

    def restricted(self) -> None:
        """Say that nothing more fits."""
        super().restricted()
        self._say(TOO_LONG)

    def _say(self, template: str) -> None:
        view = cast("TerminalView", self.screen)
        text = view.texts.gettext(template)
        view.say(text.format(field=self._label, limit=view.texts.formats.number(self.max_length or 0)))
