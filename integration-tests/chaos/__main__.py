"""`make chaos`: clients work while everything breaks, and their history is judged; or judge one that was saved."""

import argparse
import asyncio
import os
import shutil
import sys
from pathlib import Path
from random import SystemRandom

from chaos import schedule
from chaos.campaign import Chaos, ChaosReport
from chaos.display import Display
from quitanda_local.errors import LocalError
from quitanda_testing.cluster import kinds
from quitanda_testing.history import storage
from quitanda_testing.history.checker import check
from quitanda_testing.history.figures import figures
from quitanda_testing.history.search import Budget, SearchResult

SEED_BITS = 31


def main() -> int:
    """Return 0 if everything is as it should be."""
    arguments = _parse()
    with Display() as display:
        if arguments.command == "check":
            return _check(arguments, display)
        return asyncio.run(_run(arguments, display))


def _empty(out: Path) -> Path:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    return out


async def _run(arguments: argparse.Namespace, display: Display) -> int:
    out = _empty(arguments.out / f"seed-{arguments.seed}")
    cluster = kinds.make(out / "cluster", clocks=True)
    if arguments.schedule:
        steps = schedule.load(arguments.schedule)
    else:
        steps = schedule.draw(arguments.seed, arguments.duration, cluster.faults)
    schedule.save(steps, out / "schedule.json")
    display.line(f"seed {arguments.seed}, {arguments.duration:g} s, {kinds.chosen()}, in {out}")
    for step in steps:
        display.line(f"  {step}")
    display.stage("starting everything")
    try:
        await cluster.start()
        chaos = Chaos(cluster, arguments.seed, steps, arguments.duration, display, arguments.crews)
        report = await chaos.run(out / "history.jsonl", _budget(arguments))
    except LocalError as error:
        display.line(f"It could not be run: {error}")
        return 1
    finally:
        killed = await cluster.stop()
        cluster.close()
    report.wrong += [f"{name} did not stop by itself" for name in killed]
    return _tell(report, out, display)


def _tell(report: ChaosReport, out: Path, display: Display) -> int:
    lines = report.lines()
    (out / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for line in lines:
        display.line(line)
    display.line(f"{out}: history.jsonl, schedule.json, report.txt, and the processes' logs")
    return 1 if report.wrong else 0


def _check(arguments: argparse.Namespace, display: Display) -> int:
    history = storage.load(arguments.file)
    verdict = check(history, _budget(arguments), lambda done, of: display.progress(f"{done} of {of} parts", done, of))
    for line in (*figures(history).lines(), *verdict.explanations, str(verdict)):
        display.line(line)
    return 0 if verdict.answer is SearchResult.LINEARIZABLE else 1


def _budget(arguments: argparse.Namespace) -> Budget:
    return Budget(tries=arguments.tries, seconds=arguments.check_seconds)


def _parse() -> argparse.Namespace:
    defaults = Budget()
    parser = argparse.ArgumentParser(prog="history", description=__doc__)
    parser.add_argument("--tries", type=int, default=defaults.tries, help="operations that the search may try")
    parser.add_argument(
        "--check-seconds", type=float, default=defaults.seconds, help="of processor time for the search"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="let clients work while things break, and judge what they saw")
    run.add_argument("--seed", type=int, default=SystemRandom().getrandbits(SEED_BITS))
    run.add_argument("--duration", type=float, default=300.0, help="seconds of faults")
    run.add_argument("--schedule", type=Path, help="a schedule.json of another run, instead of one from the seed")
    run.add_argument("--crews", type=int, default=4, help="shops that are open at the same time")
    run.add_argument("--cluster", choices=list(kinds.ClusterKind), help="what to run against")
    run.add_argument("--out", type=Path, default=Path("build") / "chaos", help="where to keep everything")
    file = commands.add_parser("check", help="judge a history that was saved")
    file.add_argument("file", type=Path)
    arguments = parser.parse_args()
    if getattr(arguments, "cluster", None):
        os.environ[kinds.KIND_VARIABLE] = arguments.cluster
    return arguments


if __name__ == "__main__":
    sys.exit(main())
