"""What one run found: measurements by system, case and round; their medians and ratios; the JSON."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from bench import cases
from bench.cases import Case, ShownFigure
from bench.measurement import GENERATOR, Measurement

FIRST: Final = "quitanda"
"""The system that the others are compared with."""
WITH_IDENTITIES: Final = "quitanda_identities"
"""The same system whose processes and callers prove who they are."""

START: Final = "start"
"""With this word begins what is said of a system that did not start; else it is the name of a case."""

Rounds = dict[int, Measurement]
"""By the round's number: a round in which a system failed is missing."""


@dataclass(slots=True)
class Report:
    """All that one run found. `measured` has the rounds by system and case; `missing` says what was not installed.

    `failed` says of each system what went wrong, and when. `pinned` has what Quitanda did on some of the processors, by
    placement and case.
    """

    circumstances: dict[str, Any]
    titles: dict[str, str]
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)
    measured: dict[str, dict[str, Rounds]] = field(default_factory=dict)
    failover_s: list[float] = field(default_factory=list)
    pinned: dict[str, dict[str, Measurement]] = field(default_factory=dict)

    def add(self, system: str, case: Case, turn: int, measurement: Measurement) -> None:
        """Keep the measurement of one round."""
        self.measured.setdefault(system, {}).setdefault(case.name, {})[turn] = measurement

    def rounds(self, system: str, case: Case) -> Rounds:
        """Give the measurements of a system's case; empty where there are none."""
        return self.measured.get(system, {}).get(case.name, {})

    def median(self, system: str, case: Case, figure: str | None = None) -> float | None:
        """Give the median over the rounds; None where the system was not asked."""
        rounds = self.rounds(system, case).values()
        return statistics.median(getattr(each, figure or case.figure) for each in rounds) if rounds else None

    def ratio(self, case: Case, peer: str) -> float | None:
        """Give how many times as good Quitanda is as the peer; above 1 is better, also where less is better.

        It is the median of the rounds' ratios: what drifts on the machine hits both systems of a round.
        """
        return self.compared(case, FIRST, peer)

    def compared(self, case: Case, system: str, with_system: str) -> float | None:
        """Give how many times as good one system is as another, as `ratio`."""
        own, other = self.rounds(system, case), self.rounds(with_system, case)
        found = [
            better(case, getattr(own[turn], case.figure), getattr(other[turn], case.figure))
            for turn in own.keys() & other.keys()
        ]
        return statistics.median(found) if found else None

    def share(self, case: Case, of: Case) -> float | None:
        """Give Quitanda's rate in the case as a share of its rate in another one, in the median round."""
        own, whole = self.rounds(FIRST, case), self.rounds(FIRST, of)
        found = [own[turn].calls_s / whole[turn].calls_s for turn in own.keys() & whole.keys() if whole[turn].calls_s]
        return statistics.median(found) if found else None

    def processor_ms(self, system: str, case: Case) -> dict[str, float]:
        """Give the processor time of one call by process: the medians of the rounds (ms)."""
        rounds = self.rounds(system, case)
        names = {name: None for each in rounds.values() for name in each.processor_ms}
        return {name: statistics.median(each.processor_ms.get(name, 0.0) for each in rounds.values()) for name in names}

    def others(self) -> float:
        """Give how many processors were busy with other work, in the median measurement."""
        found = [each.others for of in self.measured.values() for rounds in of.values() for each in rounds.values()]
        return statistics.median(found) if found else 0.0

    def to_json(self) -> dict[str, Any]:
        """Write everything as JSON's types: the medians and ratios, and every round."""
        return {
            "circumstances": self.circumstances,
            "titles": self.titles,
            "missing": self.missing,
            "failed": self.failed,
            "medians": {
                system: {case: self.median(system, cases.named(case)) for case in by_case}
                for system, by_case in self.measured.items()
            },
            "system_ms": {
                system: {case: self.median(system, cases.named(case), "system_ms") for case in by_case}
                for system, by_case in self.measured.items()
            },
            "others": self.others(),
            "ratios": {
                case.name: {peer: r for peer in self.titles if peer != FIRST and (r := self.ratio(case, peer))}
                for case in cases.ALL
            },
            "identities_ratios": {
                case.name: found
                for case in cases.WITH_IDENTITIES
                if (found := self.compared(case, WITH_IDENTITIES, FIRST))
            },
            "failover_s": self.failover_s,
            "pinned": {
                placement: {case: each.to_json() for case, each in by_case.items()}
                for placement, by_case in self.pinned.items()
            },
            "rounds": {
                system: {
                    case: {str(turn): each.to_json() for turn, each in rounds.items()}
                    for case, rounds in by_case.items()
                }
                for system, by_case in self.measured.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` has written."""
        return cls(
            circumstances=value["circumstances"],
            titles=value["titles"],
            missing=value["missing"],
            failed=value["failed"],
            measured={
                system: {
                    case: {int(turn): Measurement.from_json(each) for turn, each in rounds.items()}
                    for case, rounds in by_case.items()
                }
                for system, by_case in value["rounds"].items()
            },
            failover_s=value["failover_s"],
            pinned={
                placement: {case: Measurement.from_json(each) for case, each in by_case.items()}
                for placement, by_case in value["pinned"].items()
            },
        )


def better(case: Case, own: float, other: float) -> float:
    """Give how many times as good `own` is as `other`."""
    if case.figure is ShownFigure.MEDIAN:
        own, other = other, own
    return own / other if other else float("inf")


def unanswered(report: Report) -> list[str]:
    """Name what was measured without one answered call: a figure of 0 is then none of the system's."""
    return [
        f"{system}, {case}"
        for system, by_case in report.measured.items()
        for case, rounds in by_case.items()
        if not all(each.calls_s for each in rounds.values())
    ]


def of_system(processor_ms: Mapping[str, float]) -> dict[str, float]:
    """Leave the load generators out."""
    return {name: ms for name, ms in processor_ms.items() if name != GENERATOR}
