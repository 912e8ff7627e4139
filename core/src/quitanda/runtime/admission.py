"""How many calls a process works on at a time, of all callers and of each: as many as it can answer in their time.

Pure: the caller passes the time in.

    limit            grows while answers come within the target, and shrinks while they do not (`adaptive_limit`)
    expected wait    how long a call that is admitted now will probably take
    shares           while several callers compete, the last places are for those whose last turn is longer ago
    caller's bounds  a rate of calls, and a number of calls in flight, for each caller (`caller_rates`)
    turns            each refused caller is told a later moment than the one before (`retry_turns`)
    unread calls     a call is refused before its message is read, which costs half, where its caller is known and would
                     not be admitted, and where nobody would be
"""

import math
import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from quitanda.errors import Overloaded
from quitanda.runtime.adaptive_limit import AdaptiveLimit
from quitanda.runtime.caller_rates import CallerRates
from quitanda.runtime.retry_turns import LastRefusals, LatestTurns, RetryTurns

_READ_CHANCE: Final = 1 / 4
"""How probably a call is read that may be read before it is refused: always to read the next one would show only the
callers who come first, where they come in a rhythm."""


class NoPlace(StrEnum):
    """Why a call is refused."""

    FULL = "full"
    """As many calls as the limit allows are in flight."""
    SHARE = "share"
    """The caller holds its share of the places, and the others are for those who hold less."""
    LATE = "late"
    """The answer would hardly come in the call's time."""
    UNREAD = "unread"
    """As FULL, found before the message was read."""
    CALLS = "calls"
    """The caller holds as many places as one caller ever may."""
    RATE = "rate"
    """The caller calls oftener than one caller ever may."""


OF_CALLER: Final = frozenset({NoPlace.SHARE, NoPlace.CALLS, NoPlace.RATE})
"""The limits that other callers have not reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionOptions:
    """Bounds of a limiter; times in seconds.

    `limit_min` calls are admitted however long answers take: while there is no leader nobody answers, and that is no
    overload.
    """

    target: float = 0.35
    shared_target: float = 0.1
    """The target while `many` callers compete: a call of somebody who asks for little waits behind all the others'."""
    many: int = 8
    limit_min: int = 32
    limit_start: int = 256
    limit_max: int = 1_024
    contention: float = 1.0
    """How long after its call or its refusal a caller counts as one of the others."""
    kept_share: float = 1 / 10
    """The part of the limit that is kept, while several callers compete, for those who wait for their turns, and whose
    last one is longer ago than if all took turns. So whoever asks for little finds a place, however much the others
    ask for."""
    impatience: float = 10.0
    """How long a caller counts as impatient that called before its turn came."""
    caller_calls_max: int = 512
    """Places that one caller may hold, also where it is alone."""
    retry_after_min: float = 0.05
    retry_after_max: float = 60.0
    """The longest time that a refused caller is told: as long as all who were refused need for their turns, if there
    are not more of them. What is told too short brings callers back only to be refused once more."""
    refusals_read_per_second: float = 50.0
    """So many calls are read before they are refused: by them the limiter learns who is refused."""


@dataclass(frozen=True, slots=True)
class Place:
    """One call's place among those that are worked on."""

    caller: str
    since: float
    in_flight: int
    """Calls that were worked on when it came, itself included."""


