"""`make mutants`: which test catches which mistake. Exit code 1: one is caught by none; 2: nothing is proven."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mutants.campaign import Campaign, Result, Unsound, exit_code
from mutants.listed import ALL
from mutants.mutant import Mutant, Outdated
from mutants.trial import Unplayable
from quitanda_testing.parts import WHOLE, part_from, part_of

UNPROVEN = 2


def main() -> int:
    """Play the mutants that are asked for, say what became of them; give the exit code."""
    arguments = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    mutants = _chosen(arguments)
    _say(f"{len(mutants)} of {len(ALL)} mutants{_which(arguments)}")
    begun = time.monotonic()
    try:
        results = Campaign(mutants, _say).play()
    except (Outdated, Unplayable, Unsound) as error:
        sys.stderr.write(f"{error}\n")
        return UNPROVEN
    if arguments.json is not None:
        _write(results, arguments.json)
    survivors = [result.mutant for result in results if not result.caught_by]
    _say(f"{len(survivors)} of {len(results)} mutants survive ({time.monotonic() - begun:.0f} s).")
    for mutant in survivors:
        _say(f"  {mutant.name}, {mutant.file}: {mutant.breaks}")
    return exit_code(results)


def _chosen(arguments: argparse.Namespace) -> Sequence[Mutant]:
    if arguments.only:
        return [mutant for mutant in ALL if mutant.name in arguments.only]
    return part_of(ALL, arguments.part)


def _which(arguments: argparse.Namespace) -> str:
    number, parts = arguments.part
    return f": part {number} of {parts}" if parts > 1 and not arguments.only else ""


def _write(results: Sequence[Result], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    told = [
        {
            "name": result.mutant.name,
            "file": result.mutant.file,
            "breaks": result.mutant.breaks,
            "caught_by": result.caught_by or None,
            "listed": not result.wider,
            "seconds": round(result.seconds, 1),
        }
        for result in results
    ]
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(mutant.name for mutant in ALL), metavar="NAME")
    parser.add_argument("--part", type=part_from, default=WHOLE, help="k/n: every n-th of the list, from the k-th on")
    parser.add_argument("--json", type=Path, help="a file for the results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
