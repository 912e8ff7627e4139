"""What a log entry changed, as the feed announces it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quitanda.codec.documents import id_of, kind_of
from quitanda.domain.model import Kind
from quitanda.domain.state import Change, Put
from quitanda.mqtt.feed_message import FeedChange
from quitanda_replica.state import keys
from quitanda_replica.state.stored_documents import json_of
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
            kind, document_id = _named(change)
            key = keys.document(kind, document_id)
            value = writes.get(key)
            self._changes[key] = _announced(change, value)
            self._sizes[key] = _CHANGE_BYTES + len(value or b"")

    def result(self) -> EntryChanges | None:
        """Tell what the entry changed; None where it changed no document."""
        if not self._changes:
            return None
        size = sum(self._sizes.values())
        fits = size <= ANNOUNCED_BYTES_MAX
        changes = tuple(self._changes.values()) if fits else None
        return EntryChanges(self._revision, self._previous_revision, changes, size if fits else 0)


def _named(change: Change) -> tuple[Kind, str]:
    if isinstance(change, Put):
        return kind_of(change.document), id_of(change.document)
    return change.kind, change.document_id


def _announced(change: Change, value: bytes | None) -> FeedChange:
    """Describe a change; a request that deletes after it puts leaves no stored value of what it put."""
    kind, document_id = _named(change)
    if isinstance(change, Put):
        stored = None if value is None else json_of(value)
        return FeedChange(kind, document_id, change.document.version, change.document, stored)
    return FeedChange(kind, document_id, 0, None)
