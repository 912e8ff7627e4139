"""How much may be under way to a peer before it has acknowledged something.

PySyncObj sends a follower everything it lacks at once. After an absence that is the whole log: the leader would hold it
a second time as messages, and send no heartbeats while it seals them.
"""

from collections import deque
from typing import Final

MESSAGES_UNDER_WAY: Final = 4


class SendWindow:
    """The messages with entries to one peer that are not acknowledged yet, in one term."""

    def __init__(self) -> None:
        self._term = 0
        self._under_way: deque[int] = deque()
        """The last index of each."""

    def has_room(self, term: int) -> bool:
        """One more message may leave; what was sent in another term is forgotten."""
        if term != self._term:
            self._term = term
            self._under_way.clear()
        return len(self._under_way) < MESSAGES_UNDER_WAY

    def sent(self, last_index: int) -> None:
        """Note a message with entries up to `last_index`."""
        self._under_way.append(last_index)

    def acknowledged(self, index: int) -> None:
        """Note that everything up to `index` has arrived."""
        while self._under_way and self._under_way[0] <= index:
            self._under_way.popleft()

    def reset(self) -> None:
        """Forget what is under way: it was lost with its connection, or comes behind a gap."""
        self._under_way.clear()
