"""Connections on the Raft port: their buffers, the bounds on unauthenticated ones, the log of rejected ones."""

import logging
import math
import selectors
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from quitanda.runtime.addresses import Address, parse_address
from quitanda.runtime.listen_errors import cannot_listen
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.secure_channel import SecureChannel

WITHOUT_PREAMBLE_MAX: Final = 128
"""Connections that have sent no complete preamble."""
WITH_PREAMBLE_MAX: Final = 128
"""Connections that have sent their preamble. With 500 of them a second each has a quarter of a second to authenticate;
a replica needs no longer than one answer of the other side. Each costs a descriptor and a few kilobytes."""
UNAUTHENTICATED_MAX: Final = WITHOUT_PREAMBLE_MAX + WITH_PREAMBLE_MAX

PERIOD_SECONDS: Final = 10.0
LINES_PER_PERIOD: Final = 10

_log = logging.getLogger(__name__)

C = TypeVar("C")


class Connection:
    """A socket with its channel and the bytes that could not be sent yet."""

    def __init__(
        self,
        sock: socket.socket,
        channel: SecureChannel,
        selector: selectors.BaseSelector,
        deadline: float,
        remote_address: str = "",
    ) -> None:
        self.socket = sock
        self.selector = selector
        """It watches the socket."""
        self.remote_address = remote_address
        """The address of the other side, where that side connected."""
        self.channel = channel
        self.connecting = False
        self.deadline = deadline
        """When the connection is closed unless something arrives."""
        self.frame_deadline = math.inf
        """When the connection, once it is established, is closed unless a whole frame has arrived."""
        self.ping_at = 0.0
        self.unsent: deque[bytes | memoryview] = deque()
        self.unsent_bytes = 0

    @property
    def remote_name(self) -> str:
        """Return what people are told of the other side: its address, or the name of the peer that was meant."""
        return self.remote_address or self.channel.peer

    def queue(self, data: bytes) -> None:
        """Put `data` behind what waits to be sent."""
        self.unsent.append(data)
        self.unsent_bytes += len(data)

    def flush(self) -> None:
        """Send what the socket accepts. Raises OSError."""
        while self.unsent:
            data = self.unsent.popleft()
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                sent = 0
            self.unsent_bytes -= sent
            if sent < len(data):
                self.unsent.appendleft(memoryview(data)[sent:])
                return

    def watch(self, handle: Callable[[int], None]) -> None:
        """Begin to have the selector report events to `handle`."""
        self.selector.register(self.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, handle)

    def watch_needed(self) -> None:
        """Have the selector report only what the connection waits for now."""
        key = self.selector.get_key(self.socket)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.unsent else 0)
        if key.events != events:
            self.selector.modify(self.socket, events, key.data)

    def move_to(self, selector: selectors.BaseSelector) -> None:
        """Let another selector watch the socket from now on."""
        key = self.selector.unregister(self.socket)
        self.selector = selector
        selector.register(self.socket, key.events, key.data)


class UnauthenticatedConnections(Generic[C]):
    """Connections that are not authenticated yet, the oldest first, each with its address; decides who must go.

    A replica sends its preamble as soon as it is connected, and authenticates as soon as it has the other side's.
    Connections without a preamble compete only with each other, and so do those with one. So a crowd that sends nothing
    evicts nobody who has sent a preamble, and a crowd that sends preambles evicts nobody who has just connected. Of
    those with a preamble, one from the address with the most goes first: replicas on machines of their own share no
    address with a crowd. Where all share one address (one machine, or one gateway), the oldest goes, which has had the
    most time to authenticate.
    """

    def __init__(self) -> None:
        self._without_preamble: dict[C, str] = {}
        self._with_preamble: dict[C, str] = {}
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._without_preamble) + len(self._with_preamble)

    def __iter__(self) -> Iterator[C]:
        return iter([*self._without_preamble, *self._with_preamble])

    def add(self, connection: C, address: str) -> C | None:
        """Add a connection that has sent nothing yet. Return the one that must go for it."""
        evicted = next(iter(self._without_preamble)) if len(self._without_preamble) >= WITHOUT_PREAMBLE_MAX else None
        self._without_preamble[connection] = address
        return evicted

    def preamble_received(self, connection: C) -> C | None:
        """Note that the connection, if it is one of these, sent its preamble. Return the one that must go for it."""
        if (address := self._without_preamble.pop(connection, None)) is None:
            return None
        evicted = self._oldest_of_the_crowd() if len(self._with_preamble) >= WITH_PREAMBLE_MAX else None
        self._with_preamble[connection] = address
        self._by_address[address] += 1
        return evicted

    def discard(self, connection: C) -> None:
        """Forget the connection, whether or not it is one of these."""
        self._without_preamble.pop(connection, None)
        if (address := self._with_preamble.pop(connection, None)) is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _oldest_of_the_crowd(self) -> C:
        crowd, _ = self._by_address.most_common(1)[0]
        return next(connection for connection, address in self._with_preamble.items() if address == crowd)


class RejectedConnectionLog:
    """Logs rejected connections without letting them fill the log.

    Of those that sent a replica's preamble, the first few of each period get a line each. Of the others, and of those
    that sent none (scans, probes, crowds), the log gets a number at the end of the period.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._period_ends: float | None = None
        self._with_preamble = 0
        self._without_preamble = 0
        self._last_without_preamble = ""
        self.total = 0

    def note(self, remote: str, reason: str, *, preamble_received: bool) -> None:
        """Count a rejected connection, and maybe log it."""
        self.end_period()
        self.total += 1
        if self._period_ends is None:
            self._period_ends = self._clock() + PERIOD_SECONDS
        if not preamble_received:
            self._without_preamble += 1
            self._last_without_preamble = remote
            return
        self._with_preamble += 1
        if self._with_preamble <= LINES_PER_PERIOD:
            _log.warning("connection_rejected", extra={"remote": remote, "reason": reason})

    def end_period(self) -> None:
        """End a period that is over. Each poll calls it, so that a period also ends when all is quiet again."""
        if self._period_ends is None or self._clock() < self._period_ends:
            return
        more = max(0, self._with_preamble - LINES_PER_PERIOD)
        if more or self._without_preamble:
            _log.warning(
                "connections_rejected",
                extra={
                    "seconds": PERIOD_SECONDS,
                    "more": more,
                    "without_preamble": self._without_preamble,
                    "last_without_preamble": self._last_without_preamble,
                },
            )
        self._period_ends, self._with_preamble, self._without_preamble = None, 0, 0


def open_listener(options: RaftOptions, backlog: int) -> socket.socket:
    """Listen where the options say. Raises OSError that says why it is not possible.

    Where they say nothing and the own address is a name, which other machines resolve, listen on all interfaces.
    """
    address = parse_address(options.listen or options.addresses[options.name])
    host = address.host
    if not options.listen:
        try:
            socket.getaddrinfo(host, address.port, flags=socket.AI_NUMERICHOST)
        except OSError:
            host = "0.0.0.0"  # noqa: S104 - in a container, where the name belongs to its only interface
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind((host, address.port))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise cannot_listen(Address(host, address.port), error) from error
    return listener
