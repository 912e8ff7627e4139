"""More than one core: Quitanda with its processes on some of the machine's processors, and what its budget allows.

A machine with two processors cannot show three machines. It can show what a second processor gives. For the rest, the
processor time that each process uses for one call says how many calls a second its own processor could carry.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psutil

LEADER: Final = "leader"
FOLLOWER: Final = "follower"
CLIENT_PORTAL: Final = "client-portal"


@dataclass(frozen=True, slots=True)
class Placement:
    """Which processors (numbered from 0) each kind of process may use; kinds that are not named may use all."""

    title: str
    replicas: tuple[int, ...]
    others: tuple[int, ...]
    generator: tuple[int, ...]

    def processors(self, name: str) -> tuple[int, ...]:
        """Give the processors of the process of this name."""
        return self.replicas if name.startswith((LEADER, FOLLOWER)) else self.others


PLACEMENTS: Final = (
    Placement("all of Quitanda on one processor, the load generator on the other", (0,), (0,), (1,)),
    Placement("replicas on one, portals and broker on the other, the load generator on both", (0,), (1,), (0, 1)),
)


def place(pid: int, processors: Sequence[int]) -> None:
    """Let all threads of the process use only these processors; threads that it starts later do the same."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for thread in psutil.Process(pid).threads():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread.id, processors)


def limits(processor_ms: Mapping[str, float], portals: Sequence[int]) -> list[tuple[int, float, str]]:
    """Compute what one processor for each process allows: number of client portals, calls a second, who is the limit.

    `processor_ms` is the processor time of one call by process. The client portals' work is shared evenly; each
    replica has a processor of its own, and so has each other process. It leaves out what batches would save at a higher
    rate, and what a process does on a second processor beside Python (fsync, gRPC): so it is a low estimate.
    """
    of_portals = sum(ms for name, ms in processor_ms.items() if name.startswith(CLIENT_PORTAL))
    found = []
    for number in portals:
        each = {name: ms for name, ms in processor_ms.items() if not name.startswith(CLIENT_PORTAL)}
        each["client portals"] = of_portals / number
        limit = max(each, key=lambda name: each[name])
        found.append((number, 1000 / each[limit] if each[limit] else float("inf"), limit))
    return found
