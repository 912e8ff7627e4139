"""Simulated time: what happens when, in one order that depends on the seed alone; and the record of it."""

import heapq
import itertools
from collections.abc import Callable
from hashlib import blake2b


class Schedule:
    """Events by time; events of the same time keep the order in which they were planned."""

    def __init__(self):
        self.now = 0.0
        self._events = []
        self._order = itertools.count()

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Plan `action` for `time`; for now, if that has passed."""
        heapq.heappush(self._events, (max(time, self.now), next(self._order), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Plan `action` for `seconds` from now."""
        self.at(self.now + seconds, action)

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass until `until`, or until `done`; True in the latter case."""
        while self._events and self._events[0][0] <= until:
            self.now, _, action = heapq.heappop(self._events)
            action()
            if done():
                return True
        self.now = until
        return False


class Trace:
    """What happened: always as a running hash, and as lines for whoever wants to read them."""

    def __init__(self, schedule: Schedule, write: Callable[[str], None] | None = None):
        self._schedule = schedule
        self._hash = blake2b(digest_size=8)
        self._write = write

    def note(self, who: str, what: str, details: str = "") -> None:
        """Record one event; `details` are for readers alone."""
        line = f"{self._schedule.now:10.6f}  {who:<10}{what}"
        self._hash.update(line.encode())
        if self._write is not None:
            self._write(f"{line} {details}")

    @property
    def read(self) -> bool:
        """True if somebody reads the lines."""
        return self._write is not None

    @property
    def digest(self) -> str:
        """Equal for equal runs."""
        return self._hash.hexdigest()
