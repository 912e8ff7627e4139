"""The history of documents: what each request changed (`quitanda.domain.document_history`), within two bounds.

A log entry that changes something appends one record of all its requests, under the number of its first change. So the
keys ascend, and applying an entry reads nothing of the history. When the history is beyond its bounds, the oldest
records are forgotten, several at once. Numbers and bounds are part of the replicated state, so all replicas forget the
same records at the same entry.

From a document's version, each change names the one before it. Where a document does not exist, `keys.gone` has the
number of its deletion, for as long as the history has that.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from quitanda.codec.change_records import deleted_documents, encode_records, read_head
from quitanda.domain.commands import Request
from quitanda.domain.document_history import ChangeRecord, recorded
from quitanda.domain.limits import HISTORY_CHANGES_MAX
from quitanda.domain.model import Kind
from quitanda.domain.state import Execution, StateView
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt, StateReader
from quitanda_replica.state.counters import Counters
from quitanda_replica.state.write_set import WriteSet

HISTORY_BYTES_MAX: Final = 128 * 1024 * 1024
"""Size of all records together; with usual orders the number of changes binds first."""

RECORDS_FORGOTTEN: Final = 16
"""So many are forgotten at once: they lie side by side, so reading all takes little longer than reading one."""


@dataclass(frozen=True, slots=True)
class HistoryBounds:
    """How much of the history is kept. Must be the same on all replicas; tests make it small."""

    changes: int = HISTORY_CHANGES_MAX
    size: int = HISTORY_BYTES_MAX
    forgotten: int = RECORDS_FORGOTTEN
    """Records that are forgotten at once."""


def record(writes: WriteSet, view: StateView, request: Request, execution: Execution) -> ChangeRecord | None:
    """Record what a request changed of the state in `view`, if anything; its write set has the changes already.

    The record itself is stored with those of the entry's other requests (`append`).
    """
    made = recorded(view, request, execution.changes, partial(_take_deletion, writes), execution.webhooks)
    if not made.changes:
        return None
    for change in made.changes:
        if change.deleted:
            writes.put(keys.gone(change.kind, change.document_id), keys.number(change.number))
    writes.counters.last_version = made.changes[-1].number
    return made


def append(
    writes: WriteSet, state: StateReader, revision: int, records: Sequence[ChangeRecord], bounds: HistoryBounds
) -> None:
    """Store the records of an entry's requests, one at least, and forget the oldest ones of `state` beyond the bounds.

    `writes` are on top of `state`, and have nothing of the history yet.
    """
    value = encode_records(revision, records)
    first, counters = records[0].changes[0].number, writes.counters
    writes.create(keys.change_record(first), value)
    counters.history_first = counters.history_first or first
    counters.history_bytes += len(value)
    while counters.history_first < first and _over(counters, bounds):
        _forget_oldest(writes, state.scan(keys.CHANGE_RECORDS, _before(counters.history_first), bounds.forgotten))


def _over(counters: Counters, bounds: HistoryBounds) -> bool:
    return counters.history_changes > bounds.changes or counters.history_bytes > bounds.size


def _take_deletion(writes: WriteSet, kind: Kind, document_id: str) -> int:
    """Return the number of the deletion of a document that is made anew now; 0 where none is known."""
    key = keys.gone(kind, document_id)
    value = writes.get(key)
    if value is None:
        return 0
    writes.delete(key)
    return keys.number_in(value)


def _before(number: int) -> bytes:
    """Give a key right before the record: whoever searches from there passes nothing that was forgotten already."""
    return keys.change_record(number - 1)


def _forget_oldest(writes: WriteSet, oldest: Sequence[tuple[bytes, bytes]]) -> None:
    """Forget these records, with which the history must begin."""
    if not oldest:
        raise StateCorrupt(f"there is no record of the change {writes.counters.history_first}")
    for key, value in oldest:
        if key != keys.change_record(writes.counters.history_first):
            raise StateCorrupt(f"there is no record of the change {writes.counters.history_first}")
        _forget(writes, key, value)


def _forget(writes: WriteSet, key: bytes, value: bytes) -> None:
    try:
        head = read_head(value)
        if head.deletions:
            _forget_deletions(writes, value)
    except (ValueError, struct.error) as error:
        raise StateCorrupt(f"a record of changes cannot be read: {value[:200]!r}") from error
    writes.delete(key)
    writes.counters.history_first += head.changes
    writes.counters.history_bytes -= len(value)


def _forget_deletions(writes: WriteSet, value: bytes) -> None:
    """Remove the numbers of a record's deletions, unless a document was made anew since, and maybe deleted again."""
    for kind, document_id, number in deleted_documents(value):
        key = keys.gone(kind, document_id)
        if writes.get(key) == keys.number(number):
            writes.delete(key)
