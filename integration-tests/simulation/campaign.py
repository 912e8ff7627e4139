"""Many runs, on all cores, with a table of what happened."""

import logging
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from simulation.variants import BY_NAME, HARDENED
from simulation.world import RunReport, simulate

PROGRESS_SECONDS = 1.0
SHOWN_MAX = 20
TABLE = (
    ("acknowledged writes", "writes acknowledged"),
    ("answered reads", "reads answered"),
    ("answer OutcomeUnknown", "outcomes unknown to the client"),
    ("messages", "messages"),
    ("elections", "elections won"),
    ("snapshots", "snapshots installed"),
    ("stops", "processes stopped in order"),
    ("kills", "processes killed"),
    ("power losses", "power losses"),
    ("crashes inside", "crashes at a write or a message"),
    ("disk failures", "disk failures"),
    ("lost disks", "disks replaced by blank ones"),
    ("damaged disks", "disks damaged"),
    ("damage noticed", "replicas stopped by it"),
    ("lost majorities", "clusters with too few disks left"),
    ("restored clusters", "clusters restored from a backup"),
    ("refused greetings", "conversations with strangers refused"),
    ("faults that stay", "faults that stay for good"),
    ("cuts", "networks cut"),
    ("resets", "conversations reset"),
    ("repeated messages", "messages repeated after it"),
    ("pauses", "processes stopped for a while"),
    ("stalls", "processes stopped within a round"),
)
"""What is counted in the runs, and how the table calls it."""


@dataclass
class SimulationCampaign:
    """What came of many runs."""

    counts: Counter = field(default_factory=Counter)
    failed: list[RunReport] = field(default_factory=list)
    runs: int = 0
    simulated_seconds: float = 0.0

    def add(self, report: RunReport) -> None:
        """Count one run."""
        self.runs += 1
        self.simulated_seconds += report.seconds
        self.counts += report.counts
        if report.violations:
            self.failed.append(report)

    def table(self) -> str:
        """Return what happened, for people."""
        rows = [("runs", self.runs), ("simulated seconds", round(self.simulated_seconds))]
        rows += [(words, self.counts[name]) for name, words in TABLE]
        return "\n".join(f"  {words:<34}{number:>12,}" for words, number in rows)


def run_all(seeds: Iterable[int], without: str = "") -> Iterator[RunReport]:
    """Yield the reports of all seeds as they come, from as many processes as there are cores."""
    work = ((seed, without) for seed in seeds)
    context = multiprocessing.get_context("spawn")
    with context.Pool(len(os.sched_getaffinity(0)), initializer=_be_quiet) as pool:
        yield from pool.imap_unordered(_run_one, work, chunksize=4)


def run(seeds: range, without: str = "", *, stop_at_first: bool = False, progress: bool = False) -> SimulationCampaign:
    """Run all seeds; show the progress on stderr, if wished."""
    campaign = SimulationCampaign()
    begun = shown = time.monotonic()
    for report in run_all(seeds, without):
        campaign.add(report)
        now = time.monotonic()
        if progress and now - shown >= PROGRESS_SECONDS:
            shown = now
            rate = campaign.runs / (now - begun)
            text = f"{campaign.runs} of {len(seeds)} seeds, {rate:.0f} a second, {len(campaign.failed)} failed"
            sys.stderr.write(f"\r{text}   ")
            sys.stderr.flush()
        if campaign.failed and stop_at_first:
            break
    if progress:
        sys.stderr.write("\r" + " " * 60 + "\r")
    return campaign


def _run_one(work: tuple[int, str]) -> RunReport:
    seed, without = work
    return simulate(seed, BY_NAME[without] if without else HARDENED)


def _be_quiet() -> None:
    logging.disable(logging.CRITICAL)
