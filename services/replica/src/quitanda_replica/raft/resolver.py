"""Names of replicas to network addresses, looked up in the background.

PySyncObj resolves inside its tick and keeps answers for ten minutes; a slow name server would stop the heartbeats,
and a container that came back with another address would be missing for as long.
"""

import logging
import socket
import threading
from collections.abc import Iterable
from typing import Final

REFRESH_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)

SocketAddress = tuple[socket.AddressFamily, tuple[str, int]]


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of "host:port" or "[host]:port". Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 <= int(port) < 1 << 16):
        raise ValueError(f"address {address!r} must be host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def format_address(address: tuple[object, ...]) -> str:
    """Return "host:port" or "[host]:port" of an address as the socket gives it."""
    host, port = str(address[0]), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Resolver:
    """Keeps the last known address of each host; never blocks who asks."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._hosts: dict[str, tuple[str, int]] = {address: split_address(address) for address in addresses}
        self._known: dict[str, SocketAddress] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        for address, (host, port) in self._hosts.items():
            if numeric := _numeric(host, port):
                self._known[address] = numeric

    def start(self) -> None:
        """Begin to look up the hosts that are names; one thread each, so that one slow name delays no other."""
        for address in self._hosts:
            if address not in self._known:
                thread = threading.Thread(target=self._refresh, args=(address,), name=f"dns {address}", daemon=True)
                thread.start()
                self._threads.append(thread)

    def lookup(self, address: str) -> SocketAddress | None:
        """Return where "host:port" was last found, or None."""
        return self._known.get(address)

    def close(self) -> None:
        """Stop looking up. Threads inside a slow look-up end by themselves."""
        self._stop.set()
        for thread in self._threads:
            thread.join(0.1)

    def _refresh(self, address: str) -> None:
        host, port = self._hosts[address]
        failed = False
        while not self._stop.is_set():
            try:
                family, _, _, _, found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
                self._known[address] = family, (str(found[0]), port)
                failed = False
            except OSError as error:
                if not failed:
                    _log.warning("the host %s is not known yet: %s", host, error)
                failed = True
            self._stop.wait(REFRESH_SECONDS)


def _numeric(host: str, port: int) -> SocketAddress | None:
    try:
        family, _, _, _, _ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    except OSError:
        return None
    return family, (host, port)
