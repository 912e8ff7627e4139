"""Commands on their way through the log. Every caller gets a truthful answer by its deadline.

A proposal is queued, then appended to the log, then completed. Until the leader appends it, the caller can withdraw it:
a caller that gives up then knows that nothing happened. Afterwards the truth is "unknown".
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from quitanda.errors import NotLeader, OutcomeUnknown, Overloaded, QuitandaError, Unavailable
from quitanda_replica.raft.options import RaftOptions

if TYPE_CHECKING:  # it loads OpenTelemetry
    from quitanda_replica.command_spans import EntrySpans


class Proposal:
    """A command that one thread has submitted. That thread waits in `result`; the raft thread completes it."""

    __slots__ = ("_future", "_queue", "payload", "spans")

    def __init__(self, payload: bytes, queue: "ProposalQueue", spans: "EntrySpans | None") -> None:
        self.payload = payload
        self.spans = spans
        self._queue = queue
        self._future: Future[bytes] = Future()

    def result(self, timeout: float) -> bytes:
        """Return the state machine's answer, once a majority has the entry and its effects are durable here.

        Raises NotLeader, Unavailable: the command did not happen and will not. OutcomeUnknown: it may or may not
        happen.
        """
        try:
            return self._future.result(timeout)
        except TimeoutError:
            if self._queue.withdraw(self):
                raise Unavailable(f"the command could not be begun within {timeout:g} s") from None
            if not self._future.done():
                raise OutcomeUnknown(f"no majority confirmed the command within {timeout:g} s") from None
        return self._future.result()  # completed between the deadline and the withdrawal

    def done(self) -> bool:
        """Return whether `result` returns or raises at once."""
        return self._future.done()

    def complete(self, answer: bytes) -> None:
        """Give the caller the state machine's answer. The raft thread calls this or `fail`, once."""
        self._future.set_result(answer)

    def fail(self, error: QuitandaError) -> None:
        """Give the caller an error, which must belong to this caller alone (`renewed`)."""
        self._future.set_exception(error)


class ProposalQueue:
    """Proposals that are not appended yet, and the bounds on all that are not completed.

    `submit` and `withdraw` are for any thread, everything else is for the raft thread.
    """

    def __init__(self, options: RaftOptions, wake: Callable[[], None]) -> None:
        """`wake` ends the raft thread's wait for messages."""
        self._options = options
        self._wake = wake
        self._lock = threading.Lock()
        self._queued: deque[Proposal] = deque()
        self._pending = 0
        self._pending_bytes = 0
        self._rejection: QuitandaError | None = NotLeader("")
        self.overloaded = 0
        """How many proposals were rejected since the start, as too many waited; for any thread."""

    def submit(self, payload: bytes, spans: "EntrySpans | None" = None) -> Proposal:
        """Queue a command; `spans` are told what becomes of it, where it is traced.

        Raises NotLeader, Unavailable, Overloaded: it did not happen. ValueError where it is too long for an entry.
        """
        if len(payload) > self._options.entry_bytes_max:
            raise ValueError(f"a command of {len(payload)} bytes is longer than {self._options.entry_bytes_max}")
        proposal = Proposal(payload, self, spans)
        with self._lock:
            if self._rejection is not None:
                raise renewed(self._rejection)
            if self._pending >= self._options.pending_proposals_max:
                self.overloaded += 1
                raise Overloaded(f"{self._pending} commands wait already")
            if self._pending_bytes + len(payload) > self._options.pending_bytes_max:
                self.overloaded += 1
                raise Overloaded(f"{self._pending_bytes} bytes of commands wait already")
            self._pending += 1
            self._pending_bytes += len(payload)
            self._queued.append(proposal)
        self._wake()
        return proposal

    def withdraw(self, proposal: Proposal) -> bool:
        """Take back a proposal that is not appended yet; return False where it is too late for that."""
        with self._lock:
            if proposal not in self._queued:
                return False
            self._queued.remove(proposal)
            self._make_room(proposal)
        return True

    def take(self) -> Proposal | None:
        """Return the next proposal to append, or None."""
        with self._lock:
            return self._queued.popleft() if self._queued else None

    def release(self, proposal: Proposal) -> None:
        """Make room: `proposal`, which was taken, is completed."""
        with self._lock:
            self._make_room(proposal)

    def accept(self) -> None:
        """Accept proposals from now on."""
        with self._lock:
            self._rejection = None

    def reject(self, rejection: QuitandaError) -> None:
        """Reject proposals from now on, and those in the queue; `rejection` must be a definite error."""
        with self._lock:
            self._rejection = rejection
            rejected, self._queued = self._queued, deque()
            for proposal in rejected:
                self._make_room(proposal)
        for proposal in rejected:
            proposal.fail(renewed(rejection))

    @property
    def queued(self) -> int:
        """How many proposals wait to be appended; for any thread."""
        return len(self._queued)

    @property
    def pending(self) -> int:
        """How many proposals are not answered yet, the queued ones included; for any thread."""
        return self._pending

    @property
    def empty(self) -> bool:
        """True if no proposal waits to be appended."""
        return not self._queued

    def _make_room(self, proposal: Proposal) -> None:
        self._pending -= 1
        self._pending_bytes -= len(proposal.payload)


