"""Turns the replicas' host names into network addresses, in the background.

PySyncObj resolves names inside its tick and keeps the answers for ten minutes. A slow name server would stop the
heartbeats, and a container that comes back with another address would be missing for as long.
"""

import logging
import socket
import threading
from collections.abc import Iterable
from typing import Final

from quitanda.runtime.addresses import Address, parse_address

REFRESH_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)

SocketAddress = tuple[socket.AddressFamily, tuple[str, int]]


class Resolver:
    """Keeps the last known address of each host. `lookup` never blocks."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._hosts: dict[str, Address] = {address: parse_address(address) for address in addresses}
        self._known: dict[str, SocketAddress] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        for address, host in self._hosts.items():
            if numeric := _numeric(host.host, host.port):
                self._known[address] = numeric

    def start(self) -> None:
        """Begin to look up the hosts that are names, with one thread each, so that one slow name delays no other."""
        for address in self._hosts:
            if address not in self._known:
                thread = threading.Thread(target=self._refresh, args=(address,), name=f"dns {address}", daemon=True)
                thread.start()
                self._threads.append(thread)

    def lookup(self, address: str) -> SocketAddress | None:
        """Return the last known address of "host:port", or None."""
        return self._known.get(address)

    def close(self) -> None:
        """Stop. A thread inside a slow look-up ends by itself."""
        self._stop.set()
        for thread in self._threads:
            thread.join(0.1)

    def _refresh(self, address: str) -> None:
        host, port = self._hosts[address].host, self._hosts[address].port
        failed = False
        while not self._stop.is_set():
            try:
                family, _, _, _, found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
                self._known[address] = family, (str(found[0]), port)
                failed = False
            except OSError as error:
                if not failed:
                    _log.warning("host_not_resolved", extra={"host": host, "error": str(error)})
                failed = True
            self._stop.wait(REFRESH_SECONDS)


def _numeric(host: str, port: int) -> SocketAddress | None:
    try:
        family, _, _, _, _ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    except OSError:
        return None
    return family, (host, port)
