"""`make simulate`: many seeds in parallel, or one of them with everything that happens in it."""

import argparse
import logging
import sys

from simulation import campaign
from simulation.variants import BY_NAME, HARDENED
from simulation.world import simulate


def main() -> int:
    """Return 0 if every run was as it should be: well, or broken where a repair is left out."""
    arguments = _parse()
    logging.disable(logging.CRITICAL)
    if arguments.trace:
        return _trace(arguments)
    results = campaign.run(arguments.seeds, arguments.without, progress=sys.stderr.isatty())
    for report in sorted(results.failed, key=lambda report: report.seed)[: campaign.SHOWN_MAX]:
        _say(f"seed {report.seed}: {report.violations[0]}")
    if len(results.failed) > campaign.SHOWN_MAX:
        _say(f"... and {len(results.failed) - campaign.SHOWN_MAX} more")
    _say(results.table())
    return _judge(results, arguments)


def _judge(results: campaign.SimulationCampaign, arguments: argparse.Namespace) -> int:
    failed = len(results.failed)
    if arguments.without:
        _say(f"Without {arguments.without}, {failed} of {results.runs} seeds fail" + ("." if failed else ": too few!"))
        return 0 if failed else 1
    _say(f"{failed} of {results.runs} seeds fail." + (" Replay one: make simulate SEEDS=n TRACE=1" if failed else ""))
    return 1 if failed else 0


def _trace(arguments: argparse.Namespace) -> int:
    failed = False
    for seed in arguments.seeds:
        report = simulate(seed, arguments.variant, write=_say)
        failed = failed or bool(report.violations)
        _say(f"seed {seed}: trace {report.digest}, {report.seconds:.3f} simulated seconds")
        for violation in report.violations:
            _say(f"  {violation}")
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=_seeds, default=range(200), help="one (17) or a range (0:2000)")
    parser.add_argument("--without", choices=("", *BY_NAME), default="", help="a repair to leave out")
    parser.add_argument("--trace", action="store_true", help="print every event")
    arguments = parser.parse_args()
    arguments.variant = BY_NAME[arguments.without] if arguments.without else HARDENED
    return arguments


def _seeds(text: str) -> range:
    first, colon, end = text.partition(":")
    return range(int(first), int(end)) if colon else range(int(first), int(first) + 1)


if __name__ == "__main__":
    sys.exit(main())
