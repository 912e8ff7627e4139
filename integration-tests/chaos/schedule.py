"""What breaks when: drawn from a seed before the run, so that the seed, or the saved file, breaks the same again."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final

from quitanda_testing.cluster.cluster import Fault


class Break(StrEnum):
    """What is done to the system; each is undone after a while."""

    KILL = "kill"
    """The process ends at once, and is started again."""
    STOP = "stop"
    """The process is asked to end, and started again."""
    PAUSE = "pause"
    """The process stands still, and goes on."""
    PARTITION = "partition"
    """A replica and the others hear each other no more."""
    CUT = "one-way cut"
    """A replica hears the others no more, though they hear it."""
    DISCONNECT = "disconnect"
    """The process has no network."""
    WORSEN = "worsen network"
    """The process loses packets and sends slowly."""
    MOVE = "move"
    """The process ends at once and comes back at once, at another address; nothing is to be undone."""
    JUMP = "clock jump"
    """A replica's wall clock is set ahead or behind, and set right again."""


class FaultTarget(StrEnum):
    """Whom it is done to: by what it is at that moment."""

    LEADER = "leader"
    FOLLOWER = "follower"
    OTHER_FOLLOWER = "other follower"
    CLIENT_PORTAL = "client portal 1"
    OTHER_CLIENT_PORTAL = "client portal 2"
    ADMIN_PORTAL = "admin portal 1"
    OTHER_ADMIN_PORTAL = "admin portal 2"
    BROKER = "broker"


REPLICAS: Final = (FaultTarget.LEADER, FaultTarget.FOLLOWER, FaultTarget.OTHER_FOLLOWER)
PORTALS: Final = (
    FaultTarget.CLIENT_PORTAL,
    FaultTarget.OTHER_CLIENT_PORTAL,
    FaultTarget.ADMIN_PORTAL,
    FaultTarget.OTHER_ADMIN_PORTAL,
)
NEEDS: Final = {
    Break.CUT: Fault.ONE_WAY_CUT,
    Break.DISCONNECT: Fault.DISCONNECTION,
    Break.WORSEN: Fault.BAD_NETWORK,
    Break.MOVE: Fault.ANOTHER_ADDRESS,
    Break.JUMP: Fault.CLOCK_JUMP,
}

LEADER_KILL_EVERY: Final = 10.0
"""Seconds between two kills of whoever leads."""
QUIET_SECONDS: Final = 3.0
"""At the beginning and at the end nothing breaks."""
LOSS_MAX: Final = 0.3
KILOBITS: Final = (200, 1_000, 5_000)
JUMP_EVERY: Final = 15.0
"""Seconds between two clocks that jump; each is right again before the next."""
JUMP_SECONDS_MAX: Final = 5.0
"""How far a clock is set ahead or behind: more than the longest time for which the clients' orders are held."""

_WEIGHTS: Final[tuple[tuple[Break, tuple[FaultTarget, ...], int], ...]] = (
    (Break.PARTITION, REPLICAS, 5),
    (Break.CUT, REPLICAS, 3),
    (Break.PAUSE, (*REPLICAS, *PORTALS), 4),
    (Break.KILL, (*REPLICAS[1:], *PORTALS), 4),
    (Break.STOP, (*REPLICAS, *PORTALS), 2),
    (Break.KILL, (FaultTarget.BROKER,), 2),
    (Break.PAUSE, (FaultTarget.BROKER,), 1),
    (Break.DISCONNECT, (*REPLICAS, *PORTALS, FaultTarget.BROKER), 3),
    (Break.WORSEN, (*REPLICAS, *PORTALS, FaultTarget.BROKER), 3),
    (Break.MOVE, (*REPLICAS, *PORTALS), 2),
)
"""What, to whom, and how often. The leader's kills and clocks that jump come beside these."""


@dataclass(frozen=True, slots=True)
class FaultStep:
    """At `at` seconds from the beginning something breaks, for `seconds`.

    `loss` and `kilobits` are WORSEN's, `ahead` is JUMP's: seconds, negative where the clock is behind.
    """

    at: float
    fault: Break
    target: FaultTarget
    seconds: float
    loss: float = 0.0
    kilobits: int | None = None
    ahead: float = 0.0

    def __str__(self) -> str:
        bad = f", losing {self.loss:.0%} at {self.kilobits} kbit/s" if self.fault is Break.WORSEN else ""
        jump = f", {self.ahead:+.1f} s" if self.fault is Break.JUMP else ""
        return f"{self.at:6.1f} s  {self.fault} the {self.target} for {self.seconds:.1f} s{bad}{jump}"


def draw(seed: int, duration: float, possible: Collection[Fault]) -> list[FaultStep]:
    """Draw a schedule: the leader is killed every ten seconds, something else breaks in between, and clocks jump.

    The same seed, duration and faults that are possible give the same schedule.
    """
    dice = Random(f"schedule {seed}")
    steps = [*_leader_kills(dice, duration), *_others(dice, duration, possible)]
    if Fault.CLOCK_JUMP in possible:
        steps += _clock_jumps(Random(f"clocks {seed}"), duration)
    return sorted(steps, key=lambda step: step.at)


def save(steps: Sequence[FaultStep], file: Path) -> None:
    """Write a schedule as JSON."""
    file.write_text(json.dumps([asdict(step) for step in steps], indent=1) + "\n", encoding="utf-8")


def load(file: Path) -> list[FaultStep]:
    """Read a schedule. Raises ValueError where it is none."""
    try:
        return [
            FaultStep(**{**values, "fault": Break(values["fault"]), "target": FaultTarget(values["target"])})
            for values in json.loads(file.read_text(encoding="utf-8"))
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is not a schedule: {error!r}") from error


def _leader_kills(dice: Random, duration: float) -> Iterator[FaultStep]:
    at = QUIET_SECONDS + dice.uniform(0.0, 2.0)
    while at < duration - QUIET_SECONDS:
        yield FaultStep(round(at, 2), Break.KILL, FaultTarget.LEADER, round(dice.uniform(0.5, 4.0), 2))
        at += LEADER_KILL_EVERY + dice.uniform(-0.5, 0.5)


def _others(dice: Random, duration: float, possible: Collection[Fault]) -> Iterator[FaultStep]:
    choices = [row for row in _WEIGHTS if NEEDS.get(row[0]) in {None, *possible}]
    at = QUIET_SECONDS + dice.uniform(4.0, 8.0)
    while at < duration - QUIET_SECONDS:
        ((fault, targets, _),) = dice.choices(choices, [weight for *_, weight in choices])
        step = FaultStep(round(at, 2), fault, dice.choice(targets), round(dice.uniform(1.0, 5.0), 2))
        if fault is Break.WORSEN:
            step = replace(step, loss=round(dice.uniform(0.02, LOSS_MAX), 2), kilobits=dice.choice(KILOBITS))
        yield step
        at += LEADER_KILL_EVERY + dice.uniform(-3.0, 3.0)


def _clock_jumps(dice: Random, duration: float) -> Iterator[FaultStep]:
    at = QUIET_SECONDS + dice.uniform(0.0, 4.0)
    while at < duration - QUIET_SECONDS:
        target = dice.choice((FaultTarget.LEADER, *REPLICAS))  # the leader's clock is the one that orders expire by
        ahead = round(dice.uniform(-JUMP_SECONDS_MAX, JUMP_SECONDS_MAX), 2)
        yield FaultStep(round(at, 2), Break.JUMP, target, round(dice.uniform(2.0, 10.0), 2), ahead=ahead)
        at += JUMP_EVERY + dice.uniform(-3.0, 3.0)
