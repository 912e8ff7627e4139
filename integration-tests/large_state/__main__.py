"""`python -m large_state --megabytes 1000 --outage "lost disk"`: figures; exit code 1 where a promise was not held."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from large_state.scenario import Outage, survive

OWN_BYTES_MAX = 200e6
"""The mapped tables are not counted: they come to the size of the state, and the kernel takes them back."""


def main():
    parser = argparse.ArgumentParser(prog="large_state")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--outage", type=Outage, choices=list(Outage), default=Outage.LOST_DISK)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="quitanda-large-state-") as folder:
        figures = asyncio.run(survive(Path(folder), arguments.megabytes * 1_000_000, arguments.outage, say))
    for line in figures.lines():
        say(line)
    failed = [failure for calls in figures.busy.values() for failure in calls.failed]
    too_large = [name for name, each in figures.footprints.items() if each.anonymous >= OWN_BYTES_MAX]
    if failed or too_large or not (figures.same_leader and figures.digests_equal):
        sys.exit(f"NOT HELD: failed calls {failed[:5]}, replicas above {OWN_BYTES_MAX / 1e6:.0f} MB {too_large}")


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


main()
