"""The outcomes remembered for repeated requests: the latest ones, within two bounds.

Every remembered request has a sequence number; beyond the bounds the lowest numbers are forgotten. Numbers
and bounds are part of the replicated state, so all replicas forget the same requests at the same entry.
"""

import struct
from dataclasses import dataclass
from typing import Final

from quitanda.codec.protobuf import decode_outcome
from quitanda.domain.commands import Request
from quitanda.domain.limits import REMEMBERED_REQUESTS_MAX
from quitanda.domain.state import StoredOutcome
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt, StateReader
from quitanda_replica.state.write_set import WriteSet

REMEMBERED_BYTES_MAX: Final = 256 * 1024 * 1024
"""Size of all remembered outcomes together; with usual orders the number of requests binds first."""

_SIZE: Final = struct.Struct(">I")
_FINGERPRINT_LENGTH: Final = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class WindowBounds:
    """How much is remembered. Must be the same on all replicas; tests make it small."""

    requests: int = REMEMBERED_REQUESTS_MAX
    size: int = REMEMBERED_BYTES_MAX


def get(state: StateReader, scope: str, request_id: str) -> StoredOutcome | None:
    """Give the outcome remembered for a request, or None."""
    value = state.get(keys.remembered(keys.request_name(scope, request_id)))
    return None if value is None else _decode(value)


def put(writes: WriteSet, request: Request, fingerprint: str, outcome: bytes, bounds: WindowBounds) -> None:
    """Write a request's outcome into the write set, and remove the oldest ones beyond the bounds."""
    name = keys.request_name(request.scope, request.request_id)
    value = _encode(fingerprint, outcome)
    writes.put(keys.remembered(name), value)
    counters = writes.counters
    writes.create(keys.sequence(counters.window_next), _SIZE.pack(len(value)) + name)
    counters.window_next += 1
    counters.window_bytes += len(value)
    while _over(writes, bounds):
        _forget_oldest(writes)


def _over(writes: WriteSet, bounds: WindowBounds) -> bool:
    counters = writes.counters
    number = counters.window_next - counters.window_first
    return number > bounds.requests or (counters.window_bytes > bounds.size and number > 1)


def _forget_oldest(writes: WriteSet) -> None:
    key = keys.sequence(writes.counters.window_first)
    entry = writes.get(key)
    if entry is None:
        raise StateCorrupt(f"no request was remembered as number {writes.counters.window_first}")
    writes.delete(keys.remembered(entry[_SIZE.size :]))
    writes.delete(key)
    writes.counters.window_first += 1
    writes.counters.window_bytes -= _SIZE.unpack_from(entry)[0]


def _encode(fingerprint: str, outcome: bytes) -> bytes:
    name = fingerprint.encode()
    return _FINGERPRINT_LENGTH.pack(len(name)) + name + outcome


def _decode(value: bytes) -> StoredOutcome:
    try:
        (length,) = _FINGERPRINT_LENGTH.unpack_from(value)
        start = _FINGERPRINT_LENGTH.size
        outcome, revision = decode_outcome(value[start + length :])
        return StoredOutcome(value[start : start + length].decode(), revision, outcome)
    except Exception as error:
        raise StateCorrupt(f"a remembered outcome cannot be read: {value[:200]!r}") from error
