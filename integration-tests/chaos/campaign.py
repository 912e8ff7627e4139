"""One run: clients work while things break; then everything is mended, read, judged and counted."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chaos.display import Display
from chaos.expiry_times import wrong_expiries
from chaos.fault_injector import FaultInjector
from chaos.schedule import Break, FaultStep
from quitanda_local.errors import LocalError
from quitanda_local.observed_cluster import Digest
from quitanda_testing.cluster.cluster import Cluster
from quitanda_testing.history import storage
from quitanda_testing.history.checker import CheckResult, check
from quitanda_testing.history.figures import HistoryFigures, figures
from quitanda_testing.history.operations import RecordedOperation
from quitanda_testing.history.recorder import Recorder
from quitanda_testing.history.search import Budget, SearchResult
from quitanda_testing.workload.clients import NotAnswered
from quitanda_testing.workload.crews import CREWS, Workload

FINISH_SECONDS: Final = 120.0
"""How long clients may take to finish what they began, when everything is whole again."""
AGREE_SECONDS: Final = 60.0
AUDITS_MAX: Final = 5
"""How often everything is read anew because something late took effect meanwhile."""
TICK_SECONDS: Final = 0.5


@dataclass(slots=True)
class ChaosReport:
    """What came of a run; `wrong` is everything that is not as it should be, in words, and empty after a good run."""

    steps: Sequence[FaultStep]
    history: list[RecordedOperation] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    broken: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    digest: Digest | None = None
    figures: HistoryFigures | None = None
    expired: int = 0
    """How many orders clients saw that had expired."""
    verdict: CheckResult | None = None

    def lines(self) -> list[str]:
        """Write everything for people."""
        broken = ", ".join(f"{what} {count}" for what, count in sorted(self.broken.items()))
        return [
            f"{self.figures.operations:,} operations",
            *self.figures.lines(),
            f"  {sum(self.broken.values())} faults: {broken or 'none'}; {len(self.left_out)} left out",
            f"  {self.expired} orders were seen to have expired",
            f"  {self.verdict}",
            f"  replicas: {f'equal digests at revision {self.digest.revision}' if self.digest else 'NO AGREEMENT'}",
            *(f"WRONG: {sentence}" for sentence in self.wrong),
            "Everything is as it should be." if not self.wrong else f"{len(self.wrong)} things are wrong.",
        ]


class Chaos:
    """Runs clients on a cluster that is whole and leaves it whole, for `duration` seconds of faults."""

    def __init__(
        self,
        cluster: Cluster,
        seed: int,
        steps: Sequence[FaultStep],
        duration: float,
        display: Display,
        crews: int = CREWS,
    ) -> None:
        self._cluster = cluster
        self._duration = duration
        self._display = display
        self._recorder = Recorder(clocks_agree=all(step.fault is not Break.JUMP for step in steps))
        self._workload = Workload(cluster, seed, self._recorder, crews)
        self._breaking = FaultInjector(cluster, self._note)
        self._report = ChaosReport(steps)

    async def run(self, save_to: Path | None = None, budget: Budget | None = None) -> ChaosReport:
        """Do everything; return the report. The history is saved to the file before it is judged."""
        await self._work_while_things_break()
        await self._audit()
        report = self._report
        report.history = self._recorder.history
        if save_to is not None:
            storage.save(report.history, save_to)
        report.broken, report.left_out = dict(self._breaking.done), self._breaking.left_out
        report.wrong += [f"{name} ended by itself" for name in self._breaking.ended_by_itself]
        report.wrong += [f"could not be done: {trouble}" for trouble in self._breaking.troubles]
        report.figures = figures(report.history)
        report.expired, wrong = wrong_expiries(report.history)
        report.wrong += wrong
        await self._judge(budget)
        return report

    async def _work_while_things_break(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._note_failed_callback)
        stop = asyncio.Event()
        working = asyncio.create_task(self._workload.work(stop))
        ticking = asyncio.create_task(self._tick())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._breaking.play(self._report.steps))
                group.create_task(self._last(working))
            self._display.stage("undoing every fault")
            try:
                await self._cluster.mend()
            except LocalError as error:
                self._report.wrong.append(f"not whole again: {error}")
            stop.set()
            await asyncio.wait([working], timeout=FINISH_SECONDS)
            self._report.wrong += [f"no outcome: {operation}" for operation in self._recorder.under_way]
        finally:
            ticking.cancel()
            working.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            (ended,) = await asyncio.gather(working, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended

    async def _last(self, working: asyncio.Task[None]) -> None:
        """Let the duration pass, unless the clients end, which they only do with an exception."""
        await asyncio.wait([working], timeout=self._duration)
        if working.done():
            await working

    async def _audit(self) -> None:
        """Wait until all replicas agree, and read everything until nothing changes while it is read."""
        self._display.stage("reading everything")
        try:
            before = await self._cluster.wait_until_replicas_agree(AGREE_SECONDS)
            for _ in range(AUDITS_MAX):
                await self._workload.audit()
                self._report.digest = await self._cluster.wait_until_replicas_agree(AGREE_SECONDS)
                if self._report.digest == before:
                    return
                before = self._report.digest
            self._report.wrong.append(f"something still changed while everything was read {AUDITS_MAX} times")
        except* (LocalError, NotAnswered) as errors:
            self._report.wrong += [f"at the end: {error}" for error in errors.exceptions]

    async def _judge(self, budget: Budget | None) -> None:
        """Look for what is wrong; beside the event loop, since it takes a while."""
        report = self._report

        def show(done: int, of: int) -> None:
            self._display.progress(f"judging the history: {done} of {of} parts", done, of)

        report.verdict = await asyncio.to_thread(check, report.history, budget, show)
        if report.verdict.answer is not SearchResult.LINEARIZABLE:
            report.wrong += [f"the history is {report.verdict.answer}", *report.verdict.explanations]

    async def _tick(self) -> None:
        while True:
            now = self._recorder.now()
            text = f"{len(self._recorder.history):,} operations, {len(self._recorder.under_way)} under way"
            self._display.progress(text, min(now, self._duration), self._duration)
            await asyncio.sleep(TICK_SECONDS)

    def _note_failed_callback(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Note in one line what a library left undone in a callback: no client of ours waits for that."""
        self._note(f"in the event loop: {context['message']}: {context.get('exception')!r}")

    def _note(self, line: str) -> None:
        self._display.line(f"{self._recorder.now():7.1f} s  {line}")
