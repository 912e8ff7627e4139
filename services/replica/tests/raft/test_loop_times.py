"""How long a round was, as the network sees it."""

from quitanda_replica.raft.loop_times import TimedNetwork


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class WaitingNetwork:
    """Lets the time pass that it is told to wait for, and notes what it is told."""

    def __init__(self, clock):
        self._clock = clock
        self.calls = []

    def open(self, receiver):
        self.calls.append(("open", receiver))

    def poll(self, timeout):
        self._clock.now += timeout

    def send(self, peer, message):
        self.calls.append(("send", peer, message))

    def wake(self):
        self.calls.append("wake")

    def close(self):
        self.calls.append("close")


def test_the_longest_time_between_two_waits_is_kept_and_waiting_itself_does_not_count():
    clock = Clock()
    network = TimedNetwork(WaitingNetwork(clock), clock)
    for work in (0.2, 0.7, 0.1):
        network.poll(50.0)
        clock.now += work
    network.poll(50.0)

    assert 0.69 < network.longest_round < 0.71


def test_everything_else_goes_through():
    clock = Clock()
    real = WaitingNetwork(clock)
    network = TimedNetwork(real, clock)

    network.open("receiver")
    network.send("replica2", {"type": "x"})
    network.wake()
    network.close()

    assert real.calls == [("open", "receiver"), ("send", "replica2", {"type": "x"}), "wake", "close"]
