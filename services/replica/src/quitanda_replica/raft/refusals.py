"""Telling of strangers at the Raft port without letting them fill the log."""

import logging
from collections.abc import Callable
from typing import Final

PERIOD_SECONDS: Final = 10.0
LINES_PER_PERIOD: Final = 10

_log = logging.getLogger(__name__)


class Refusals:
    """Counts refused connections; writes a line for the first few of each period, and for the others a number."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._period_ends = 0.0
        self._in_period = 0
        self.total = 0

    def note(self, caller: str, reason: str) -> None:
        """Count a refused connection, and maybe tell of it."""
        self.total += 1
        self.sweep()
        if self._in_period == 0:
            self._period_ends = self._clock() + PERIOD_SECONDS
        self._in_period += 1
        if self._in_period <= LINES_PER_PERIOD:
            _log.warning("a connection to the raft port is refused: %s from %s", reason, caller)

    def sweep(self) -> None:
        """End a period that is over; to be called now and then, as its number is told also when all is quiet again."""
        if self._in_period == 0 or self._clock() < self._period_ends:
            return
        if (silent := self._in_period - LINES_PER_PERIOD) > 0:
            _log.warning("%d more connections to the raft port were refused in %g s", silent, PERIOD_SECONDS)
        self._in_period = 0
