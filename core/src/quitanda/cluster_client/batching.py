"""Gathers what callers ask at the same time into few calls.

What comes while fewer than `calls` calls are in flight goes at once; what comes later waits in a bounded
queue and goes together with the next call. Nothing joins a call that was sent before: a read's call
starts after the read was asked for, which linearizability needs.

Each caller keeps its own deadline and may leave at any time; a caller that left is not sent again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog

from quitanda.errors import OutcomeUnknown, Overloaded, QuitandaError, Unavailable

Question = TypeVar("Question")
Answer = TypeVar("Answer")

LAST_TRY: Final = 0.05
"""Seconds before its deadline after which a question that certainly did not take effect is not sent again:
its answer would hardly come in time, and a definite "no" would become an unknown."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much waits and goes together: `weight` is in whatever unit the callers give."""

    calls: int
    queued: int
    count_per_call: int
    weight_per_call: int


class Waiter(Generic[Question, Answer]):
    """A caller that waits for its answer.

    `on_its_way` is true while a call that holds the question is in flight or was lost: until a definite
    failure says otherwise, the question may have taken effect.
    """

    __slots__ = ("_future", "_lost", "_sent", "deadline", "on_its_way", "question", "weight")

    def __init__(self, question: Question, weight: int, deadline: float, future: asyncio.Future[Answer]) -> None:
        self.question: Final = question
        self.weight: Final = weight
        self.deadline: Final = deadline
        self.on_its_way = False
        self._lost = False
        self._sent = False
        self._future = future

    @property
    def waits(self) -> bool:
        """Whether somebody still waits for the answer."""
        return not self._future.done()

    @property
    def send_by(self) -> float:
        """Until when sending the question is worth while."""
        return self.deadline - LAST_TRY if self._sent and not self.on_its_way else self.deadline

    def sent(self) -> None:
        """Take note that a call with the question starts."""
        self.on_its_way = self._sent = True

    def came_back(self, error: QuitandaError) -> None:
        """Take note that the call failed."""
        self._lost = self._lost or not error.definite
        self.on_its_way = self._lost

    def answer(self, answer: Answer) -> None:
        """Give the caller its answer."""
        if self.waits:
            self._future.set_result(answer)

    def fail(self, error: QuitandaError) -> None:
        """Give the caller the error, or OutcomeUnknown where the question may have taken effect."""
        if self.waits:
            unknown = self.on_its_way and error.definite
            self._future.set_exception(OutcomeUnknown(f"sent, then: {error}") if unknown else error)


class Coalescer(Generic[Question, Answer]):
    """A bounded queue in front of `send`, which answers or fails every waiter that it is given."""

    def __init__(self, bounds: Bounds, send: Callable[[Sequence[Waiter[Question, Answer]]], Awaitable[None]]) -> None:
        self._bounds = bounds
        self._send = send
        self._queue: dict[Waiter[Question, Answer], None] = {}
        self._calls: dict[asyncio.Task[None], Sequence[Waiter[Question, Answer]]] = {}
        self._scheduled = False
        self._closed = False

    async def ask(self, question: Question, weight: int, timeout: float) -> Answer:
        """Wait for the answer, at most `timeout` seconds.

        Raises Overloaded at once where the queue is full, and what `send` fails the waiter with;
        when the time is over Unavailable, or OutcomeUnknown if the question may have taken effect.
        """
        if self._closed:
            raise Unavailable("closed")
        if len(self._queue) >= self._bounds.queued:
            raise Overloaded(f"{self._bounds.queued} requests wait already")
        loop = asyncio.get_running_loop()
        waiter = Waiter[Question, Answer](question, weight, loop.time() + timeout, loop.create_future())
        timer = loop.call_at(waiter.deadline, waiter.fail, Unavailable(f"no answer within {timeout:.3g} s"))
        self._queue[waiter] = None
        self._schedule()
        try:
            return await waiter._future  # noqa: SLF001 - the waiter's other half
        finally:
            timer.cancel()
            self._queue.pop(waiter, None)

    async def close(self) -> None:
        """End the calls; whoever waits gets Unavailable, or OutcomeUnknown as in `ask`."""
        self._closed = True
        calls = dict(self._calls)
        for call in calls:
            call.cancel()
        for waiters in (*calls.values(), list(self._queue)):
            for waiter in waiters:
                waiter.fail(Unavailable("closed"))
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
            call = asyncio.create_task(self._call(batch))
            self._calls[call] = batch
            call.add_done_callback(self._ended)

    def _next_batch(self) -> Sequence[Waiter[Question, Answer]]:
        """Take from the queue, oldest first, what fits into one call, and at least one."""
        batch: list[Waiter[Question, Answer]] = []
        weight = 0
        for waiter in self._queue:
            weight += waiter.weight
            if batch and (weight > self._bounds.weight_per_call or len(batch) >= self._bounds.count_per_call):
                break
            batch.append(waiter)
        for waiter in batch:
            del self._queue[waiter]
        return batch

    async def _call(self, batch: Sequence[Waiter[Question, Answer]]) -> None:
        try:
            await self._send([waiter for waiter in batch if waiter.waits])
        except Exception:  # noqa: BLE001 - the edge of a task: nobody else would hear of it
            # A defect of ours must not leave callers waiting until their deadlines.
            _log.exception("call_failed_unexpectedly", waiters=len(batch))
            for waiter in batch:
                waiter.fail(OutcomeUnknown("internal failure"))

    def _ended(self, call: asyncio.Task[None]) -> None:
        del self._calls[call]
        if self._queue:
            self._schedule()


def waiting(batch: Sequence[Waiter[Question, Answer]]) -> list[Waiter[Question, Answer]]:
    """Give those of the batch who still wait."""
    return [waiter for waiter in batch if waiter.waits]


def last_deadline(batch: Sequence[Waiter[Question, Answer]]) -> float:
    """Tell until when sending is worth while for some (event loop's seconds); long ago where nobody waits."""
    return max((waiter.send_by for waiter in batch if waiter.waits), default=0.0)
