"""What a log entry changed, as the feed announces it."""

from dataclasses import dataclass
from typing import Final

from quitanda.domain.state import Change, Put
from quitanda.mqtt.feed_message import FeedChange
from quitanda_replica.state.stored_documents import json_of

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
        self._changes: dict[bytes, tuple[Change, bytes | None]] = {}

    def add(self, key: bytes, change: Change, value: bytes | None) -> None:
        """Add a change of the document under `key`, with the stored value that the request left there."""
        self._changes[key] = change, value

    def result(self) -> EntryChanges | None:
        """Tell what the entry changed; None where it changed no document."""
        if not self._changes:
            return None
        size = sum(_CHANGE_BYTES + len(value or b"") for _, value in self._changes.values())
        fits = size <= ANNOUNCED_BYTES_MAX
        changes = tuple(_announced(*each) for each in self._changes.values()) if fits else None
        return EntryChanges(self._revision, self._previous_revision, changes, size if fits else 0)


def _announced(change: Change, value: bytes | None) -> FeedChange:
    """Describe a change; a request that deletes after it puts leaves no stored value of what it put."""
    if isinstance(change, Put):
        return FeedChange.put(change.document, None if value is None else json_of(value))
    return FeedChange.delete(change.kind, change.document_id)
