"""The events of a stream, as browsers read them (`text/event-stream`)."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from quitanda.codec.watches import WatchedChange
from quitanda.domain.model import Order
from quitanda_clients.i18n.languages import Language
from quitanda_web.wording import ShownTexts, Wording

CHANGED: Final = "changed"
"""Some documents have changed: their texts follow."""
AT: Final = "at"
"""Nothing else has changed up to this event's id."""
GONE: Final = "gone"
"""Not everything that changed since can be told: the page is to be fetched again."""
LOST: Final = "lost"
"""No portal tells what changes, for the moment."""
ENDED: Final = "ended"
"""Nothing more is told to this session."""

Wordings = Mapping[Language, Wording]


@dataclass(frozen=True, slots=True)
class LiveChange:
    """The texts of a document that changed. `version` is the document's, or 0 where each text counts.

    `began_ms`: when it was made, in milliseconds since 1970-01-01T00:00Z, or 0.
    """

    document_id: str
    texts: ShownTexts
    version: int = 0
    began_ms: int = 0


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event: everything up to `revision` has been told with it. `since` is where the one before it ended."""

    name: str
    revision: int
    since: int
    written: Mapping[Language, bytes] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes, in all languages."""
        return sum(map(len, self.written.values()))


def plain_event(name: str, revision: int) -> LiveEvent:
    """Make an event that says nothing but its name, and up to where everything has been told."""
    data = _write(name, revision, {"revision": revision, "since": revision})
    return LiveEvent(name, revision, revision, dict.fromkeys(Language, data))


def change_event(
    revision: int, since: int, changes: Callable[[Wording], Iterable[LiveChange]], by: Wordings
) -> LiveEvent:
    """Make an event that tells of changes, in each language."""
    written = {}
    for language, wording in by.items():
        told = [_change_object(change) for change in changes(wording)]
        written[language] = _write(CHANGED, revision, {"revision": revision, "since": since, "changes": told})
    return LiveEvent(CHANGED, revision, since, written)


def shown_changes(changes: Sequence[WatchedChange]) -> Callable[[Wording], Iterable[LiveChange]]:
    """Give what writes the changes of products and orders."""

    def write(wording: Wording) -> Iterable[LiveChange]:
        for change in changes:
            texts = wording.document(change.kind, change.document)
            version = getattr(change.document, "version", 0)
            began_ms = change.document.created_at_ms if isinstance(change.document, Order) else 0
            yield LiveChange(change.document_id, texts, version, began_ms)

    return write


def _change_object(change: LiveChange) -> dict[str, Any]:
    return {"id": change.document_id, "version": change.version, "began": change.began_ms, "texts": dict(change.texts)}


def _write(name: str, revision: int, data: Mapping[str, Any]) -> bytes:
    return f"event: {name}\nid: {revision}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
