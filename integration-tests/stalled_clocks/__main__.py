"""`python -m stalled_clocks --rounds 30 --seed 1`: progress, the figures; exit code 1 where a promise is not held."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

from stalled_clocks.campaign import EVERY, Campaign
from stalled_clocks.judge import NotHeld

from quitanda_testing.preloaded import compiler


def main():
    parser = argparse.ArgumentParser(prog="stalled_clocks")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--every", type=int, default=EVERY, help="one of so many looks at the clock takes long")
    arguments = parser.parse_args()
    if compiler() is None:
        sys.exit("no C compiler is installed, and the stalling clock needs one (set CC, or install gcc)")
    seed = SystemRandom().getrandbits(32) if arguments.seed is None else arguments.seed
    say(f"seed {seed}, {arguments.rounds} rounds, one of {arguments.every} looks at the clock takes long")
    with tempfile.TemporaryDirectory(prefix="quitanda-stalled-clocks-") as folder:
        campaign = Campaign(Path(folder), seed, every=arguments.every)
        try:
            say(asyncio.run(campaign.run(arguments.rounds, lambda so_far: say(f"  {so_far}"))))
        except NotHeld as wrong:
            sys.exit(f"NOT HELD in round {campaign.figures.rounds + 1}: {wrong}")


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


main()
