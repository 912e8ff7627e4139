"""Ports of this machine: which are free, and who holds one that is not."""

import fcntl
import os
import random
import socket
import tempfile
from collections import deque
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Final

from quitanda.runtime.listen_errors import holder_of
from quitanda_local.errors import PortInUse
from quitanda_local.topology import HOST, Topology

PORT_MIN: Final = 10_000
EPHEMERAL_MIN_DEFAULT: Final = 32_768
"""Where the system starts to hand out ports for outgoing connections, unless it says otherwise."""
EPHEMERAL_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
ATTEMPTS_PER_PORT: Final = 200
CHOSEN_REMEMBERED: Final = 2_000
"""So many of its latest choices a process does not choose again: their owners may not listen yet."""

_chosen: Final[deque[int]] = deque(maxlen=CHOSEN_REMEMBERED)


def check_free(topology: Topology) -> None:
    """Raise PortInUse for the first port of the topology that another process listens on."""
    for service in topology.services:
        for port, purpose in service.ports():
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                if not _bind(probe, port):
                    raise PortInUse(port, f"the {purpose} port of {service.name}", holder_of(port))


def free_ports(count: int) -> list[int]:
    """Choose ports that nothing listens on, and that nobody else takes before their owners listen.

    They lie below the range for outgoing connections: a port out of that range could be taken by any
    connection while the process that owns it is being restarted. Other processes of this user that choose ports do not
    choose these as long as this process lives. Raises PortInUse if none is to be found.
    """
    chosen: list[int] = []
    source = random.SystemRandom()
    with ExitStack() as held:  # all stay bound until all are chosen, so that no port is chosen twice
        for _ in range(count * ATTEMPTS_PER_PORT):
            if len(chosen) == count:
                return chosen
            port = source.randrange(PORT_MIN, max(_ephemeral_min(), PORT_MIN + 1_000))
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            if _bind(probe, port) and _reserve(port):
                chosen.append(port)
    raise PortInUse(PORT_MIN, "a free port for a test cluster", "so many processes that no free port was found")


def _bind(probe: socket.socket, port: int) -> bool:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections do not count
    try:
        probe.bind((HOST, port))
        probe.listen(1)
    except OSError:
        return False
    return True


def _reserve(port: int) -> bool:
    """Reserve the port in this process and among those of this user; a process that ends gives up its reservations."""
    if port in _chosen:  # the lock below does not keep a process from its own reservations
        return False
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _chosen.append(port)
    return True


@cache
def _reservations() -> int:
    """Open the file in which whoever reserves a port locks the byte of its number; closing it would unlock."""
    name = Path(tempfile.gettempdir()) / f"quitanda-ports-{os.getuid()}"
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _ephemeral_min() -> int:
    try:
        return int(EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return EPHEMERAL_MIN_DEFAULT
