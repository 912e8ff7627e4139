"""The command line of the campaigns that go on for so many rounds (`power_loss`, `stalled_clocks`)."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom

from quitanda_testing.preloaded import compiler

SEED_BITS = 32


class PromiseBroken(AssertionError):
    """The system did not keep a promise; the text says which."""


def parser(name: str, rounds: int) -> argparse.ArgumentParser:
    """Make the parser of `python -m NAME --rounds N --seed S`, with this many rounds as the default."""
    made = argparse.ArgumentParser(prog=name)
    made.add_argument("--rounds", type=int, default=rounds)
    made.add_argument("--seed", type=int, default=None)
    return made


def main(arguments: argparse.Namespace, begin: Callable, play: Callable, *, preloads: str, settings: str = "") -> None:
    """Play the campaign that `begin(folder, seed)` makes: progress after each round, then the figures.

    `play(campaign, rounds, report)` gives the figures. Exits with code 1 where a promise was broken, or where there is
    no C compiler for what the campaign `preloads`.
    """
    if compiler() is None:
        sys.exit(f"no C compiler is installed, and {preloads} needs one (set CC, or install gcc)")
    seed = SystemRandom().getrandbits(SEED_BITS) if arguments.seed is None else arguments.seed
    say(f"seed {seed}, {arguments.rounds} rounds{settings}")
    with tempfile.TemporaryDirectory(prefix="quitanda-rounds-") as folder:
        campaign = begin(Path(folder), seed)
        try:
            say(play(campaign, arguments.rounds, lambda so_far: say(f"  {so_far}")))
        except PromiseBroken as broken:
            sys.exit(f"NOT HELD in round {campaign.figures.rounds + 1}: {broken}")


def say(text: object) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
