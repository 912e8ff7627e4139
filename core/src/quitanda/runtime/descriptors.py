"""How many descriptors (files and sockets) this process may have, and which part of them others may take.

Whoever reaches a port can open connections and say nothing. Each is a descriptor, and a process without any left can
neither take a connection nor open a file: a replica then stops. So each server has a bound on its connections that
leaves enough for the rest.
"""

import resource
from contextlib import suppress
from typing import Final

ENOUGH: Final = 65_536
"""More descriptors than any of our processes needs."""


def raise_limit() -> None:
    """Raise this process's limit as far as the system allows it to, and as far as it makes sense."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with suppress(OSError, ValueError):  # macOS has a lower one of the kernel
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_max(wanted: int, share: float) -> int:
    """Return how many connections one server may have: `wanted`, but at most its share of the limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(1, int(soft * share)))
