"""What one address may hold of a server while nobody knows who calls from it.

Until a call's caller is known and its message is there, only the address tells one caller from another. Without a bound
one address could hold all the calls that the server takes at a time: with messages that never come, or with watches of
the health, for which nobody has to prove anything.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import unquote

from quitanda.errors import Overloaded
from quitanda.runtime.grpc_options import CONCURRENT_RPCS_MAX

UNREAD_CALLS_MAX: Final = CONCURRENT_RPCS_MAX // 5
"""Calls from one address whose callers are not known yet, or whose messages have not come."""

STREAMS_MAX: Final = CONCURRENT_RPCS_MAX // 20
"""Calls from one address that need no token: health and reflection, which may go on for ever."""

LIMIT: Final = "address"
"""What a refusal names as the limit."""

RETRY_AFTER_SECONDS: Final = 1.0

_NETWORK_BITS: Final = 64
"""Whoever has one IPv6 address usually has a whole network of this prefix length (RFC 6177)."""


class AddressLimit:
    """Counts the calls that each address holds; for one event loop."""

    def __init__(self, calls_max: int) -> None:
        self._calls_max = calls_max
        self._held: Counter[str] = Counter()

    @contextmanager
    def one_more(self, peer: str) -> Iterator[str]:
        """Hold a call from the library's `peer` while the context lasts, and give its address.

        Raises Overloaded beyond the limit.
        """
        address = address_of_peer(peer)
        if self._held[address] >= self._calls_max:
            error = Overloaded(f"{address} has {self._calls_max} calls under way")
            error.limit, error.retry_after = LIMIT, RETRY_AFTER_SECONDS
            raise error
        self._held[address] += 1
        try:
            yield address
        finally:
            self._held[address] -= 1
            if not self._held[address]:
                del self._held[address]


@lru_cache(maxsize=4_096)
def address_of_peer(peer: str) -> str:
    """Give the address by which a gRPC caller is counted, of the library's text such as `ipv4:192.0.2.7:50123`.

    An IPv6 address stands for its network. What is no IP address (a socket of this machine) stands for itself.
    """
    kind, _, rest = unquote(peer).partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return peer
    try:
        address = ip_address(rest.rpartition(":")[0].strip("[]").partition("%")[0])
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> _NETWORK_BITS << _NETWORK_BITS)}/{_NETWORK_BITS}"
