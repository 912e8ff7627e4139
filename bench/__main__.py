"""The command `python -m bench`: measure all systems in turn, and write the table, the JSON and the plots."""

import asyncio
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from bench import cases
from bench.cases import Case
from bench.document import PINNED, document, replaced, tables
from bench.failover import pauses_after_kills
from bench.generator import measure
from bench.load import BEGIN_PER_SECOND
from bench.measurement import Measurement
from bench.peers.empty import EmptySystem
from bench.peers.etcd import EtcdRememberingSystem, EtcdSystem, EtcdUnqueuedSystem
from bench.peers.postgresql import PostgresqlRememberingSystem, PostgresqlSystem
from bench.peers.pysyncobj import PysyncobjSystem
from bench.peers.quitanda import QuitandaSystem, QuitandaWithIdentities
from bench.peers.system import System
from bench.placement import PLACEMENTS, place
from bench.plot import bars
from bench.report import START, Report, unanswered

SYSTEMS: Final[tuple[type[System], ...]] = (
    QuitandaSystem,
    QuitandaWithIdentities,
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
START_SECONDS: Final = 9.0
CASE_SECONDS: Final = 1.5
KILL_SECONDS: Final = 6.0
"""How long it takes to start a system, a generator, and a leader that was killed; for the estimate."""
SYNCS: Final = 200
FAILURE_LENGTH: Final = 300
PLOTTED: Final = (
    cases.CHANGES,
    cases.SAME_PRODUCT,
    cases.ALONE,
    cases.ORDER_READS,
    cases.PRODUCT_READS,
    cases.MIXED,
)
PROCESSOR_TIME: Final = "processor time of one order change, all processes, in ms"

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
        asked = [system for system in SYSTEMS if not names or system.name in names]
        return [system for system in asked if self.chosen(system.cases) or system is QuitandaSystem]

    def chosen(self, every: Sequence[Case]) -> list[Case]:
        """Choose among the cases."""
        names = self.only - {system.name for system in SYSTEMS}
        return [case for case in every if not names or case.name in names]

    def times(self, case: Case) -> tuple[float, float]:
        """Say how many seconds the case is counted, and how many it runs before."""
        if case in cases.OVERLOADS:
            all_have_begun = case.in_flight / BEGIN_PER_SECOND
            return max(self.seconds, OVERLOAD_SECONDS), all_have_begun + OVERLOAD_WARM_UP_SECONDS
        return self.seconds, self.warm_up

    def estimate(self, systems: Sequence[type[System]]) -> float:
        """Estimate how many seconds the run takes with these systems."""

        def taken(every: Sequence[Case]) -> float:
            return sum(sum(self.times(case)) + CASE_SECONDS for case in self.chosen(every))

        total = 0.0
        for system in systems:
            total += self.rounds * (START_SECONDS + taken(system.cases))
            if system is QuitandaSystem:
                total += self.rounds * taken((*cases.OVERLOADS, cases.AFTER_OVERLOAD))
                total += len(PLACEMENTS) * taken(PINNED)
                total += KILL_SECONDS * self.kills * len(self.chosen([cases.FAILOVER]))
        return total


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
    say(f"this takes about {effort.estimate(there) / 60:.0f} minutes")
    for turn in range(effort.rounds):
        shift = turn % max(len(there), 1)
        for system in there[shift:] + there[:shift]:
            await Round(system(), turn, effort, report).measure()
    return report


class Round:
    """One system's turn: it is started, measured and ended. What fails is told, and does not end the run."""

    def __init__(self, system: System, turn: int, effort: Effort, report: Report) -> None:
        self._system = system
        self._turn = turn
        self._effort = effort
        self._report = report

    async def measure(self) -> None:
        """Start, measure, end."""
        with tempfile.TemporaryDirectory(prefix="quitanda-bench-") as folder:
            try:
                if await self._tried(START, self._system.start(Path(folder))):
                    await self._measure_cases()
            finally:
                await self._tried("stop", self._system.stop())

    async def _measure_cases(self) -> None:
        for case in self._effort.chosen(self._system.cases):
            await self._tried(case.name, self._measure_case(case))
        if type(self._system) is QuitandaSystem:
            last = self._turn == self._effort.rounds - 1
            if last and (chosen := self._effort.chosen(PINNED)):
                await self._tried("placement", self._measure_placements(chosen))
            await self._measure_overload()
            if last and self._effort.kills and self._effort.chosen([cases.FAILOVER]):
                await self._tried(cases.FAILOVER.name, self._measure_failover(self._system))

    async def _tried(self, what: str, step: Awaitable[None]) -> bool:
        try:
            await step
        except Exception as error:  # noqa: BLE001 - whatever one system fails with, the others are measured
            told = f"{what}, round {self._turn + 1}: {type(error).__name__}: {error}"
            say(f"{self._system.name} FAILED: {told}")
            self._report.failed.setdefault(self._system.name, []).append(" ".join(told.split())[:FAILURE_LENGTH])
            return False
        return True

    async def _measure_case(self, case: Case) -> None:
        seconds, warm_up = self._effort.times(case)
        told = await measure(self._system, case, seconds=seconds, warm_up=warm_up)
        self._report.add(self._system.name, case, self._turn, told)
        say(f"{self._system.name}, {case.name}: {in_short(told)}")

    async def _measure_overload(self) -> None:
        for case in self._effort.chosen(cases.OVERLOADS):
            await self._tried(case.name, self._measure_case(case))
        if self._effort.chosen([cases.AFTER_OVERLOAD]) and self._effort.chosen(cases.OVERLOADS):
            await self._tried(cases.AFTER_OVERLOAD.name, self._measure_case(cases.AFTER_OVERLOAD))

    async def _measure_placements(self, chosen: Sequence[Case]) -> None:
        there = os.sched_getaffinity(0)
        if there >= {0, 1}:
            for placement in PLACEMENTS:
                for case in chosen:
                    told = await measure(
                        self._system,
                        case,
                        seconds=self._effort.seconds,
                        warm_up=self._effort.warm_up,
                        placement=placement,
                    )
                    self._report.pinned.setdefault(placement.title, {})[case.name] = told
                    say(f"{self._system.name}, {case.name}, {placement.title}: {in_short(told)}")
            for pid in (await self._system.processes()).values():
                place(pid, tuple(there))

    async def _measure_failover(self, system: QuitandaSystem) -> None:
        self._report.failover_s, failure = await pauses_after_kills(system, self._effort.kills)
        say(f"{system.name}, leader killed: {', '.join(f'{pause:.2f}' for pause in self._report.failover_s)} s")
        if failure:
            raise failure


def in_short(told: Measurement) -> str:
    """Say in a line what was measured."""
    ended = " ".join(f"{status}={count}" for status, count in told.statuses.items())
    figures = f"{told.calls_s:.0f} calls/s, median {told.median_ms:.1f} ms, processors {told.system_ms:.2f} ms a call"
    return f"{figures} ({ended})"


def circumstances(effort: Effort) -> dict[str, object]:
    """Say where and when this is measured, and how quiet the machine is."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=False, capture_output=True)  # noqa: S607
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "commit": commit.stdout.decode().strip() or "an unknown commit",
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
        "fdatasync_ms": fdatasync_ms(),
        "seconds": effort.seconds,
        "rounds": effort.rounds,
    }


def fdatasync_ms() -> float:
    """Measure how long the disk of the systems' folders takes to sync a small write (median, in ms)."""
    times = []
    with tempfile.NamedTemporaryFile(prefix="quitanda-bench-") as file:
        for _ in range(SYNCS):
            file.write(bytes(512))
            file.flush()
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times)


