"""What leaves for the peers: PySyncObj's messages wait here for the disk, and each peer has a window for entries."""

from collections import deque
from collections.abc import Callable
from typing import Final

from pysyncobj.node import Node
from pysyncobj.transport import Transport

from quitanda_replica.distribution import SECONDS, Distribution
from quitanda_replica.raft import codec
from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.message_filter import stamp_reply

STAMPED_TYPES: Final = frozenset({codec.APPEND_REPLY, codec.VOTE})
"""The receiver counts these unless they come from a learner. So they say the term and whether the sender is a voter."""
MESSAGES_IN_FLIGHT: Final = 4


class DurableTransport(Transport):
    """Keeps PySyncObj's messages until what they promise is durable. The loop empties it at the right moments.

    Only `append_entries` may leave before the leader's own disk has answered (Raft thesis, section 10.2.1): they
    promise nothing about the sender, which counts itself only in the next step, after its own commit.
    """

    def __init__(self, reply_context: Callable[[], tuple[int, bool]]) -> None:
        """`reply_context` returns the term and whether this replica is a voter."""
        super().__init__(None, None, ())
        self._reply_context = reply_context
        self._before_commit: list[tuple[str, Message]] = []
        self._after_commit: list[tuple[str, Message]] = []

    def send(self, node: Node, message: Message) -> bool:
        """Take a message of PySyncObj, or one in its place. As far as the caller is told, it never fails."""
        if message["type"] == codec.APPEND_ENTRIES:
            self._before_commit.append((str(node.id), message))
            return True
        if message["type"] in STAMPED_TYPES:
            term, voting = self._reply_context()
            message = stamp_reply(term, message, voting=voting)
        self.send_after_commit(str(node.id), message)
        return True

    def send_after_commit(self, peer: str, message: Message) -> None:
        """Take a message that must not leave before what is staged now is durable."""
        self._after_commit.append((peer, message))

    def take_before_commit(self) -> list[tuple[str, Message]]:
        """Return, and forget, what may leave before the commit."""
        messages, self._before_commit = self._before_commit, []
        return messages

    def take_after_commit(self) -> list[tuple[str, Message]]:
        """Return, and forget, what may leave only after the commit."""
        messages, self._after_commit = self._after_commit, []
        return messages

    def deliver(self, node: Node, message: Message) -> None:
        """Hand PySyncObj a message that the filter lets through."""
        self._onMessageReceived(node, message)

    def connected(self, node: Node) -> None:
        """Tell PySyncObj that a peer can be reached."""
        self._onNodeConnected(node)

    def disconnected(self, node: Node) -> None:
        """Tell PySyncObj that a peer cannot be reached any more."""
        self._onNodeDisconnected(node)


class SendWindow:
    """The messages with entries to one peer that are not acknowledged yet, in one term.

    PySyncObj sends a follower everything that it lacks at once. After an absence that is the whole log: the leader
    would hold it a second time as messages, and send no heartbeats while it encrypts them.
    """

    def __init__(self) -> None:
        self._term = 0
        self._in_flight: deque[int] = deque()
        """The last index of each."""
        self._timed: tuple[int, float] | None = None
        """The message whose round trip is measured: its last index, and when it was sent."""
        self.round_trip_seconds = Distribution(SECONDS)
        """From sending entries until the peer has them on its disk; one message at a time is measured."""

    def has_room(self, term: int) -> bool:
        """Return whether one more message may leave; what was sent in another term is forgotten."""
        if term != self._term:
            self._term = term
            self._in_flight.clear()
        return len(self._in_flight) < MESSAGES_IN_FLIGHT

    def note_sent(self, last_index: int, now: float) -> None:
        """Note a message with entries up to `last_index`."""
        if not self._in_flight:
            self._timed = None
        self._in_flight.append(last_index)
        self._timed = self._timed or (last_index, now)

    def acknowledge(self, index: int, now: float) -> None:
        """Note that the peer has everything up to `index`."""
        if self._timed is not None and self._in_flight and self._timed[0] <= index:
            self.round_trip_seconds.observe(now - self._timed[1])
            self._timed = None
        while self._in_flight and self._in_flight[0] <= index:
            self._in_flight.popleft()

    def reset(self) -> None:
        """Forget what is in flight: it was lost with its connection, or the peer will ignore it behind a gap."""
        self._in_flight.clear()