class PendingProposals:
    """The leader's proposals between the moment when they are in its log and their answer. The raft thread owns it."""

    def __init__(self, queue: ProposalQueue, options: RaftOptions) -> None:
        self._queue = queue
        self._options = options
        self._bytes = 0
        self._answers: list[tuple[Proposal, bytes]] = []
        self.by_index: dict[int, tuple[int, Proposal]] = {}
        """By the entry's index: the term in which it was appended, and the proposal."""

    @property
    def has_room(self) -> bool:
        """True if one more may be appended: what is committed together is applied in one step, which must be short."""
        room = self._options.pipeline_bytes_max - self._bytes
        return not self.by_index or (room > 0 and len(self.by_index) < self._options.pipeline_entries_max)

    def appended(self, index: int, term: int, proposal: Proposal) -> None:
        """Note that the entry `index` of `term` holds the proposal."""
        self.by_index[index] = term, proposal
        self._bytes += len(proposal.payload)
        if proposal.spans is not None:
            proposal.spans.appended()

    def spans_of(self, index: int, term: int) -> "EntrySpans | None":
        """Give the spans of the entry `index` of `term`; None where it is not traced, or was not proposed here."""
        appended_in, proposal = self.by_index.get(index, (0, None))
        return None if proposal is None or appended_in != term else proposal.spans

    def applied(self, index: int, term: int, answer: bytes) -> None:
        """Keep the answer of the entry `index`, which is of `term`, for the caller who proposed that very entry."""
        appended_in, proposal = self.by_index.pop(index, (0, None))
        if proposal is None:
            return
        self._bytes -= len(proposal.payload)
        if appended_in == term:
            self._answers.append((proposal, answer))
        else:
            self._lose(proposal)

    def answer(self) -> None:
        """Give the callers the kept answers, as what was applied is durable now."""
        answers, self._answers = self._answers, []
        for proposal, answer in answers:
            proposal.complete(answer)
            self._queue.release(proposal)

    def lose_all(self) -> None:
        """Tell the callers that the outcome is unknown: the leadership ended, and a later leader may still commit."""
        pending, self.by_index, self._bytes = self.by_index, {}, 0
        for _, proposal in pending.values():
            self._lose(proposal)

    def _lose(self, proposal: Proposal) -> None:
        proposal.fail(OutcomeUnknown("the leadership ended before the command was confirmed"))
        self._queue.release(proposal)


def renewed(error: QuitandaError) -> QuitandaError:
    """Return a copy of `error`: one exception that several threads raise would collect all their tracebacks."""
    return NotLeader(error.leader) if isinstance(error, NotLeader) else type(error)(*error.args)
