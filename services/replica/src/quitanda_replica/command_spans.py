"""The spans of commands on the leader; made only while tracing is on.

A call carries the commands of several traces. Each traced command has a span from the call to its answer, and in it one
for the time until a majority has the entry, one for the time in which the rules are applied, and one for the feed's
message. The spans are kept beside the proposal, in memory: the log has no trace, and a follower makes no spans.
"""

import threading
import time
from collections.abc import Sequence
from typing import Final

from quitanda.runtime.spans import Span, Tracer
from quitanda.v1 import replica_pb2 as pb

APPLIED_MAX: Final = 1_024
"""Applied entries whose spans wait for the feed's message; beyond them the oldest are forgotten."""


class CommandSpans:
    """Begins the spans of one replica, and keeps those of applied entries until the feed tells of them."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._lock = threading.Lock()
        self._applied: dict[int, list[Span]] = {}

    def begin(self, commands: Sequence[pb.Request], traceparents: Sequence[str]) -> "EntrySpans | None":
        """Begin a span for each command of a call that names a context for it; None where none does."""
        spans: list[Span | None] = [None] * len(commands)
        for number, (command, traceparent) in enumerate(zip(commands, traceparents, strict=False)):
            if traceparent:
                name, request_id = command.WhichOneof("command") or "", command.request_id[:64]
                spans[number] = self._tracer.begin(
                    "execute", "server", traceparent, operation=name, request_id=request_id
                )
        return EntrySpans(self, spans) if any(spans) else None

    def applied(self, index: int, spans: list[Span]) -> None:
        """Keep the spans in which the entry `index` was applied."""
        with self._lock:
            self._applied[index] = spans
            if len(self._applied) > APPLIED_MAX:
                del self._applied[next(iter(self._applied))]

    def announce(self, index: int) -> list[Span]:
        """Begin the spans of the feed's message about the entry `index`; none where it was not traced."""
        with self._lock:
            spans = self._applied.pop(index, [])
        return [span.child("announce", "producer", revision=index) for span in spans]


class EntrySpans:
    """The spans of one entry. A gRPC thread begins and ends them; in between the raft thread tells what happens."""

    def __init__(self, kept: CommandSpans, spans: Sequence[Span | None]) -> None:
        """Take a span, or None, for each command; `kept` gets those of the rules."""
        self._kept = kept
        self._spans = spans
        self._appended_at = 0
        self._apply_begun_at = 0

    def log_fields(self, number: int) -> dict[str, str]:
        """Give what the log line of the command with this number has beside the rest."""
        span = self._spans[number]
        return {} if span is None else {"trace_id": span.trace_id}

    def appended(self) -> None:
        """Note that the entry is in the leader's log, and leaves for the followers."""
        self._appended_at = time.time_ns()

    def apply_begins(self) -> None:
        """Note that a majority has the entry, and that the rules are applied now."""
        self._apply_begun_at = time.time_ns()

    def apply_ended(self, index: int) -> None:
        """Note that the entry `index` is applied; once that is durable, the feed tells of it."""
        ended, begun = time.time_ns(), self._apply_begun_at
        traced = [span for span in self._spans if span is not None]
        spans = [span.child("apply", "internal", begun=begun, log_index=index) for span in traced]
        for span in spans:
            span.end(ended=ended)
        self._kept.applied(index, spans)

    def end(self, answers: Sequence[tuple[str, int]]) -> None:
        """End the spans with the reason and the revision that each command was answered with."""
        for span, (reason, revision) in zip(self._spans, answers, strict=True):
            if span is None:
                continue
            if self._appended_at and self._apply_begun_at:
                span.child("replicate", "internal", begun=self._appended_at).end(ended=self._apply_begun_at)
            span.end(reason, revision=revision)
