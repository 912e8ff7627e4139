"""One page of a document's history, read from a snapshot: from change to change, the newest first."""

import struct
from dataclasses import dataclass
from typing import Final

from quitanda.codec.change_records import HISTORY_ENTRY_CODEC, HistoryEntry, find_entry
from quitanda.codec.webhooks import read_webhook
from quitanda.domain.model import Kind
from quitanda_replica.reads.pages import PAGE_BYTES_MAX
from quitanda_replica.reads.snapshots import StateSnapshot
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.stored_documents import order_value, version_of
from quitanda_replica.state.write_set import read_counters

READ_BYTES_MAX: Final = 16 * 1024 * 1024
"""Records that are read for one page; a record of a large cascade can have some megabytes."""


@dataclass(frozen=True, slots=True)
class PageOfHistory:
    """Encoded entries (HistoryEntry in documents.proto); `next_number` is the change to go on at, None at the end."""

    entries: list[bytes]
    next_number: int | None


def last_change(state: StateSnapshot, kind: Kind, document_id: str) -> int:
    """Return the number of a document's latest change, also where that deleted it; 0 where none is known."""
    if version := _version(state, kind, document_id):
        return version
    deletion = state.get(keys.gone(kind, document_id))
    return 0 if deletion is None else keys.number_in(deletion)


def _version(state: StateSnapshot, kind: Kind, document_id: str) -> int:
    """Return the version of a document or a webhook; 0 where there is none."""
    if kind is Kind.WEBHOOK:
        stored = state.get(keys.webhook(document_id))
        return 0 if stored is None else read_webhook(stored).version
    value = order_value(state, document_id) if kind is Kind.ORDER else state.get(keys.document(kind, document_id))
    return 0 if value is None else version_of(value)


def read_history(state: StateSnapshot, kind: Kind, document_id: str, number: int, size: int) -> PageOfHistory:
    """Read at most `size` changes of a document, from the change `number` back. Raises StateCorrupt.

    It ends where the history begins: at its oldest record, or at a document's creation.
    """
    first = read_counters(state).history_first
    entries: list[bytes] = []
    shown = read = 0
    while first and number >= first:
        if len(entries) == size or (entries and (shown > PAGE_BYTES_MAX or read > READ_BYTES_MAX)):
            return PageOfHistory(entries, number)
        value = _record_with(state, number)
        read += len(value)
        entry, number = _entry(value, kind, document_id, number)
        data = HISTORY_ENTRY_CODEC.write(entry).SerializeToString()
        shown += len(data)
        entries.append(data)
    return PageOfHistory(entries, None)


def _record_with(state: StateSnapshot, number: int) -> bytes:
    found = state.last_up_to(keys.CHANGE_RECORDS, keys.change_record(number))
    if found is None:
        raise StateCorrupt(f"there is no record of the change {number}")
    return found[1]


def _entry(value: bytes, kind: Kind, document_id: str, number: int) -> tuple[HistoryEntry, int]:
    """Return the entry of a change, and the number of the change before it; 0 where there is none."""
    try:
        entry, *about, previous = find_entry(value, number)
    except (ValueError, LookupError, struct.error) as error:
        raise StateCorrupt(f"the record of the change {number} cannot be read: {value[:200]!r}") from error
    if about != [kind, document_id] or previous >= number:
        raise StateCorrupt(f"the change {number} is not one of {kind} {document_id}: {about}, {previous}")
    return entry, previous
