"""How often wrong tokens are looked at: bounded for each address, and for each credential from one address.

Pure: the caller passes the time in.

A secret has 256 random bits, so no number of attempts finds one. The limits keep attempts cheap: beyond them a portal
asks no replica. They never count against a credential alone. Otherwise whoever knows a credential's id, which is
public, could shut its holder out. A right token that the portal has seen before passes without being counted; so does
any right token from another address.

Each limit is a leaky bucket (GCRA, ITU-T I.371): a number of failures at once, and one more each `interval`. The memory
is bounded: what was not used for longest is forgotten first, which at worst gives an attacker who has that many
addresses a new start.
"""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import unquote

_NETWORK_BITS: Final = 64
"""Whoever has one IPv6 address usually has a whole network of this prefix length (RFC 6177)."""


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """`at_once` failures are allowed, and one more each `interval` seconds."""

    at_once: int
    interval: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLimits:
    """The limits; `remembered` bounds the addresses, and the pairs of address and credential, that are remembered."""

    of_credential: FailureLimit = FailureLimit(10, 6.0)
    """From one address: ten at once, ten a minute."""
    of_address: FailureLimit = FailureLimit(100, 0.6)
    """All credentials together: a hundred at once, a hundred a minute."""
    remembered: int = 10_000


class _Buckets:
    """One leaky bucket for each key: `_full_until` says when a key's bucket will be empty again."""

    def __init__(self, limit: FailureLimit, remembered: int) -> None:
        self._limit = limit
        self._remembered = remembered
        self._full_until: OrderedDict[object, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_until)

    def wait(self, key: object, now: float) -> float:
        allowed = (self._limit.at_once - 1) * self._limit.interval
        return max(0.0, self._full_until.get(key, now) - now - allowed)

    def add(self, key: object, now: float) -> None:
        self._full_until[key] = max(self._full_until.get(key, now), now) + self._limit.interval
        self._full_until.move_to_end(key)
        if len(self._full_until) > self._remembered:
            self._full_until.popitem(last=False)

    def take_back(self, key: object) -> None:
        if key in self._full_until:
            self._full_until[key] -= self._limit.interval


class FailureLimiter:
    """Counts attempts, and takes back the count of those that did not fail; `now` is in seconds of one clock."""

    def __init__(self, limits: FailureLimits | None = None) -> None:
        limits = limits or FailureLimits()
        self._of_credential = _Buckets(limits.of_credential, limits.remembered)
        self._of_address = _Buckets(limits.of_address, limits.remembered)

    @property
    def remembered(self) -> int:
        """How many addresses, and pairs of address and credential, are remembered."""
        return len(self._of_credential) + len(self._of_address)

    def begin(self, address: str, credential_id: str, now: float) -> float:
        """Count an attempt, and return 0; or count nothing, and return the seconds until the next one is looked at.

        An attempt is counted before anybody knows whether it fails, so that many at the same time are bounded, too.
        """
        wait = max(self._of_credential.wait((address, credential_id), now), self._of_address.wait(address, now))
        if not wait:
            self._of_credential.add((address, credential_id), now)
            self._of_address.add(address, now)
        return wait

    def take_back(self, address: str, credential_id: str) -> None:
        """Take back the count of an attempt that did not fail."""
        self._of_credential.take_back((address, credential_id))
        self._of_address.take_back(address)


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
