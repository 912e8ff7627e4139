"""How many calls a process works on at a time: as many as it can answer in the callers' time.

Pure: the caller passes the time in.

    limit            grows while answers come within the target, and shrinks while they do not (AIMD)
    expected wait    how long a call that is admitted now will probably take
    turns            each refused caller is told a later moment than the one before, so they do not all return at once
    unread calls     where nobody would be admitted, a call is refused before its message is read, which costs half

The limit follows Netflix's concurrency-limits: `AIMDLimit` (a tenth less where the latency is above a threshold), and
from `Gradient2Limit` the growth by the square root of the limit, and a reduction by as much as the latency is too long,
to a half at most. It is reduced once in the target's time, so that a reduction can show before the next. The threshold
is a fixed target, not the smallest latency: calls are gathered into batches, so more calls in flight take longer and
are cheaper. The limit begins with what a burst may need that comes to a process at rest, and returns to that by itself.
The expected latency is the estimate of RFC 6298 (mean, with gain 1/8, and four times the mean deviation, with gain
1/4), which lies above nearly all samples. The turns are a leaky bucket (GCRA, ITU-T I.371).
"""

import math
import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from quitanda.errors import Overloaded

_MEAN_GAIN: Final = 1 / 8
_DEVIATION_GAIN: Final = 1 / 4
_DEVIATIONS: Final = 4.0
_GATHERED_GAIN: Final = 2.0
"""By how much faster answers come for many calls than for few, at least: they are gathered into batches."""
_READ_CHANCE: Final = 1 / 4
"""How probably a call is read that may be read before it is refused: always to read the next one would show only the
callers who come first, where they come in a rhythm."""


class NoPlace(StrEnum):
    """Why a call is refused."""

    FULL = "full"
    """As many calls as the limit allows are in flight."""
    SHARE = "share"
    """The caller holds its share of the places, and others are refused."""
    LATE = "late"
    """The answer would hardly come in the call's time."""
    UNREAD = "unread"
    """As FULL, found before the message was read."""


