"""When refused callers may try again, who waits for that, and who was admitted when. Pure: the times are passed in.

Each refused caller is told a later moment than the one before, so they do not all return at once; a caller's further
calls come behind everybody's first. The turns are a leaky bucket (GCRA, ITU-T I.371).
"""

import math
from collections import OrderedDict
from typing import Final

_CALLERS_REMEMBERED: Final = 10_000
"""Callers of whom it is known when their turns come; who is forgotten may get one too soon."""


class RetryTurns:
    """Gives out turns between `shortest` and `longest` seconds ahead, and notes who comes before its turn.

    Such a caller counts as impatient for `impatience` seconds.
    """

    def __init__(self, shortest: float, longest: float, impatience: float) -> None:
        self._shortest, self._longest, self._impatience = shortest, longest, impatience
        self._first_turn = -math.inf
        self._further_turn = -math.inf
        self._told: OrderedDict[str, float] = OrderedDict()
        """By caller: when its turn comes that it was told last."""
        self._impatient: OrderedDict[str, float] = OrderedDict()
        """By caller: until when it counts as one who does not wait for its turns."""

    def note_call(self, caller: str, now: float) -> None:
        """Note that the caller calls."""
        if self._told.get(caller, now) > now:
            _remember(self._impatient, caller, now + self._impatience)

    def is_impatient(self, caller: str, now: float) -> bool:
        """Tell whether the caller called before its turn lately."""
        return self._impatient.get(caller, now) > now

    def give(self, caller: str, spacing: float, now: float) -> float:
        """Give the seconds until the caller's turn, at least `spacing` after the last one that was given.

        Soon for whoever has no turn yet, and behind all those for its further calls, and for a caller without a name.
        """
        if caller and self._told.get(caller, now) <= now:
            self._first_turn = turn = self._turn_after(self._first_turn, spacing, now)
            _remember(self._told, caller, turn)
        else:
            last = max(self._first_turn, self._further_turn)
            self._further_turn = turn = self._turn_after(last, spacing, now)
        return turn - now

    def _turn_after(self, last: float, spacing: float, now: float) -> float:
        earliest, latest = now + self._shortest, now + self._longest
        turn = max(last + spacing, earliest)
        # Where there are more turns than time, they go on from the middle: callers who all wait for the same moment
        # would come at once.
        return turn if turn <= latest else (earliest + latest) / 2


class LatestTurns:
    """Who was admitted lately, and how many admissions ago: in a fair rotation, as many as there are callers."""

    __slots__ = ("_admissions", "_seconds", "_when")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._admissions = 0
        self._when: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def add(self, caller: str, now: float) -> None:
        """Note that the caller is admitted."""
        self._admissions += 1
        self._when[caller] = (self._admissions, now)
        self._when.move_to_end(caller)

    def callers(self, now: float) -> int:
        """How many callers were admitted lately."""
        while self._when and next(iter(self._when.values()))[1] < now - self._seconds:
            self._when.popitem(last=False)
        return len(self._when)

    def had_one(self, caller: str, rotations: float, now: float) -> bool:
        """Whether the caller had its turn in the last so many rotations, while another one takes part in them."""
        callers = self.callers(now)
        last = self._when.get(caller)
        return callers > 1 and last is not None and self._admissions - last[0] < rotations * callers


class LastRefusals:
    """Of the last two different callers who were refused: who, and when."""

    def __init__(self) -> None:
        self._last = ("", -math.inf)
        self._before = ("", -math.inf)

    def add(self, caller: str, now: float) -> None:
        """Note that the caller is refused."""
        if self._last[0] != caller:
            self._before = self._last
        self._last = (caller, now)

    def of_others(self, caller: str, seconds: float, now: float) -> bool:
        """Tell whether somebody else than the caller was refused in the last so many seconds."""
        other, at = self._before if self._last[0] == caller else self._last
        return other != caller and now - at <= seconds


def _remember(known: OrderedDict[str, float], caller: str, time: float) -> None:
    """Put a time down for a caller, and forget who was put down longest ago."""
    known[caller] = time
    known.move_to_end(caller)
    if len(known) > _CALLERS_REMEMBERED:
        known.popitem(last=False)
