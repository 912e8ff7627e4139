"""Linearizable reads without a log entry (Raft thesis, section 6.4, "ReadIndex").

A reader needs an index that covers every write that was acknowledged before it asked. The leader's commit index is one,
under two conditions. The leader has committed an entry of its own term; before, it may not know what its predecessors
committed. And it still led after the reader asked; a majority confirms that by echoing the leader's term in a round
that began afterwards. One round serves all readers that wait. No clock is trusted: there is no lease.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from quitanda.errors import NotLeader, Overloaded, QuitandaError, Unavailable
from quitanda_replica.raft import codec
from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.proposals import renewed


class ReadWaiter:
    """One reader that waits for its index."""

    __slots__ = ("_future", "abandoned")

    def __init__(self) -> None:
        self.abandoned = False
        """The reader has given up."""
        self._future: Future[int] = Future()

    def result(self, timeout: float) -> int:
        """Return the index, once the state up to it is durable here. Raises NotLeader, Unavailable."""
        try:
            return self._future.result(timeout)
        except TimeoutError:
            self.abandoned = True
            raise Unavailable(f"no majority confirmed the leader within {timeout:g} s") from None

    def done(self) -> bool:
        """Return whether `result` returns or raises at once."""
        return self._future.done()

    def complete(self, index: int) -> None:
        """Let the reader read. The raft thread calls this or `fail`, once."""
        self._future.set_result(index)

    def fail(self, error: QuitandaError) -> None:
        """Give the reader an error, which must belong to this reader alone (`renewed`)."""
        self._future.set_exception(error)


class ReadIndex:
    """The leader's side. `request` is for any thread, everything else is for the raft thread."""

    def __init__(self, options: RaftOptions, wake: Callable[[], None]) -> None:
        """`wake` ends the raft thread's wait for messages."""
        self._options = options
        self._wake = wake
        self._lock = threading.Lock()
        self._rejection: QuitandaError | None = NotLeader("")
        self._queued: list[ReadWaiter] = []
        """They asked after the running round began."""
        self._confirming: list[ReadWaiter] = []
        """They wait for the running round."""
        self._applying: list[tuple[int, list[ReadWaiter]]] = []
        """They are confirmed, and wait until the state reaches the index."""
        self._round = 0
        self._send_again_at = 0.0
        self._round_index = 0
        self._echoes: set[str] = set()

    def request(self) -> ReadWaiter:
        """Begin to wait. Raises NotLeader, Unavailable, Overloaded."""
        waiter = ReadWaiter()
        with self._lock:
            if self._rejection is not None:
                raise renewed(self._rejection)
            if len(self._queued) >= self._options.pending_reads_max:
                raise Overloaded(f"{len(self._queued)} readers wait already")
            self._queued.append(waiter)
        self._wake()
        return waiter

    def accept(self) -> None:
        """Accept readers from now on."""
        with self._lock:
            self._rejection = None

    def reject(self, rejection: QuitandaError) -> None:
        """Reject all readers that wait, and those that ask from now on."""
        with self._lock:
            self._rejection = rejection
            queued, self._queued = self._queued, []
        waiting = queued + self._confirming + [waiter for _, waiters in self._applying for waiter in waiters]
        self._confirming, self._applying = [], []
        for waiter in waiting:
            waiter.fail(renewed(rejection))

    def next_probe(self, term: int, commit_index: int, now: float) -> Message | None:
        """Return the message that begins a round, or None where none is needed or one runs.

        Only a leader whose commit index is of its own term calls this. A round without an answer for a heartbeat is
        sent again, because its messages may have been lost with a connection.
        """
        if self._confirming and now < self._send_again_at:
            return None
        self._confirming = [waiter for waiter in self._confirming if not waiter.abandoned]
        if not self._confirming and not self._begin_round(commit_index):
            return None
        self._send_again_at = now + self._options.heartbeat_seconds
        self._check_majority()
        return {"type": codec.READ_PROBE, "term": term, "round": self._round}

    def on_echo(self, peer: str, read_round: int) -> None:
        """Note that `peer` has confirmed the term in the round."""
        if read_round == self._round and self._confirming:
            self._echoes.add(peer)
            self._check_majority()

    def release(self, durable_index: int) -> None:
        """Let the readers read whose index is reached: the state up to `durable_index` is durable."""
        while self._applying and self._applying[0][0] <= durable_index:
            _, waiters = self._applying.pop(0)
            for waiter in waiters:
                waiter.complete(durable_index)

    def _begin_round(self, commit_index: int) -> bool:
        with self._lock:
            queued, self._queued = self._queued, []
        self._confirming = [waiter for waiter in queued if not waiter.abandoned]
        if not self._confirming:
            return False
        self._round += 1
        self._round_index = commit_index
        self._echoes = {self._options.name}
        return True

    def _check_majority(self) -> None:
        if len(self._echoes) >= self._options.majority:
            self._applying.append((self._round_index, self._confirming))
            self._confirming = []