def write_plots(report: Report, folder: Path) -> dict[str, str]:
    """Draw the cases of PLOTTED; give each file's name by what it shows."""
    drawn: dict[str, tuple[str, Case, str]] = {
        f"bench-{case.name.replace('_', '-')}.svg": (case.title, case, case.figure) for case in PLOTTED
    }
    drawn["bench-processor-time.svg"] = (PROCESSOR_TIME, cases.CHANGES, "system_ms")
    plots = {}
    for file, (title, case, figure) in drawn.items():
        values = [
            (name, value) for system, name in report.titles.items() if (value := report.median(system, case, figure))
        ]
        if len(values) > 1:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(bars(title, values), encoding="utf-8")
            plots[title] = f"plots/{file}"
    return plots


@app.command()
def bench(
    seconds: Annotated[float, typer.Option(help="How long each case is counted, in each round.", min=0.2)] = 4.0,
    rounds: Annotated[int, typer.Option(help="How often everything is measured.", min=1)] = 3,
    kills: Annotated[int, typer.Option(help="How often the leader is killed.", min=0)] = 20,
    only: Annotated[str, typer.Option(help="Names of systems and cases, with commas; nothing else is measured.")] = "",
    out: Annotated[Path, typer.Option(help="The folder of the JSON.")] = RESULTS,
    into_document: Annotated[
        bool, typer.Option("--document", help="Write the tables and plots into docs/PERFORMANCE.md.")
    ] = False,
) -> None:
    """Measure Quitanda and its peers in one run, in turn, and tell the medians and the ratios."""
    chosen = frozenset(only.replace(",", " ").split())
    known = {system.name for system in SYSTEMS} | {case.name for case in cases.EVERY}
    if unknown := chosen - known:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose among {', '.join(sorted(known))}")
    effort = Effort(seconds, min(1.0, seconds / 2), rounds, kills, chosen)
    report = asyncio.run(measure_all(effort))
    out.mkdir(parents=True, exist_ok=True)
    (out / "latest.json").write_text(
        json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    typer.echo("\n\n".join(["", *tables(report)]))
    if into_document:
        plots = write_plots(report, DOCUMENT.parent / "plots")
        text = replaced(DOCUMENT.read_text(encoding="utf-8"), document(report, plots))
        DOCUMENT.write_text(text, encoding="utf-8")
    failures = [f"{system}: {what}" for system, of in report.failed.items() for what in of]
    silent = unanswered(report)
    if failures or silent:
        typer.echo("\n".join(["", *failures, *(f"{what}: no call was answered" for what in silent)]), err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
