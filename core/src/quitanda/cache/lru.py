"""The documents that a portal holds: bounded, least recently used goes first, forward in revision only.

An entry is *confirmed* where the document is known to be what the snapshot at `valid_at` shows. An entry
that is not confirmed is a hint: the document existed in that version, some time in the log entry
`valid_at`, where a later command of the same entry may have changed it again. A hint serves for "I hold
version v" in a conditional read and is never an answer by itself.

Versions are never used twice, so (version, document) fit together for ever, whatever became of the entry. A
conditional read does not rely on that: it names the digest of the document that is held, too.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from quitanda.codec.documents import document_digest, encode_document
from quitanda.domain.model import Document, Kind

Key: TypeAlias = tuple[Kind, str]
"""A document's kind and id."""


@dataclass(frozen=True)
class Entry:
    """A document, or None for "there is none", and when that was so; see the module."""

    document: Document | None
    valid_at: int
    confirmed: bool

    @property
    def version(self) -> int:
        """The document's version; 0 stands for absence."""
        return 0 if self.document is None else self.document.version

    @cached_property
    def digest(self) -> bytes:
        """The digest of the document's stored form; empty for absence."""
        return b"" if self.document is None else document_digest(encode_document(self.document))


class DocumentCache:
    """At most `max_entries` entries, documents and absences alike."""

    def __init__(self, max_entries: int) -> None:
        """Take the bound; ValueError where there is no room for one entry."""
        if max_entries < 1:
            raise ValueError("max_entries must be above zero")
        self._max_entries = max_entries
        self._entries: OrderedDict[Key, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def get(self, key: Key) -> Entry | None:
        """Give the entry and count it as used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def fill(self, key: Key, document: Document | None, revision: int) -> None:
        """Keep what the snapshot at `revision` shows, unless something as new is held."""
        held = self._entries.get(key)
        if held is None or held.valid_at < revision or (held.valid_at == revision and not held.confirmed):
            entry = Entry(document, revision, confirmed=True)
            if held is not None and held.document is document and "digest" in vars(held):
                # The leader said "unchanged": the digest, too, is what it was, and need not be computed for each read.
                vars(entry)["digest"] = held.digest
            self._put(key, entry)

    def hint(self, key: Key, document: Document | None, revision: int) -> None:
        """Keep what a command of the log entry `revision` left, unless something as new is held."""
        held = self._entries.get(key)
        if held is None or held.valid_at < revision:
            self._put(key, Entry(document, revision, confirmed=False))
        elif held.valid_at == revision and not held.confirmed and held.document != document:
            self._settle(key, held.document, document, revision)

    def change(self, key: Key, document: Document | None, revision: int) -> None:
        """Take over what the log entry `revision` made of a document that is held; others stay unknown."""
        held = self._entries.get(key)
        if held is not None and (held.valid_at < revision or (held.valid_at == revision and not held.confirmed)):
            # In place: being changed by others is not being used here.
            self._entries[key] = Entry(document, revision, confirmed=True)

    def drop(self, key: Key) -> None:
        """Hold nothing of a document any more; what it is now is not known."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _settle(self, key: Key, held: Document | None, other: Document | None, revision: int) -> None:
        """Of two hints from one log entry the higher version is the later; of an absence nobody can tell."""
        if held is None or other is None:
            del self._entries[key]
        elif held.version < other.version:
            self._put(key, Entry(other, revision, confirmed=False))

    def _put(self, key: Key, entry: Entry) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