class LatencyEstimate:
    """Mean and mean deviation of latencies (seconds), by RFC 6298; zero until the first sample."""

    __slots__ = ("_deviation", "mean")

    def __init__(self) -> None:
        self.mean = 0.0
        self._deviation = 0.0

    def add(self, seconds: float) -> None:
        """Learn how long one call took."""
        if not self.mean:
            self.mean, self._deviation = seconds, seconds / 2
            return
        self._deviation += _DEVIATION_GAIN * (abs(seconds - self.mean) - self._deviation)
        self.mean += _MEAN_GAIN * (seconds - self.mean)

    @property
    def high(self) -> float:
        """A time that nearly all calls keep to."""
        return self.mean + _DEVIATIONS * self._deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionOptions:
    """Bounds of a limiter; times in seconds.

    `limit_min` calls are admitted however long answers take: while there is no leader nobody answers, and that is no
    overload. `caller_share` of the limit is what one caller may hold while others are refused.
    """

    target: float = 0.35
    limit_min: int = 32
    limit_start: int = 256
    limit_max: int = 1_024
    caller_share: float = 0.5
    contention: float = 1.0
    """How long after its refusal a caller counts as one of the others."""
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

    def __init__(self, options: AdmissionOptions | None = None) -> None:
        self._options = options or AdmissionOptions()
        self._limit = float(self._options.limit_start)
        self._held: dict[str, int] = {}
        self._latency = LatencyEstimate()
        self._call_time = LatencyEstimate()
        """The part of a latency that one of the calls in flight accounts for, by Little's law."""
        self._reduced_at = -math.inf
        self._turn = -math.inf
        self._refused_last = ("", -math.inf)
        self._refused_before = ("", -math.inf)
        self._read_next_at = -math.inf
        self._draw = random.Random(1)  # noqa: S311 - hides nothing; the same calls give the same draws
        self.in_flight = 0
        self.admitted = 0
        self.refused: Counter[NoPlace] = Counter()

    @property
    def limit(self) -> int:
        """How many calls may be in flight now."""
        return int(self._limit)

    def admit(self, caller: str, seconds: float, now: float) -> Place:
        """Give a place to a call of `caller` that must be answered within `seconds`; `leave` gives it back.

        Raises Overloaded, with the time after which the caller may try again.
        """
        if why := self._why_no_place(caller, seconds, now):
            self.refused[why] += 1
            raise self.refusal(caller, now)
        self.in_flight += 1
        self.admitted += 1
        self._held[caller] = self._held.get(caller, 0) + 1
        return Place(caller, now, self.in_flight)

    def leave(self, place: Place, now: float, *, answered: bool) -> None:
        """Take a place back; `answered` where the call got an answer, whose time then tells how fast answers come."""
        if answered:
            self._latency.add(now - place.since)
            self._call_time.add((now - place.since) / max(place.in_flight, self.in_flight))
        self.in_flight -= 1
        self._held[place.caller] -= 1
        if not self._held[place.caller]:
            del self._held[place.caller]
        # A call that fails at once says nothing of how long answers take.
        taken = self._latency.mean if answered else now - place.since
        self._adapt(now, late=taken > self._options.target, answered=answered)

    def refuse_unread(self, now: float) -> Overloaded | None:
        """Give what a call is refused with of which nothing is known yet; None where it must be read.

        It must be read where somebody would be admitted; and where few were read lately, to learn who is refused.
        """
        if self.in_flight < self.limit:
            return None
        if now >= self._read_next_at and self._draw.random() < _READ_CHANCE:
            self._read_next_at = max(self._read_next_at, now - 1.0) + 1 / self._options.refusals_read_per_second
            return None
        self.refused[NoPlace.UNREAD] += 1
        return self._next_turn(now)

    def refusal(self, caller: str, now: float) -> Overloaded:
        """Give what a call of `caller` is refused with; it says when the caller's turn comes to try again."""
        if self._refused_last[0] != caller:
            self._refused_before = self._refused_last
        self._refused_last = (caller, now)
        return self._next_turn(now)

    def _why_no_place(self, caller: str, seconds: float, now: float) -> NoPlace | None:
        held = self._held.get(caller, 0)
        if self._others_are_refused(caller, now) and held >= max(1.0, self._options.caller_share * self._limit):
            return NoPlace.SHARE
        if self.in_flight < self._options.limit_min:
            return None
        if self.in_flight >= self.limit:
            return NoPlace.FULL
        # The latency of few calls says little of that behind a burst, which comes before any answer can tell.
        behind = self.in_flight * self._call_time.mean / _GATHERED_GAIN
        return None if max(self._latency.high, behind) < seconds else NoPlace.LATE

    def _others_are_refused(self, caller: str, now: float) -> bool:
        other, at = self._refused_before if self._refused_last[0] == caller else self._refused_last
        return other != caller and now - at <= self._options.contention

    def _next_turn(self, now: float) -> Overloaded:
        options = self._options
        earliest, latest = now + options.retry_after_min, now + options.retry_after_max
        # One place becomes free in this time, by Little's law.
        spacing = max(self._latency.mean, options.retry_after_min) / max(1, self.in_flight)
        turn = max(self._turn + spacing, earliest)
        # Where there are more turns than time, they go on from the middle: callers who all wait for the same moment
        # would come at once.
        self._turn = turn if turn <= latest else (earliest + latest) / 2
        error = Overloaded(f"{self.in_flight} calls are worked on")
        error.retry_after = self._turn - now
        return error

    def _adapt(self, now: float, *, late: bool, answered: bool) -> None:
        if late:
            if now - self._reduced_at >= self._options.target:
                excess = self._options.target / max(self._latency.mean, self._options.target)
                self._limit = max(float(self._options.limit_min), self._limit * min(0.9, max(0.5, excess)))
                self._reduced_at = now
        elif answered and (self._limit < self._options.limit_start or self.in_flight + 1 > self._limit / 2):
            # Above its start, only a limit that is used is known to be good. All answers of one latency add the root
            # of the limit.
            self._limit = min(float(self._options.limit_max), self._limit + 1 / math.sqrt(self._limit))
