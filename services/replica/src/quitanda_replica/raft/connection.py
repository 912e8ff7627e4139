"""One connection between two replicas, or with a stranger: the socket, the conversation, and what waits to be sent."""

import selectors
import socket
from collections import deque
from collections.abc import Callable

from quitanda_replica.raft.secure_channel import SecureChannel


class Connection:
    """A socket with its channel and what could not be sent yet."""

    def __init__(
        self,
        sock: socket.socket,
        channel: SecureChannel,
        selector: selectors.BaseSelector,
        deadline: float,
        caller: str = "",
    ) -> None:
        self.socket = sock
        self.selector = selector
        """Where its socket is watched."""
        self.caller = caller
        """Address of the other side, where it connected."""
        self.channel = channel
        self.connecting = False
        self.deadline = deadline
        """When it is given up unless something is heard."""
        self.ping_at = 0.0
        self.unsent: deque[bytes | memoryview] = deque()
        self.unsent_bytes = 0

    def queue(self, data: bytes) -> None:
        """Put `data` behind what waits to be sent."""
        self.unsent.append(data)
        self.unsent_bytes += len(data)

    def flush(self) -> None:
        """Send what the socket takes. Raises OSError."""
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
        """Begin to have the selector report what is waited for, to `handle`."""
        self.selector.register(self.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, handle)

    def watch_needed(self) -> None:
        """Have the selector report only what is waited for now."""
        key = self.selector.get_key(self.socket)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.unsent else 0)
        if key.events != events:
            self.selector.modify(self.socket, events, key.data)

    def watch_elsewhere(self, selector: selectors.BaseSelector) -> None:
        """Let another selector watch from now on."""
        key = self.selector.unregister(self.socket)
        self.selector = selector
        selector.register(self.socket, key.events, key.data)
