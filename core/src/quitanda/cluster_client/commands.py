"""Sends commands to the leader, several in one Execute call.

A command whose call was lost stays with its request id until somebody answers: the replicas remember
the outcome, so the same id again is never a second effect.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from quitanda.cluster_client.batching import BatchBounds, Batcher, PendingRequest, last_deadline, waiting
from quitanda.cluster_client.options import ClusterOptions
from quitanda.cluster_client.replica_channel import ReplicaChannel
from quitanda.cluster_client.retrying import ClusterCounters, ReplicaCalls
from quitanda.cluster_client.values import Executed
from quitanda.codec.protobuf import decode_outcome, encode_request
from quitanda.domain.commands import Request
from quitanda.domain.outcomes import Refused
from quitanda.error_status import describe
from quitanda.errors import OutcomeUnknown, QuitandaError, Rejected, Unavailable
from quitanda.runtime import tracing
from quitanda.runtime.access_log import OK
from quitanda.v1 import replica_pb2

if TYPE_CHECKING:  # it loads OpenTelemetry
    from quitanda.runtime.spans import Span

PendingCommand: TypeAlias = PendingRequest[bytes, Executed]


class CommandBatches:
    """Sends commands to the leader in batches."""

    def __init__(self, calls: ReplicaCalls, options: ClusterOptions, counters: ClusterCounters) -> None:
        self._calls = calls
        self._options = options
        self._gathered = counters.gathered.labels("commands")
        bounds = BatchBounds(
            calls=options.execute_calls,
            queued=options.commands_queued,
            count_per_call=options.commands_per_call,
            weight_per_call=options.command_bytes_per_call,
        )
        self._batcher = Batcher[bytes, Executed](bounds, self._send)

    async def execute(self, request: Request, timeout: float) -> Executed:
        """See `ClusterClient.execute`."""
        encoded = encode_request(request)
        self._gathered.inc()
        return await self._batcher.ask(encoded, len(encoded), timeout)

    async def close(self) -> None:
        """End all commands."""
        await self._batcher.close()

    async def _send(self, batch: Sequence[PendingCommand]) -> None:
        async def attempt(replica: ReplicaChannel, _: float) -> None:
            # What is sent in time to be worth while may be answered until the deadline itself.
            now = asyncio.get_running_loop().time()
            asked = [pending for pending in waiting(batch) if pending.send_by > now]
            left = max((pending.deadline for pending in asked), default=now) - now
            if left <= 0:
                raise Unavailable("no caller waits any more")
            await _execute(replica, asked, min(left, self._options.try_timeout))
            self._batcher.latency.add(asyncio.get_running_loop().time() - now)

        try:
            await self._calls.to_leader(attempt, lambda: last_deadline(batch))
        except Rejected as rejected:
            await self._send_apart(waiting(batch), rejected)
        except QuitandaError as error:
            for pending in waiting(batch):
                pending.fail(error)

    async def _send_apart(self, batch: Sequence[PendingCommand], rejected: Rejected) -> None:
        """Send alone what was refused together, so that one caller's mistake does not reach another."""
        if len(batch) > 1:
            for pending in batch:
                await self._send([pending])
            return
        for pending in batch:
            pending.answer(Executed(rejected.refused, rejected.revision))


async def _execute(replica: ReplicaChannel, batch: Sequence[PendingCommand], timeout: float) -> None:
    for pending in batch:
        pending.sent()
    request = replica_pb2.ExecuteRequest(requests=[pending.request for pending in batch])
    spans = () if tracing.active is None else _begin_spans(replica, batch)
    metadata = tracing.batch_metadata(spans) if spans else None
    try:
        answers = _answers(await replica.execute(request, timeout, metadata), len(batch))
    except QuitandaError as error:
        for pending in batch:
            pending.attempt_failed(error)
        _end_spans(spans, [(describe(error).reason, 0)] * len(spans))
        raise
    if spans:
        _end_spans(spans, [(_reason(answer), answer.revision) for answer in answers])
    for pending, answer in zip(batch, answers, strict=True):
        pending.answer(answer)


def _begin_spans(replica: ReplicaChannel, batch: Sequence[PendingCommand]) -> "list[Span | None]":
    """Begin a span for each command that is traced: one call carries the commands of several traces."""
    return [
        pending.span
        and pending.span.child(
            "execute", "client", replica=replica.name, attempt=pending.attempts, commands_in_call=len(batch)
        )
        for pending in batch
    ]


def _end_spans(spans: "Sequence[Span | None]", answers: Sequence[tuple[str, int]]) -> None:
    for span, (reason, revision) in zip(spans, answers, strict=True):
        if span is not None:
            span.end(reason, revision=revision)


def _reason(answer: Executed) -> str:
    return answer.outcome.reason.value if isinstance(answer.outcome, Refused) else OK


def _answers(response: replica_pb2.ExecuteResponse, count: int) -> list[Executed]:
    try:
        answers = [Executed(*decode_outcome(outcome)) for outcome in response.outcomes]
    except ValueError as error:
        raise OutcomeUnknown(f"an answer that cannot be read: {error}") from error
    if len(answers) != count:
        raise OutcomeUnknown(f"{len(answers)} outcomes for {count} commands")
    return answers
