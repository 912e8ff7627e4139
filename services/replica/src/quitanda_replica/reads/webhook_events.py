"""What happened after a change, as webhooks are told of it: read from the history in a snapshot, in its order."""

import struct
from typing import Final

from quitanda.codec.change_records import read_changes, read_head
from quitanda.domain.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from quitanda.domain.webhook_events import event_of
from quitanda.domain.webhook_model import event_names
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.reads.snapshots import StateSnapshot
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.write_set import read_counters

RECORDS_READ: Final = 16
"""Records of the history that are read at once."""

READ_BYTES_MAX: Final = 4 * 1024 * 1024
"""Records that are read for one answer; the last one may go beyond it."""


def read_webhooks(state: StateSnapshot) -> pb.WebhooksResult:
    """Read all webhooks, and which portal sends."""
    webhooks = [value for _, value in state.scan(keys.WEBHOOKS, None, PAGE_SIZE_MAX)]
    return pb.WebhooksResult(webhooks=webhooks, lease=state.get(keys.SENDER_LEASE) or b"")


def read_events(state: StateSnapshot, item: pb.EventsItem) -> pb.EventsResult:
    """Read the events after a change, about as many as are wanted: those of one log entry are told together.

    Raises StateCorrupt.
    """
    counters = read_counters(state)
    after = min(item.after_number, counters.last_version)
    missed = max(0, counters.history_first - 1 - after)
    result = pb.EventsResult(up_to=after + missed, missed=missed)
    wanted, limit = frozenset(event_names(item.events)), item.limit or PAGE_SIZE_DEFAULT
    size = 0
    before_key = _key_before(state, result.up_to + 1)
    while result.up_to < counters.last_version and len(result.events) < limit and size < READ_BYTES_MAX:
        found = state.scan(keys.CHANGE_RECORDS, before_key, RECORDS_READ)
        if not found:
            raise StateCorrupt(f"there is no record of the change {result.up_to + 1}")
        for key, value in found:
            _add_events(result, value, wanted)
            before_key, size = key, size + len(value)
            if len(result.events) >= limit or size >= READ_BYTES_MAX:
                break
    return result


def _key_before(state: StateSnapshot, number: int) -> bytes:
    """Give a key right before the record that has the change, which begins with this change or an earlier one."""
    found = state.last_up_to(keys.CHANGE_RECORDS, keys.change_record(number))
    first = number if found is None else keys.number_in(found[0][len(keys.CHANGE_RECORDS) :])
    return keys.change_record(max(0, first - 1))


def _add_events(result: pb.EventsResult, value: bytes, wanted: frozenset[str]) -> None:
    """Add the events of one log entry that come after what was told already."""
    try:
        revision, told = read_head(value).revision, result.up_to
        for number, at_ms, command, kind, document_id, fields in read_changes(value):
            if number <= told:
                continue
            result.up_to = number
            if (event := event_of(command, kind, fields)) in wanted and event:
                result.events.add(event=event, document_id=document_id, number=number, revision=revision, at_ms=at_ms)
    except (ValueError, IndexError, struct.error) as error:
        raise StateCorrupt(f"a record of changes cannot be read: {value[:200]!r}") from error
