"""The generated section of docs/PERFORMANCE.md: every table and sentence in it is written from the report."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Final

from bench import cases
from bench.cases import Case
from bench.goals import GOALS
from bench.measurement import DONE, GENERATOR
from bench.placement import limits
from bench.report import FIRST, START, WITH_IDENTITIES, Report, of_system

BEGIN: Final = "<!-- make bench: begin -->"
END: Final = "<!-- make bench: end -->"
"""What stands between these two lines in docs/PERFORMANCE.md is written by `make bench`."""

VARIANTS: Final = (WITH_IDENTITIES, "etcd_remembering", "postgresql_remembering", "etcd_unqueued")
"""Systems that do more or less than the ordinary ones: they stand in a table of their own."""

PORTALS: Final = (2, 3, 4)
"""For so many client portals is it computed what they and the replicas could carry."""

QUIET_PROCESSORS: Final = 0.1
PINNED: Final = (cases.CHANGES, cases.PRODUCT_READS)
"""What is measured with processes on some of the processors."""


COMPUTED: Final = (
    "With a processor for each process (a machine for each replica, one more for each portal) nothing was measured: "
    "this machine has too few. The processor time that each process takes for a call, as measured above, bounds what "
    "they could carry. It is a low bound: at a higher rate batches are larger and cheaper, and what a process does "
    "beside Python (gRPC's threads, fsync) may use a second processor."
)


def number(value: float | None) -> str:
    """Write a figure with three digits that count; nothing for one that there is not."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of Markdown; nothing where it would have no row."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def ordinary(report: Report) -> list[str]:
    """Name the systems of the main table."""
    return [system for system in report.titles if system not in VARIANTS]


def variants(report: Report) -> list[str]:
    """Name the systems of the second table, after Quitanda."""
    return [system for system in report.titles if system in (FIRST, *VARIANTS)]


def comparison(report: Report, systems: Sequence[str], rows_of: Sequence[str] = ()) -> str:
    """Write one row for each case that one of `rows_of` (or of `systems`) was asked for: the medians of the rounds."""
    head = ["median of the rounds", *(report.titles[system] for system in systems)]
    rows = []
    for case in cases.ALL:
        if not any(report.rounds(system, case) for system in rows_of or systems):
            continue
        rows.append([case.title, *(_cell(report, system, case) for system in systems)])
        if case in (cases.CHANGES, cases.ALONE):
            used = [number(report.median(system, case, "system_ms")) for system in systems]
            rows.append(["… processor time of one, all processes, in ms", *used])
    return table(head, rows)


def _cell(report: Report, system: str, case: Case) -> str:
    if system in report.missing:
        return "not installed"
    rounds = report.rounds(system, case).values()
    if not rounds and any(what.startswith((START, case.name)) for what in report.failed.get(system, [])):
        return "" if case.over_mqtt and system not in (FIRST, WITH_IDENTITIES) else "failed"
    failed = sum(sum(each.statuses.values()) - each.statuses.get(DONE, 0) for each in rounds)
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


def goals(report: Report) -> str:
    """Write what was aimed at beside what was found; goals of which nothing was measured are left out."""
    found = [(goal, goal.figure(report)) for goal in GOALS]
    rows = [
        [goal.title, goal.bound, number(value), "yes" if goal.reached(value) else "**no**"]
        for goal, value in found
        if value is not None
    ]
    return table(["goal", "bound", "found", "reached"], rows)


def processors(report: Report) -> str:
    """Write the processor time of one order change by process (ms)."""
    rows = []
    for system, title in report.titles.items():
        used = report.processor_ms(system, cases.CHANGES)
        if used:
            parts = ", ".join(f"{name} {ms:.2f}" for name, ms in of_system(used).items())
            rows.append([title, parts, f"{used.get(GENERATOR, 0.0):.2f}"])
    return table(["processor time of one order change, in ms", "by process", "load generator"], rows)


def overload(report: Report) -> str:
    """Write what Quitanda does with more calls than it can answer in time."""
    head = [
        "overload",
        "answered/s",
        "of the rate at 64",
        "99 % of those, ms",
        "99 % of refusals, ms",
        "unknown outcomes",
        "largest process, MB",
        "how calls ended",
    ]
    rows = []
    for case in cases.OVERLOADS:
        rounds = report.rounds(FIRST, case)
        if rounds:
            names = ("p99_ms", "refused_p99_ms", "unknown", "memory_mb")
            figures = [report.median(FIRST, case, name) for name in names]
            ended = ", ".join(f"{name} {count:,}" for name, count in rounds[max(rounds)].statuses.items())
            rate, share = report.median(FIRST, case), report.share(case, cases.CHANGES)
            rows.append([case.title, number(rate), _percent(share), *(number(figure) for figure in figures), ended])
    return table(head, rows)


