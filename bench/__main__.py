"""The command `python -m bench`: measure all systems in turn, and write the table, the JSON and the plots."""

import asyncio
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from bench import cases
from bench.cases import Case
from bench.failover import pause_after_kill
from bench.generator import generate
from bench.load import BEGIN_PER_SECOND
from bench.measurement import DONE, Measurement
from bench.peers.empty import EmptySystem
from bench.peers.etcd import EtcdRememberingSystem, EtcdSystem, EtcdUnqueuedSystem
from bench.peers.postgresql import PostgresqlRememberingSystem, PostgresqlSystem
from bench.peers.pysyncobj import PysyncobjSystem
from bench.peers.quitanda import QuitandaSystem
from bench.peers.system import System
from bench.plot import bars
from bench.report import Report, comparison, document, failover, overload, processors, ratios, replaced
from bench.witness import watch

SYSTEMS: Final[tuple[type[System], ...]] = (
    QuitandaSystem,
    EtcdSystem,
    PostgresqlSystem,
    PysyncobjSystem,
    EmptySystem,
    EtcdRememberingSystem,
    PostgresqlRememberingSystem,
    EtcdUnqueuedSystem,
)
"""In the order of the table's columns."""

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "bench" / "results"
DOCUMENT: Final = ROOT / "docs" / "PERFORMANCE.md"
OVERLOAD_SECONDS: Final = 5.0
"""At least so long is an overload counted: its calls end in bursts, as long as their deadlines."""
OVERLOAD_WARM_UP_SECONDS: Final = 4.0
"""Twice the deadline of its calls, after the last caller has begun: nothing is then left of how they began."""
PLOTTED: Final = (cases.CHANGES, cases.SAME_PRODUCT, cases.ALONE, cases.ORDER_READS, cases.PRODUCT_READS)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: seconds for each case in each round, and how often the leader is killed."""

    seconds: float
    warm_up: float
    rounds: int
    kills: int
    only: frozenset[str]
    """Names of systems and cases; nothing else is measured. Empty: everything."""

    def systems(self) -> list[type[System]]:
        """Choose among the systems."""
        names = {system.name for system in SYSTEMS} & self.only
        return [system for system in SYSTEMS if not names or system.name in names]

    def chosen(self, every: Sequence[Case]) -> list[Case]:
        """Choose among the cases."""
        names = self.only - {system.name for system in SYSTEMS}
        return [case for case in every if not names or case.name in names]


def say(text: str) -> None:
    """Tell how far the run is."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


async def measure_all(effort: Effort) -> Report:
    """Measure every system in every round, each time in another order."""
    systems = effort.systems()
    report = Report(circumstances(effort), {system.name: system.title for system in systems})
    report.missing = {system.name: what for system in systems if (what := system.missing())}
    for name, what in report.missing.items():
        say(f"{name} is not measured: install {what}")
    there = [system for system in systems if system.name not in report.missing]
    for turn in range(effort.rounds):
        shift = turn % max(len(there), 1)
        for system in there[shift:] + there[:shift]:
            await measure_round(system(), effort, report, last=turn == effort.rounds - 1)
    return report


async def measure_round(system: System, effort: Effort, report: Report, *, last: bool) -> None:
    """Start one system, measure its cases, end it; in the last round also overload and failover, which disturb."""
    with tempfile.TemporaryDirectory(prefix="quitanda-bench-") as folder:
        try:
            await system.start(Path(folder))
            for case in effort.chosen(system.cases):
                await measure_case(system, case, effort, report)
            if isinstance(system, QuitandaSystem):
                for case in effort.chosen(cases.OVERLOADS):
                    await measure_case(system, case, effort, report)
                if last and effort.chosen([cases.FAILOVER]):
                    for _ in range(effort.kills):
                        report.failover_s.append(await pause_after_kill(system))
                        say(f"{system.name}, leader killed: {report.failover_s[-1]:.2f} s")
        finally:
            await system.stop()


