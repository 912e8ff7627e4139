"""What Raft needs of a network: `tcp` is the real one, and the simulation has one of its own."""

from typing import Protocol

from quitanda_replica.raft.cluster_identity import Greeting
from quitanda_replica.raft.codec import Message


class Receiver(Protocol):
    """Gets the network's events. The network calls it inside `Network.poll`, in the thread that polls."""

    def greeting_to(self, peer: str) -> Greeting:
        """Return what a connection with `peer` begins with."""

    def check_greeting(self, peer: str, greeting: Greeting) -> str:
        """Decide on the greeting of `peer`: '' where the connection may go on, or why it must end at once."""

    def connected(self, peer: str) -> None:
        """Note that a connection with `peer` is established; what was sent to it before may be lost."""

    def disconnected(self, peer: str) -> None:
        """Note that the connection with `peer` has ended."""

    def received(self, peer: str, message: Message) -> None:
        """Handle `message` from `peer`. On one connection messages keep their order, and none is missing."""


class Network(Protocol):
    """Messages to and from the other replicas. The raft thread owns it; only `wake` is for any thread."""

    def open(self, receiver: Receiver) -> None:
        """Begin to listen and to connect. Raises OSError where the address cannot be listened on."""

    def poll(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for an event, and tell the receiver all events."""

    def send(self, peer: str, message: Message) -> None:
        """Send `message` if there is a connection with `peer`, otherwise drop it. It never calls the receiver."""

    def wake(self) -> None:
        """Make a waiting or the next `poll` return at once."""

    def close(self) -> None:
        """Close all connections and release the sockets. Afterwards the receiver is not called any more."""
