"""Linearizable reads without a log entry (Raft thesis, section 6.4, "ReadIndex").

A reader needs an index that covers every write acknowledged before it asked. The leader's commit index is one, if the
leader has committed an entry of its own term (otherwise it may not know yet what its predecessors committed) and if
it still led after the reader asked, which a majority confirms by echoing the leader's term in a round that
began afterwards. One round serves everybody who waits. No clock is trusted: there is no lease.
"""

import threading
from collections.abc import Callable

from quitanda.errors import NotLeader, Overloaded, QuitandaError, Unavailable
from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.proposal import renewed


class ReadWaiter:
    """One reader that waits for its index."""

    __slots__ = ("_error", "_index", "_settled", "abandoned")

    def __init__(self) -> None:
        self.abandoned = False
        self._settled = threading.Event()
        self._index = 0
        self._error: QuitandaError | None = None

    def result(self, timeout: float) -> int:
        """Return the index, once the state up to it is durable here. Raises NotLeader, Unavailable."""
        if not self._settled.wait(timeout):
            self.abandoned = True
            raise Unavailable(f"no majority confirmed the leader within {timeout:g} s")
        if self._error is not None:
            raise self._error
        return self._index

    @property
    def settled(self) -> bool:
        """True once `result` returns or raises at once."""
        return self._settled.is_set()

    def settle(self, index: int) -> None:
        """Let the reader go on."""
        self._index = index
        self._settled.set()

    def fail(self, error: QuitandaError) -> None:
        """Let the reader go away."""
        self._error = error
        self._settled.set()


class ReadIndex:
    """The leader's side. `ask` is for any thread, everything else for the raft thread."""

    def __init__(self, options: RaftOptions, wake: Callable[[], None]) -> None:
        self._options = options
        self._wake = wake
        self._lock = threading.Lock()
        self._refusal: QuitandaError | None = NotLeader("")
        self._asking: list[ReadWaiter] = []
        """Came after the running round began."""
        self._confirming: list[ReadWaiter] = []
        """Wait for the running round."""
        self._applying: list[tuple[int, list[ReadWaiter]]] = []
        """Confirmed; wait for the state to reach the index."""
        self._round = 0
        self._send_again_at = 0.0
        self._round_index = 0
        self._echoes: set[str] = set()

    def ask(self) -> ReadWaiter:
        """Begin to wait. Raises NotLeader, Unavailable, Overloaded."""
        waiter = ReadWaiter()
        with self._lock:
            if self._refusal is not None:
                raise renewed(self._refusal)
            if len(self._asking) >= self._options.pending_reads_max:
                raise Overloaded(f"{len(self._asking)} readers wait already")
            self._asking.append(waiter)
        self._wake()
        return waiter

    def open(self) -> None:
        """Take readers from now on."""
        with self._lock:
            self._refusal = None

    def refuse(self, refusal: QuitandaError) -> None:
        """Send away everybody who waits, and who asks from now on."""
        with self._lock:
            self._refusal = refusal
            asking, self._asking = self._asking, []
        waiting = asking + self._confirming + [waiter for _, waiters in self._applying for waiter in waiters]
        self._confirming, self._applying = [], []
        for waiter in waiting:
            waiter.fail(renewed(refusal))

    def probe(self, term: int, commit_index: int, now: float) -> Message | None:
        """Return the message that begins a round, or None where none is needed or one runs.

        To be called by a leader whose commit index is of its own term. A round that stays unanswered for a heartbeat
        is sent again, because its messages may have been lost with a connection.
        """
        if self._confirming and now < self._send_again_at:
            return None
        self._confirming = [waiter for waiter in self._confirming if not waiter.abandoned]
        if not self._confirming and not self._begin_round(commit_index):
            return None
        self._send_again_at = now + self._options.heartbeat_seconds
        self._check_majority()
        return {"type": "read_probe", "term": term, "round": self._round}

    def echoed(self, peer: str, read_round: int) -> None:
        """Note that `peer` has confirmed the term in the round."""
        if read_round == self._round and self._confirming:
            self._echoes.add(peer)
            self._check_majority()

    def settle(self, durable_index: int) -> None:
        """Let those go on whose index is reached: the state up to `durable_index` is durable."""
        while self._applying and self._applying[0][0] <= durable_index:
            _, waiters = self._applying.pop(0)
            for waiter in waiters:
                waiter.settle(durable_index)

    def _begin_round(self, commit_index: int) -> bool:
        with self._lock:
            asking, self._asking = self._asking, []
        self._confirming = [waiter for waiter in asking if not waiter.abandoned]
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
