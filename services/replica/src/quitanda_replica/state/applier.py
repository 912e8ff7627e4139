"""Applying the log: a thin shell around the pure rules, called by the Raft thread for each committed entry.

Three things can happen to a request, and there is no fourth:

* the rules decide: done or refused, both are values;
* the rules fail (a bug): the request ends with INTERNAL and changes nothing, alike on every replica;
* the store fails, or memory or stack end: this replica's own trouble. It leaves `apply`, and Raft stops the process.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import structlog
from google.protobuf.message import DecodeError

from quitanda.codec.protobuf import encode_outcome, request_from_proto
from quitanda.domain.commands import Request
from quitanda.domain.document_history import HISTORY_LEVEL, ChangeRecord
from quitanda.domain.fingerprint import fingerprint
from quitanda.domain.levels import LevelNotSupported
from quitanda.domain.machine import execute
from quitanda.domain.outcomes import Done, Problem, Reason, Refused, invalid, refused
from quitanda.domain.state import Execution, Put, StateView
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.distribution import NUMBERS, SECONDS, Distribution
from quitanda_replica.feed.entry_changes import ChangeCollector, EntryChanges, announced
from quitanda_replica.feed.queue import FeedQueue
from quitanda_replica.integrity.digest_history import DigestHistory
from quitanda_replica.state import change_records, dedup_window, keys
from quitanda_replica.state.access import StateCorrupt, StateStore
from quitanda_replica.state.change_records import HistoryBounds
from quitanda_replica.state.counters import decode_counters
from quitanda_replica.state.dedup_window import WindowBounds
from quitanda_replica.state.digest import decode_digest
from quitanda_replica.state.low_products import LowProductLog
from quitanda_replica.state.stored_documents import WorkingSet, json_of
from quitanda_replica.state.view import StoredState, write_change, write_webhook_change
from quitanda_replica.state.write_set import EntryState, WriteSet, read_counters

Execute: TypeAlias = Callable[[StateView, Request, int], Execution]
"""The rules: `quitanda.domain.machine.execute`, or in a test something that fails."""

LOCAL_FAILURES = (StateCorrupt, LevelNotSupported, MemoryError, RecursionError)
"""What stops this replica instead of becoming an outcome: the others may not have it."""

_log = structlog.get_logger(__name__)


class Applier:
    """The replicated state machine (`raft.state_machine.StateMachine`). Only the Raft thread calls it."""

    def __init__(
        self,
        store: StateStore,
        feed: FeedQueue,
        rules: Execute = execute,
        window: WindowBounds | None = None,
        on_installed: Callable[[], None] = lambda: None,
        history: DigestHistory | None = None,
        changes_kept: HistoryBounds | None = None,
    ) -> None:
        self._store = store
        self._feed = feed
        self._rules = rules
        self._window = window or WindowBounds()
        self._on_installed = on_installed
        self._history = history or DigestHistory()
        self._changes_kept = changes_kept or HistoryBounds()
        self._working_set = WorkingSet()
        self._uncommitted: list[EntryChanges] = []
        self.apply_seconds = Distribution(SECONDS)
        """How long each entry took."""
        self.commands = Distribution(NUMBERS)
        """How many commands each entry had."""
        self.low_products = LowProductLog()

    def apply(self, index: int, payload: bytes) -> bytes:
        """Execute the requests of a log entry in their order; stage what they change; give their outcomes.

        The entry is decoded once, as a whole, and each outcome is encoded once. The answer is an encoded
        ExecuteResponse. An entry of which a part cannot be decoded is one refusal.
        """
        begun = time.perf_counter()
        try:
            requests = pb.DecodedEntry.FromString(payload).requests
        except DecodeError:
            _log.error("log_entry_malformed", index=index, size=len(payload))
            return _response([encode_outcome(invalid("entry", Problem.MALFORMED), index)])
        state = EntryState(self._store)
        collector = ChangeCollector(index, state.counters.last_changed)
        records: list[ChangeRecord] = []
        outcomes = [self._execute(state, collector, records, index, request) for request in requests]
        self._append(state, index, records)
        state.finish()
        self._history.applied(index, state.digest)
        if (changes := collector.result()) is not None:
            self._uncommitted.append(changes)
        self.commands.observe(len(outcomes))
        self.apply_seconds.observe(time.perf_counter() - begun)
        return _response(outcomes)

    def committed(self, index: int) -> None:
        """Everything up to the index is durable: hand the changes over to the feed."""
        ready = [changes for changes in self._uncommitted if changes.revision <= index]
        self._uncommitted = self._uncommitted[len(ready) :]
        self._history.committed(index)
        self._feed.applied(index, ready)

    def check_snapshot(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Raise LevelNotSupported where a snapshot is of a state that this version cannot decide on."""
        for key, value in pairs:
            if key == keys.COUNTERS:
                with suppress(ValueError):  # damage shows in the state's digest, once the snapshot is installed
                    decode_counters(value, "a snapshot from another replica")

    def installed(self, index: int) -> None:
        """Forget what was collected: a snapshot replaced the state, and holds it if it happened."""
        self.started(index)
        self._on_installed()

    def started(self, index: int) -> None:
        """Take up at the state of an entry, which is wholly durable."""
        self._uncommitted = []
        self._history.restarted(index, decode_digest(self._store.get(keys.DIGEST)))
        self._feed.restarted(index, read_counters(self._store).last_changed)

    def _execute(
        self,
        state: EntryState,
        collector: ChangeCollector,
        records: list[ChangeRecord],
        index: int,
        message: pb.Request,
    ) -> bytes:
        """Decide one request, and stage what it changes; on a bug of the rules, stage nothing but the answer."""
        writes = WriteSet(state, state.counters)
        try:
            request = request_from_proto(message)
            if isinstance(request, Refused):
                return encode_outcome(request, index)
            execution = self._rules(self._view(state), request, index)
            changed_keys = [write_change(writes, self._working_set, change) for change in execution.changes]
            record = self._record(state, writes, request, execution)
            outcome = self._finish(writes, request, execution, changed_keys, index)
        except LOCAL_FAILURES:
            raise
        except Exception:  # noqa: BLE001 - whatever a bug raises, it must not stop every replica
            _log.exception("rule_failed", index=index, **_names(message))
            return self._internal(state, message, index)
        self.low_products.tell(writes, execution.changes, index)
        state.add(writes)
        if record is not None:
            records.append(record)
        for key, change in zip(changed_keys, execution.changes, strict=True):
            collector.add(*announced(key, change, writes.changes[key]))
        return outcome

    def _record(
        self, state: EntryState, writes: WriteSet, request: Request, execution: Execution
    ) -> ChangeRecord | None:
        """Record what a request changes, where the state is at the level of histories."""
        if not (execution.changes or execution.webhooks) or state.counters.level < HISTORY_LEVEL:
            return None
        return change_records.record(writes, self._view(state), request, execution)

    def _append(self, state: EntryState, index: int, records: list[ChangeRecord]) -> None:
        if records:
            writes = WriteSet(state, state.counters)
            change_records.append(writes, state, index, records, self._changes_kept)
            state.add(writes)

    def _finish(
        self, writes: WriteSet, request: Request, execution: Execution, changed_keys: list[bytes], index: int
    ) -> bytes:
        """Write what a request comes to beside its changes: counters, level, and its outcome, which is given."""
        if execution.changes:
            writes.counters.last_changed = index
        if execution.level is not None:
            writes.counters.level = execution.level
            _log.info("level_raised", level=execution.level, revision=index)
        if execution.clock_ms is not None:
            writes.counters.clock_ms = execution.clock_ms
        for change in execution.webhooks:
            write_webhook_change(writes, change)
        document = _document_told(execution, [writes.changes[key] for key in changed_keys])
        outcome = encode_outcome(execution.outcome, execution.revision, document)
        if execution.remember is not None:
            dedup_window.put(writes, request, execution.remember.fingerprint, outcome, self._window)
        return outcome

    def _internal(self, state: EntryState, message: pb.Request, index: int) -> bytes:
        """Refuse with INTERNAL, and remember that: a refusal says "and never will"."""
        outcome = encode_outcome(refused(Reason.INTERNAL), index)
        writes = WriteSet(state, state.counters)
        try:
            request = request_from_proto(message)
            if isinstance(request, Request) and self._view(state).remembered(request.scope, request.request_id) is None:
                dedup_window.put(writes, request, fingerprint(request.command), outcome, self._window)
        except LOCAL_FAILURES:
            raise
        except Exception:  # noqa: BLE001 - as above
            _log.exception("rule_failure_not_remembered", index=index, **_names(message))
        else:
            state.add(writes)
        return outcome

    def _view(self, state: EntryState) -> StoredState:
        return StoredState(state, state.counters, self._working_set)


def _document_told(execution: Execution, values: list[bytes | None]) -> bytes | None:
    """Give the stored form of the outcome's document where the request wrote that one, so it is encoded once."""
    told = execution.outcome.document if isinstance(execution.outcome, Done) else None
    for change, value in zip(execution.changes, values, strict=True):
        if value is not None and isinstance(change, Put) and change.document is told:
            return json_of(value)
    return None


def _response(outcomes: list[bytes]) -> bytes:
    return pb.ExecuteResponse(outcomes=outcomes).SerializeToString()


def _names(message: pb.Request) -> dict[str, str]:
    return {"scope": message.scope, "request_id": message.request_id, "command": message.WhichOneof("command") or ""}
