"""Wait until the process that holds the other end of standard input is gone, then remove what it left in Docker.

`python -m quitanda_testing.containers.removal_guard LABEL=VALUE IMAGE` is a process of its own: signals for its owner
do not reach it, so nothing stays behind however the owner ends. What the engine was still creating then appears late:
the guard stops only when it has found nothing several times in a row.
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

    from quitanda_testing.containers.removal import remove_labelled  # noqa: PLC0415

    client = docker.from_env()
    deadline = time.monotonic() + GIVES_UP_SECONDS
    empty = 0
    while empty < LOOKS_WITHOUT_FINDING and time.monotonic() < deadline:
        empty = 0 if remove_labelled(client, label, tools) else empty + 1
        time.sleep(BETWEEN_LOOKS_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
