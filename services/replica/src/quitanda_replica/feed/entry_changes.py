"""What a log entry changed, as the feed announces it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quitanda.codec.documents import id_of, kind_of
from quitanda.domain.state import Change, Put
from quitanda.mqtt.feed_message import FeedChange
from quitanda_replica.state import keys
from quitanda_replica.state.write_set import WriteSet

ANNOUNCED_BYTES_MAX: Final = 512 * 1024
"""Stored size of the documents that one entry announces; a larger entry is announced without them."""

_CHANGE_BYTES: Final = 100
"""What a change costs beside its document: names, numbers, punctuation."""


@dataclass(frozen=True, slots=True)
class EntryChanges:
    """The documents that an entry left changed, each once.

    `previous_revision`: log index of the last entry before with changes. `changes` is None where they are
    too large to announce; `size` is their size in bytes, roughly.
    """

    revision: int
    previous_revision: int
    changes: tuple[FeedChange, ...] | None
    size: int


class ChangeCollector:
    """Collects the changes of one entry; a document changed twice is announced as it ends."""

    def __init__(self, revision: int, previous_revision: int) -> None:
        self._revision = revision
        self._previous_revision = previous_revision
        self._changes: dict[bytes, FeedChange] = {}
        self._sizes: dict[bytes, int] = {}

    def add(self, changes: Sequence[Change], writes: WriteSet) -> None:
        """Add the changes of one request, whose stored values stand in the write set."""
        for change in changes:
            announced = _announced(change)
            key = keys.document(announced.kind, announced.document_id)
            self._changes[key] = announced
            self._sizes[key] = _CHANGE_BYTES + len(writes.get(key) or b"")

    def result(self) -> EntryChanges | None:
        """Tell what the entry changed; None where it changed no document."""
        if not self._changes:
            return None
        size = sum(self._sizes.values())
        fits = size <= ANNOUNCED_BYTES_MAX
        changes = tuple(self._changes.values()) if fits else None
        return EntryChanges(self._revision, self._previous_revision, changes, size if fits else 0)


def _announced(change: Change) -> FeedChange:
    if isinstance(change, Put):
        document = change.document
        return FeedChange(kind_of(document), id_of(document), document.version, document)
    return FeedChange(change.kind, change.document_id, 0, None)
