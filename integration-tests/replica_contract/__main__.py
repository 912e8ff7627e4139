"""Run the suite: `python -m replica_contract --replicas replica1=host:port,... --broker host:port --feed-key TEXT`."""

import argparse
import sys

from quitanda.errors import QuitandaError
from quitanda.runtime.addresses import parse_named_addresses
from replica_contract.service import Target
from replica_contract.suite import CHECKS, run


def main() -> int:
    """Give 0 where every check passed, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="replica_contract", description=__doc__)
    parser.add_argument("--replicas", required=True, help="name=host:port of each replica, joined by commas")
    parser.add_argument("--broker", required=True, help="host:port of the MQTT broker with the feed")
    parser.add_argument("--feed-key", required=True, help="the text that QUITANDA_FEED_KEY has")
    parser.add_argument("--only", choices=sorted(CHECKS), help="run one check")
    given = parser.parse_args()
    replicas = {name: str(address) for name, address in parse_named_addresses(given.replicas).items()}
    target = Target(replicas, given.broker, given.feed_key)
    broken = 0
    for name in [given.only] if given.only else CHECKS:
        try:
            run(name, target)
        except (AssertionError, QuitandaError) as error:
            broken += 1
            sys.stdout.write(f"BROKEN  {name}: {error}\n")
        else:
            sys.stdout.write(f"kept    {name}\n")
    sys.stdout.write(f"{len(CHECKS) if not given.only else 1} checks, {broken} broken\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
