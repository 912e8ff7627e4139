"""What Raft needs of a network; `tcp` is the real one, a simulation may put another in its place."""

from typing import Protocol

from quitanda_replica.raft.cluster_identity import Greeting
from quitanda_replica.raft.codec import Message


class Receiver(Protocol):
    """Who is told what happens; called inside `Network.poll`, by its caller's thread."""

    def greeting_to(self, peer: str) -> Greeting:
        """Return what a conversation with `peer` is to begin with."""

    def judge(self, peer: str, greeting: Greeting) -> str:
        """Decide on what `peer` began with: '' where the conversation may go on, or why it must end at once."""

    def connected(self, peer: str) -> None:
        """Note that a conversation with `peer` stands; what was sent to it before may be lost."""

    def disconnected(self, peer: str) -> None:
        """Note that the conversation with `peer` has ended."""

    def received(self, peer: str, message: Message) -> None:
        """Handle `message` from `peer`. Within one conversation messages keep their order and none is missing."""


class Network(Protocol):
    """Messages to and from the other replicas; all but `wake` belong to the raft thread."""

    def open(self, receiver: Receiver) -> None:
        """Begin to listen and to connect. Raises OSError where the address cannot be listened on."""

    def poll(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for something to happen, and tell the receiver everything that has."""

    def send(self, peer: str, message: Message) -> None:
        """Send `message` if a conversation with `peer` stands, otherwise forget it; the receiver hears of nothing."""

    def wake(self) -> None:
        """Make a waiting or the next `poll` return at once; any thread."""

    def close(self) -> None:
        """End every conversation and release the sockets; the receiver is not called any more."""
