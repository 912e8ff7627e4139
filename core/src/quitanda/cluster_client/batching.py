"""Puts requests that come at the same time into few calls.

Up to `calls` batches are in flight; further requests wait in a bounded queue and form the next batch. Nothing joins a
batch that was sent before: a read's call starts after the read was asked for, which linearizability needs.

Each request keeps its own deadline. A request whose caller has left is not sent again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog

from quitanda.errors import OutcomeUnknown, Overloaded, QuitandaError, Unavailable
from quitanda.runtime import tracing
from quitanda.runtime.adaptive_limit import LatencyEstimate

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

RESEND_CUTOFF: Final = 0.05
"""Seconds before its deadline after which a request that certainly did not take effect is not sent again:
its answer would hardly come in time, and a definite "no" would become an unknown."""

SEND_MARGIN_SHARE: Final = 0.5
"""The part of a request's time that the expected time of a call may take away at most: however slow calls were, who
asks with its whole time left is served."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBounds:
    """How much waits, and how much is in one batch: `weight` is in whatever unit the callers give."""

    calls: int
    queued: int
    count_per_call: int
    weight_per_call: int


class PendingRequest(Generic[Asked, Answer]):
    """A request whose caller waits for the answer.

    `maybe_applied` is true while a call that holds the request is in flight or was lost: until a definite failure says
    otherwise, the request may have taken effect.
    """

    __slots__ = ("_future", "_lost", "_margin", "attempts", "deadline", "maybe_applied", "request", "span", "weight")

    def __init__(
        self, request: Asked, weight: int, deadline: float, future: asyncio.Future[Answer], margin: float = 0.0
    ) -> None:
        """`margin` is the time that a call probably takes."""
        self.request: Final = request
        self.weight: Final = weight
        self.deadline: Final = deadline
        self.maybe_applied = False
        self._lost = False
        self._margin = margin
        self._future = future
        self.attempts = 0
        """How many calls with the request began."""
        self.span: Final = tracing.current()
        """The span of the caller's request; None where it is not traced."""

    @property
    def waits(self) -> bool:
        """Whether somebody still waits for the answer."""
        return not self._future.done()

    @property
    def send_by(self) -> float:
        """Until when sending the request is worth while."""
        if self.maybe_applied:
            return self.deadline
        return self.deadline - max(self._margin, RESEND_CUTOFF if self.attempts else 0.0)

    def sent(self) -> None:
        """Take note that a call with the request starts."""
        self.maybe_applied = True
        self.attempts += 1

    def attempt_failed(self, error: QuitandaError) -> None:
        """Take note that the call failed."""
        self._lost = self._lost or not error.definite
        self.maybe_applied = self._lost

    def answer(self, answer: Answer) -> None:
        """Give the caller its answer."""
        if self.waits:
            self._future.set_result(answer)

    def fail(self, error: QuitandaError) -> None:
        """Give the caller the error, or OutcomeUnknown where the request may have taken effect."""
        if self.waits:
            unknown = self.maybe_applied and error.definite
            self._future.set_exception(OutcomeUnknown(f"sent, then: {error}") if unknown else error)


class Batcher(Generic[Asked, Answer]):
    """A bounded queue in front of `send`, which answers or fails every pending request that it is given."""

    def __init__(
        self, bounds: BatchBounds, send: Callable[[Sequence[PendingRequest[Asked, Answer]]], Awaitable[None]]
    ) -> None:
        self._bounds = bounds
        self._send = send
        self._queue: dict[PendingRequest[Asked, Answer], None] = {}
        self._calls: dict[asyncio.Task[None], Sequence[PendingRequest[Asked, Answer]]] = {}
        self._scheduled = False
        self._closed = False
        self.latency = LatencyEstimate()
        """How long calls take that are answered; `send` may tell it."""

    async def ask(self, request: Asked, weight: int, timeout: float) -> Answer:
        """Wait for the answer, at most `timeout` seconds.

        Raises Overloaded at once where the queue is full, and before it is sent where the answer would hardly come in
        time; and what `send` fails the pending with;
        when the time is over Unavailable, or OutcomeUnknown if the request may have taken effect.
        """
        if self._closed:
            raise Unavailable("closed")
        if len(self._queue) >= self._bounds.queued:
            raise Overloaded(f"{self._bounds.queued} requests wait already")
        loop = asyncio.get_running_loop()
        margin = min(self.latency.high, SEND_MARGIN_SHARE * timeout)
        future: asyncio.Future[Answer] = loop.create_future()
        pending = PendingRequest(request, weight, loop.time() + timeout, future, margin)
        timer = loop.call_at(pending.deadline, pending.fail, Unavailable(f"no answer within {timeout:.3g} s"))
        self._queue[pending] = None
        self._schedule()
        try:
            return await pending._future  # noqa: SLF001 - the pending's other half
        finally:
            timer.cancel()
            self._queue.pop(pending, None)

    async def close(self) -> None:
        """End the calls; whoever waits gets Unavailable, or OutcomeUnknown as in `ask`."""
        self._closed = True
        calls = dict(self._calls)
        for call in calls:
            call.cancel()
        for batch in (*calls.values(), list(self._queue)):
            for pending in batch:
                pending.fail(Unavailable("closed"))
        await asyncio.gather(*calls, return_exceptions=True)

    def _schedule(self) -> None:
        """Start calls once everybody who can ask in this turn of the loop has asked."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._start_calls)

    def _start_calls(self) -> None:
        self._scheduled = False
        while self._queue and len(self._calls) < self._bounds.calls and not self._closed:
            batch = self._next_batch()
            if not batch:
                continue
            call = asyncio.create_task(self._call(batch))
            self._calls[call] = batch
            call.add_done_callback(self._ended)

    def _next_batch(self) -> Sequence[PendingRequest[Asked, Answer]]:
        """Take from the queue, oldest first, what fits into one call, and fail what would hardly be answered in time.

        A definite "no" before the request is sent, so that it does not become an unknown outcome afterwards.
        """
        now = asyncio.get_running_loop().time()
        for pending in [each for each in self._queue if each.send_by <= now]:
            del self._queue[pending]
            pending.fail(Overloaded("the answer would not come in time"))
        batch: list[PendingRequest[Asked, Answer]] = []
        weight = 0
        for pending in self._queue:
            weight += pending.weight
            if batch and (weight > self._bounds.weight_per_call or len(batch) >= self._bounds.count_per_call):
                break
            batch.append(pending)
        for pending in batch:
            del self._queue[pending]
        return batch

    async def _call(self, batch: Sequence[PendingRequest[Asked, Answer]]) -> None:
        try:
            await self._send([pending for pending in batch if pending.waits])
        except Exception:  # noqa: BLE001 - the task's last resort: no caller awaits it
            # A defect of ours must not leave callers waiting until their deadlines.
            _log.exception("call_failed_unexpectedly", requests=len(batch))
            for pending in batch:
                pending.fail(OutcomeUnknown("internal failure"))

    def _ended(self, call: asyncio.Task[None]) -> None:
        del self._calls[call]
        if self._queue:
            self._schedule()


def waiting(batch: Sequence[PendingRequest[Asked, Answer]]) -> list[PendingRequest[Asked, Answer]]:
    """Give those of the batch who still wait."""
    return [pending for pending in batch if pending.waits]


def last_deadline(batch: Sequence[PendingRequest[Asked, Answer]]) -> float:
    """Tell until when sending is worth while for some request (event loop's seconds); 0 if no caller waits."""
    return max((pending.send_by for pending in batch if pending.waits), default=0.0)
