"""Wait until the process that holds the other end of standard input is gone, then remove what it left in Docker.

`python -m containers.guard LABEL=VALUE IMAGE`. A process of its own, which signals for its owner do not reach; so
nothing stays behind however the owner ends. What an engine was still creating then appears late: nothing must be
found several times in a row.
"""

import signal
import sys
import time
from typing import Final

IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOKS_WITHOUT_FINDING: Final = 3
BETWEEN_LOOKS_SECONDS: Final = 0.7
GIVES_UP_SECONDS: Final = 120.0


def main(label: str, tools: str) -> None:
    """Wait for the owner's end, and remove."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    remove_all(label, tools)


def remove_all(label: str, tools: str) -> None:
    """Remove until nothing is found any more."""
    import docker  # noqa: PLC0415 - most guards wait and find nothing: they stay small meanwhile

    from containers.removal import remove_labelled  # noqa: PLC0415

    client = docker.from_env()
    deadline = time.monotonic() + GIVES_UP_SECONDS
    empty = 0
    while empty < LOOKS_WITHOUT_FINDING and time.monotonic() < deadline:
        empty = 0 if remove_labelled(client, label, tools) else empty + 1
        time.sleep(BETWEEN_LOOKS_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
