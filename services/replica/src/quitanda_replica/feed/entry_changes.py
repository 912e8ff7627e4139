"""What a log entry changed, as the feed announces it."""

from dataclasses import dataclass
from typing import Final

from quitanda.domain.model import Kind, Order
from quitanda.domain.order_states import is_live
from quitanda.domain.state import Change, Delete, Put
from quitanda.mqtt.feed_message import FeedChange
from quitanda_replica.state import keys
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


def announced(key: bytes, change: Change, value: bytes | None) -> tuple[bytes, Change, bytes | None]:
    """Say how a change is announced, for the arguments of `ChangeCollector.add`.

    Who follows the feed knows only of live orders. An order that is closed leaves them, as if it were deleted.
    """
    if isinstance(change, Put) and isinstance(change.document, Order) and not is_live(change.document):
        order_id = change.document.order_id
        return keys.document(Kind.ORDER, order_id), Delete(Kind.ORDER, order_id), None
    return key, change, value


def _announced(change: Change, value: bytes | None) -> FeedChange:
    """Describe a change; a request that deletes after it puts leaves no stored value of what it put."""
    if isinstance(change, Put):
        return FeedChange.put(change.document, None if value is None else json_of(value))
    return FeedChange.delete(change.kind, change.document_id)
