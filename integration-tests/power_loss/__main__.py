"""`python -m power_loss --rounds 50 --seed 1`: progress on the way, the figures at the end, exit code 1 for a loss."""

import argparse
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

from power_loss.campaign import Campaign, Lost

from quitanda_testing.preloaded import compiler


def main():
    parser = argparse.ArgumentParser(prog="power_loss")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    if compiler() is None:
        sys.exit("no C compiler is installed, and the recording layer needs one (set CC, or install gcc)")
    seed = SystemRandom().getrandbits(32) if arguments.seed is None else arguments.seed
    say(f"seed {seed}, {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory(prefix="quitanda-power-loss-") as folder:
        try:
            say(Campaign(Path(folder), seed).run(arguments.rounds, lambda so_far: say(f"  {so_far}")))
        except Lost as loss:
            sys.exit(f"NOT HELD: {loss}")


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


main()
