"""PySyncObj's way out: what it sends waits here until what it promises is durable.

`append_entries` alone may leave before the own disk has answered (Raft thesis, section 10.2.1): they promise nothing
about the sender, who counts itself only in the next round, behind its own commit.
"""

from collections.abc import Callable
from typing import Final

from pysyncobj.node import Node
from pysyncobj.transport import Transport

from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.message_filter import complete_reply

COUNTED: Final = frozenset({"next_node_idx", "response_vote"})
"""What the receiver counts, unless it comes from a replica that may not vote."""


class DurableTransport(Transport):
    """An outbox; the round empties it at the right moments."""

    def __init__(self, standing: Callable[[], tuple[int, bool]]) -> None:
        super().__init__(None, None, ())
        self._standing = standing
        self._early: list[tuple[str, Message]] = []
        self._late: list[tuple[str, Message]] = []

    def send(self, node: Node, message: Message) -> bool:
        """Take a message of PySyncObj's, or one in its place; it never fails as far as the caller is told."""
        if message["type"] == "append_entries":
            self._early.append((str(node.id), message))
            return True
        if message["type"] in COUNTED:
            term, voting = self._standing()
            message = complete_reply(term, message, voting=voting)
        self.promise(str(node.id), message)
        return True

    def promise(self, peer: str, message: Message) -> None:
        """Take a message that must not leave before what is staged now is durable."""
        self._late.append((peer, message))

    def take_early(self) -> list[tuple[str, Message]]:
        """Return, and forget, what may leave before the commit."""
        early, self._early = self._early, []
        return early

    def take_late(self) -> list[tuple[str, Message]]:
        """Return, and forget, what may leave only behind the commit."""
        late, self._late = self._late, []
        return late

    def deliver(self, node: Node, message: Message) -> None:
        """Hand PySyncObj a message that has been admitted."""
        self._onMessageReceived(node, message)

    def connected(self, node: Node) -> None:
        """Tell PySyncObj that a peer can be reached."""
        self._onNodeConnected(node)

    def disconnected(self, node: Node) -> None:
        """Tell PySyncObj that a peer cannot be reached any more."""
        self._onNodeDisconnected(node)
