"""The history of a document as people read it: on the page, on a terminal's screen, and where a command prints it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from quitanda.codec.change_records import ChangedField, HistoryEntry
from quitanda.codec.money import parse_price
from quitanda_clients.i18n import labels

_MONEY: Final = frozenset({"price", "unit_price", "total"})
_MOMENTS: Final = "_at_ms", "_since_ms"


class ValueFormats(Protocol):
    """Writes values as a person reads them: in her language, her time zone and the shop's currency."""

    def money(self, minor_units: int) -> str:
        """Write an amount."""

    def number(self, number: int) -> str:
        """Write a whole number."""

    def moment(self, milliseconds: int) -> str:
        """Write a time (milliseconds since 1970-01-01T00:00Z); empty for 0."""


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A field as it was and as it is since, as people read it."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One change of a document, as people read it."""

    when: str
    who: str
    what: str
    order_id: str
    deleted: bool
    fields: tuple[ShownChange, ...]


class HistoryTexts:
    """Writes entries in a language.

    `names` is what staff call the credentials, by their ids; `nothing` stands where there is no value.
    """

    def __init__(
        self, gettext: Callable[[str], str], formats: ValueFormats, names: Mapping[str, str], *, nothing: str = "—"
    ) -> None:
        self.gettext = gettext
        self._formats = formats
        self._names = names
        self._nothing = nothing

    def entry(self, entry: HistoryEntry) -> ShownEntry:
        """Write a change, and who made it."""
        command = labels.COMMANDS.get(entry.command)
        return ShownEntry(
            self._moment(entry.received_at_ms),
            entry.scope or self._names.get(entry.credential_id, entry.credential_id) or self._nothing,
            self.gettext(command) if command else entry.command,
            entry.order_id,
            entry.deleted,
            tuple(map(self._change, entry.fields)),
        )

    def _change(self, field: ChangedField) -> ShownChange:
        name = self.gettext(labels.FIELDS.get(field.name, field.name))
        return ShownChange(
            f"{field.product_id}: {name}" if field.product_id else name,
            self._value(field.name, field.before_json),
            self._value(field.name, field.after_json),
        )

    def _value(self, name: str, text: str) -> str:
        """Write a value, which stands in the history as JSON."""
        if not text:
            return self._nothing
        if name in _MONEY and isinstance(price := parse_price(text, name), int):
            return self._formats.money(price)
        value = json.loads(text)
        if isinstance(value, bool):
            return self.gettext("yes") if value else self.gettext("no")
        if isinstance(value, int):
            return self._moment(value) if name.endswith(_MOMENTS) else self._formats.number(value)
        return self._word(name, value) if isinstance(value, str) else text

    def _moment(self, milliseconds: int) -> str:
        return self._formats.moment(milliseconds) or self._nothing

    def _word(self, name: str, value: str) -> str:
        """Write a text; a state or a role by the word that people read."""
        known = labels.STATES if name == "state" else labels.CHOICES.get(name, {})
        return self.gettext(known[value]) if value in known else value
