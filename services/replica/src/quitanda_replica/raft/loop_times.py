"""How long the raft thread works without listening: while it does, no heartbeat is heard or sent."""

from collections.abc import Callable

from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.network import Network, Receiver


class TimedNetwork:
    """Another `network.Network`, and the longest time that passed between two waits for messages."""

    def __init__(self, network: Network, clock: Callable[[], float]) -> None:
        self._network = network
        self._clock = clock
        self._heard_at: float | None = None
        self.longest_round = 0.0
        """Seconds, since the start."""

    def open(self, receiver: Receiver) -> None:
        """As Network."""
        self._network.open(receiver)

    def poll(self, timeout: float) -> None:
        """As Network; ends one round and begins the next."""
        if self._heard_at is not None:
            self.longest_round = max(self.longest_round, self._clock() - self._heard_at)
        self._network.poll(timeout)
        self._heard_at = self._clock()

    def send(self, peer: str, message: Message) -> None:
        """As Network."""
        self._network.send(peer, message)

    def wake(self) -> None:
        """As Network."""
        self._network.wake()

    def close(self) -> None:
        """As Network."""
        self._network.close()
