"""Who has connected and not proved yet who it is: how many may wait, and who must go when one more comes.

A replica says its greeting as soon as it is connected, and proves itself as soon as it is greeted. Those that have not
greeted and those that have compete among each other only: a crowd that says nothing pushes out nobody who has greeted,
and one that greets pushes out nobody who has just come. Of those that have greeted, one from the address with the most
goes first: replicas on machines of their own share no address with a crowd. Where all share one (one machine, or one
gateway), the oldest goes, which has had the most time to prove itself.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

SILENT_MAX: Final = 128
"""Connections that have sent no complete greeting."""
GREETED_MAX: Final = 128
"""So many that, with 500 greetings in a second, each has a quarter of a second to prove itself; a replica needs no more
for that than one answer of the other side. Each costs a descriptor and a few kilobytes."""
STRANGERS_MAX: Final = SILENT_MAX + GREETED_MAX

C = TypeVar("C")


class UnauthenticatedConnections(Generic[C]):
    """The connections that wait, the oldest first, each with the address that it comes from."""

    def __init__(self) -> None:
        self._silent: dict[C, str] = {}
        self._greeted: dict[C, str] = {}
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._silent) + len(self._greeted)

    def __iter__(self) -> Iterator[C]:
        return iter([*self._silent, *self._greeted])

    def add(self, connection: C, address: str) -> C | None:
        """Let one more wait, that has said nothing yet; return the one that must go for it."""
        crowded_out = next(iter(self._silent)) if len(self._silent) >= SILENT_MAX else None
        self._silent[connection] = address
        return crowded_out

    def greeted(self, connection: C) -> C | None:
        """Note that the connection, if it waits, has sent a complete greeting; return the one that must go for it."""
        if (address := self._silent.pop(connection, None)) is None:
            return None
        crowded_out = self._oldest_of_the_crowd() if len(self._greeted) >= GREETED_MAX else None
        self._greeted[connection] = address
        self._by_address[address] += 1
        return crowded_out

    def discard(self, connection: C) -> None:
        """Forget the connection; it may be none of these."""
        self._silent.pop(connection, None)
        if (address := self._greeted.pop(connection, None)) is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _oldest_of_the_crowd(self) -> C:
        crowd, _ = self._by_address.most_common(1)[0]
        return next(connection for connection, address in self._greeted.items() if address == crowd)
