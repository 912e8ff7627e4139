"""What the system is aimed at, beside what a run found: each goal is a bound on one figure of the report."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench import cases
from bench.cases import Case
from bench.report import FIRST, WITH_IDENTITIES, Report

ReportFigure = Callable[[Report], float | None]


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure that is to be at least `least`, or at most `most`."""

    title: str
    figure: ReportFigure
    least: float | None = None
    most: float | None = None

    def reached(self, value: float) -> bool:
        """Say whether the value is within the bounds."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def bound(self) -> str:
        """Write the bound."""
        return f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"


def ratio(case: Case, peer: str) -> ReportFigure:
    """Give Quitanda's figure ÷ the peer's."""
    return lambda report: report.ratio(case, peer)


def with_identities(case: Case) -> ReportFigure:
    """Give the rate of callers who prove who they are ÷ that of the open mode."""
    return lambda report: report.compared(case, WITH_IDENTITIES, FIRST)


def own(case: Case, figure: str) -> ReportFigure:
    """Give the median of one of Quitanda's own figures."""
    return lambda report: report.median(FIRST, case, figure)


def share(case: Case, of: Case) -> ReportFigure:
    """Give Quitanda's rate in the case ÷ its rate in another."""
    return lambda report: report.share(case, of)


def pause(of: Callable[[Sequence[float]], float]) -> ReportFigure:
    """Give one figure of the seconds from a leader's death to the next write."""
    return lambda report: of(report.failover_s) if report.failover_s else None


def _overload(case: Case) -> tuple[Goal, ...]:
    return (
        Goal(f"{case.title}: answered ÷ the rate at 64", share(case, cases.CHANGES), least=0.8),
        Goal(f"{case.title}: 99 % of the answers, ms", own(case, "p99_ms"), most=1_000),
        Goal(f"{case.title}: 99 % of the refusals, ms", own(case, "refused_p99_ms"), most=50),
        Goal(f"{case.title}: unknown outcomes", own(case, "unknown"), most=0),
    )


GOALS: Final = (
    Goal("order changes ÷ three-node etcd's", ratio(cases.CHANGES, "etcd"), least=1.0),
    Goal("order changes ÷ plain PySyncObj's", ratio(cases.CHANGES, "pysyncobj"), least=4.0),
    Goal("processor time of one order change, all processes, ms", own(cases.CHANGES, "system_ms"), most=1.3),
    Goal("one product for all ÷ etcd's, callers not queued", ratio(cases.SAME_PRODUCT, "etcd_unqueued"), least=15.0),
    Goal("one product for all ÷ PostgreSQL's", ratio(cases.SAME_PRODUCT, "postgresql"), least=1.0),
    Goal("one in flight: etcd's median ÷ Quitanda's", ratio(cases.ALONE, "etcd"), least=1.0),
    Goal("linearizable order reads ÷ PostgreSQL's", ratio(cases.ORDER_READS, "postgresql"), least=1.0),
    Goal("cached product reads ÷ empty calls", ratio(cases.PRODUCT_READS, "empty"), least=0.85),
    Goal("order changes over MQTT ÷ over gRPC", share(cases.MQTT_CHANGES, cases.CHANGES), least=0.8),
    *(
        Goal(f"{case.title}: with identities ÷ in the open mode", with_identities(case), least=0.85)
        for case in cases.WITH_IDENTITIES
    ),
    *(goal for case in cases.OVERLOADS for goal in _overload(case)),
    Goal("order changes after the overload ÷ before it", share(cases.AFTER_OVERLOAD, cases.CHANGES), least=0.95),
    Goal("next write after SIGKILL of the leader, median, s", pause(statistics.median), most=1.0),
    Goal("next write after SIGKILL of the leader, worst, s", pause(max), most=2.5),
)