class AdmissionLimiter:
    """Gives places to calls, and refuses the rest; `now` is in seconds of one clock that never goes back."""

    def __init__(self, options: AdmissionOptions | None = None, rates: CallerRates | None = None) -> None:
        """Take the bounds, and the callers' rates, which several limiters may share."""
        self._options = options = options or AdmissionOptions()
        self._rates = rates or CallerRates()
        self._limit = AdaptiveLimit(options.limit_min, options.limit_start, options.limit_max)
        self._latest = LatestTurns(options.contention)
        self._retries = RetryTurns(options.retry_after_min, options.retry_after_max, options.impatience)
        self._last_refusals = LastRefusals()
        self._held: dict[str, int] = {}
        self._read_next_at = -math.inf
        self._draw = random.Random(1)  # noqa: S311 - hides nothing; the same calls give the same draws
        self.in_flight = 0
        self.admitted = 0
        self.refused: Counter[NoPlace] = Counter()

    @property
    def limit(self) -> int:
        """How many calls may be in flight now."""
        return int(self._limit.calls)

    # Calls

    def count(self, caller: str, now: float) -> None:
        """Count a call of the caller, whether it needs a place or not. Raises Overloaded where they come too often."""
        if self._rates.wait(caller, now):
            raise self._refuse_for_rate(caller, now)
        self._rates.count(caller, now)

    def admit(self, caller: str, seconds: float, now: float) -> Place:
        """Give a place to a call of `caller` that must be answered within `seconds`; `leave` gives it back.

        Raises Overloaded, with the time after which the caller may try again.
        """
        self._retries.note_call(caller, now)
        if why := self._why_no_place(caller, seconds, now):
            raise self._refuse(why, caller, now)
        self._latest.add(caller, now)
        self.in_flight += 1
        self.admitted += 1
        self._held[caller] = self._held.get(caller, 0) + 1
        return Place(caller, now, self.in_flight)

    def leave(self, place: Place, now: float, *, answered: bool) -> None:
        """Take a place back; `answered` where the call got an answer, whose time then tells how fast answers come."""
        many = self._latest.callers(now) >= self._options.many
        target = self._options.shared_target if many else self._options.target
        if answered:
            self._limit.answered(now - place.since, self.in_flight, place.in_flight, target, now)
        else:
            self._limit.not_answered(now - place.since, target, now)
        self.in_flight -= 1
        self._held[place.caller] -= 1
        if not self._held[place.caller]:
            del self._held[place.caller]

    def refuse_unread(self, now: float, caller: str = "") -> Overloaded | None:
        """Give what a call is refused with whose message nobody has read; None where it must be read.

        If its caller is known, that tells, however much time the call has. Otherwise it must be read where most callers
        would be admitted; and where few were read lately, to learn who is refused.
        """
        if not caller:
            return self._refuse_unknown(now)
        if self._rates.wait(caller, now):
            return self._refuse_for_rate(caller, now)
        self._retries.note_call(caller, now)
        why = self._why_no_place(caller, math.inf, now)
        return None if why is None else self._refuse(why, caller, now)

    def refusal(self, caller: str, now: float) -> Overloaded:
        """Give what a call of `caller` is refused with; it says when the caller's turn comes to try again."""
        self._last_refusals.add(caller, now)
        return self._turn_for(caller, now)

    # Who has no place

    def _why_no_place(self, caller: str, seconds: float, now: float) -> NoPlace | None:
        if self._held.get(caller, 0) >= self._options.caller_calls_max:
            return NoPlace.CALLS
        if self._holds_its_share(caller, now) or self._left_to_others(caller, now):
            return NoPlace.SHARE
        if self.in_flight < self._options.limit_min:
            return None
        if self.in_flight >= self.limit:
            return NoPlace.FULL
        return None if self._limit.expected_wait(self.in_flight) < seconds else NoPlace.LATE

    def _holds_its_share(self, caller: str, now: float) -> bool:
        """Whether the caller holds an equal part of the places, while others are refused."""
        held = self._held.get(caller, 0)
        share = self._limit.calls / max(2, len(self._held) + (not held))
        return held >= max(1.0, share) and self._last_refusals.of_others(caller, self._options.contention, now)

    def _left_to_others(self, caller: str, now: float) -> bool:
        """Whether only kept places are left, while callers compete, and the caller may have none of them.

        They are for whoever waits for its turns, and had none lately.
        """
        if self.in_flight < self._kept_from or self._latest.callers(now) <= 1:
            return False
        if self._retries.is_impatient(caller, now):
            return True
        # The fewer of the kept places are left, the longer ago must the caller's last turn be.
        used = (self.in_flight - self._kept_from) / max(1.0, self._limit.calls - self._kept_from)
        return self._latest.had_one(caller, 1 + used, now)

    @property
    def _kept_from(self) -> float:
        """From so many calls in flight on, places are kept for those whose turn it is, while callers compete."""
        return self._limit.calls * (1 - self._options.kept_share)

    # What they are refused with

    def _refuse(self, why: NoPlace, caller: str, now: float) -> Overloaded:
        self.refused[why] += 1
        error = self.refusal(caller, now)
        error.limit = why if why in OF_CALLER else ""
        return error

    def _refuse_for_rate(self, caller: str, now: float) -> Overloaded:
        self.refused[NoPlace.RATE] += 1
        error = Overloaded("the caller calls too often")
        error.limit, error.retry_after = NoPlace.RATE, self._rates.next_turn(caller, now)
        return error

    def _refuse_unknown(self, now: float) -> Overloaded | None:
        compete = self._latest.callers(now) > 1
        if self.in_flight < (self._kept_from if compete else self.limit):
            return None
        if now >= self._read_next_at and self._draw.random() < _READ_CHANCE:
            self._read_next_at = max(self._read_next_at, now - 1.0) + 1 / self._options.refusals_read_per_second
            return None
        self.refused[NoPlace.UNREAD] += 1
        return self._turn_for("", now)

    def _turn_for(self, caller: str, now: float) -> Overloaded:
        """Make the error that tells the caller its turn; one place becomes free in the spacing, by Little's law."""
        error = Overloaded(f"{self.in_flight} calls are worked on")
        spacing = max(self._limit.latency, self._options.retry_after_min) / max(1, self.in_flight)
        error.retry_after = self._retries.give(caller, spacing, now)
        return error
