"""How many calls a process works on at a time, of all callers and of each: as many as it can answer in their time.

Pure: the caller passes the time in.

    limit            grows while answers come within the target, and shrinks while they do not (AIMD)
    expected wait    how long a call that is admitted now will probably take
    shares           while several callers compete, the last places are for those whose last turn is longer ago
    caller's bounds  a rate of calls, and a number of calls in flight, for each caller
    turns            each refused caller is told a later moment than the one before, so they do not all return at once;
                     a caller's further calls come behind everybody's first
    unread calls     a call is refused before its message is read, which costs half, where its caller is known and would
                     not be admitted, and where nobody would be

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
from collections import Counter, OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from quitanda.errors import Overloaded
from quitanda.runtime.caller_rates import CallerRates

_MEAN_GAIN: Final = 1 / 8
_DEVIATION_GAIN: Final = 1 / 4
_DEVIATIONS: Final = 4.0
_GATHERED_GAIN: Final = 2.0
"""By how much faster answers come for many calls than for few, at least: they are gathered into batches."""
_CALLERS_REMEMBERED: Final = 10_000
"""Callers of whom it is known when their turns come; who is forgotten may get one too soon."""
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


class _Turns:
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
        self._rates = rates or CallerRates()
        self._options = options or AdmissionOptions()
        self._limit = float(self._options.limit_start)
        self._held: dict[str, int] = {}
        self._latency = LatencyEstimate()
        self._call_time = LatencyEstimate()
        """The part of a latency that one of the calls in flight accounts for, by Little's law."""
        self._reduced_at = -math.inf
        self._first_turn = -math.inf
        self._further_turn = -math.inf
        self._told: OrderedDict[str, float] = OrderedDict()
        """By caller: when its turn comes that it was told last."""
        self._impatient: OrderedDict[str, float] = OrderedDict()
        """By caller: until when it counts as one who does not wait for its turns."""
        self._refused_last = ("", -math.inf)
        self._refused_before = ("", -math.inf)
        self._turns = _Turns(self._options.contention)
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
        self._note_patience(caller, now)
        if why := self._why_no_place(caller, seconds, now):
            raise self._refuse(why, caller, now)
        self._turns.add(caller, now)
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
        self._adapt(now, taken, answered=answered)

    def count(self, caller: str, now: float) -> None:
        """Count a call of the caller, whether it needs a place or not. Raises Overloaded where they come too often."""
        if self._rates.wait(caller, now):
            raise self._refuse_rate(caller, now)
        self._rates.count(caller, now)

    def refuse_unread(self, now: float, caller: str = "") -> Overloaded | None:
        """Give what a call is refused with whose message nobody has read; None where it must be read.

        If its caller is known, that tells. Otherwise it must be read where most callers would be admitted; and where
        few were read lately, to learn who is refused.
        """
        if caller:
            return self._refuse_known(caller, now)
        if self.in_flight < (self._kept_from if self._turns.callers(now) > 1 else self.limit):
            return None
        if now >= self._read_next_at and self._draw.random() < _READ_CHANCE:
            self._read_next_at = max(self._read_next_at, now - 1.0) + 1 / self._options.refusals_read_per_second
            return None
        self.refused[NoPlace.UNREAD] += 1
        return self._next_turn("", now)

    def refusal(self, caller: str, now: float) -> Overloaded:
        """Give what a call of `caller` is refused with; it says when the caller's turn comes to try again."""
        if self._refused_last[0] != caller:
            self._refused_before = self._refused_last
        self._refused_last = (caller, now)
        return self._next_turn(caller, now)

    def _refuse(self, why: NoPlace, caller: str, now: float) -> Overloaded:
        self.refused[why] += 1
        error = self.refusal(caller, now)
        error.limit = why if why in OF_CALLER else ""
        return error

    def _refuse_rate(self, caller: str, now: float) -> Overloaded:
        self.refused[NoPlace.RATE] += 1
        error = Overloaded("the caller calls too often")
        error.limit, error.retry_after = NoPlace.RATE, self._rates.next_turn(caller, now)
        return error

    def _refuse_known(self, caller: str, now: float) -> Overloaded | None:
        """Refuse a caller who would not be admitted, however much time the call has."""
        if self._rates.wait(caller, now):
            return self._refuse_rate(caller, now)
        self._note_patience(caller, now)
        why = self._why_no_place(caller, math.inf, now)
        return None if why is None else self._refuse(why, caller, now)

    def _why_no_place(self, caller: str, seconds: float, now: float) -> NoPlace | None:
        held = self._held.get(caller, 0)
        if held >= self._options.caller_calls_max:
            return NoPlace.CALLS
        share = self._limit / max(2, len(self._held) + (not held))
        if held >= max(1.0, share) and self._others_are_refused(caller, now):
            return NoPlace.SHARE
        if self.in_flight >= self._kept_from and self._turns.callers(now) > 1 and not self._may_have_kept(caller, now):
            return NoPlace.SHARE
        if self.in_flight < self._options.limit_min:
            return None
        if self.in_flight >= self.limit:
            return NoPlace.FULL
        # The latency of few calls says little of that behind a burst, which comes before any answer can tell.
        behind = self.in_flight * self._call_time.mean / _GATHERED_GAIN
        return None if max(self._latency.high, behind) < seconds else NoPlace.LATE

    def _may_have_kept(self, caller: str, now: float) -> bool:
        """Whether the caller may have one of the kept places: it waits for its turns, and had none lately."""
        if self._impatient.get(caller, now) > now:
            return False
        # The fewer of the kept places are left, the longer ago must the caller's last turn be.
        used = (self.in_flight - self._kept_from) / max(1.0, self._limit - self._kept_from)
        return not self._turns.had_one(caller, 1 + used, now)

    def _note_patience(self, caller: str, now: float) -> None:
        if self._told.get(caller, now) > now:
            _remember(self._impatient, caller, now + self._options.impatience)

    def _others_are_refused(self, caller: str, now: float) -> bool:
        other, at = self._refused_before if self._refused_last[0] == caller else self._refused_last
        return other != caller and now - at <= self._options.contention

    @property
    def _kept_from(self) -> float:
        """From so many calls in flight on, places are kept for those whose turn it is, while callers compete."""
        return self._limit * (1 - self._options.kept_share)

    def _next_turn(self, caller: str, now: float) -> Overloaded:
        """Tell the caller when to try again: soon whoever has no turn yet, and behind all those its further calls."""
        error = Overloaded(f"{self.in_flight} calls are worked on")
        if caller and self._told.get(caller, now) <= now:
            self._first_turn = turn = self._turn_after(self._first_turn, now)
            _remember(self._told, caller, turn)
        else:
            self._further_turn = turn = self._turn_after(max(self._first_turn, self._further_turn), now)
        error.retry_after = turn - now
        return error

    def _turn_after(self, last: float, now: float) -> float:
        options = self._options
        earliest, latest = now + options.retry_after_min, now + options.retry_after_max
        # One place becomes free in this time, by Little's law.
        spacing = max(self._latency.mean, options.retry_after_min) / max(1, self.in_flight)
        turn = max(last + spacing, earliest)
        # Where there are more turns than time, they go on from the middle: callers who all wait for the same moment
        # would come at once.
        return turn if turn <= latest else (earliest + latest) / 2

    def _adapt(self, now: float, taken: float, *, answered: bool) -> None:
        many = self._turns.callers(now) >= self._options.many
        target = self._options.shared_target if many else self._options.target
        if taken > target:
            if now - self._reduced_at >= target:
                excess = target / max(self._latency.mean, target)
                self._limit = max(float(self._options.limit_min), self._limit * min(0.9, max(0.5, excess)))
                self._reduced_at = now
        elif answered and (self._limit < self._options.limit_start or self.in_flight + 1 > self._limit / 2):
            # Above its start, only a limit that is used is known to be good. All answers of one latency add the root
            # of the limit.
            self._limit = min(float(self._options.limit_max), self._limit + 1 / math.sqrt(self._limit))


def _remember(known: OrderedDict[str, float], caller: str, time: float) -> None:
    """Put a time down for a caller, and forget who was put down longest ago."""
    known[caller] = time
    known.move_to_end(caller)
    if len(known) > _CALLERS_REMEMBERED:
        known.popitem(last=False)