def recovery(report: Report) -> str:
    """Say how fast the system is again after the overload."""
    share = report.share(cases.AFTER_OVERLOAD, cases.CHANGES)
    if share is None:
        return ""
    return (
        f"Right after the overload of {cases.OVERLOADS[-1].in_flight:,} calls, {cases.CHANGES.in_flight} calls in "
        f"flight are answered at {_percent(share)} of the rate before it (counted after the same warm-up)."
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def failover(report: Report) -> str:
    """Say how long a dead leader stops the writes."""
    times = report.failover_s
    if not times:
        return ""
    return (
        f"SIGKILL of the leader with {cases.FAILOVER.in_flight} calls in flight, {len(times)} times: the next write "
        f"was acknowledged after {statistics.median(times):.2f} s (median), {max(times):.2f} s (worst)."
    )


def more_than_one_core(report: Report) -> str:
    """Write what was measured with processes on some of the processors, and what the budget allows beyond."""
    if not report.rounds(FIRST, cases.CHANGES):
        return ""
    # The placements were measured in the last round: they are compared with what it found.
    last = {case.name: rounds[max(rounds)].calls_s for case in PINNED if (rounds := report.rounds(FIRST, case))}
    placements = [
        [title, *(number(by_case[case.name].calls_s) if case.name in by_case else "" for case in PINNED)]
        for title, by_case in report.pinned.items()
    ]
    measured = table(
        ["measured", *(case.title for case in PINNED)],
        [*placements, ["everything on both", *(number(last.get(case.name)) for case in PINNED)]] if placements else [],
    )
    cores = [
        [case.title, f"{portals}", number(rate), f"{limit} ({1000 / rate:.2f} ms of a call)"]
        for case in (cases.CHANGES, cases.ORDER_READS, cases.PRODUCT_READS)
        for portals, rate, limit in limits(of_system(report.processor_ms(FIRST, case)), PORTALS)
    ]
    computed = table(["computed", "client portals", "calls/s at most", "what is the limit"], cores)
    parts = ["### More than one core"]
    if measured:
        parts += ["Measured with processes pinned to this machine's processors, in the last round:", measured]
    return "\n\n".join([*parts, COMPUTED, computed])


def tables(report: Report) -> list[str]:
    """Give every part with figures, in the document's order; empty ones are left out."""
    parts = [
        comparison(report, ordinary(report)),
        comparison(report, variants(report), VARIANTS) if set(VARIANTS) & report.titles.keys() else "",
        ratios(report),
        goals(report),
        processors(report),
        overload(report),
        recovery(report),
        failover(report),
        more_than_one_core(report),
    ]
    return [part for part in parts if part]


def document(report: Report, plots: Mapping[str, str]) -> str:
    """Write the generated section of docs/PERFORMANCE.md; `plots` gives each plot's file by what it shows."""
    told = report.circumstances
    missing = "; ".join(f"{report.titles[name]}: {what}" for name, what in report.missing.items())
    failed = "; ".join(f"{report.titles[name]}: {' / '.join(what)}" for name, what in report.failed.items())
    others = report.others()
    quiet = others < QUIET_PROCESSORS
    head = (
        f"Measured {told['date']} at {told['commit']}, on {told['processors']} processors; rounds: {told['rounds']}, "
        f"each with {told['seconds']:g} s of each case; fdatasync takes {told['fdatasync_ms']:.2f} ms (median). Load "
        f"average before the run: {told['load_average']:.2f}. While calls were counted, other work kept {others:.2f} "
        f"processors busy (median){'' if quiet else ': the machine was not quiet, so believe the ratios only'}."
        + (f" Not installed, therefore not measured: {missing}." if missing else "")
        + (f" Failed: {failed}." if failed else "")
    )
    *before, last = tables(report) or [""]
    images = [f"![{what}]({file})" for what, file in plots.items()]
    # The last part has a heading of its own, to which the plots do not belong.
    parts = [head, *before, *images, last] if last.startswith("###") else [head, *before, last, *images]
    return "\n\n".join(part for part in parts if part)


def replaced(text: str, section: str) -> str:
    """Put the section between the two markers of a document; ValueError where it does not have both."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the document lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{section}\n\n{END}{after}"
