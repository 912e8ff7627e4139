"""From the rounds' measurements to medians, ratios, the document's tables and the JSON."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bench import cases
from bench.cases import Case, Figure
from bench.measurement import Measurement

BEGIN: Final = "<!-- make bench: begin -->"
END: Final = "<!-- make bench: end -->"
"""What stands between these two lines in docs/PERFORMANCE.md is written by `make bench`."""

FIRST: Final = "quitanda"
"""The system that the others are compared with."""

Rounds = list[Measurement]


@dataclass(slots=True)
class Report:
    """All that one run found. `measured` has the rounds by system and case; `missing` says what was not installed."""

    circumstances: dict[str, Any]
    titles: dict[str, str]
    missing: dict[str, str] = field(default_factory=dict)
    measured: dict[str, dict[str, Rounds]] = field(default_factory=dict)
    failover_s: list[float] = field(default_factory=list)

    def add(self, system: str, case: Case, measurement: Measurement) -> None:
        """Keep the measurement of one round."""
        self.measured.setdefault(system, {}).setdefault(case.name, []).append(measurement)

    def median(self, system: str, case: Case, figure: str | None = None) -> float | None:
        """Give the median over the rounds; None where the system was not asked."""
        rounds = self.measured.get(system, {}).get(case.name)
        return statistics.median(getattr(each, figure or case.figure) for each in rounds) if rounds else None

    def ratio(self, case: Case, peer: str) -> float | None:
        """Give how many times as good Quitanda is as the peer; above 1 is better, also where less is better.

        It is the median of the rounds' ratios: what drifts on the machine hits both systems of a round.
        """
        pairs = zip(*(self.measured.get(name, {}).get(case.name, []) for name in (FIRST, peer)), strict=False)
        ratios = [better(case, getattr(own, case.figure), getattr(other, case.figure)) for own, other in pairs]
        return statistics.median(ratios) if ratios else None

    def to_json(self) -> dict[str, Any]:
        """Write everything as JSON's types, with the medians and the ratios."""
        every = {system: dict.fromkeys(by_case) for system, by_case in self.measured.items()}
        return {
            "circumstances": self.circumstances,
            "titles": self.titles,
            "missing": self.missing,
            "medians": {s: {c: self.median(s, cases.named(c)) for c in of} for s, of in every.items()},
            "ratios": {
                case.name: {peer: r for peer in self.titles if peer != FIRST and (r := self.ratio(case, peer))}
                for case in cases.ALL
            },
            "failover_s": self.failover_s,
            "rounds": {
                system: {case: [each.to_json() for each in rounds] for case, rounds in by_case.items()}
                for system, by_case in self.measured.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Report":
        """Read what `to_json` has written."""
        rounds = {
            system: {case: [Measurement.from_json(each) for each in of] for case, of in by_case.items()}
            for system, by_case in value["rounds"].items()
        }
        return cls(value["circumstances"], value["titles"], value["missing"], rounds, value["failover_s"])


def better(case: Case, own: float, other: float) -> float:
    """Give how many times as good `own` is as `other`."""
    if case.figure is Figure.MEDIAN:
        own, other = other, own
    return own / other if other else float("inf")


def number(value: float | None) -> str:
    """Write a figure with three digits that count; nothing for one that there is not."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def comparison(report: Report) -> str:
    """Write one row for each case, one column for each system: the medians of the rounds."""
    systems = list(report.titles)
    head = ["median of the rounds", *(report.titles[system] for system in systems)]
    rows = []
    for case in cases.ALL:
        rows.append([case.title, *(_cell(report, system, case) for system in systems)])
        if case is cases.CHANGES:
            used = [number(report.median(system, case, "system_ms")) for system in systems]
            rows.append(["… processor time of one, all processes, in ms", *used])
    return table(head, rows)


def _cell(report: Report, system: str, case: Case) -> str:
    if system in report.missing:
        return "not installed"
    failed = sum(
        sum(each.statuses.values()) - each.statuses.get("OK", 0)
        for each in report.measured.get(system, {}).get(case.name, [])
    )
    return number(report.median(system, case)) + (f" ({failed} failed)" if failed else "")


def ratios(report: Report) -> str:
    """Write how many times as good Quitanda is as each peer (1: as good, above 1: better)."""
    peers = [system for system in report.titles if system != FIRST]
    rows = []
    for case in cases.ALL:
        found = [report.ratio(case, peer) for peer in peers]
        if any(found):
            rows.append([case.title, *(number(each) for each in found)])
    return table(["Quitanda ÷ peer", *(report.titles[peer] for peer in peers)], rows)


def processors(report: Report) -> str:
    """Write the processor time of one order change by process (ms)."""
    rows = []
    for system, title in report.titles.items():
        rounds = report.measured.get(system, {}).get(cases.CHANGES.name, [])
        if rounds:
            names = [name for name in rounds[0].processor_ms if name != "generator"]
            parts = [f"{n} {statistics.median(e.processor_ms.get(n, 0.0) for e in rounds):.2f}" for n in names]
            generator = statistics.median(each.processor_ms.get("generator", 0.0) for each in rounds)
            rows.append([title, ", ".join(parts), f"{generator:.2f}"])
    return table(["processor time of one order change, in ms", "by process", "load generator"], rows)


def overload(report: Report) -> str:
    """Write what Quitanda does with more calls than it can answer in time."""
    head = [
        "overload",
        "answered/s",
        "99 % of those, ms",
        "99 % of refusals, ms",
        "unknown outcomes",
        "how calls ended",
    ]
    rows = []
    for case in cases.OVERLOADS:
        rounds = report.measured.get(FIRST, {}).get(case.name, [])
        if rounds:
            figures = [report.median(FIRST, case, name) for name in ("calls_s", "p99_ms", "refused_p99_ms", "unknown")]
            ended = ", ".join(f"{name} {count:,}" for name, count in rounds[-1].statuses.items())
            rows.append([case.title, *(number(figure) for figure in figures), ended])
    return table(head, rows) if rows else ""


def failover(report: Report) -> str:
    """Say how long a dead leader stops the writes."""
    times = report.failover_s
    if not times:
        return ""
    return (
        f"SIGKILL of the leader with {cases.FAILOVER.in_flight} calls in flight, {len(times)} times: the next write "
        f"was acknowledged after {statistics.median(times):.2f} s (median), {max(times):.2f} s (worst)."
    )


def document(report: Report, plots: Mapping[str, str]) -> str:
    """Write the generated section of docs/PERFORMANCE.md; `plots` gives each plot's file by what it shows."""
    told = report.circumstances
    missing = "; ".join(f"{report.titles[name]}: {what}" for name, what in report.missing.items())
    parts = [
        f"Measured {told['date']} at {told['commit']}, on {told['processors']} processors, {told['rounds']} rounds of "
        f"{told['seconds']:g} s for each case. Load average before the run: {told['load_average']:.2f}"
        f"{'' if told['load_average'] < 0.5 else ' (the machine was not quiet: believe the ratios only)'}."
        + (f" Not installed, therefore not measured: {missing}." if missing else ""),
        comparison(report),
        ratios(report),
        processors(report),
        overload(report),
        failover(report),
        *(f"![{what}]({file})" for what, file in plots.items()),
    ]
    return "\n\n".join(part for part in parts if part)


def replaced(text: str, section: str) -> str:
    """Put the section between the two markers of a document; ValueError where it does not have both."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the document lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{section}\n\n{END}{after}"
