"""Asking, from any thread, that another replica lead: one transfer at a time, each with its own target and its own end.

The raft thread carries out whatever transfer is wanted at the moment (Raft thesis, section 3.10). A transfer is an
object of its own, so that one that ends takes back nothing but itself, and one that begins right behind another
is never taken for it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from quitanda.errors import Overloaded


@dataclass(frozen=True, eq=False)
class Transfer:
    """One that is wanted now."""

    to: str
    """The replica that is to lead; '' leaves it to whichever is furthest."""


class LeadershipTransfers:
    """`run` is for any thread, `wanted` and `look` are for the raft thread."""

    def __init__(self, has_moved: Callable[[], bool], wake: Callable[[], None], clock: Callable[[], float]) -> None:
        """`has_moved`: another replica is known to lead. `wake` ends the raft thread's wait for messages."""
        self._has_moved = has_moved
        self._wake = wake
        self._clock = clock
        self._changed = threading.Condition()
        self._wanted: Transfer | None = None

    @property
    def wanted(self) -> Transfer | None:
        """The transfer that is under way; None: this replica is to go on as ever."""
        return self._wanted

    def look(self) -> None:
        """Let those who wait look again: role or leader has changed."""
        with self._changed:
            self._changed.notify_all()

    def run(self, to: str, timeout: float) -> bool:
        """Want that `to` leads, until another replica leads or `timeout` seconds have passed; True in the first case.

        While one is under way, who wants the same waits for that one, and so does who wants any other replica to lead;
        if it fails, the rest of the time is for a transfer of one's own. Overloaded: one to another replica is
        under way, and is not disturbed.
        """
        deadline = self._clock() + timeout
        with self._changed:
            while (under_way := self._wanted) is not None:
                if to not in {"", under_way.to}:
                    raise Overloaded(f"the leadership is being handed over already, to {under_way.to or 'any replica'}")
                ended = self._wait(partial(self._has_ended, under_way), deadline)
                if self._has_moved() or not ended:
                    return self._has_moved()
            self._wanted = Transfer(to)
            try:
                self._wake()
                self._wait(self._has_moved, deadline)
            finally:
                self._wanted = None
                self._changed.notify_all()
                self._wake()
            return self._has_moved()

    def _has_ended(self, transfer: Transfer) -> bool:
        return self._wanted is not transfer

    def _wait(self, done: Callable[[], bool], deadline: float) -> bool:
        return self._changed.wait_for(done, max(0.0, deadline - self._clock()))