async def measure_case(system: System, case: Case, effort: Effort, report: Report) -> None:
    """Let a load generator measure one case, and keep what it tells."""
    if case in cases.OVERLOADS:
        told = await measure_overload(system, case, max(effort.seconds, OVERLOAD_SECONDS))
    else:
        told = (await generate(system, case, seconds=effort.seconds, warm_up=effort.warm_up)).measurement
    report.add(system.name, case, told)
    ended = " ".join(f"{status}={count}" for status, count in told.statuses.items())
    say(
        f"{system.name}, {case.name}: {told.calls_s:.0f} calls/s, median {told.median_ms:.1f} ms, "
        f"processors {told.system_ms:.2f} ms a call ({ended})"
    )


async def measure_overload(system: System, case: Case, seconds: float) -> Measurement:
    """Count what a generator sees, and take the times of a witness beside it."""
    warm_up = case.in_flight / BEGIN_PER_SECOND + OVERLOAD_WARM_UP_SECONDS
    told, seen = await asyncio.gather(
        generate(system, case, seconds=seconds, warm_up=warm_up),
        watch(system.portals, system.workload, case, after=warm_up, seconds=seconds),
    )
    return replace(
        told.measurement,
        median_ms=seen.median_ms,
        p99_ms=seen.p99_ms,
        refused_p99_ms=seen.refused_p99_ms,
        unknown=told.measurement.unknown + seen.unknown,
    )


def circumstances(effort: Effort) -> dict[str, object]:
    """Say where and when this is measured, and how quiet the machine is."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=False, capture_output=True)  # noqa: S607
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "commit": commit.stdout.decode().strip() or "an unknown commit",
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
        "seconds": effort.seconds,
        "rounds": effort.rounds,
    }


def write_plots(report: Report, folder: Path) -> dict[str, str]:
    """Draw the cases of PLOTTED; give each file's name by what it shows."""
    plots = {}
    for case in PLOTTED:
        values = [(title, value) for name, title in report.titles.items() if (value := report.median(name, case))]
        if len(values) > 1:
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"bench-{case.name.replace('_', '-')}.svg"
            file.write_text(bars(case.title, values), encoding="utf-8")
            plots[case.title] = f"plots/{file.name}"
    return plots


@app.command()
def bench(
    seconds: Annotated[float, typer.Option(help="How long each case is counted, in each round.", min=0.2)] = 8.0,
    rounds: Annotated[int, typer.Option(help="How often everything is measured.", min=1)] = 5,
    kills: Annotated[int, typer.Option(help="How often the leader is killed.", min=0)] = 20,
    only: Annotated[str, typer.Option(help="Names of systems and cases, with commas; nothing else is measured.")] = "",
    out: Annotated[Path, typer.Option(help="The folder of the JSON.")] = RESULTS,
    into_document: Annotated[
        bool, typer.Option("--document", help="Write the tables and plots into docs/PERFORMANCE.md.")
    ] = False,
) -> None:
    """Measure Quitanda and its peers in one run, in turn, and tell the medians and the ratios."""
    chosen = frozenset(only.replace(",", " ").split())
    known = {system.name for system in SYSTEMS} | {case.name for case in (*cases.ALL, *cases.OVERLOADS, cases.FAILOVER)}
    if unknown := chosen - known:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose among {', '.join(sorted(known))}")
    effort = Effort(seconds, min(2.0, seconds / 2), rounds, kills, chosen)
    report = asyncio.run(measure_all(effort))
    out.mkdir(parents=True, exist_ok=True)
    (out / "latest.json").write_text(
        json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    for part in (comparison, ratios, processors, overload, failover):
        typer.echo(f"\n{part(report)}")
    if into_document:
        plots = write_plots(report, DOCUMENT.parent / "plots")
        text = replaced(DOCUMENT.read_text(encoding="utf-8"), document(report, plots))
        DOCUMENT.write_text(text, encoding="utf-8")
    if silent := unanswered(report):
        typer.echo(f"\nNo call was answered: {'; '.join(silent)}", err=True)
        raise typer.Exit(1)


def unanswered(report: Report) -> list[str]:
    """Name what was measured without one answered call: a figure of 0 is then none of the system's."""
    return [
        f"{system}, {case}"
        for system, by_case in report.measured.items()
        for case, rounds in by_case.items()
        if not all(each.statuses.get(DONE) for each in rounds)
    ]


if __name__ == "__main__":
    app()
