"""Callers that wait for the raft thread and can neither hang nor be told a wrong thing.

A submission is queued, then appended to the log, then settled. Until it is appended it can be withdrawn, so a caller
that gives up then knows that nothing happened; afterwards the truth is "unknown".
"""

import threading
from collections import deque
from collections.abc import Callable

from quitanda.errors import NotLeader, OutcomeUnknown, Overloaded, QuitandaError, Unavailable
from quitanda_replica.raft.options import RaftOptions


class Proposal:
    """A command on its way through the log. The submitting thread waits in `result`."""

    __slots__ = ("_answer", "_error", "_queue", "_settled", "payload")

    def __init__(self, payload: bytes, queue: "ProposalQueue") -> None:
        self.payload = payload
        self._queue = queue
        self._settled = threading.Event()
        self._answer = b""
        self._error: QuitandaError | None = None

    def result(self, timeout: float) -> bytes:
        """Return the state machine's answer, once it is durable on a majority and applied and durable here.

        Raises NotLeader, Unavailable: it did not and will not happen. OutcomeUnknown: it may or may not happen.
        """
        if not self._settled.wait(timeout) and self._queue.withdraw(self):
            raise Unavailable(f"the command could not be begun within {timeout:g} s")
        if not self._settled.is_set():
            raise OutcomeUnknown(f"no majority confirmed the command within {timeout:g} s")
        if self._error is not None:
            raise self._error
        return self._answer

    @property
    def settled(self) -> bool:
        """True once `result` returns or raises at once."""
        return self._settled.is_set()

    def answer(self, answer: bytes) -> None:
        """Settle with the state machine's answer; the raft thread's."""
        self._answer = answer
        self._settled.set()

    def fail(self, error: QuitandaError) -> None:
        """Settle with an error; the raft thread's."""
        self._error = error
        self._settled.set()


class ProposalQueue:
    """Submissions that are not appended yet, and the bounds on all that are not settled.

    `offer` and `withdraw` are for any thread, everything else for the raft thread.
    """

    def __init__(self, options: RaftOptions, wake: Callable[[], None]) -> None:
        self._options = options
        self._wake = wake
        self._lock = threading.Lock()
        self._queued: deque[Proposal] = deque()
        self._pending = 0
        self._pending_bytes = 0
        self._refusal: QuitandaError | None = NotLeader("")

    def offer(self, payload: bytes) -> Proposal:
        """Queue a command. Raises NotLeader, Unavailable, Overloaded; ValueError where it is too long for an entry."""
        if len(payload) > self._options.entry_bytes_max:
            raise ValueError(f"a command of {len(payload)} bytes is longer than {self._options.entry_bytes_max}")
        submission = Proposal(payload, self)
        with self._lock:
            if self._refusal is not None:
                raise renewed(self._refusal)
            if self._pending >= self._options.pending_submissions_max:
                raise Overloaded(f"{self._pending} commands wait already")
            if self._pending_bytes + len(payload) > self._options.pending_bytes_max:
                raise Overloaded(f"{self._pending_bytes} bytes of commands wait already")
            self._pending += 1
            self._pending_bytes += len(payload)
            self._queued.append(submission)
        self._wake()
        return submission

    def withdraw(self, submission: Proposal) -> bool:
        """Take back a submission that is not appended yet; False where it is too late for that."""
        with self._lock:
            if submission not in self._queued:
                return False
            self._queued.remove(submission)
            self._forget(submission)
        return True

    def take(self) -> Proposal | None:
        """Return the next submission to append, or None."""
        with self._lock:
            return self._queued.popleft() if self._queued else None

    def release(self, submission: Proposal) -> None:
        """Make room: `submission`, which had been taken, is settled."""
        with self._lock:
            self._forget(submission)

    def open(self) -> None:
        """Take submissions from now on."""
        with self._lock:
            self._refusal = None

    def refuse(self, refusal: QuitandaError) -> None:
        """Refuse submissions from now on, those in the queue too; `refusal` must be a definite one."""
        with self._lock:
            self._refusal = refusal
            refused, self._queued = self._queued, deque()
            for submission in refused:
                self._forget(submission)
        for submission in refused:
            submission.fail(renewed(refusal))

    @property
    def empty(self) -> bool:
        """True if nothing waits to be appended."""
        return not self._queued

    def _forget(self, submission: Proposal) -> None:
        self._pending -= 1
        self._pending_bytes -= len(submission.payload)


def renewed(error: QuitandaError) -> QuitandaError:
    """Return a fresh copy: an exception that several threads raise would collect all their tracebacks."""
    return NotLeader(error.leader) if isinstance(error, NotLeader) else type(error)(*error.args)
